"""Scores against brute force in float64, and the classifier's protocol."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import make_spec

from wganlib.collecting import collect
from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import WganlibError
from wganlib.judging import statistics
from wganlib.reporting.content import number
from wganlib.scoring import classifier as classifiers
from wganlib.scoring import formulas as scores
from wganlib.scoring import scorer as scoring
from wganlib.spec.scoring import ClassifierSpec, ScoringSpec
from wganlib.training import runs
from wganlib.training.networks import build_generator
from wganlib.training.trainer import Trainer

DIGITS = DatasetSpec(name="digits", image_size=16)
SCORING = ScoringSpec(network="classifier", num_samples=200, splits=2)


@pytest.fixture(scope="session")
def classifier_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classifier")
    scoring.make_classifier(ClassifierSpec(dataset=DIGITS, epochs=12, seed=0), SCORING, folder)
    return folder


def _brute_force(p, splits):
    """The formula by loops: exp of the mean over x of sum_y p(y|x) log(p(y|x) / p(y)), per split of consecutive rows."""
    size = len(p) // splits
    values = []
    for s in range(splits):
        rows = [list(map(float, r)) for r in p[s * size : (s + 1) * size]]
        marginal = [sum(r[y] for r in rows) / size for y in range(len(rows[0]))]
        total = 0.0
        for r in rows:
            for y, q in enumerate(r):
                if q > 0:
                    total += q * math.log(q / marginal[y])
        values.append(math.exp(total / size))
    mean = sum(values) / splits
    return mean, math.sqrt(sum((v - mean) ** 2 for v in values) / splits)


def test_the_score_s_formula_against_brute_force():
    random = np.random.default_rng(0)
    p = random.dirichlet(np.full(10, 0.3), size=300)
    p[5] = np.eye(10)[3]
    assert scores.inception_formula(p, 5) == pytest.approx(_brute_force(p, 5), rel=1e-12)


def test_the_score_of_known_cases():
    assert scores.inception_formula(np.full((40, 10), 0.1), 2) == pytest.approx((1.0, 0.0))
    assert scores.inception_formula(np.tile(np.eye(10), (4, 1)), 2) == pytest.approx((10.0, 0.0))
    assert scores.inception_formula(np.tile(np.eye(10)[:1], (40, 1)), 2) == pytest.approx((1.0, 0.0))
    # A probability whose mean falls below the smallest number counts as none.
    tiny = np.tile([1.0, 0.0], (40, 1))
    tiny[7] = 1.0, 5e-324
    assert scores.inception_formula(tiny, 2) == pytest.approx((1.0, 0.0))


def test_moments_by_loops():
    x = np.random.default_rng(0).normal(size=(7, 3))
    mean, covariance = scores.moments(x)
    for i in range(3):
        assert mean[i] == pytest.approx(sum(x[:, i]) / 7, rel=1e-12)
        for j in range(3):
            products = [(row[i] - mean[i]) * (row[j] - mean[j]) for row in x]
            assert covariance[i, j] == pytest.approx(sum(products) / 6, rel=1e-12)  # the sample covariance divides by n - 1


def features_of(mean, covariance, count=50):
    """Features [count, D] whose sample mean and covariance are these."""
    x = np.random.default_rng(1).normal(size=(count, len(mean)))
    x -= x.mean(axis=0)
    white = np.linalg.solve(np.linalg.cholesky(np.cov(x, rowvar=False)), x.T).T
    return white @ np.linalg.cholesky(covariance).T + mean


def test_the_frechet_distance_against_closed_forms():
    random = np.random.default_rng(0)
    a = random.normal(size=(6, 6))
    covariance, mean = a @ a.T + np.eye(6), random.normal(size=6)
    reference = scores.FrechetReference(mean, covariance)
    assert reference.distance(features_of(mean, covariance)) == pytest.approx(0, abs=1e-8)
    assert reference.distance(features_of(mean + 2, covariance)) == pytest.approx(24, rel=1e-8)
    # tr(A + B - 2 (A B)^(1/2)) by the eigenvalues of A B, which are those of A^(1/2) B A^(1/2).
    b = random.normal(size=(6, 6))
    other = b @ b.T + np.eye(6)
    roots = np.sqrt(np.linalg.eigvals(covariance @ other).real).sum()
    expected = np.trace(covariance) + np.trace(other) - 2 * roots
    assert reference.distance(features_of(mean, other)) == pytest.approx(expected, rel=1e-8)


def test_the_frechet_distance_of_samples_far_out():
    """As of a generator of unbounded outputs; two covariances that commute have a closed form."""
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))
    first, second = np.r_[1e12, np.linspace(0.1, 1, 7)], np.linspace(0.5, 2, 8)
    covariances = [(rotation * values) @ rotation.T for values in (first, second)]
    reference = scores.FrechetReference(np.ones(8), covariances[1])
    distance = reference.distance(features_of(np.zeros(8), covariances[0]))
    assert distance == pytest.approx(8 + ((np.sqrt(first) - np.sqrt(second)) ** 2).sum(), rel=1e-9)
    assert reference.distance(features_of(np.zeros(8), 4 * covariances[1])) == pytest.approx(8 + second.sum(), rel=1e-9)


def test_the_bootstrap_error_is_near_the_spread_of_fresh_samples():
    random = np.random.default_rng(0)
    reference = scores.FrechetReference(np.zeros(4), np.eye(4))
    fresh = [reference.distance(random.normal(size=(500, 4)) + 0.5) for _ in range(200)]
    error = reference.standard_error(random.normal(size=(500, 4)) + 0.5, 200, random)
    assert error == pytest.approx(np.std(fresh), rel=0.35)


def test_batch_size_of_the_classifier_does_not_change_scores(classifier_folder, digits):
    network, reference = scoring.load_classifier(classifier_folder, make_spec())
    images = digits.preprocess(digits.train[:200], torch.Generator().manual_seed(0))
    results = []
    for size in (200, 64, 7):
        probabilities, features = classifiers.outputs(network, images.split(size))
        distance = reference.distance(features)
        results.append((*scores.inception_formula(probabilities, 2), distance))
    for other in results[1:]:
        assert other == pytest.approx(results[0], rel=1e-4)


def test_the_classifier_s_description(classifier_folder):
    description = json.loads((classifier_folder / "classifier.json").read_text())
    assert description["accuracy"] > 0.9
    real, held_out = description["real_training_images"], description["real_held_out_images"]
    assert 8 < held_out["classifier_score"] < 10
    assert real["frechet_classifier_distance"] < held_out["frechet_classifier_distance"]


def test_a_run_is_scored_and_the_untrained_generator_beside_it(classifier_folder, tmp_path):
    spec = make_spec(snapshots=(2, 6))
    runs.train(spec, tmp_path, device="cpu")
    folder = tmp_path / "runs" / spec.key
    scoring.score_run(spec, SCORING, folder, classifier_folder)
    result = json.loads((folder / "scores.json").read_text())
    assert result["outcome"] == "ok"
    assert result["run"] == spec.key
    assert 1 <= result["classifier_score"] <= 10
    assert result["frechet_classifier_distance"] > 0
    assert result["snapshots"]["6"]["classifier_score"] == result["classifier_score"]
    assert result["snapshots"]["2"]["classifier_score"] != result["classifier_score"]
    assert 1 <= result["untrained_classifier_score"] <= 10
    first = (folder / "scores.json").read_bytes(), (folder / "samples.png").read_bytes()
    scoring.score_run(spec, SCORING, folder, classifier_folder)
    assert first == ((folder / "scores.json").read_bytes(), (folder / "samples.png").read_bytes())


def test_a_diverged_run_scores_one_without_a_distance(classifier_folder, tmp_path):
    huge = {"name": "adam", "learning_rate": 1e30, "beta1": 0.0, "beta2": 0.9}
    spec = make_spec(**{"method.generator_optimizer": huge, "method.critic_optimizer": huge})
    assert runs.train(spec, tmp_path, device="cpu") == "diverged"
    folder = tmp_path / "runs" / spec.key
    scoring.score_run(spec, SCORING, folder, classifier_folder)
    result = json.loads((folder / "scores.json").read_text())
    assert (result["outcome"], result["classifier_score"], result["frechet_classifier_distance"]) == ("diverged", 1.0, None)
    assert (folder / "samples.png").stat().st_size > 0


def test_a_run_that_ran_out_of_memory_has_the_scores_of_a_failure(classifier_folder, tmp_path, monkeypatch):
    spec, original = make_spec(snapshots=(2, 6)), Trainer.step

    def starved(self, logged=False):
        if self.iteration == 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(self, logged)

    monkeypatch.setattr(Trainer, "step", starved)
    assert runs.train(spec, tmp_path, device="cpu") == "out_of_memory"
    folder = tmp_path / "runs" / spec.key
    scoring.score_run(spec, SCORING.model_copy(update={"measures": ("coverage",)}), folder, classifier_folder)
    result = json.loads((folder / "scores.json").read_text())
    found = result["outcome"], result["classifier_score"], result["frechet_classifier_distance"], result["measures"]
    assert found == ("out_of_memory", 1.0, None, None)
    assert result["snapshots"]["2"]["frechet_classifier_distance"] > 0
    assert result["snapshots"]["6"]["frechet_classifier_distance"] is None


def test_scores_of_another_spec_s_folder_or_another_classifier_are_refused(classifier_folder, tmp_path):
    spec = make_spec()
    runs.train(spec, tmp_path, device="cpu")
    folder = tmp_path / "runs" / spec.key
    with pytest.raises(WganlibError, match="results of another spec"):
        scoring.score_run(make_spec(seed=9), SCORING, folder, classifier_folder)
    larger = make_spec(dataset={"name": "digits", "image_size": 32})
    with pytest.raises(WganlibError, match="the classifier of"):
        scoring.load_classifier(classifier_folder, larger)
    with pytest.raises(
        WganlibError, match="found 'none' for a data set of images; images are scored by 'classifier' or 'inception'"
    ):
        scoring.score_run(spec, SCORING.model_copy(update={"network": "none"}), folder, classifier_folder)
    with pytest.raises(WganlibError, match="--classifier is missing: give the folder"):
        scoring.score_run(spec, SCORING, folder, None)


def test_success_is_strict_and_a_constant_s_score_counts_as_one():
    assert not statistics.succeeds(3.0, 3.0)
    assert statistics.succeeds(3.0 + 1e-6, 3.0)
    assert not statistics.succeeds(1.0 + 1e-10, 1.0)
    assert statistics.succeeds(1.0 + 1e-8, 1.0)
    assert statistics.counts([1.0, 5.0, 1.0, 5.0], [1.0, 1.0, 5.0, 5.0], 3.0) == (1, 1, 1, 1)


def _binomial_two_sided(k, n):
    """Exact two-sided p-value at probability one half: all outcomes no likelier than the one found."""
    weights = [math.comb(n, i) for i in range(n + 1)]
    return sum(w for w in weights if w <= weights[k]) / 2**n


@pytest.mark.parametrize(("first", "second"), [(0, 9), (1, 5), (3, 3), (77, 100), (0, 147), (2, 0)])
def test_mcnemar_against_the_binomial_sum(first, second):
    result = statistics.mcnemar(first, second)
    assert result.p_value == pytest.approx(_binomial_two_sided(second, first + second), rel=1e-9)
    assert result.share == second / (first + second)
    assert result.interval.low <= result.share <= result.interval.high


def test_appendix_c_s_sign_test_and_an_empty_table():
    assert statistics.mcnemar(77, 100).p_value == pytest.approx(0.098, abs=5e-4)
    assert statistics.mcnemar(0, 0) == (1.0, None, None)


@pytest.mark.parametrize(("k", "n"), [(0, 3), (2, 5), (12, 12), (30, 77)])
def test_wilson_s_interval_by_its_formula(k, n):
    z = 1.959963984540054
    centre = (k / n + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(k / n * (1 - k / n) / n + z**2 / (4 * n**2))
    assert statistics.wilson(k, n) == pytest.approx((max(0, centre - half), min(1, centre + half)), abs=1e-9)


def test_the_residual_classifier_learns_and_is_read_back(tmp_path):
    spec = ClassifierSpec(dataset=DIGITS, epochs=40, seed=0, resnet_width=4)
    assert spec.key != ClassifierSpec(dataset=DIGITS, epochs=40, seed=0).key
    scoring.make_classifier(spec, SCORING, tmp_path)
    description = json.loads((tmp_path / "classifier.json").read_text())
    assert description["accuracy"] > 0.9
    noise, real = description["uniform_noise"], description["real_held_out_images"]
    assert noise["frechet_classifier_distance"] > 10 * real["frechet_classifier_distance"]
    network, reference = scoring.load_classifier(tmp_path, make_spec())
    assert not network.training
    assert reference.mean.shape == (32,)


def test_augmentation_shifts_by_up_to_four_pixels_and_flips_colour_images_alone():
    image = torch.zeros(1, 3, 16, 16)
    image[0, :, 8, 5] = 1.0
    stream = torch.Generator().manual_seed(0)
    for flip, places in ((False, {5 + d for d in range(-4, 5)}), (True, {v + d for v in (5, 10) for d in range(-4, 5)})):
        moved = classifiers._augmented(image.repeat(600, 1, 1, 1), flip, stream)
        assert moved.shape == (600, 3, 16, 16)
        found = moved[:, 0].nonzero()
        assert len(found) == 600
        assert set(found[:, 1].tolist()) == {8 + d for d in range(-4, 5)}
        assert set(found[:, 2].tolist()) == places
        assert torch.equal(moved[:, 0], moved[:, 2])


def test_samples_that_are_finite_with_features_that_are_not_fail(classifier_folder, monkeypatch):
    scorer, spec = scoring.Scorer(make_spec(), SCORING, classifier_folder), make_spec()
    original = classifiers.outputs

    def overflowing(network, batches):
        probabilities, features = original(network, batches)
        return probabilities, np.full_like(features, np.inf)

    generator = build_generator(spec, torch.Generator().manual_seed(0)).eval()
    assert scorer.scores(generator)["classifier_score"] > 1
    monkeypatch.setattr(classifiers, "outputs", overflowing)
    assert scorer.scores(generator) == scorer.scores(None)


@pytest.mark.parametrize(("factor", "value"), [(1e60, None), (1e35, "finite")])
def test_a_measure_without_a_finite_value_is_null_and_counts_as_the_worst(
    classifier_folder, tmp_path, monkeypatch, factor, value
):
    """Features so far out that the kernel distance, or its error alone, is more than a number can be."""
    spec = make_spec(generator_iterations=2)
    runs.train(spec, tmp_path, device="cpu")
    folder, original = tmp_path / "runs" / spec.key, classifiers.outputs

    def far_out(network, batches):
        probabilities, features = original(network, batches)
        return probabilities, features * factor

    monkeypatch.setattr(classifiers, "outputs", far_out)
    how = SCORING.model_copy(update={"measures": ("kernel_distance",)})
    with np.errstate(all="ignore"):
        scoring.score_run(spec, how, folder, classifier_folder)
    stored = json.loads((folder / "scores.json").read_text())
    assert stored["outcome"] == "ok"
    found = stored["measures"]["kernel_classifier_distance"]
    assert found["standard_error"] is None
    assert (found["value"] is None) == (value is None)
    columns = collect._flat(stored)
    assert columns["kernel_classifier_distance"] == (math.inf if value is None else found["value"])
    rows = pd.DataFrame([columns])
    rows.to_csv(tmp_path / "runs.csv", index=False)
    (kernel,) = pd.read_csv(tmp_path / "runs.csv")["kernel_classifier_distance"]
    assert number(kernel) == ("∞" if value is None else number(found["value"]))
    assert number(columns["kernel_classifier_distance_standard_error"]) == "–"
