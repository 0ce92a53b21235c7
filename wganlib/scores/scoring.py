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
from wganlib.datasets.loading import load as load_images
from wganlib.errors import WganlibError, parse
from wganlib.files import read_json, stop_if_orphaned, write_atomic, write_json
from wganlib.scores import classifier as classifiers
from wganlib.scores import statistics
from wganlib.scores.statistics import Array
from wganlib.spec import ClassifierSpec, ScoringSpec, Spec
from wganlib.streams import stream
from wganlib.training import sample

RESAMPLES = 20
"""Bootstrap resamples behind the Fréchet distance's standard error."""

SHEET_ROWS, SHEET_COLUMNS = 6, 10


class Score(NamedTuple):
    """Scores of one generator; the distance is None where it cannot be computed (samples that are not finite)."""

    classifier_score: float
    classifier_score_split_std: float
    frechet_classifier_distance: float | None
    frechet_classifier_distance_standard_error: float | None


FAILED = Score(1.0, 0.0, None, None)
"""A diverged generator: the score of a constant, no distance; ranked last."""


def make_classifier(spec: ClassifierSpec, scoring: ScoringSpec, folder: Path, threads: int) -> None:
    """Train a data set's classifier and write its weights, the reference moments of the training part and its description.

    The reference holds every training image once. The description gives the held-out accuracy, and the scores of real
    training and held-out images by the same protocol as a run's samples.
    """
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    started, clock = datetime.now(UTC).isoformat(timespec="seconds"), time.perf_counter()
    images = load_images(spec.dataset)
    network, accuracy = classifiers.train(spec, images)
    draws = stream(spec.seed, "scoring")
    _, features = classifiers.outputs(network, [images.preprocess(images.train, draws)])
    reference = statistics.moments(features)

    def real(part: Tensor) -> dict[str, float | None]:
        repeated = part.repeat(-(-scoring.num_samples // len(part)), 1, 1, 1)
        order = torch.randperm(len(repeated), generator=draws)[: scoring.num_samples]
        batches = (images.preprocess(rows, draws) for rows in torch.split(repeated[order], scoring.batch_size))
        return _scored(*classifiers.outputs(network, batches), reference, scoring, spec.seed)._asdict()

    description = {
        "spec": spec.model_dump(mode="json"),
        "scoring": scoring.model_dump(mode="json"),
        "accuracy": accuracy,
        "held_out_images": len(images.test),
        "real_training_images": real(images.train),
        "real_held_out_images": real(images.test),
        "provenance": runs.provenance(torch.device("cpu"), threads, images.sha256, started, time.perf_counter() - clock),
    }
    stop_if_orphaned()
    write_atomic(folder / "classifier.safetensors", save(dict(network.state_dict())))
    moments = {"mean": torch.from_numpy(reference[0]), "covariance": torch.from_numpy(reference[1])}
    write_atomic(folder / "reference.safetensors", save(moments))
    write_json(folder / "classifier.json", description)


def score_run(spec: Spec, scoring: ScoringSpec, folder: Path, classifier_folder: Path, threads: int) -> None:
    """Score a run's trained generator, its snapshots and its untrained generator; write `scores.json` and `samples.png`.

    Raises:
        WganlibError: the folder holds another spec's results, or a file is missing or damaged.
    """
    if scoring.network != "classifier":
        raise WganlibError(
            f"scoring.network {scoring.network!r} can be planned but not computed by this version: use 'classifier'"
        )
    runs.check_spec(folder, spec)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    trained = runs.load_generator(folder, spec)
    untrained = build_generator(spec, stream(spec.seed, "init"))
    assert untrained is not None
    network, reference = load_classifier(classifier_folder, spec)

    def scored(generator: nn.Module) -> Score:
        probabilities, features = classifiers.outputs(network, _samples(generator, spec, scoring))
        return _scored(probabilities, features, reference, scoring, spec.seed)

    outcome = read_json(folder / "provenance.json")["outcome"]

    def snapshot(iteration: int) -> Score:
        name = f"snapshots/{iteration}.safetensors"
        if outcome == "diverged" and not (folder / name).exists():
            return FAILED  # it diverged before that iteration
        return scored(runs.load_generator(folder, spec, name))

    score = FAILED if outcome == "diverged" else scored(trained)
    if score.frechet_classifier_distance is None:
        outcome = "diverged"  # finite weights whose samples are not
    result: dict[str, Any] = {
        "outcome": outcome,
        **score._asdict(),
        "untrained_classifier_score": scored(untrained.eval()).classifier_score,
        "snapshots": {str(iteration): snapshot(iteration)._asdict() for iteration in spec.snapshots},
        "scoring": scoring.model_dump(mode="json"),
        "classifier": classifier_folder.name,
        "run": spec.key,
    }
    stop_if_orphaned()
    shown = scoring.model_copy(update={"num_samples": SHEET_ROWS * SHEET_COLUMNS})
    write_atomic(folder / "samples.png", runs.sheet(_samples(trained, spec, shown), SHEET_ROWS, SHEET_COLUMNS))
    write_json(folder / "scores.json", result)


def load_classifier(folder: Path, spec: Spec) -> tuple[classifiers.Classifier, tuple[Array, Array]]:
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
