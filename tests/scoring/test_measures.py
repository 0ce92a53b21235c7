"""Measures against independent float64 brute force, their sampling errors, and the Inception path on a stand-in."""

import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from cleanfid.fid import frechet_distance
from conftest import make_data, make_spec
from scipy.optimize import linprog
from test_architectures import CONSTRAINTS, small_spec
from torch.nn import functional as F

from wganlib.datasets.loading import load
from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import WganlibError, parse
from wganlib.judging.failures import WORST
from wganlib.scoring import classifier as classifiers
from wganlib.scoring import diversity
from wganlib.scoring import formulas as scores
from wganlib.scoring import scorer as scoring
from wganlib.scoring.measures import MEASURES, Samples, measure
from wganlib.spec.scoring import ClassifierSpec, ScoringSpec
from wganlib.training import member, runs


def test_the_kernel_distance_by_loops():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(23, 3)), random.normal(0.3, 1.2, size=(31, 3))

    def kernel(a, b):
        return (sum(p * q for p, q in zip(a, b, strict=True)) / 3 + 1) ** 3

    def within(v):
        return sum(kernel(a, b) for a, b in itertools.permutations(v, 2)) / (len(v) * (len(v) - 1))

    across = sum(kernel(a, b) for a in x for b in y) / (len(x) * len(y))
    for chunk in (5, 1000):
        found = scores.kernel_distance(x, y, chunk)
        assert found.value == pytest.approx(within(x) + within(y) - 2 * across, rel=1e-10)
        assert found.num_samples == 23


def test_intervals_of_the_kernel_distance_cover_the_truth():
    """One dimension: E k(x, y) = E x^3 E y^3 + 3 E x^2 E y^2 + 3 E x E y + 1, so the true value is known."""

    def moments(mean, std):
        return mean, mean**2 + std**2, mean**3 + 3 * mean * std**2

    a, b = moments(0.0, 0.3), moments(0.5, 0.3)

    def expected(p, q):
        return p[2] * q[2] + 3 * p[1] * q[1] + 3 * p[0] * q[0] + 1

    truth = expected(a, a) + expected(b, b) - 2 * expected(a, b)
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(1000):
        found = scores.kernel_distance(random.normal(0, 0.3, (300, 1)), random.normal(0.5, 0.3, (300, 1)))
        covered += abs(found.value - truth) <= 1.96 * found.standard_error
    assert covered / 1000 == pytest.approx(0.95, abs=0.02)


def test_bootstrap_intervals_of_coverage_and_means_cover_the_truth():
    """The divergence of class shares has a bias of (classes - 1) / 2n, so the mean share of a class is what is checked."""
    random = np.random.default_rng(1)
    hits = means = 0
    for _ in range(600):
        values = random.exponential(size=200)
        found = scores.mean_of(values)
        means += abs(found.value - 1.0) <= 1.972 * found.standard_error
        draws = (values[random.integers(200, size=200)].mean() for _ in range(400))
        low, high = np.percentile(list(draws), [2.5, 97.5])
        hits += low <= 1.0 <= high
    assert means / 600 == pytest.approx(0.95, abs=0.02)
    assert hits / 600 == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("count", [40, 5])
def test_the_frechet_distance_from_features_is_clean_fid_s_and_zero_to_itself(count):
    """More and fewer samples than dimensions."""
    random = np.random.default_rng(0)
    real = random.normal(size=(200, 8)) @ random.normal(size=(8, 8))
    features = random.normal(0.2, 1.3, size=(count, 8))
    reference = scores.FrechetReference(*scores.moments(real))
    covariance = scores.moments(features)[1]
    roots = np.sqrt(np.clip(np.linalg.eigvals(covariance @ scores.moments(real)[1]).real, 0, None)).sum()
    expected = ((features.mean(0) - real.mean(0)) ** 2).sum() + np.trace(covariance + scores.moments(real)[1]) - 2 * roots
    assert reference.distance(features) == pytest.approx(expected, rel=1e-6)
    if count == 40:
        by_cleanfid = frechet_distance(*scores.moments(features), *scores.moments(real))
        assert reference.distance(features) == pytest.approx(by_cleanfid, rel=1e-6)
    assert reference.distance(real) == pytest.approx(0, abs=1e-8)
    assert reference.standard_error(features, 10, random) > 0


def test_mode_coverage_by_hand():
    probabilities = np.eye(4)[[0, 0, 0, 1]] * 0.9 + 0.02
    found = scores.mode_coverage(probabilities, np.array([0.5, 0.25, 0.25, 0.0]), 50, np.random.default_rng(0))
    assert found.classes.value == pytest.approx(2 / 3)
    assert found.divergence.value == pytest.approx(0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.25))
    assert found.divergence.standard_error > 0
    # Of three classes that the data have, the first two have at least a quarter of their share.
    assert found.kept.value == pytest.approx(2 / 3)
    few = scores.mode_coverage(np.eye(2)[[0] * 7 + [1]], np.full(2, 0.5), 2, np.random.default_rng(0))
    assert (few.kept.value, few.classes.value) == (1.0, 1.0)  # one of eight is just a quarter of four
    fewer = scores.mode_coverage(np.eye(2)[[0] * 8 + [1]], np.full(2, 0.5), 2, np.random.default_rng(0))
    assert (fewer.kept.value, fewer.classes.value) == (0.5, 1.0)
    full = scores.mode_coverage(np.eye(3)[[0, 1, 2] * 50], np.full(3, 1 / 3), 20, np.random.default_rng(0))
    assert full.classes == full.kept == (1.0, 0.0, 150)
    assert full.divergence.value == pytest.approx(0, abs=1e-12)


def test_transport_against_all_permutations_and_a_linear_program():
    random = np.random.default_rng(0)
    a, b = random.normal(size=(6, 2)), random.normal(1, 2, size=(6, 2))
    cost = np.linalg.norm(a[:, None] - b[None], axis=2)
    best = min(sum(cost[i, p[i]] for i in range(6)) / 6 for p in itertools.permutations(range(6)))
    rows = [np.kron(np.eye(6), np.ones((1, 6))), np.kron(np.ones((1, 6)), np.eye(6))]
    program = linprog(cost.ravel(), A_eq=np.concatenate(rows), b_eq=np.full(12, 1 / 6))
    assert scores.transport_cost(a, b).value == pytest.approx(best, rel=1e-12)
    assert scores.transport_cost(a, b).value == pytest.approx(program.fun, rel=1e-9)
    assert scores.transport_cost(a, a + np.array([3.0, 4.0])).value == pytest.approx(5.0)
    split = scores.transport_cost(np.tile(a, (4, 1)), np.tile(b, (4, 1)), 4)
    assert split == (pytest.approx(best), pytest.approx(0, abs=1e-12), 24)
    with pytest.raises(ValueError, match="equal size, a multiple of 4; found 6 and 6"):
        scores.transport_cost(a, b, 4)


def _brute_ngrams(lines, reference, n):
    """Jensen-Shannon divergence, base 2, by loops over lists of n-grams."""
    grams = [[line[i : i + n] for line in part for i in range(len(line) - n + 1)] for part in (lines, reference)]
    total = 0.0
    for gram in set(grams[0]) | set(grams[1]):
        p, q = (part.count(gram) / len(part) for part in grams)
        total += 0.5 * sum(v * math.log(2 * v / (p + q), 2) for v in (p, q) if v)
    return total


def test_ngram_divergence_by_loops_and_at_its_ends():
    lines, reference = [b"abab", b"bbbb", b"a"], [b"abba", b"aaaa", b"abcd"]
    random = np.random.default_rng(0)
    for n in (1, 2, 3):
        found = scores.NgramReference(reference, n).estimate(lines, 2, random)
        assert found.value == pytest.approx(_brute_ngrams(lines, reference, n), rel=1e-12)
        assert found.num_samples == 3
        assert scores.NgramReference(lines, n).estimate(lines, 2, random).value == pytest.approx(0, abs=1e-12)
    assert scores.NgramReference([b"bb"], 2).estimate([b"aa"], 2, random).value == pytest.approx(1.0)
    for pair in ((b"aa", b"bbb"), (b"aaa", b"bb")):
        with pytest.raises(ValueError, match="no 3-gram"):
            scores.NgramReference([pair[0]], 3).estimate([pair[1]], 2, random)


def test_the_ngrams_error_is_the_bootstrap_s_over_lines():
    lines, reference = [b"abab", b"bbbb", b"aaab"] * 4, [b"abba", b"aaaa", b"abcd"]
    found = scores.NgramReference(reference, 2).estimate(lines, 20, np.random.default_rng(0))
    random = np.random.default_rng(0)
    again = [_brute_ngrams([lines[i] for i in random.integers(12, size=12)], reference, 2) for _ in range(20)]
    assert found.standard_error == pytest.approx(np.std(again, ddof=1), rel=1e-9)


@pytest.mark.parametrize("count", [30, 90])
def test_ngrams_compare_equally_many_lines_and_held_out_lines_are_their_floor(count):
    """30 lines against 30 of 60 training lines and 30 of 40 held-out ones; 90 against all of them."""
    spec = DatasetSpec(name="sklearn_texts", length=12, vocabulary_size=30)
    whole = load(spec)
    data = replace(whole, train=whole.train[:60], test=whole.test[:40])
    symbols = bytes.fromhex(data.notes["symbols"])
    examples = data.preprocess(whole.test[100 : 100 + count], torch.Generator())
    found = measure(("ngrams",), Samples(examples, data, spec, np.random.default_rng(5)))
    random = np.random.default_rng(5)
    rows = [random.choice(size, min(count, size), replace=False) for size in (60, 40)]
    assert len(set(rows[0].tolist())) == min(count, 60)
    spelt = [b"?", *(bytes([byte]) for byte in symbols)]
    training, held_out = (
        [b"".join(spelt[symbol] for symbol in part[row].tolist()) for row in chosen]
        for part, chosen in zip((data.train, data.test), rows, strict=True)
    )
    generated = [b"".join(spelt[symbol] for symbol in line) for line in examples.argmax(dim=1).tolist()]
    assert set(found) == {f"ngram_divergence_{n}{end}" for n in (1, 2, 3, 4) for end in ("", "_held_out")}
    for n in (1, 2, 3, 4):
        for name, lines in ((f"ngram_divergence_{n}", generated), (f"ngram_divergence_{n}_held_out", held_out)):
            assert found[name].value == pytest.approx(_brute_ngrams(lines, training, n), rel=1e-9)
            assert found[name].num_samples == len(lines)
            assert found[name].standard_error > 0


def test_training_images_stand_beside_the_similarity_of_samples():
    """A collapsed set among data of two images, whose pairs are equal or different."""
    spec = DatasetSpec(name="digits", image_size=16)
    real = load(spec)
    data = replace(real, preprocess=lambda raw, _: raw.float().repeat(1, 1, 2, 2) / 8 - 1)
    collapsed = data.preprocess(data.train[:1], torch.Generator()).repeat(40, 1, 1, 1)
    found = measure(("similarity",), Samples(collapsed, data, spec, np.random.default_rng(1)))
    assert set(found) == {"pairwise_ssim", "pairwise_ssim_training"}
    assert found["pairwise_ssim"].value == pytest.approx(1.0, abs=1e-6)
    rows = torch.from_numpy(np.random.default_rng(1).choice(1437, 40, replace=False))
    images = data.preprocess(data.train[rows], torch.Generator())
    expected = _brute_ssim_of_sets(((images[:20] + 1) / 2).double().numpy(), ((images[20:] + 1) / 2).double().numpy())
    assert found["pairwise_ssim_training"].value == pytest.approx(expected, rel=1e-6)
    assert found["pairwise_ssim_training"].num_samples == found["pairwise_ssim"].num_samples == 20


def _brute_ssim_of_sets(a, b):
    return np.mean([_brute_ssim(a[i], b[i], 1) for i in range(len(a))])


def _brute_ssim(a, b, scales):
    """Wang et al. in NumPy: 11-pixel Gaussian window of deviation 1.5 where it fits, K1 0.01, K2 0.03, halved by 2x2 means."""
    window = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    window = np.outer(window, window) / window.sum() ** 2

    def blurred(image):
        n = image.shape[-1] - 10
        return np.array([[[(c[i : i + 11, j : j + 11] * window).sum() for j in range(n)] for i in range(n)] for c in image])

    weights = np.array(diversity.WEIGHTS[:scales]) / sum(diversity.WEIGHTS[:scales])
    result = np.ones(len(a))
    for scale in range(scales):
        mu_a, mu_b = blurred(a), blurred(b)
        var_a, var_b, cov = blurred(a * a) - mu_a**2, blurred(b * b) - mu_b**2, blurred(a * b) - mu_a * mu_b
        contrast = (2 * cov + 0.03**2) / (var_a + var_b + 0.03**2)
        whole = contrast * (2 * mu_a * mu_b + 0.01**2) / (mu_a**2 + mu_b**2 + 0.01**2)
        last = scale == scales - 1
        mean = (whole if last else contrast).mean(axis=(1, 2))
        result *= mean if scales == 1 else np.maximum(mean, 0) ** weights[scale]
        a, b = (v.reshape(v.shape[0], v.shape[1] // 2, 2, v.shape[2] // 2, 2).mean(axis=(2, 4)) for v in (a, b))
    return result.mean()


@pytest.mark.parametrize(("size", "scales"), [(16, 1), (32, 1), (64, 3)])
def test_structural_similarity_against_numpy(size, scales):
    assert diversity.scales_of(size) == scales
    stream = torch.Generator().manual_seed(0)
    a = F.interpolate(torch.rand(2, 2, size // 8, size // 8, generator=stream, dtype=torch.float64), size=size, mode="bilinear")
    b = (a + 0.1 * torch.rand(a.shape, generator=stream, dtype=torch.float64)).clamp(0, 1)
    found = diversity.ssim(a, b, scales)
    for i in range(2):
        assert float(found[i]) == pytest.approx(_brute_ssim(a[i].numpy(), b[i].numpy(), scales), rel=1e-6)
    images = torch.cat([a, b]) * 2 - 1
    estimate, used = diversity.pairwise_similarity(images, -1.0)
    assert used == scales
    assert estimate.value == pytest.approx(float(found.mean()), rel=1e-5)


def test_a_collapsed_set_is_similar_and_a_small_one_is_refused():
    one = torch.rand(1, 1, 16, 16) * 2 - 1
    assert diversity.pairwise_similarity(one.repeat(10, 1, 1, 1), -1.0)[0].value == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(ValueError, match="at least 4 images, found 3"):
        diversity.pairwise_similarity(one.repeat(3, 1, 1, 1), -1.0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A trained run on digits, its classifier's folder, and the results' folder."""
    results = tmp_path_factory.mktemp("results")
    spec = make_spec(**{"method.generator_ema": 0.9, "snapshots": (2,)})
    runs.train(spec, results, device="cpu")
    folder = results / "classifiers/c"
    plain = ScoringSpec(network="classifier", num_samples=200, splits=2)
    scoring.make_classifier(ClassifierSpec(dataset=spec.dataset, epochs=2, seed=0), plain, folder)
    return spec, results / "runs" / spec.key, folder


def test_a_run_is_measured_with_errors_and_counts(trained):
    spec, folder, classifier = trained
    names = ("kernel_distance", "similarity", "coverage", "transport")
    how = ScoringSpec(network="classifier", num_samples=200, splits=2, measures=names)
    scoring.score_run(spec, how, folder, classifier)
    found = json.loads((folder / "scores.json").read_text())["measures"]
    assert set(found) == {
        "kernel_classifier_distance",
        "pairwise_ssim",
        "pairwise_ssim_training",
        "mode_coverage",
        "mode_divergence",
        "kept_classes",
        "transport_cost",
    }
    assert {name for name in found if not name.endswith("_training")} <= set(WORST)
    for value in found.values():
        assert value.keys() == {"value", "standard_error", "num_samples"}
        assert value["num_samples"] in (100, 200)
    assert 0 < found["pairwise_ssim"]["value"] < 1
    assert 0 < found["kept_classes"]["value"] <= found["mode_coverage"]["value"] <= 1
    # Two images in [-1, 1] are at most twice the root of their pixels apart.
    assert 0 < found["transport_cost"]["value"] < 2 * math.sqrt(math.prod(spec.dataset.shape.shape))
    assert found["kernel_classifier_distance"]["value"] > 0


def test_last_weights_are_scored_where_asked(trained):
    spec, folder, classifier = trained
    values = {}
    for weights in (None, "last"):
        how = ScoringSpec(network="classifier", num_samples=200, splits=2, weights=weights)
        scoring.score_run(spec, how, folder, classifier)
        values[weights] = json.loads((folder / "scores.json").read_text())["classifier_score"]
    assert values[None] != values["last"]


def test_another_batch_size_or_order_gives_the_same_scores(trained):
    spec, _, folder = trained
    data = load(spec.dataset)
    network, reference = scoring.load_classifier(folder, spec)
    images = data.preprocess(data.test[:300], torch.Generator().manual_seed(0))
    shares = torch.bincount(data.train_labels).double().numpy()

    def all_scores(order, size):
        probabilities, features = classifiers.outputs(network, (images[order[i : i + size]] for i in range(0, 300, size)))
        return [
            scores.inception_formula(probabilities, 1)[0],
            reference.distance(features),
            scores.kernel_distance(features, features[:100] + 1).value if order[0] == 0 else None,
            scores.mode_coverage(probabilities, shares / shares.sum(), 2, np.random.default_rng(0)).divergence.value,
        ]

    expected = all_scores(torch.arange(300), 300)
    assert all_scores(torch.arange(300), 7) == pytest.approx(expected, rel=1e-6)
    shuffled = all_scores(torch.randperm(300, generator=torch.Generator().manual_seed(3)), 64)
    for i in (0, 1, 3):
        assert shuffled[i] == pytest.approx(expected[i], rel=1e-6)
    features = np.random.default_rng(0).normal(size=(60, 4))
    permuted = np.random.default_rng(1).permutation(features)
    assert scores.kernel_distance(permuted, features + 1) == pytest.approx(
        scores.kernel_distance(features, features + 1), rel=1e-9
    )


def test_points_and_text_have_their_own_measures(tmp_path, monkeypatch):
    for name, measures, wanted in (
        ("toy 3x512", ("transport",), {"transport_cost"}),
        ("language", ("ngrams",), {f"ngram_divergence_{n}{end}" for n in (1, 2, 3, 4) for end in ("", "_held_out")}),
    ):
        spec = small_spec(name, CONSTRAINTS["two_sided"])
        data = make_data(spec.dataset)
        if name == "language":
            symbols = bytes(range(97, 106))
            raw = data.train.argmax(dim=1)

            def one_hot(rows, stream):
                return F.one_hot(rows.long(), 10).transpose(1, 2).float()

            data = type(data)(
                raw, data.train_labels, raw, data.test_labels, one_hot, "0" * 64, notes={"symbols": symbols.hex()}
            )
        monkeypatch.setattr(member, "load", lambda _, data=data: data)
        monkeypatch.setattr(scoring, "load_images", lambda _, data=data: data)
        assert runs.train(spec, tmp_path, device="cpu") == "ok"
        how = ScoringSpec(network="none", num_samples=40, splits=2, batch_size=20, measures=measures)
        folder = tmp_path / "runs" / spec.key
        scoring.score_run(spec, how, folder, None)
        found = json.loads((folder / "scores.json").read_text())
        assert set(found["measures"]) == wanted
        assert {name for name in wanted if not name.endswith("_held_out")} <= set(WORST)
        assert found["outcome"] == "ok"
        # A generator three steps old is far from the data; nor are its samples compared with themselves.
        assert all(value["value"] > 0.02 for name, value in found["measures"].items() if "held_out" not in name)
        assert (folder / "samples.png").read_bytes().startswith(b"\x89PNG")


def test_measures_that_cannot_be_made_are_refused_in_one_line():
    spec = DatasetSpec(name="gaussians8")
    data = load(spec)
    random = np.random.default_rng(0)
    few = Samples(torch.randn(10, 2), data, spec, random)
    assert set(MEASURES) == {"kernel_distance", "similarity", "coverage", "class_accuracy", "ngrams", "transport"}
    with pytest.raises(WganlibError, match="measure 'similarity' is for images, found a data set of points: leave it out"):
        measure(("similarity",), few)
    with pytest.raises(WganlibError, match="not finite; the generator diverged"):
        measure(("transport",), few._replace(examples=torch.full((10, 2), math.nan)))
    digits = DatasetSpec(name="digits", image_size=16)
    with pytest.raises(
        WganlibError, match=r"measure 'similarity' needs at least 4 samples, found 2: raise scoring\.num_samples"
    ):
        measure(("similarity",), Samples(torch.zeros(2, 1, 16, 16), load(digits), digits, random))
    bedrooms = DatasetSpec(name="lsun_bedrooms", image_size=16)
    with pytest.raises(WganlibError, match="measure 'coverage' asks for labels, which data set 'lsun_bedrooms' does not have"):
        measure(("coverage",), Samples(torch.zeros(9, 3, 16, 16), make_data(bedrooms), bedrooms, random, np.eye(3)))
    with pytest.raises(ValueError, match="'lsun_bedrooms' has no labelled images: a classifier cannot be trained on it"):
        ClassifierSpec(dataset=bedrooms, epochs=1, seed=0)
    for changes, words in (
        ({"splits": 7}, "num_samples .200. must be a multiple of splits .7."),
        ({"num_samples": 2, "splits": 2}, "at least twice it"),
        ({"measures": ["kids"]}, "measures.0: .*'kernel_distance'"),
        ({"inception_sha256": "abc"}, "inception_sha256"),
        ({"pixels": "255"}, "pixels: .*'127.995'"),
    ):
        with pytest.raises(WganlibError, match=words):
            parse(ScoringSpec, {"network": "classifier", "num_samples": 200, "splits": 2} | changes, "scoring")
