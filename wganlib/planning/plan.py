"""From parameters to runs: reads `params/`, validates it and expands every experiment. Importing this needs no torch."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from wganlib.architectures import random_set
from wganlib.datasets.sources import BY_HAND, data_root, inception_weights, there
from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import Model, WganlibError, parse, unknown
from wganlib.files import read_json
from wganlib.planning.cost import stack_seconds
from wganlib.planning.experiment import (
    GRID_LABELS,
    Entry,
    ExperimentParams,
    ExperimentScale,
    Partial,
    Surroundings,
    expand,
    merged,
)
from wganlib.planning.params import Config, MethodParams, Published, ScaleParams, ThresholdSettings, read_yaml
from wganlib.planning.toys import Toy, toy
from wganlib.spec.run import Spec
from wganlib.spec.scoring import ClassifierSpec, ScoringSpec
from wganlib.spec.stack import StackSpec

NO_AXES = {*random_set.FACTORS, "architecture", *GRID_LABELS}
"""Labels that are no axis of a group."""

PLAN_REPORTS = ("table1",)
"""Reports made from the plan alone, without a run."""


@dataclass(frozen=True)
class Experiment:
    """An experiment expanded at the plan's scale."""

    name: str
    params: ExperimentParams
    scale: ExperimentScale
    entries: tuple[Entry, ...]
    scoring: ScoringSpec

    @property
    def reports(self) -> tuple[str, ...]:
        """Names of its reports."""
        return (self.name,) if self.params.reports is None else self.params.reports

    @property
    def settings(self) -> Partial:
        """Settings of its measurements and figures at this scale."""
        return merged(self.params.settings, self.scale.settings)

    @cached_property
    def axes(self) -> dict[str, list[str]]:
        """The axes of its groups with those options that its runs have, in order."""
        found: dict[str, dict[str, None]] = {}
        for entry in self.entries:
            for axis, label in entry.labels.items():
                if axis not in NO_AXES:
                    found.setdefault(axis, {})[str(label)] = None
        return {axis: list(options) for axis, options in found.items()}

    @property
    def methods(self) -> list[str]:
        """The options of the axis `method`."""
        return self.axes.get("method", [])

    def spec_of(self, **labels: Any) -> Spec:
        """The spec of its first run with these labels."""
        return next(entry.spec for entry in self.entries if labels.items() <= entry.labels.items())

    def digest(self) -> str:
        """Changes with anything that its collected tables or reports depend on besides the runs' own files."""
        entries = [(entry.run, entry.group, entry.labels) for entry in self.entries]
        parts = [part.model_dump(mode="json", exclude_none=True) for part in (self.params, self.scale, self.scoring)]
        return hashlib.sha256(json.dumps([*parts, entries], sort_keys=True).encode()).hexdigest()[:10]


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
    _scorings: dict[str, tuple[str, ScoringSpec, DatasetSpec | None]] = field(default_factory=dict)

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
        return {report: e.name for e in self.experiments.values() for report in e.reports}

    def targets(self) -> dict[str, str]:
        """Every report `reports/<name>.pdf` of this scale with the title of its experiment."""
        tables = {report: self.experiments[name].params.title for report, name in self.reports().items()}
        return tables | {name: toy.params.title for name, toy in self.toys.items()}

    def shown(self) -> list[str]:
        """The experiments of the papers: those of the pilot and of the regression check are asked for by name."""
        return [name for name, e in self.experiments.items() if e.reports and "pilot" not in e.reports]

    def shown_reports(self) -> list[str]:
        """Their reports, and the toys'."""
        return [report for name in self.shown() for report in self.experiments[name].reports] + list(self.toys)

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
        for spec in {spec.dataset.name: spec.dataset for spec in (*self.runs.values(), *stacked)}.values():
            if not there(spec.name):
                how = "see docs/data.md" if spec.name in BY_HAND else f"wganlib data fetch {spec.name}"
                found.append(f"data set {spec.name!r} is not below {data_root()} ({how})")
        if any(how.network == "inception" for _, how, _ in self._scorings.values()) and not inception_weights().exists():
            found.append(f"Inception's weights are not at {inception_weights()} (fetched when first needed)")
        return sorted(found)

    def run_keys(self, experiment: str) -> list[str]:
        """The runs of an experiment, each once."""
        return list(dict.fromkeys(entry.run for entry in self.experiment(experiment).entries))

    def scoring_of(self, run: str) -> ScoringSpec:
        """How a run is scored."""
        return self._scorings[run][1]

    def classifier_of(self, run: str) -> ClassifierSpec | None:
        """The classifier that scores a run, that of its whole data set or of the experiment's judge; none without images."""
        budget, data, judge = self.params.classifier, self.runs[run].dataset, self._scorings[run][2]
        if data.shape.kind != "images" or self.scoring_of(run).network == "none":
            return None
        whole = data.model_copy(update={"train_limit": None})
        value = {"dataset": judge or whole, **budget.model_dump(exclude_none=True)}
        return ClassifierSpec(**value | ({"judged": whole} if judge else {}))

    def classifiers(self) -> dict[str, ClassifierSpec]:
        """The classifiers that score the runs, by their keys."""
        return {spec.key: spec for spec in map(self.classifier_of, self.runs) if spec is not None}

    def scoring_of_classifier(self, key: str) -> ScoringSpec:
        """How a classifier's real images are scored: as the runs that it judges."""
        return next(self.scoring_of(run) for run in self.runs if (spec := self.classifier_of(run)) and spec.key == key)

    def stack_seconds(self) -> dict[str, float]:
        """Estimated seconds of each stack's training by its key."""
        return {key: stack_seconds(stack, self.params.toy_throughput) for key, stack in self.stacks().items()}

    def add(self, experiment: Experiment, where: str) -> None:
        """Add an experiment and its runs.

        Raises:
            WganlibError: another experiment makes a report of that name, or scores a run that both have otherwise.
        """
        owners = self.reports()
        for report in experiment.reports:
            if report in owners:
                raise WganlibError(
                    f"{where}: reports: {report!r} is already made by experiment {owners[report]!r}; name it once"
                )
        for entry in experiment.entries:
            how = experiment.name, experiment.scoring, experiment.scale.judge
            first = self._scorings.setdefault(entry.run, how)
            if first[1:] != how[1:]:
                raise WganlibError(
                    f"{where}: experiments {first[0]!r} and {experiment.name!r} have the run {entry.run} (own or by runs_of), "
                    "but another scoring or judge: let both have the same"
                )
            self.runs.setdefault(entry.run, entry.spec)
        self.experiments[experiment.name] = experiment


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
    settings = {name: method.settings.model_dump(mode="json", exclude_none=True) for name, method in methods.items()}
    around = Surroundings(settings, scale_params.dataset.model_dump(mode="json", exclude_none=True), scale_params.width)
    experiments = _Folder(params / "experiments", scale, scale_paths, around)
    for name in experiments.names():
        where, read = str(experiments.paths[name]), experiments.params[name]
        at, entries = read.scales[scale], experiments.entries(name)
        how = merged(scale_params.scoring.model_dump(mode="json", exclude={"numerics"}, exclude_none=True), at.scoring)
        scoring = parse(ScoringSpec, how, f"{where}: scales.{scale}.scoring")
        experiment = Experiment(name, read, at, entries, scoring)
        _check_thresholds(experiment, f"{where}: scales.{scale}")
        plan.add(experiment, where)
    toys = _Folder(params / "toys", scale, scale_paths, around)
    for name in toys.names():
        if name in plan.reports():
            raise WganlibError(f"{toys.paths[name]}: experiment {plan.reports()[name]!r} has a report of this name")
        entries = toys.entries(name)
        source = next(iter(toys.params[name].runs_of), name)
        size = toys.params[source].scales[scale].runs_per_stack
        plan.toys[name] = toy(name, toys.params[name], toys.params[name].scales[scale], entries, size)
    return plan


class _Folder:
    """The experiments of a folder, and their expansions at a scale."""

    def __init__(self, folder: Path, scale: str, scales: Mapping[str, Path], around: Surroundings):
        self.scale, self.around = scale, around
        self.paths = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
        self.params = {name: parse(ExperimentParams, read_yaml(path), str(path)) for name, path in self.paths.items()}
        for name, params in self.params.items():
            for other in params.scales:
                if other not in scales:
                    raise WganlibError(f"{self.paths[name]}: scales: {unknown('scale', other, scales)}")
        self._expanded: dict[str, tuple[Entry, ...]] = {}

    def names(self) -> list[str]:
        """The experiments that exist at the scale."""
        return [name for name, params in self.params.items() if self.scale in params.scales]

    def entries(self, name: str, asked_by: tuple[str, ...] = ()) -> tuple[Entry, ...]:
        """An experiment's runs: those of other experiments first, then its own."""
        if name not in self._expanded:
            where, params = str(self.paths[name]), self.params[name]
            found: list[Entry] = []
            for other, wanted in params.runs_of.items():
                if other not in self.names() or other in (name, *asked_by):
                    others = set(self.names()) - {name, *asked_by}
                    raise WganlibError(f"{where}: runs_of: {unknown(f'experiment at scale {self.scale}', other, others)}")
                entries = self.entries(other, (*asked_by, name))
                _check_wanted(self.params[other], entries, wanted, f"{where}: runs_of.{other}")
                found += (e for e in entries if all(e.labels.get(axis) in options for axis, options in wanted.items()))
            try:
                found += expand(params, params.scales[self.scale], self.around, f"{where}: scales.{self.scale}")
            except WganlibError as error:
                text = str(error)
                raise WganlibError(text if text.startswith(where) else f"{where}: scales.{self.scale}: {text}") from None
            self._expanded[name] = tuple(found)
        return self._expanded[name]


def _check_wanted(params: ExperimentParams, entries: tuple[Entry, ...], wanted: dict[str, tuple[str, ...]], where: str) -> None:
    """Refuse axes and options that another experiment has at no scale: its runs would be left out silently."""
    known: dict[str, set[str]] = {}
    for group in params.groups.values():
        for axis, options in group.all_axes().items():
            known.setdefault(axis, set()).update(options)
    for entry in entries:
        for axis, label in entry.labels.items():
            if axis not in NO_AXES:
                known.setdefault(axis, set()).add(str(label))
    for axis, chosen in wanted.items():
        if axis not in known:
            raise WganlibError(f"{where}: {unknown('axis', axis, known)}")
        for option in chosen:
            if option not in known[axis]:
                raise WganlibError(f"{where}.{axis}: {unknown('option', option, known[axis])}")


def _method(path: Path, scale: str, scale_params: ScaleParams) -> MethodParams:
    data = read_yaml(path)
    method = parse(MethodParams, data, str(path))
    overrides = scale_params.methods.get(path.stem)
    if overrides is None:
        return method
    changed = data | {"settings": merged(data["settings"], overrides)}
    return parse(MethodParams, changed, f"{path} with the overrides of scales/{scale}.yaml")


def _check_thresholds(experiment: Experiment, where: str) -> None:
    """Table 2's tests compare two methods, once an architecture: more seeds would count one architecture several times."""
    if not {"table2", "pilot"} & set(experiment.reports):
        return
    settings = parse(ThresholdSettings, experiment.settings, f"{where}.settings")
    if "table2" not in experiment.reports:
        return
    scale = experiment.scale
    if len(experiment.methods) != 2:
        raise WganlibError(f"{where}: report table2 compares exactly two methods, found {len(experiment.methods)}")
    if len(scale.seeds) != 1 or scale.architectures in ("base", None) or scale.grid is not None:
        raise WganlibError(f"{where}: report table2 needs a number of architectures, exactly one seed, and no grid")
    if settings.primary_threshold is None:
        raise WganlibError(f"{where}: report table2 needs settings.primary_threshold, one of settings.thresholds")


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
