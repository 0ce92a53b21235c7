"""From parameters to runs: reads `params/`, validates it and expands every experiment. Importing this needs no torch."""

import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from wganlib.architectures import random_set
from wganlib.cost import stack_seconds
from wganlib.datasets.sources import BY_HAND, data_root, inception_weights, there
from wganlib.errors import Model, WganlibError, parse, unknown
from wganlib.files import read_json
from wganlib.method import MethodSpec
from wganlib.params import (
    Config,
    ExperimentParams,
    ExperimentScale,
    Grid,
    MethodParams,
    Published,
    ScaleParams,
    merged,
    read_yaml,
)
from wganlib.spec import ClassifierSpec, Spec
from wganlib.stacks import StackSpec
from wganlib.toys import Toy, load_toys

Label = str | int | float | bool

PLAN_REPORTS = ("table1",)
"""Reports made from the plan alone, without a run."""


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
    toys: dict[str, Toy] = field(default_factory=dict)

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

    def targets(self) -> dict[str, str]:
        """Every report `reports/<name>.pdf` of this scale with the title of its experiment."""
        tables = {report: self.experiments[name].params.title for report, name in self.reports().items()}
        return tables | {name: toy.params.title for name, toy in self.toys.items()}

    def toy(self, name: str) -> Toy:
        """A toy experiment by its name.

        Raises:
            WganlibError: the plan has none of that name.
        """
        if name not in self.toys:
            raise unknown(f"toy experiment at scale {self.scale}", name, self.toys)
        return self.toys[name]

    def stacks(self) -> dict[str, StackSpec]:
        """The stacks of all toy experiments by their keys."""
        return {stack.key: stack for toy in self.toys.values() for stack in toy.stacks}

    def obstacles(self) -> list[str]:
        """What must be there before the plan can be trained and scored on this machine; empty if nothing is missing."""
        found = []
        stacked = (run for stack in self.stacks().values() for run in stack.runs)
        for name in sorted({spec.dataset.name for spec in (*self.runs.values(), *stacked)}):
            if not there(name):
                how = "see docs/data.md" if name in BY_HAND else f"wganlib data fetch {name}"
                found.append(f"data set {name!r} is not below {data_root()} ({how})")
        if self.params.scoring.network == "inception" and not inception_weights().exists():
            found.append(f"Inception's weights are not at {inception_weights()} (fetched when first needed)")
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

    def stack_seconds(self) -> dict[str, float]:
        """Estimated seconds of each stack's training by its key."""
        return {key: stack_seconds(stack, self.params.toy_throughput) for key, stack in self.stacks().items()}


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
    plan.toys = load_toys(params, scale)
    for name in plan.toys:
        if name in plan.reports():
            raise WganlibError(f"{params / 'toys' / name}.yaml: experiment {plan.reports()[name]!r} has a report of this name")
    return plan


def _method(path: Path, scale: str, scale_params: ScaleParams) -> MethodParams:
    data = read_yaml(path)
    method = parse(MethodParams, data, str(path))
    overrides = scale_params.methods.get(path.stem)
    if overrides is None:
        return method
    changed = data | {"settings": merged(data["settings"], overrides)}
    return parse(MethodParams, changed, f"{path} with the overrides of scales/{scale}.yaml")


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
    # What the constraint allows of a normalised critic.
    allowed: dict[str, Literal["none", "layer"]] = {"gradient_penalty": "layer", "spectral_normalization": "none"}
    if factors["critic_normalized"]:
        settings = settings.model_copy(update={"critic_l2": params.critic_l2_when_normalized})
    value = {
        "dataset": plan.params.dataset,
        "architecture": random_set.architecture(
            factors, width=plan.params.width, critic_norm=allowed.get(settings.constraint.kind, "batch")
        ),
        "method": settings,
    }
    return parse(
        Spec,
        {name: part.model_dump(mode="json") for name, part in value.items()}
        | {
            "generator_iterations": scale.generator_iterations[method],
            "snapshots": scale.snapshots.get(method, ()),
            "seed": seed,
        },
        f"method {method}",
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
