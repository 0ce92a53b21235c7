"""Scoring of a run's saved generators by the data set's classifier, and the classifier's own files."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn
from tqdm import tqdm

from wganlib import runs
from wganlib.architectures.build import build_generator
from wganlib.datasets.images import Images
from wganlib.datasets.loading import load as load_images
from wganlib.errors import WganlibError, parse
from wganlib.files import read_json, stop_if_orphaned, write_atomic, write_json
from wganlib.scores import classifier as classifiers
from wganlib.scores import statistics
from wganlib.scores.inception_scorer import INCEPTION_COLUMNS, InceptionScorer
from wganlib.scores.measures import Samples, measure
from wganlib.scores.statistics import Array
from wganlib.spec import ClassifierSpec, ScoringSpec, Spec
from wganlib.streams import stream
from wganlib.training import sample

RESAMPLES = 20
"""Bootstrap resamples behind the Fréchet distance's standard error."""

SHEET_ROWS, SHEET_COLUMNS = 6, 10

KEPT_IMAGES = 2000
"""Generated images that are kept in memory for measures of the images themselves."""

Judge = tuple[classifiers.Network, tuple[Array, Array]]
"""A classifier and the reference moments of its data set."""


class Score(NamedTuple):
    """Scores of one generator; the distance is None where it cannot be computed (samples that are not finite)."""

    classifier_score: float
    classifier_score_split_std: float
    frechet_classifier_distance: float | None
    frechet_classifier_distance_standard_error: float | None


FAILED = Score(1.0, 0.0, None, None)
"""A generator that diverged or ran out of memory: the score of a constant, no distance; ranked last."""


def make_classifier(spec: ClassifierSpec, scoring: ScoringSpec, folder: Path, threads: int) -> None:
    """Train a data set's classifier and write its weights, the reference moments of the training part and its description.

    The reference holds every training image once. The description gives the held-out accuracy, and the scores of real
    training and held-out images, and of uniform noise, by the same protocol as a run's samples. Where Inception scores the
    runs, its moments of the training part and its scores of the same images stand beside the classifier's.
    """
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    started, clock = datetime.now(UTC).isoformat(timespec="seconds"), time.perf_counter()
    images = load_images(spec.dataset)
    # The small network is for the CPU, where it gives the same bytes everywhere that it can.
    device = runs.choose_device("cpu" if spec.resnet_width is None else "auto")
    network, accuracy = classifiers.train(spec, images, device)
    draws = stream(spec.seed, "scoring")
    _, features = classifiers.outputs(network, _whole(images, scoring.batch_size, draws))
    reference = statistics.moments(features)
    moments = {"mean": torch.from_numpy(reference[0]), "covariance": torch.from_numpy(reference[1])}
    scorer = None
    if scoring.network == "inception":
        scorer = InceptionScorer(scoring, spec.dataset.shape.low)
        moments |= scorer.set_reference(_whole(images, scoring.batch_size, draws), spec.seed)

    def scored(batches: list[Tensor]) -> dict[str, float | None]:
        found: dict[str, float | None] = _scored(
            *classifiers.outputs(network, batches), reference, scoring, spec.seed
        )._asdict()
        return found | (scorer.scores(batches, spec.seed) if scorer else {})

    def real(part: Tensor) -> dict[str, float | None]:
        repeated = torch.arange(len(part)).repeat(-(-scoring.num_samples // len(part)))
        order = repeated[torch.randperm(len(repeated), generator=draws)[: scoring.num_samples]]
        return scored([images.preprocess(part[rows], draws) for rows in _split(order, scoring.batch_size)])

    def noise() -> dict[str, float | None]:
        _, shape, _, low, _ = spec.dataset.shape
        uniform = torch.rand((scoring.num_samples, *shape), generator=draws)
        return scored(_split(low + (1 - low) * uniform, scoring.batch_size))

    description = {
        "spec": spec.model_dump(mode="json", exclude_none=True),
        "scoring": _dumped(scoring),
        "accuracy": accuracy,
        "held_out_images": len(images.test),
        "real_training_images": real(images.train),
        "real_held_out_images": real(images.test),
        "uniform_noise": noise(),
        "provenance": runs.provenance(torch.device("cpu"), threads, images.sha256, started, time.perf_counter() - clock),
    }
    stop_if_orphaned()
    write_atomic(folder / "classifier.safetensors", save(dict(network.state_dict())))
    write_atomic(folder / "reference.safetensors", save(moments))
    write_json(folder / "classifier.json", description)


def _whole(images: Images, batch_size: int, draws: torch.Generator) -> Iterator[Tensor]:
    """Every training image once, preprocessed; in one go where there are few, which draws their noise at once."""
    size = len(images.train) if len(images.train) <= 10_000 else max(batch_size, 1000)
    return (images.preprocess(part, draws) for part in _split(images.train, size))


def score_run(spec: Spec, scoring: ScoringSpec, folder: Path, classifier_folder: Path | None, threads: int) -> None:
    """Score a run's trained generator, its snapshots and its untrained generator; write `scores.json` and `samples.png`.

    Without images (`scoring.network` none) there are no snapshots' scores, and measures alone.

    Raises:
        WganlibError: the folder holds another spec's results, or a file is missing or damaged.
    """
    kind = spec.dataset.shape.kind
    if kind == "images" and scoring.network != "none" and classifier_folder is None:
        raise WganlibError("--classifier is missing: give the folder that `wganlib classifier` made for the data set")
    if (scoring.network == "none") != (kind != "images"):
        raise WganlibError(
            f"scoring.network: found {scoring.network!r} for a data set of {kind}; images are scored by 'classifier' or "
            "'inception', other data by 'none' and measures"
        )
    runs.check_spec(folder, spec)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    trained = runs.load_generator(folder, spec, averaged=scoring.weights != "last")
    scores: dict[str, Any] = {"outcome": read_json(folder / "provenance.json")["outcome"]}
    network, outputs = None, None
    if classifier_folder is not None:
        network, reference = load_classifier(classifier_folder, spec)
        if scores["outcome"] == "ok":
            outputs = classifiers.outputs(network, _samples(trained, spec, scoring))
        scores = _network_scores(spec, scoring, folder, (network, reference), outputs, scores["outcome"])
        if scoring.network == "inception":
            scores |= _inception_scores(spec, scoring, classifier_folder, trained, scores["outcome"])
    if scoring.measures:
        failed = scores["outcome"] != "ok"
        scores["measures"] = None if failed else _measured(spec, scoring, trained, network, outputs)
    result = scores | {
        "scoring": _dumped(scoring),
        "classifier": classifier_folder.name if classifier_folder else None,
        "run": spec.key,
    }
    stop_if_orphaned()
    shown = scoring.model_copy(update={"num_samples": SHEET_ROWS * SHEET_COLUMNS})
    write_atomic(folder / "samples.png", runs.sheet(_samples(trained, spec, shown), SHEET_ROWS, SHEET_COLUMNS))
    write_json(folder / "scores.json", result)


def _network_scores(
    spec: Spec, scoring: ScoringSpec, folder: Path, classifier: Judge, outputs: tuple[Array, Array] | None, outcome: str
) -> dict[str, Any]:
    """Scores of a run's trained generator, whose outputs are given, of its snapshots and of its untrained generator."""
    network, reference = classifier
    untrained = build_generator(spec, stream(spec.seed, "init"))
    assert untrained is not None

    def scored(generator: nn.Module) -> Score:
        found = classifiers.outputs(network, _samples(generator, spec, scoring))
        return _scored(*found, reference, scoring, spec.seed)

    def snapshot(iteration: int) -> Score:
        name = f"snapshots/{iteration}.safetensors"
        if outcome != "ok" and not (folder / name).exists():
            return FAILED  # it ended before that iteration
        return scored(runs.load_generator(folder, spec, name, averaged=scoring.weights != "last"))

    score = FAILED if outputs is None else _scored(*outputs, reference, scoring, spec.seed)
    if outcome == "ok" and score.frechet_classifier_distance is None:
        outcome = "diverged"  # finite weights whose samples are not
    return {
        "outcome": outcome,
        **score._asdict(),
        "untrained_classifier_score": scored(untrained.eval()).classifier_score,
        "snapshots": {str(iteration): snapshot(iteration)._asdict() for iteration in spec.snapshots},
    }


def _inception_scores(spec: Spec, scoring: ScoringSpec, folder: Path, generator: nn.Module, outcome: str) -> dict[str, Any]:
    scorer = InceptionScorer(scoring, spec.dataset.shape.low)
    scorer.load_reference(folder / "reference.safetensors")
    if outcome != "ok":
        return dict.fromkeys(INCEPTION_COLUMNS, None) | {"inception_score": 1.0, "inception_score_split_std": 0.0}
    return dict(scorer.scores(_samples(generator, spec, scoring), spec.seed))


def _measured(
    spec: Spec,
    scoring: ScoringSpec,
    generator: nn.Module,
    network: classifiers.Network | None,
    outputs: tuple[Array, Array] | None,
) -> dict[str, Any]:
    kept = min(scoring.num_samples, KEPT_IMAGES) if network else scoring.num_samples
    shown = scoring.model_copy(update={"num_samples": kept})
    data = load_images(spec.dataset)
    samples = Samples(torch.cat(list(_samples(generator, spec, shown))), data, spec.dataset, np.random.default_rng(spec.seed))
    if network is not None and outputs is not None:
        samples = samples._replace(probabilities=outputs[0], features=outputs[1])
        if "kernel_distance" in (scoring.measures or ()):
            draws = stream(spec.seed, "scoring")
            rows = torch.randperm(len(data.train), generator=draws)[: scoring.num_samples]
            real = (data.preprocess(data.train[part], draws) for part in _split(rows, scoring.batch_size))
            samples = samples._replace(reference_features=classifiers.outputs(network, real)[1])
    return {name: estimate._asdict() for name, estimate in measure(scoring.measures or (), samples).items()}


def _split(rows: Tensor, size: int) -> list[Tensor]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _dumped(scoring: ScoringSpec) -> dict[str, Any]:
    return scoring.model_dump(mode="json", exclude_none=True)


def load_classifier(folder: Path, spec: Spec) -> Judge:
    """A trained classifier and the reference moments of its data set's training part.

    Raises:
        WganlibError: a file is missing or damaged, or the classifier is another data set's.
    """
    stored = parse(ClassifierSpec, read_json(folder / "classifier.json").get("spec"), str(folder / "classifier.json"))
    if stored.dataset != spec.dataset:
        raise WganlibError(f"{folder}: the classifier of {stored.dataset}, expected that of {spec.dataset}")
    try:
        moments = load_file(folder / "reference.safetensors")
        reference = moments["mean"].numpy(), moments["covariance"].numpy()
    except (OSError, SafetensorError, KeyError) as error:
        raise WganlibError(
            f"{folder / 'reference.safetensors'}: not readable ({error}); delete the folder and make it anew"
        ) from None
    return classifiers.load(stored, folder / "classifier.safetensors"), reference


def _samples(generator: nn.Module, spec: Spec, scoring: ScoringSpec) -> Iterator[Tensor]:
    noise = stream(spec.seed, "scoring")
    made = sample(generator, spec, scoring.num_samples, scoring.batch_size, noise)
    batches = -(-scoring.num_samples // scoring.batch_size)
    yield from tqdm(made, total=batches, desc=f"sampling {spec.digest()}", unit="batch", leave=False, disable=None)


def _scored(probabilities: Array, features: Array, reference: tuple[Array, Array], scoring: ScoringSpec, seed: int) -> Score:
    if not (np.isfinite(probabilities).all() and np.isfinite(features).all()):
        return FAILED
    mean, std = statistics.inception_formula(probabilities, scoring.splits)
    distance = statistics.frechet_distance(statistics.moments(features), reference)
    error = statistics.frechet_standard_error(features, reference, RESAMPLES, np.random.default_rng(seed))
    return Score(mean, std, distance, error)
