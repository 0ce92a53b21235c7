"""Scoring of a run's saved generators by the data set's classifier, and the classifier's own files."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn
from tqdm import tqdm

from wganlib.datasets.dataset import Dataset
from wganlib.datasets.loading import load as load_images
from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import WganlibError, parse
from wganlib.files import read_object, stop_if_orphaned, write_atomic, write_json
from wganlib.judging.failures import has_failed
from wganlib.judging.score_names import COLUMNS
from wganlib.scoring import classifier as classifiers
from wganlib.scoring import formulas, sheets
from wganlib.scoring.formulas import Array
from wganlib.scoring.inception_scorer import INCEPTION_COLUMNS, InceptionScorer
from wganlib.scoring.measures import Samples, measure
from wganlib.spec.run import Spec
from wganlib.spec.scoring import ClassifierSpec, ScoringSpec
from wganlib.streams import settle, stream
from wganlib.training import runs
from wganlib.training.generated_samples import sample_with_classes
from wganlib.training.networks import build_generator
from wganlib.training.provenance import device_name, provenance

CPU = torch.device("cpu")

RESAMPLES = 20
"""Bootstrap resamples behind the Fréchet distance's standard error."""

SHEET_ROWS, SHEET_COLUMNS, SHEET_LINES = 6, 10, 30
"""Images of a sheet of samples, or its lines of text."""

KEPT_IMAGES = 2000
"""Generated images that are kept in memory for measures of the images themselves."""

KEPT_LINES = 64
"""Generated lines of text that `scores.json` holds."""

Outputs = tuple[Array, Array]
"""A classifier's probabilities [N, classes] and features [N, D] of samples."""


class Score(NamedTuple):
    """The classifier's scores of one generator; no distance where it cannot be computed (samples that are not finite)."""

    score: float
    split_std: float
    distance: float | None
    distance_error: float | None


FAILED = Score(1.0, 0.0, None, None)
"""What `scores.json` holds of a generator that diverged or ran out of memory; `judging.failures` says how it counts."""


def make_classifier(spec: ClassifierSpec, scoring: ScoringSpec, folder: Path, device: torch.device = CPU) -> None:
    """Train a data set's classifier and write its weights, the reference moments of the training part and its description.

    The reference holds every training image once. The description gives the held-out accuracy, and the scores of real
    training and held-out images, and of uniform noise, by the same protocol as a run's samples. Where Inception scores the
    runs, its moments of the training part and its scores of the same images stand beside the classifier's. All but weights
    and accuracy are of the judged data set's images, where the spec names one.
    """
    settle(spec.threads)
    started, clock = datetime.now(UTC).isoformat(timespec="seconds"), time.perf_counter()
    learnt = load_images(spec.dataset)
    network, accuracy = classifiers.train(spec, learnt, device)
    images = load_images(spec.judged) if spec.judged else learnt
    draws = stream(spec.seed, "scoring")
    _, features = classifiers.outputs(network, _whole(images, scoring.batch_size, draws))
    mean, covariance = formulas.moments(features)
    reference = formulas.FrechetReference(mean, covariance)
    moments = {"mean": torch.from_numpy(mean), "covariance": torch.from_numpy(covariance)}
    scorer = None
    if scoring.network == "inception":
        scorer = InceptionScorer(scoring, spec.dataset.shape.low, device)
        moments |= scorer.set_reference(_whole(images, scoring.batch_size, draws), spec.seed)

    def scored(batches: list[Tensor]) -> dict[str, float | None]:
        score = _scored(*classifiers.outputs(network, batches), reference, scoring, spec.seed)
        return formulas.finite(_named(score) | (scorer.scores(*scorer.outputs(batches), spec.seed) if scorer else {}))

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
        "held_out_images": len(learnt.test),
        "real_training_images": real(images.train),
        "real_held_out_images": real(images.test),
        "uniform_noise": noise(),
        "provenance": provenance(device, spec.threads, learnt.sha256, started, time.perf_counter() - clock)
        | ({"judged_sha256": images.sha256} if spec.judged else {}),
    }
    stop_if_orphaned()
    weights = {key: value.cpu() for key, value in network.state_dict().items()}
    write_atomic(folder / "classifier.safetensors", save(weights))
    write_atomic(folder / "reference.safetensors", save(moments))
    write_json(folder / "classifier.json", description)


def _whole(images: Dataset, batch_size: int, draws: torch.Generator) -> Iterator[Tensor]:
    """Every training image once, preprocessed; in one go where there are few, which draws their noise at once."""
    size = len(images.train) if len(images.train) <= 10_000 else max(batch_size, 1000)
    return (images.preprocess(part, draws) for part in _split(images.train, size))


def score_run(
    spec: Spec,
    scoring: ScoringSpec,
    folder: Path,
    classifier_folder: Path | None,
    device: torch.device = CPU,
) -> None:
    """Score a run's trained generator, its snapshots and its untrained generator.

    Writes `scores.json`, `samples.png` and `progress.png`, samples of all these generators from the same noise. Snapshots and
    the untrained generator get the networks' scores alone, unless `scoring.snapshot_measures` asks for all; without a
    network (`scoring.network` none) there are measures alone. Measures compare with the whole data set whatever the run's
    `train_limit`. Of text, `scores.json` also holds the first generated `lines`. Generators and networks run on `device`, which
    `scores.json` names where it is not the CPU.

    Raises:
        WganlibError: the scoring does not suit the data, the folder holds another spec's results, or a file is damaged.
    """
    if spec.dataset.shape.kind == "images" and scoring.network != "none" and classifier_folder is None:
        raise WganlibError("--classifier is missing: give the folder that `wganlib classifier` made for the data set")
    judge = _stored(classifier_folder) if classifier_folder else None
    try:
        scoring.check(spec.dataset, judge.dataset if judge and judge.judged else None)
    except ValueError as error:
        raise WganlibError(str(error)) from None
    runs.check_spec(folder, spec)
    settle(spec.threads)
    outcome = read_object(folder / "provenance.json", "outcome")["outcome"]
    generators = _generators(spec, scoring, folder, outcome, device)
    scorer = Scorer(spec, scoring, classifier_folder, device)
    symbols = sheets.symbols_of(folder, spec)
    scores = scorer.scores(generators.trained if outcome == "ok" else None)
    if outcome == "ok" and has_failed(scores):
        outcome = "diverged"  # finite weights whose samples are not
    first = {name: scores[name] for name in COLUMNS["classifier"][:4] if name in scores}
    result = {"outcome": outcome} | first | _over_time(scorer, generators) | scores
    if spec.dataset.shape.kind == "text":
        lines = scoring.model_copy(update={"num_samples": KEPT_LINES})
        result["lines"] = sheets.read(torch.cat(list(_samples(generators.trained, spec, lines))), symbols)
    result |= {
        "scoring": _dumped(scoring),
        "classifier": classifier_folder.name if classifier_folder else None,
        "run": spec.key,
    }
    if device.type != "cpu":
        result["device"] = device_name(device)
    stop_if_orphaned()
    write_atomic(folder / "samples.png", _sheet(spec, scoring, generators.trained, symbols))
    write_atomic(folder / "progress.png", _progress(spec, scoring, generators, symbols))
    write_json(folder / "scores.json", result)


class Generators(NamedTuple):
    """A run's generators in `eval` mode; None is a snapshot at an iteration before which the run diverged."""

    untrained: nn.Module
    snapshots: dict[int, nn.Module | None]
    trained: nn.Module


def _generators(spec: Spec, scoring: ScoringSpec, folder: Path, outcome: str, device: torch.device) -> Generators:
    averaged = scoring.weights != "last"
    trained = runs.load_generator(folder, spec, averaged=averaged)
    untrained = build_generator(spec, stream(spec.seed, "init"))
    assert untrained is not None

    def snapshot(iteration: int) -> nn.Module | None:
        name = f"snapshots/{iteration}.safetensors"
        if outcome != "ok" and not (folder / name).exists():
            return None
        return runs.load_generator(folder, spec, name, averaged=averaged).to(device)

    snapshots = {iteration: snapshot(iteration) for iteration in spec.snapshots}
    return Generators(untrained.eval().to(device), snapshots, trained.to(device))


class Pass(NamedTuple):
    """What one pass over a generator's samples gives: the first, for measures, what the networks make of all, their classes."""

    examples: Tensor
    classified: Outputs | None
    inception: Outputs | None
    classes: Tensor | None


class Scorer:
    """What scores a run's generators, loaded once for all of them: the classifier, Inception, the data that measures need."""

    def __init__(self, spec: Spec, scoring: ScoringSpec, folder: Path | None, device: torch.device = CPU):
        self.spec, self.scoring = spec, scoring
        self.network: classifiers.Network | None = None
        self.inception: InceptionScorer | None = None
        if folder is None:
            return
        network, self.reference = load_classifier(folder, spec)
        self.network = network.to(device)
        if scoring.network == "inception":
            self.inception = InceptionScorer(scoring, spec.dataset.shape.low, device)
            self.inception.load_reference(folder / "reference.safetensors")

    def scores(self, generator: nn.Module | None, measured: bool = True) -> dict[str, Any]:
        """The networks' scores of a generator and its measures; without a generator, those of a failure.

        What has no finite value is None.
        """
        seen = None if generator is None else self._pass(generator, measured)
        scores = _named(FAILED) if self.network else {}
        if self.inception:
            scores |= dict.fromkeys(INCEPTION_COLUMNS, None) | COLUMNS["inception"].named(FAILED)
        if seen and seen.classified:
            scores |= _named(_scored(*seen.classified, self.reference, self.scoring, self.spec.seed))
        if seen and self.inception and seen.inception:
            scores |= self.inception.scores(*seen.inception, self.spec.seed)
        if self.scoring.measures and measured:
            scores["measures"] = self._measured(self.scoring.measures, seen) if seen else None
        return formulas.finite(scores)

    def _pass(self, generator: nn.Module, measured: bool) -> Pass | None:
        """One pass over a generator's samples; None where one of them, or a feature of one, is not finite."""
        measured = measured and bool(self.scoring.measures)
        kept = min(self.scoring.num_samples, KEPT_IMAGES) if self.network else self.scoring.num_samples
        examples: list[Tensor] = []
        classified: list[Outputs] = []
        inception: list[Outputs] = []
        classes: list[Tensor] = []
        if not (self.network or measured):
            return None
        for batch, asked in _samples_with_classes(generator, self.spec, self.scoring):
            if not bool(torch.isfinite(batch).all()):
                return None
            if measured and sum(map(len, examples)) < kept:
                examples.append(batch)
            if self.network:
                classified.append(classifiers.outputs(self.network, [batch]))
                if not np.isfinite(classified[-1][1]).all():
                    return None
            if self.inception:
                inception.append(self.inception.outputs([batch]))
            if asked is not None:
                classes.append(asked)
        first = torch.cat(examples)[:kept] if examples else torch.empty(0)
        return Pass(first, _joined(classified), _joined(inception), torch.cat(classes) if classes else None)

    def _measured(self, names: tuple[str, ...], seen: Pass) -> dict[str, Any]:
        """Measures by their names."""
        samples = Samples(seen.examples, self.data, self.spec.dataset, np.random.default_rng(self.spec.seed))
        if seen.classified:
            samples = samples._replace(probabilities=seen.classified[0], features=seen.classified[1], classes=seen.classes)
            if "kernel_distance" in names:
                samples = samples._replace(reference_features=self.real_features)
        return {name: estimate._asdict() for name, estimate in measure(names, samples).items()}

    @cached_property
    def data(self) -> Dataset:
        """The run's whole data set."""
        return load_images(unlimited(self.spec.dataset))

    @cached_property
    def real_features(self) -> Array:
        """The classifier's features [N, D] of training images, as many as samples."""
        assert self.network is not None
        draws = stream(self.spec.seed, "scoring")
        rows = torch.randperm(len(self.data.train), generator=draws)[: self.scoring.num_samples]
        real = (self.data.preprocess(self.data.train[part], draws) for part in _split(rows, self.scoring.batch_size))
        return classifiers.outputs(self.network, real)[1]


def _over_time(scorer: Scorer, generators: Generators) -> dict[str, Any]:
    """Scores of the untrained generator and of the snapshots."""
    everything = bool(scorer.scoring.snapshot_measures)
    if not (scorer.network or everything):
        return {}
    untrained = scorer.scores(generators.untrained, everything)
    over_time: dict[str, Any] = {c.untrained: untrained[c.score] for c in COLUMNS.values() if c.score in untrained}
    if everything:
        over_time["untrained"] = untrained
    snapshots = {str(iteration): scorer.scores(generator, everything) for iteration, generator in generators.snapshots.items()}
    return over_time | {"snapshots": snapshots}


def _sheet(spec: Spec, scoring: ScoringSpec, generator: nn.Module, symbols: bytes) -> bytes:
    """Samples of a generator; the columns of a conditional one are classes."""
    rows, columns = (SHEET_LINES, 1) if spec.dataset.shape.kind == "text" else (SHEET_ROWS, SHEET_COLUMNS)
    shown = scoring.model_copy(update={"num_samples": rows * columns})
    made = _samples(generator, spec, shown, sheets.class_columns(spec, rows, columns))
    return sheets.sheet(made, spec.dataset.shape, rows, columns, symbols)


def _progress(spec: Spec, scoring: ScoringSpec, generators: Generators, symbols: bytes) -> bytes:
    """Samples of the untrained generator, the snapshots and the trained generator, all from the same noise."""
    count = sheets.MOMENT[spec.dataset.shape.kind]
    shown, labels = scoring.model_copy(update={"num_samples": count}), sheets.class_columns(spec, 1, count)
    kept = [("0", generators.untrained)]
    kept += [(str(iteration), generator) for iteration, generator in generators.snapshots.items() if generator]
    kept.append((str(spec.generator_iterations), generators.trained))
    moments = [(name, torch.cat(list(_samples(generator, spec, shown, labels)))) for name, generator in kept]
    return sheets.progress(moments, spec.dataset.shape, symbols)


def _joined(outputs: list[Outputs]) -> Outputs | None:
    """Probabilities and features of batches, one below the other."""
    if not outputs:
        return None
    probabilities, features = zip(*outputs, strict=True)
    return np.concatenate(probabilities), np.concatenate(features)


def _named(score: Score) -> dict[str, Any]:
    return COLUMNS["classifier"].named(score)


def _split(rows: Tensor, size: int) -> list[Tensor]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _dumped(scoring: ScoringSpec) -> dict[str, Any]:
    return scoring.model_dump(mode="json", exclude_none=True)


def unlimited(dataset: DatasetSpec) -> DatasetSpec:
    """The data set without its `train_limit`."""
    return dataset.model_copy(update={"train_limit": None})


def _stored(folder: Path) -> ClassifierSpec:
    path = folder / "classifier.json"
    if not path.exists():
        raise WganlibError(f"{path}: no such file; `wganlib classifier` makes it")
    return parse(ClassifierSpec, read_object(path, "spec")["spec"], str(path))


def load_classifier(folder: Path, spec: Spec) -> tuple[classifiers.Network, formulas.FrechetReference]:
    """A trained classifier that scores a run, and the reference of all training images of the run's data set.

    Raises:
        WganlibError: a file is missing or damaged, or the classifier is for another data set, or for a part of it.
    """
    stored, wanted = _stored(folder), unlimited(spec.dataset)
    if stored.scored != wanted:
        raise WganlibError(
            f"{folder}: the classifier of {stored.scored.canonical()}, expected that of {wanted.canonical()}; make it with "
            "`wganlib classifier`"
        )
    try:
        moments = load_file(folder / "reference.safetensors")
        reference = formulas.FrechetReference(moments["mean"].numpy(), moments["covariance"].numpy())
    except (OSError, SafetensorError, KeyError) as error:
        raise WganlibError(
            f"{folder / 'reference.safetensors'}: not readable ({error}); delete the folder and make it anew"
        ) from None
    return classifiers.load(stored, folder / "classifier.safetensors"), reference


def _samples(generator: nn.Module, spec: Spec, scoring: ScoringSpec, labels: Tensor | None = None) -> Iterator[Tensor]:
    return (examples for examples, _ in _samples_with_classes(generator, spec, scoring, labels))


def _samples_with_classes(
    generator: nn.Module, spec: Spec, scoring: ScoringSpec, labels: Tensor | None = None
) -> Iterator[tuple[Tensor, Tensor | None]]:
    noise = stream(spec.seed, "scoring")
    made = sample_with_classes(generator, spec, scoring.num_samples, scoring.batch_size, noise, labels)
    batches = -(-scoring.num_samples // scoring.batch_size)
    yield from tqdm(made, total=batches, desc=f"sampling {spec.digest()}", unit="batch", leave=False, disable=None)


def _scored(
    probabilities: Array, features: Array, reference: formulas.FrechetReference, scoring: ScoringSpec, seed: int
) -> Score:
    mean, std = formulas.inception_formula(probabilities, scoring.splits)
    error = reference.standard_error(features, RESAMPLES, np.random.default_rng(seed))
    return Score(mean, std, reference.distance(features), error)
