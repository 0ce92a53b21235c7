"""From parameters to runs: reads `params/`, validates it and expands every experiment. Importing this needs no torch."""

import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wganlib.datasets import DATASETS
from wganlib.datasets.data_root import data_root, inception_weights, there
from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import Model, WganlibError, parse, unknown
from wganlib.fields import Part
from wganlib.files import from_json, read_text
from wganlib.methods.method import MethodSpec
from wganlib.planning.cost import run_seconds, stack_seconds
from wganlib.planning.expansion import NO_AXES, Entry, Experiment, Surroundings, expand, merged
from wganlib.planning.experiment import ExperimentParams
from wganlib.planning.params import Config, MethodParams, Published, ScaleParams, named_files, read_yaml
from wganlib.planning.settings import RULES, SETTINGS
from wganlib.spec.run import Spec
from wganlib.spec.scoring import ClassifierSpec, ScoringSpec
from wganlib.spec.stack import StackSpec, parse_training, stacked

DEFAULT_RUNS_PER_STACK = 64


@dataclass
class Plan:
    """All runs of all experiments at one scale; a run that two experiments ask for stands once."""

    scale: str
    params: ScaleParams
    methods: dict[str, MethodParams]
    published: Published
    experiments: dict[str, Experiment] = field(default_factory=dict)
    runs: dict[str, Spec] = field(default_factory=dict)
    """Those that are trained one by one and scored, by their keys."""
    stacks: dict[str, StackSpec] = field(default_factory=dict)
    """Those that are trained many at once, by the stacks' keys."""
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
        """Every report `reports/<name>.pdf` of this scale with its title: the experiments that have one."""
        return {name: e.params.title for name, e in self.experiments.items() if e.params.report}

    def shown(self) -> list[str]:
        """The experiments whose reports are made with all others."""
        return [name for name in self.reports() if not self.experiments[name].params.on_request]

    def obstacles(self) -> list[str]:
        """What must be there before the plan can be trained and scored on this machine; empty if nothing is missing."""
        result = []
        stacked = (run for stack in self.stacks.values() for run in stack.runs)
        for spec in {spec.dataset.name: spec.dataset for spec in (*self.runs.values(), *stacked)}.values():
            if not there(spec.name):
                how = "see docs/data.md" if DATASETS[spec.name].by_hand else f"wganlib data fetch {spec.name}"
                result.append(f"data set {spec.name!r} is not below {data_root()} ({how})")
        if any(how.network == "inception" for _, how, _ in self._scorings.values()) and not inception_weights().exists():
            result.append(f"Inception's weights are not at {inception_weights()} (fetched when first needed)")
        return sorted(result)

    def scoring_of(self, run: str) -> ScoringSpec:
        """How a run is scored."""
        return self._scorings[run][1]

    def classifier_of(self, run: str) -> ClassifierSpec | None:
        """The classifier that scores a run, that of its whole data set or of the experiment's judge; none without images."""
        budget, data, judge = self.params.classifier, self.runs[run].dataset, self._scorings[run][2]
        if data.shape.kind != "images" or self.scoring_of(run).network == "none":
            return None
        whole = data.model_dump(mode="json", exclude_none=True, exclude={"train_limit"})
        judging = judge.model_dump(mode="json", exclude_none=True) if judge else whole
        value = {"dataset": judging, "threads": self.params.threads, **budget.model_dump(exclude_none=True)}
        value |= {"judged": whole} if judge else {}
        return parse(ClassifierSpec, value, f"the classifier for {data.name}")

    def classifiers(self) -> dict[str, ClassifierSpec]:
        """The classifiers that score the runs, by their keys."""
        return {spec.key: spec for spec in map(self.classifier_of, self.runs) if spec is not None}

    def scoring_of_classifier(self, key: str) -> ScoringSpec:
        """How a classifier's real images are scored: as the runs that it judges."""
        return next(self.scoring_of(run) for run in self.runs if (spec := self.classifier_of(run)) and spec.key == key)

    def seconds(self, key: str) -> float:
        """Estimated seconds of a training, a run's or a stack's, by its key: on the scale's device, stacks on one core."""
        if key in self.stacks:
            return stack_seconds(self.stacks[key], self.params.toy_throughput)
        return run_seconds(self.runs[key], self.params.throughput)

    def add(self, experiment: Experiment, where: str) -> None:
        """Add an experiment with its runs and stacks.

        Raises:
            WganlibError: another experiment scores a run that both have otherwise, or has a claim of the same id.
        """
        for entry in experiment.entries if experiment.params.scored else ():
            how = experiment.name, experiment.scoring, experiment.scale.judge
            first = self._scorings.setdefault(entry.run, how)
            if first[1:] != how[1:]:
                raise WganlibError(
                    f"{where}: experiments {first[0]!r} and {experiment.name!r} have the run {entry.run} (own or by runs_of), "
                    "but another scoring or judge: let both have the same"
                )
            self.runs.setdefault(entry.run, entry.spec)
        for other in self.experiments.values():
            if twice := sorted(other.params.claims.keys() & experiment.params.claims.keys()):
                raise WganlibError(f"{where}: claims: {twice[0]} stands in experiment {other.name!r} too: keep one of them")
        self.stacks |= {stack.key: stack for stack in experiment.stacks}
        self.experiments[experiment.name] = experiment


def load_plan(params: Path | str = "params", scale: str | None = None, only: str | None = None) -> Plan:
    """Read the parameters below `params` and expand every experiment that exists at the scale (default: that of config.yaml).

    `only`: the experiment that is expanded alone.

    Raises:
        WganlibError: no such folder, an unknown scale or method, a misspelt key, a value that is not allowed.
    """
    params = Path(params)
    scale = scale or configured_scale(params)
    scale_paths = named_files(_scales(params))
    if scale not in scale_paths:
        raise unknown("scale", scale, scale_paths)
    scale_params = parse(ScaleParams, read_yaml(scale_paths[scale]), str(scale_paths[scale]))
    methods = {name: _method(path, scale, scale_paths) for name, path in named_files(params / "methods").items()}
    published = parse(Published, read_yaml(params / "published.yaml"), str(params / "published.yaml"))
    plan = Plan(scale, scale_params, methods, published)
    settings = {name: method.settings.model_dump(mode="json", exclude_none=True) for name, method in methods.items()}
    data = scale_params.dataset.model_dump(mode="json", exclude_none=True)
    around = Surroundings(settings, data, scale_params.width, scale_params.threads)
    folder = _Folder(params / "experiments", scale, scale_paths, around)
    for name in folder.names():
        if only not in (None, name):
            continue
        where, read = str(folder.paths[name]), folder.params[name]
        at = read.scales[scale]
        how = merged(scale_params.scoring.model_dump(mode="json", exclude={"numerics"}, exclude_none=True), at.scoring)
        scoring = parse(ScoringSpec, how, f"{where}: scales.{scale}.scoring")
        experiment = Experiment(name, read, at, folder.entries(name), scoring, folder.stacks(name))
        _check_module(experiment, scale, where)
        plan.add(experiment, where)
        _check_scoring(plan, experiment, where)
    return plan


def configured_scale(params: Path) -> str:
    """The scale that stands in config.yaml.

    Raises:
        WganlibError: no such folder, or the file is missing or wrong.
    """
    path = _scales(params).parent / "config.yaml"
    return parse(Config, read_yaml(path), str(path)).scale


def configured_targets(params: Path) -> tuple[str, ...]:
    """The targets that stand in config.yaml.

    Raises:
        WganlibError: see `configured_scale`.
    """
    path = _scales(params).parent / "config.yaml"
    return parse(Config, read_yaml(path), str(path)).targets


def _scales(params: Path) -> Path:
    if not (params / "scales").is_dir():
        raise WganlibError(
            f"{params / 'scales'}: no such folder; run this in the project's folder, or name its folder of parameters "
            "(--params DIR, in Python `params`)"
        )
    return params / "scales"


class _Folder:
    """The experiments of a folder, and their expansions at a scale."""

    def __init__(self, folder: Path, scale: str, scales: Mapping[str, Path], around: Surroundings):
        self.scale, self.around = scale, around
        self.paths, self.params = named_files(folder), dict[str, ExperimentParams]()
        for name, path in self.paths.items():
            data = read_yaml(path)
            # A misspelt method would be told elsewhere, as an option that others name and that is not there.
            for place, method in _methods_in(data):
                if method not in around.methods:
                    raise WganlibError(f"{path}: {place}: {unknown('method', method, around.methods)}")
            params = self.params[name] = parse(ExperimentParams, data, str(path))
            for other in params.scales:
                if other not in scales:
                    raise WganlibError(f"{path}: scales: {unknown('scale', other, scales)}")
        self._expanded: dict[str, tuple[Entry, ...]] = {}
        self._own: dict[str, tuple[Entry, ...]] = {}

    def names(self) -> list[str]:
        """The experiments that exist at the scale."""
        return [name for name, params in self.params.items() if self.scale in params.scales]

    def entries(self, name: str, asked_by: tuple[str, ...] = ()) -> tuple[Entry, ...]:
        """An experiment's runs: those of other experiments first, then its own."""
        if name not in self._expanded:
            where, params = str(self.paths[name]), self.params[name]
            result: list[Entry] = []
            for other, wanted in params.runs_of.items():
                if other not in self.names() or other in (name, *asked_by):
                    others = set(self.names()) - {name, *asked_by}
                    raise WganlibError(f"{where}: runs_of: {unknown(f'experiment at scale {self.scale}', other, others)}")
                if params.trained and self.params[other].stacked != params.stacked:
                    kind = "stacked" if self.params[other].stacked else "not stacked"
                    raise WganlibError(f"{where}: stacked: runs_of {other!r}, which is {kind}: let both be alike")
                entries = self.entries(other, (*asked_by, name))
                _check_wanted(self.params[other], entries, wanted, f"{where}: runs_of.{other}")
                result += (e for e in entries if all(e.labels.get(axis) in options for axis, options in wanted.items()))
            try:
                own = tuple(expand(params, params.scales[self.scale], self.around, f"{where}: scales.{self.scale}"))
            except WganlibError as error:
                text = str(error)
                raise WganlibError(text if text.startswith(where) else f"{where}: scales.{self.scale}: {text}") from None
            self._own[name], self._expanded[name] = own, (*result, *own)
        return self._expanded[name]

    def stacks(self, name: str) -> tuple[StackSpec, ...]:
        """The stacks that an experiment's runs are trained in: other experiments' runs in theirs, so that these train once."""
        params, keys = self.params[name], {entry.run for entry in self.entries(name)}
        if not (params.stacked and params.trained):
            return ()
        size = params.scales[self.scale].runs_per_stack or DEFAULT_RUNS_PER_STACK
        borrowed = (stack for other in params.runs_of for stack in self.stacks(other) if keys & {run.key for run in stack.runs})
        own = stacked([entry.spec for entry in self._own[name]], size)
        return tuple({stack.key: stack for stack in (*borrowed, *own)}.values())


def _methods_in(value: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """The methods that an experiment's file names, each with the place where it does."""
    for key, part in value.items() if isinstance(value, dict) else ():
        here = (*place, key)
        if (key == "use" and place[-1:] == ("method",)) or (key == "methods" and place[:1] == ("groups",) and len(place) == 2):
            names = part if isinstance(part, list) else [part]
            yield from ((".".join(here), name) for name in map(str, names))
        else:
            yield from _methods_in(part, here)


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


def _method(path: Path, scale: str, scales: Mapping[str, Path]) -> MethodParams:
    """A method as it is at a scale; what it is at others does not stand in it, so that it makes no report old."""
    data = read_yaml(path)
    method = parse(MethodParams, data, str(path))
    for name in method.scales:
        if name not in scales:
            raise WganlibError(f"{path}: scales: {unknown('scale', name, scales)}")
    settings = merged(data["settings"], method.scales.get(scale, {}))
    return method.model_copy(update={"settings": parse(MethodSpec, settings, f"{path}: scales.{scale}"), "scales": {}})


def _check_scoring(plan: Plan, experiment: Experiment, where: str) -> None:
    """Refuse data that cannot be scored as the experiment says: else it would be told when its runs are trained."""
    entries = experiment.entries if experiment.params.scored else ()
    for entry in {entry.spec.dataset: entry for entry in entries}.values():
        try:
            experiment.scoring.check(entry.spec.dataset, experiment.scale.judge)
            plan.classifier_of(entry.run)
        except (ValueError, WganlibError) as error:
            raise WganlibError(f"{where}: scales.{plan.scale}: {error}") from None


def _check_module(experiment: Experiment, scale: str, where: str) -> None:
    """Refuse a report without a module, settings at any scale that the module does not take, and runs that do not suit it.

    The room of experiments stands above this one, which knows of it by name alone.
    """
    if experiment.params.report and importlib.util.find_spec(f"wganlib.experiments.{experiment.name}") is None:
        raise WganlibError(
            f"{where}: there is no module wganlib/experiments/{experiment.name}.py: add it, with `report(tables)`, or set "
            "report to false"
        )
    model = SETTINGS.get(experiment.name, Part)
    for name, at in experiment.params.scales.items():
        parse(model, merged(experiment.params.settings, at.settings), f"{where}: settings at scale {name}")
    for rule in RULES.get(experiment.name, ()):
        try:
            rule(experiment)
        except ValueError as error:
            raise WganlibError(f"{where}: scales.{scale}: {experiment.name} {error}") from None


def read_spec(model: type[Model], source: str, where: str) -> Model:
    """A spec of a classifier, a scoring or a data set, from JSON text or from the path of a file that holds it.

    Raises:
        WganlibError: it is missing, is not JSON, has a key twice, or does not fit the model.
    """
    return parse(model, *_plain(source, where))


def read_training(source: str, where: str) -> Spec | StackSpec:
    """A spec of a run or of a stack, as `read_spec`."""
    return parse_training(*_plain(source, where))


def _plain(source: str, where: str) -> tuple[Any, str]:
    """Plain data of JSON text or of a file, and how messages name them."""
    try:
        if not source.lstrip().startswith("{"):
            where = source
            source = read_text(Path(source))
        return from_json(source, where), where
    except ValueError as error:
        raise WganlibError(
            f"{where}: not readable as JSON ({error}); a spec is JSON, as `wganlib plan --write DIR` writes it"
        ) from None
