"""Which classifier scores which run, and what snapshots and untrained generators are scored by."""

import json

import numpy as np
import official
import pytest
import torch
from conftest import make_spec
from safetensors.torch import load_file
from test_architectures import CONSTRAINTS, small_spec
from test_datasets import root  # noqa: F401  (a fixture)
from test_inception import stand_in  # noqa: F401  (a fixture)

from wganlib.datasets.loading import load
from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import WganlibError, parse
from wganlib.files import read_json
from wganlib.judging.score_names import COLUMNS
from wganlib.scoring import classifier as classifiers
from wganlib.scoring import formulas as scores
from wganlib.scoring import scorer as scoring
from wganlib.scoring.inception_scorer import INCEPTION_COLUMNS
from wganlib.scoring.measures import Samples, measure
from wganlib.spec.run import Spec
from wganlib.spec.scoring import ClassifierSpec, ScoringSpec
from wganlib.streams import stream
from wganlib.training import runs
from wganlib.training.generated_samples import sample
from wganlib.training.networks import build_generator

DIGITS = DatasetSpec(name="digits", image_size=16)
CIFAR = DatasetSpec(name="cifar10", image_size=16)
BEDROOMS = DatasetSpec(name="lsun_bedrooms", image_size=16)
HUGE = {"name": "adam", "learning_rate": 1e30, "beta1": 0.0, "beta2": 0.9}


def how(**changes):
    return ScoringSpec(**({"network": "classifier", "num_samples": 60, "splits": 2, "batch_size": 30} | changes))


def trained_run(tmp_path, **changes):
    spec = make_spec(**{"generator_iterations": 2, "log_every": 1} | changes)
    runs.train(spec, tmp_path, device="cpu")
    return spec, tmp_path / "runs" / spec.key


def test_a_classifier_judges_images_without_labels(root, tmp_path):  # noqa: F811
    official.cifar10(root)
    official.lsun_bedrooms(root)
    plain = ClassifierSpec(dataset=CIFAR, epochs=2, seed=0)
    judge = ClassifierSpec(dataset=CIFAR, epochs=2, seed=0, judged=BEDROOMS)
    assert plain.key.startswith("cifar1016-")
    assert "judged" not in plain.canonical()
    assert judge.key == f"lsun_bedrooms16-by-cifar10-{judge.digest()}"
    assert set(judge.numerics) == {"classifier", "dataset:cifar10", "dataset:lsun_bedrooms"}
    for what, name in ((plain, "plain"), (judge, "judge")):
        scoring.make_classifier(what, how(), tmp_path / name)
    # The training is the same: the same bytes.
    weights = [(tmp_path / name / "classifier.safetensors").read_bytes() for name in ("plain", "judge")]
    assert weights[0] == weights[1]
    # The reference is of the bedrooms.
    bedrooms = load(BEDROOMS)
    network = classifiers.load(judge, tmp_path / "judge/classifier.safetensors")
    _, features = classifiers.outputs(network, [bedrooms.preprocess(bedrooms.train, torch.Generator())])
    mean, covariance = scores.moments(features)
    stored = load_file(tmp_path / "judge/reference.safetensors")
    np.testing.assert_allclose(stored["mean"].numpy(), mean, rtol=1e-9)
    np.testing.assert_allclose(stored["covariance"].numpy(), covariance, atol=1e-9)
    known = [read_json(tmp_path / name / "classifier.json") for name in ("plain", "judge")]
    assert (known[0]["accuracy"], known[0]["held_out_images"]) == (known[1]["accuracy"], known[1]["held_out_images"])
    for part in ("real_training_images", "real_held_out_images"):
        assert known[0][part] != known[1][part]
    assert known[1]["provenance"]["data_sha256"] == known[0]["provenance"]["data_sha256"]
    assert known[1]["provenance"]["judged_sha256"] == bedrooms.sha256
    assert "judged_sha256" not in known[0]["provenance"]
    # Runs on bedrooms are scored by it, those on CIFAR-10 are not.
    spec, folder = trained_run(tmp_path, **{"dataset": BEDROOMS.model_dump(exclude_none=True), "method.batch_size": 4})
    scoring.score_run(spec, how(), folder, tmp_path / "judge")
    assert read_json(folder / "scores.json")["classifier_score"] >= 1
    with pytest.raises(WganlibError, match=r"plain: the classifier of .*cifar10.*, expected that of .*lsun_bedrooms"):
        scoring.load_classifier(tmp_path / "plain", spec)
    other = make_spec(dataset=CIFAR.model_dump(exclude_none=True))
    with pytest.raises(WganlibError, match=r"judge: the classifier of .*lsun_bedrooms.*, expected that of .*cifar10"):
        scoring.load_classifier(tmp_path / "judge", other)
    with pytest.raises(WganlibError, match=r"'coverage' asks for labels, which data set 'lsun_bedrooms' does not have"):
        scoring.score_run(spec, how(measures=("coverage",)), folder, tmp_path / "judge")


@pytest.mark.parametrize(
    ("judged", "words"),
    [
        ({"name": "lsun_bedrooms", "image_size": 32}, ["'lsun_bedrooms' has images of shape (3, 32, 32)", "'cifar10'"]),
        ({"name": "digits", "image_size": 16}, ["shape (1, 16, 16) in [-1, 1]", "shape (3, 16, 16) in [-1, 1]", "channels"]),
        ({"name": "lsun_bedrooms", "image_size": 16, "scaling": "unit"}, ["in [0, 1]", "in [-1, 1]", "value range must agree"]),
        ({"name": "gaussians8"}, ["'gaussians8' has points", "must agree"]),
        ({"name": "cifar10", "image_size": 16}, ["the classifier's own data set: leave it out"]),
        ({"name": "lsun_bedrooms", "image_size": 16, "train_limit": 5}, ["train_limit 5", "leave it out"]),
    ],
)
def test_what_cannot_be_judged_is_refused_in_one_line(judged, words):
    value = {"dataset": {"name": "cifar10", "image_size": 16}, "epochs": 1, "seed": 0, "judged": judged}
    with pytest.raises(WganlibError) as error:
        parse(ClassifierSpec, value, "spec")
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


@pytest.fixture(scope="module")
def digits_classifier(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classifier")
    scoring.make_classifier(ClassifierSpec(dataset=DIGITS, epochs=2, seed=0), how(), folder)
    return folder


def test_a_run_on_some_digits_is_scored_by_the_classifier_of_all(digits_classifier, tmp_path):
    limited = DIGITS.model_copy(update={"train_limit": 100})
    spec, folder = trained_run(tmp_path, **{"dataset.train_limit": 100})
    assert spec.dataset == limited
    _, reference = scoring.load_classifier(digits_classifier, spec)
    np.testing.assert_array_equal(reference.root, scoring.load_classifier(digits_classifier, make_spec())[1].root)
    scoring.score_run(spec, how(measures=("coverage", "kernel_distance", "similarity")), folder, digits_classifier)
    # Measures compare with all digits.
    assert len(scoring.Scorer(spec, how(), digits_classifier).data.train) == 1437
    scoring.make_classifier(ClassifierSpec(dataset=limited, epochs=1, seed=0), how(), tmp_path / "limited")
    for run in (spec, make_spec()):
        with pytest.raises(WganlibError, match=r"limited: the classifier of .*train_limit.*, expected that of"):
            scoring.load_classifier(tmp_path / "limited", run)


def test_snapshots_and_the_untrained_generator_get_all_scores_where_asked(digits_classifier, tmp_path):
    spec, folder = trained_run(tmp_path, snapshots=(1, 2), **{"method.generator_ema": 0.9})
    names = ("kernel_distance", "similarity", "coverage")
    scoring.score_run(spec, how(measures=names), folder, digits_classifier)
    plain = read_json(folder / "scores.json")
    assert "untrained" not in plain
    assert all(set(found) == set(COLUMNS["classifier"][:4]) for found in plain["snapshots"].values())
    scoring.score_run(spec, how(measures=names, snapshot_measures=True), folder, digits_classifier)
    full = read_json(folder / "scores.json")
    assert full["snapshots"]["2"] == {name: plain[name] for name in (*COLUMNS["classifier"][:4], "measures")}
    assert full["snapshots"]["1"]["measures"].keys() == plain["measures"].keys()
    assert full["snapshots"]["1"]["measures"] != plain["measures"]
    assert full["untrained"]["classifier_score"] == plain["untrained_classifier_score"]
    # What the flag adds is all that differs.
    kept = {name: full[name] for name in plain if name not in ("snapshots", "scoring")}
    assert kept == {name: plain[name] for name in kept}
    assert set(full) - set(plain) == {"untrained"}
    # The untrained generator's measures, by hand.
    untrained = build_generator(spec, stream(spec.seed, "init")).eval()
    examples = torch.cat(list(sample(untrained, spec, 60, 30, stream(spec.seed, "scoring"))))
    network, _ = scoring.load_classifier(digits_classifier, spec)
    probabilities, features = classifiers.outputs(network, [examples])
    real = load(DIGITS)
    rows = torch.randperm(1437, generator=(draws := stream(spec.seed, "scoring")))[:60]
    reference = classifiers.outputs(network, [real.preprocess(real.train[part], draws) for part in rows.split(30)])[1]
    samples = Samples(examples, real, DIGITS, np.random.default_rng(spec.seed), probabilities, features, reference)
    expected = measure(names, samples)
    for name, estimate in expected.items():
        assert full["untrained"]["measures"][name] == pytest.approx(estimate._asdict(), rel=1e-5)


def test_inception_scores_snapshots_and_the_untrained_generator(stand_in, digits_classifier, tmp_path):  # noqa: F811
    asked = how(network="inception", inception_sha256=stand_in[1], snapshot_measures=True)
    scoring.make_classifier(ClassifierSpec(dataset=DIGITS, epochs=1, seed=0), asked, tmp_path / "c")
    spec, folder = trained_run(tmp_path, snapshots=(1, 2))
    scoring.score_run(spec, asked, folder, tmp_path / "c")
    found = read_json(folder / "scores.json")
    assert set(found["snapshots"]["1"]) == set(found["untrained"]) == {*COLUMNS["classifier"][:4], *INCEPTION_COLUMNS}
    assert found["snapshots"]["2"]["inception_score"] == found["inception_score"]
    assert found["snapshots"]["1"]["inception_score"] != found["inception_score"]


def test_a_diverged_run_s_missing_snapshots_fail_and_its_untrained_generator_is_scored(digits_classifier, tmp_path):
    changes = {"method.generator_optimizer": HUGE, "method.critic_optimizer": HUGE, "generator_iterations": 6}
    spec, folder = trained_run(tmp_path, snapshots=(1, 6), log_every=2, **changes)
    assert not (folder / "snapshots/6.safetensors").exists()
    asked = how(measures=("similarity",), snapshot_measures=True)
    scoring.score_run(spec, asked, folder, digits_classifier)
    found = read_json(folder / "scores.json")
    assert (found["outcome"], found["measures"]) == ("diverged", None)
    assert found["snapshots"]["6"] == COLUMNS["classifier"].named(scoring.FAILED) | {"measures": None}
    assert found["untrained"]["measures"]["pairwise_ssim"]["value"] > 0
    assert (folder / "progress.png").read_bytes().startswith(b"\x89PNG")


def text_spec(**changes):
    """A run of the language model on the embedded text, three iterations long."""
    value = small_spec("language", CONSTRAINTS["two_sided"]).model_dump(mode="json", exclude_none=True, exclude={"numerics"})
    value["dataset"] = {"name": "sklearn_texts", "length": 12, "vocabulary_size": 90}
    return parse(Spec, value | changes, "spec")


def test_snapshots_of_text_have_measures_where_asked(tmp_path):
    spec = text_spec(snapshots=[1, 3])
    runs.train(spec, tmp_path, device="cpu")
    folder = tmp_path / "runs" / spec.key
    asked = how(network="none", measures=("ngrams",))
    scoring.score_run(spec, asked, folder, None)
    plain = read_json(folder / "scores.json")
    assert set(plain) == {"outcome", "measures", "lines", "scoring", "classifier", "run"}
    scoring.score_run(spec, asked.model_copy(update={"snapshot_measures": True}), folder, None)
    full = read_json(folder / "scores.json")
    assert set(full) - set(plain) == {"untrained", "snapshots"}
    assert full["snapshots"].keys() == {"1", "3"}
    assert full["snapshots"]["3"] == {"measures": full["measures"]} == {"measures": plain["measures"]}
    assert full["snapshots"]["1"]["measures"].keys() == full["untrained"]["measures"].keys() == plain["measures"].keys()
    values = [found["measures"]["ngram_divergence_1"]["value"] for found in (full["untrained"], *full["snapshots"].values())]
    assert len(set(values)) == 3
    json.dumps(full, allow_nan=False)


def test_the_option_changes_no_scoring_that_leaves_it_out():
    assert "snapshot_measures" not in how().canonical()
    assert how(snapshot_measures=True).canonical() != how().canonical()
    with pytest.raises(WganlibError, match="snapshot_measures"):
        parse(ScoringSpec, {"network": "classifier", "num_samples": 60, "splits": 2, "snapshot_measures": False}, "scoring")
