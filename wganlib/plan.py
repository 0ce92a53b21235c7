"""From parameters to runs: reads `params/`, validates it and expands every experiment. Importing this needs no torch."""

import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, field_validator, model_validator

from wganlib.architectures import random_set
from wganlib.architectures.layers import Layer, training_flops
from wganlib.datasets import CHANNELS, LOADABLE
from wganlib.errors import Model, WganlibError, parse, unknown
from wganlib.files import read_json
from wganlib.spec import (
    ClassifierSpec,
    DatasetSpec,
    MethodSpec,
    NonNegativeFloat,
    Part,
    PositiveFloat,
    PositiveInt,
    ScoringSpec,
    Spec,
)

Label = str | int | float | bool

PLAN_REPORTS = ("table1",)
"""Reports made from the plan alone, without a run."""


class Config(Part):
    """`params/config.yaml`: what a plain `snakemake` builds, and at which scale."""

    scale: str
    targets: tuple[str, ...]


class ClassifierParams(Part):
    """Budget of the data set's classifier."""

    epochs: PositiveInt
    seed: Annotated[int, Field(ge=0)]


class Throughput(Part):
    """A device's speed, for cost estimates: seconds = flops / flops_per_second + layer calls * seconds_per_layer_call."""

    device: str
    flops_per_second: PositiveFloat
    seconds_per_layer_call: NonNegativeFloat


class ScaleParams(Part):
    """`params/scales/<scale>.yaml`: data, size of the networks, budget and machine of a scale."""

    dataset: DatasetSpec
    width: PositiveFloat
    scoring: ScoringSpec
    classifier: ClassifierParams
    device: Literal["auto", "cpu", "cuda"]
    threads: PositiveInt
    checkpoint_seconds: PositiveFloat
    throughput: Throughput
    methods: dict[str, dict[str, Any]] = {}
    """Keys of a method that this scale sets otherwise than `params/methods/<method>.yaml`."""


class MethodParams(Part):
    """`params/methods/<method>.yaml`: a method as its paper recommends it."""

    title: str
    source: str
    settings: MethodSpec


class Grid(Part):
    """Settings that a pilot tries, the same for every method; the critic's rate is a factor times the generator's."""

    learning_rates: tuple[PositiveFloat, ...]
    critic_factors: tuple[PositiveFloat, ...]


class ExperimentScale(Part):
    """What an experiment asks for at one scale."""

    architectures: PositiveInt | Literal["base"]
    seeds: tuple[Annotated[int, Field(ge=0)], ...]
    generator_iterations: dict[str, PositiveInt]
    snapshots: dict[str, tuple[PositiveInt, ...]] = {}
    grid: Grid | None = None
    primary_threshold: PositiveFloat | None = None

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or len(set(value)) != len(value):
            raise ValueError("seeds must be distinct and at least one")
        return value


class ExperimentParams(Part):
    """`params/experiments/<experiment>.yaml`: a named set of runs that tables and figures need."""

    title: str
    source: str
    reports: tuple[Literal["table1", "table2", "pilot"], ...]
    methods: Annotated[tuple[str, ...], Field(min_length=1)]
    critic_l2_when_normalized: NonNegativeFloat = 0.0
    thresholds: tuple[PositiveFloat, ...] = ()
    main_thresholds: tuple[PositiveFloat, ...] = ()
    scales: dict[str, ExperimentScale]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name in ("thresholds", "main_thresholds"):
            values = getattr(self, name)
            if any(b <= a for a, b in itertools.pairwise(values)):
                raise ValueError(f"{name} must increase, found {list(values)}")
        if not set(self.main_thresholds) <= set(self.thresholds):
            raise ValueError("main_thresholds must be among thresholds")
        if len(set(self.methods)) != len(self.methods):
            raise ValueError("methods must be distinct")
        for name, scale in self.scales.items():
            if "table2" in self.reports:
                self._check_table2(name, scale)
        return self

    def _check_table2(self, name: str, scale: ExperimentScale) -> None:
        """Its tests compare two methods, once an architecture: more seeds would count one architecture several times."""
        if len(self.methods) != 2:
            raise ValueError(f"report table2 compares exactly two methods, found {len(self.methods)}")
        if len(scale.seeds) != 1 or scale.architectures == "base" or scale.grid is not None:
            raise ValueError(f"scales.{name}: report table2 needs a number of architectures, exactly one seed, and no grid")
        if scale.primary_threshold not in self.thresholds:
            raise ValueError(f"scales.{name}: primary_threshold must be one of thresholds, found {scale.primary_threshold}")


class PublishedTable(Part):
    """Outcomes of a paper's table, one row a threshold; `columns` name a row's parts."""

    source: str
    score: str
    architectures: PositiveInt
    columns: tuple[str, ...]
    rows: tuple[tuple[float | int, ...], ...]

    @model_validator(mode="after")
    def _sums(self) -> Self:
        for row in self.rows:
            if len(row) != len(self.columns) or sum(row[1:]) != self.architectures:
                raise ValueError(
                    f"row {list(row)}: needs {len(self.columns)} parts, and counts whose sum is {self.architectures}"
                )
        return self


class Published(Part):
    """`params/published.yaml`: the papers' numbers."""

    table2: PublishedTable


@dataclass(frozen=True)
class Entry:
    """One run's place in an experiment: its key and what it stands for there."""

    run: str
    labels: dict[str, Label]


@dataclass(frozen=True)
class Experiment:
    """An experiment expanded at the plan's scale."""

    name: str
    params: ExperimentParams
    scale: ExperimentScale
    methods: tuple[MethodParams, ...]
    entries: tuple[Entry, ...]

    def digest(self) -> str:
        """Changes with anything that its collected tables or reports depend on besides the runs' own files."""
        methods = [m.model_dump(mode="json") for m in self.methods]
        entries = [(e.run, e.labels) for e in self.entries]
        value = [self.params.model_dump(mode="json"), self.scale.model_dump(mode="json"), methods, entries]
        return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:10]


@dataclass
class Plan:
    """All runs of all experiments at one scale; a run that two experiments ask for stands once."""

    scale: str
    params: ScaleParams
    methods: dict[str, MethodParams]
    published: Published
    experiments: dict[str, Experiment] = field(default_factory=dict)
    runs: dict[str, Spec] = field(default_factory=dict)

    def experiment(self, name: str) -> Experiment:
        """An experiment by its name.

        Raises:
            WganlibError: the plan has none of that name.
        """
        if name not in self.experiments:
            raise unknown(f"experiment at scale {self.scale}", name, self.experiments)
        return self.experiments[name]

    def reports(self) -> dict[str, str]:
        """The experiment behind each report."""
        return {report: e.name for e in self.experiments.values() for report in e.params.reports}

    def obstacles(self) -> list[str]:
        """Why this version cannot train or score the plan; empty if it can."""
        found = []
        if self.params.dataset.name not in LOADABLE:
            found.append(f"data set {self.params.dataset.name!r} has no loader here (loadable: {', '.join(LOADABLE)})")
        if self.params.scoring.network != "classifier":
            found.append(f"scoring by {self.params.scoring.network!r} is not here (it needs that network's weights)")
        return found

    def run_keys(self, experiment: str) -> list[str]:
        """The runs of an experiment, each once."""
        return list(dict.fromkeys(entry.run for entry in self.experiment(experiment).entries))

    def classifier_of(self, run: str) -> ClassifierSpec:
        """The classifier that scores a run: that of its data set."""
        budget = self.params.classifier
        return ClassifierSpec(dataset=self.runs[run].dataset, epochs=budget.epochs, seed=budget.seed)

    def classifiers(self) -> dict[str, ClassifierSpec]:
        """The classifiers of all runs' data sets by their keys."""
        return {spec.key: spec for spec in map(self.classifier_of, self.runs)}


def read_yaml(path: Path) -> Any:
    """Plain data of a YAML file.

    Raises:
        WganlibError: the file is missing or is not YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WganlibError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise WganlibError(f"{path}: not readable as YAML ({' '.join(str(error).split())})") from None


def load_plan(params: Path, scale: str | None = None) -> Plan:
    """Read the parameters below `params` and expand every experiment that exists at the scale (default: that of config.yaml).

    Raises:
        WganlibError: an unknown scale or method, a misspelt key, a value that is not allowed.
    """
    if scale is None:
        scale = parse(Config, read_yaml(params / "config.yaml"), str(params / "config.yaml")).scale
    scale_paths = {path.stem: path for path in sorted((params / "scales").glob("*.yaml"))}
    if scale not in scale_paths:
        raise unknown("scale", scale, scale_paths)
    scale_params = parse(ScaleParams, read_yaml(scale_paths[scale]), str(scale_paths[scale]))
    methods = {path.stem: _method(path, scale, scale_params) for path in sorted((params / "methods").glob("*.yaml"))}
    for name in scale_params.methods:
        if name not in methods:
            raise WganlibError(f"{scale_paths[scale]}: methods: {unknown('method', name, methods)}")
    published = parse(Published, read_yaml(params / "published.yaml"), str(params / "published.yaml"))
    plan = Plan(scale, scale_params, methods, published)
    for path in sorted((params / "experiments").glob("*.yaml")):
        experiment = parse(ExperimentParams, read_yaml(path), str(path))
        for name in experiment.scales:
            if name not in scale_paths:
                raise WganlibError(f"{path}: scales: {unknown('scale', name, scale_paths)}")
        if scale in experiment.scales:
            try:
                _expand(plan, path, experiment, experiment.scales[scale])
            except WganlibError as error:
                text = str(error)
                raise WganlibError(text if text.startswith(str(params)) else f"{path}: scales.{scale}: {text}") from None
    return plan


def _method(path: Path, scale: str, scale_params: ScaleParams) -> MethodParams:
    data = read_yaml(path)
    method = parse(MethodParams, data, str(path))
    overrides = scale_params.methods.get(path.stem)
    if overrides is None:
        return method
    merged = data | {"settings": _merged(data["settings"], overrides)}
    return parse(MethodParams, merged, f"{path} with the overrides of scales/{scale}.yaml")


def _merged(base: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in overrides.items():
        nested = isinstance(value, dict) and isinstance(base.get(key), dict)
        result[key] = _merged(base[key], value) if nested else value
    return result


def _expand(plan: Plan, path: Path, params: ExperimentParams, scale: ExperimentScale) -> None:
    for method in params.methods:
        if method not in plan.methods:
            raise WganlibError(f"{path}: {unknown('method', method, plan.methods)}")
        if method not in scale.generator_iterations:
            raise WganlibError(f"{path}: scales.{plan.scale}.generator_iterations: {method!r} is missing")
    for given in (scale.generator_iterations, scale.snapshots):
        for method in given:
            if method not in params.methods:
                raise WganlibError(f"{path}: scales.{plan.scale}: {unknown('method', method, params.methods)}")
    random_set.check_image_size(plan.params.dataset.image_size)
    base = scale.architectures == "base"
    architectures = [random_set.BASE] if scale.architectures == "base" else random_set.sample(scale.architectures)
    entries = []
    for (index, factors), method, seed in itertools.product(enumerate(architectures), params.methods, scale.seeds):
        for settings, labels in _grid(plan.methods[method].settings, scale.grid):
            spec = _spec(plan, params, scale, factors, method, settings, seed)
            plan.runs.setdefault(spec.key, spec)
            name: Label = "base" if base else index
            entries.append(Entry(spec.key, {"architecture": name, **factors, "method": method, "seed": seed, **labels}))
    for report, owner in plan.reports().items():
        if report in params.reports:
            raise WganlibError(f"{path}: reports: {report!r} is already made by experiment {owner!r}; name it once")
    methods = tuple(plan.methods[m] for m in params.methods)
    plan.experiments[path.stem] = Experiment(path.stem, params, scale, methods, tuple(entries))


def _grid(settings: MethodSpec, grid: Grid | None) -> Iterator[tuple[MethodSpec, dict[str, Label]]]:
    if grid is None:
        yield settings, {}
        return
    for rate, factor in itertools.product(grid.learning_rates, grid.critic_factors):
        generator = settings.generator_optimizer.model_copy(update={"learning_rate": rate})
        critic = settings.critic_optimizer.model_copy(update={"learning_rate": rate * factor})
        tried = settings.model_copy(update={"generator_optimizer": generator, "critic_optimizer": critic})
        yield tried, {"learning_rate": rate, "critic_factor": factor}


def _spec(
    plan: Plan,
    params: ExperimentParams,
    scale: ExperimentScale,
    factors: dict[str, Any],
    method: str,
    settings: MethodSpec,
    seed: int,
) -> Spec:
    penalised = settings.constraint.kind == "gradient_penalty"
    if factors["critic_normalized"]:
        settings = settings.model_copy(update={"critic_l2": params.critic_l2_when_normalized})
    return Spec(
        dataset=plan.params.dataset,
        architecture=random_set.architecture(factors, width=plan.params.width, layer_norm=penalised),
        method=settings,
        generator_iterations=scale.generator_iterations[method],
        snapshots=scale.snapshots.get(method, ()),
        seed=seed,
    )


def read_spec(model: type[Model], source: str, where: str) -> Model:
    """A spec of a run, a classifier or a scoring, from JSON text or from the path of a file that holds it.

    Raises:
        WganlibError: it is missing, is not JSON, or does not fit the model.
    """
    if not source.lstrip().startswith("{"):
        return parse(model, read_json(Path(source)), source)
    try:
        value = json.loads(source)
    except ValueError as error:
        raise WganlibError(f"{where}: not readable as JSON ({error})") from None
    return parse(model, value, where)


def run_flops(spec: Spec) -> int:
    """Floating-point operations of a run's training."""
    generator, critic = _layers(spec)
    method = spec.method
    per_iteration = training_flops(
        generator,
        critic,
        batch_size=method.batch_size,
        generator_batch_size=method.generator_batch_size,
        critic_steps=method.critic_steps,
        gradient_penalty=method.constraint.kind == "gradient_penalty",
    )
    return per_iteration * spec.generator_iterations


def run_seconds(spec: Spec, throughput: Throughput) -> float:
    """Estimated seconds of a run's training on one device (one core where the device is a CPU)."""
    generator, critic = _layers(spec)
    penalised = spec.method.constraint.kind == "gradient_penalty"
    # Calls of a layer: a forward pass and its backward one count as three products, the penalty adds six.
    per_critic_step = len(generator) + (12 if penalised else 6) * len(critic)
    per_generator_step = 3 * len(generator) + 2 * len(critic)
    calls = spec.generator_iterations * (spec.method.critic_steps * per_critic_step + per_generator_step)
    return run_flops(spec) / throughput.flops_per_second + calls * throughput.seconds_per_layer_call


def _layers(spec: Spec) -> tuple[list[Layer], list[Layer]]:
    size, channels = spec.dataset.image_size, CHANNELS[spec.dataset.name]
    return (
        random_set.generator_layers(spec.architecture, size, channels),
        random_set.critic_layers(spec.architecture, size, channels),
    )
