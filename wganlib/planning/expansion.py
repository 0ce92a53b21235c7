"""How groups and axes of an experiment become runs. Needs no torch."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from wganlib.architectures.families import random_set
from wganlib.errors import WganlibError, parse
from wganlib.planning.experiment import (
    GRID_LABELS,
    KINDS,
    ExperimentParams,
    ExperimentScale,
    Grid,
    Group,
    Label,
    Partial,
    RandomSet,
)
from wganlib.spec.run import Spec
from wganlib.spec.scoring import ScoringSpec
from wganlib.spec.stack import StackSpec

NO_AXES = {*random_set.FACTORS, "architecture", *GRID_LABELS}
"""Labels that are no axis of a group."""


@dataclass(frozen=True)
class Entry:
    """A run's place in an experiment: the group and the options that it stands for."""

    spec: Spec
    group: str
    labels: dict[str, Label]

    @cached_property
    def run(self) -> str:
        """The run's key."""
        return self.spec.key


@dataclass(frozen=True)
class Surroundings:
    """What specs of an experiment may refer to: the scale's data, width and threads, and the methods' settings by name."""

    methods: Mapping[str, Partial]
    dataset: Partial
    width: float
    threads: int


@dataclass(frozen=True)
class Experiment:
    """An experiment expanded at the plan's scale."""

    name: str
    params: ExperimentParams
    scale: ExperimentScale
    entries: tuple[Entry, ...]
    scoring: ScoringSpec
    """How its runs are scored, where they are."""
    stacks: tuple[StackSpec, ...] = ()

    @property
    def settings(self) -> Partial:
        """Settings of its measurements and figures at this scale."""
        return merged(self.params.settings, self.scale.settings)

    @property
    def trained_entries(self) -> tuple[Entry, ...]:
        """Its runs, if they must be trained for it."""
        return self.entries if self.params.trained else ()

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of its runs, or its own where it has none."""
        return tuple(sorted({entry.spec.seed for entry in self.entries})) or self.scale.seeds or ()

    @cached_property
    def axes(self) -> dict[str, list[str]]:
        """The axes of its groups with those options that its runs have, in order."""
        options: dict[str, dict[str, None]] = {}
        for entry in self.entries:
            for axis, label in entry.labels.items():
                if axis not in NO_AXES:
                    options.setdefault(axis, {})[str(label)] = None
        return {axis: list(chosen) for axis, chosen in options.items()}

    @property
    def methods(self) -> list[str]:
        """The options of the axis `method`."""
        return self.axes.get("method", [])

    @cached_property
    def run_keys(self) -> list[str]:
        """Its runs, each once."""
        return list(dict.fromkeys(entry.run for entry in self.entries))

    def spec_of(self, **labels: Any) -> Spec:
        """The spec of its first run with these labels."""
        return next(entry.spec for entry in self.entries if labels.items() <= entry.labels.items())


def merged(base: Partial, overrides: Partial) -> Partial:
    """`base` with the keys of `overrides`, nested mappings key by key; one of another kind, family or name replaces it whole.

    >>> merged({"a": {"kind": "x", "b": 1}}, {"a": {"c": 2}}), merged({"a": {"kind": "x", "b": 1}}, {"a": {"kind": "y"}})
    ({'a': {'kind': 'x', 'b': 1, 'c': 2}}, {'a': {'kind': 'y'}})
    """
    result = dict(base)
    for key, value in overrides.items():
        there = base.get(key)
        if (
            isinstance(value, dict)
            and isinstance(there, dict)
            and all(there.get(k, v) == v for k, v in value.items() if k in KINDS)
        ):
            result[key] = merged(there, value)
        else:
            result[key] = value
    return result


def expand(params: ExperimentParams, scale: ExperimentScale, around: Surroundings, where: str) -> Iterator[Entry]:
    """An experiment's own runs at a scale, seed by seed.

    Raises:
        WganlibError: a group is left without runs, or a spec is not allowed.
    """
    for name, group in params.groups.items():
        axes = {
            axis: {label: part for label, part in options.items() if label in scale.only.get(axis, options)}
            for axis, options in group.all_axes().items()
        }
        for axis, options in axes.items():
            if not options:
                raise WganlibError(f"{where}: only.{axis} leaves group {name!r} without runs: keep one of its options")
        seeds = scale.group_seeds.get(name, scale.seeds or ())
        drawn = _architectures(group, scale)
        for seed, (label, factors) in itertools.product(seeds, drawn):
            for chosen in itertools.product(*(options.items() for options in axes.values())):
                labels: dict[str, Label] = ({"architecture": label, **factors} if factors else {}) | {
                    axis: option for axis, (option, _) in zip(axes, chosen, strict=True)
                }
                threads = {} if params.stacked else {"threads": around.threads}
                value = threads | _merged(group, scale, name, chosen, list(axes)) | {"seed": seed}
                place = f"{where}: {name} {' '.join(option for option, _ in chosen)}".rstrip()
                for spec, tried in _specs(value, scale.grid, group.random_set, factors, around, place):
                    yield Entry(spec, name, labels | tried)


def _architectures(group: Group, scale: ExperimentScale) -> list[tuple[Label, dict[str, Any]]]:
    """Labels and factors of the random set's architectures, from 1; a single empty one for a group that has none."""
    if group.random_set is None or scale.architectures is None:
        return [("", {})]
    if scale.architectures == "base":
        return [("base", random_set.BASE)]
    return list(enumerate(random_set.sample(scale.architectures), 1))


def _merged(
    group: Group, scale: ExperimentScale, name: str, chosen: tuple[tuple[str, Partial], ...], axes: list[str]
) -> Partial:
    value = group.spec
    for _, part in chosen:
        value = merged(value, part)
    value = merged(value, scale.spec)
    for axis, (option, _) in zip(axes, chosen, strict=True):
        value = merged(value, scale.options.get(axis, {}).get(option, {}))
    return merged(value, scale.groups.get(name, {}))


def _specs(
    value: Partial, grid: Grid | None, drawn: RandomSet | None, factors: dict[str, Any], around: Surroundings, where: str
) -> Iterator[tuple[Spec, dict[str, Label]]]:
    """The spec that a merged value stands for; with a grid one for each of its learning rates."""
    method = dict(value.get("method", {}))
    if "use" in method:
        method = merged(around.methods[method.pop("use")], method)
    dataset = merged({"dataset": around.dataset}, {"dataset": value.get("dataset", {})})["dataset"]
    value = value | {"dataset": dataset, "method": method}
    if drawn is not None:
        # What the constraint allows of a normalised critic.
        allowed: dict[str, Literal["none", "layer"]] = {"gradient_penalty": "layer", "spectral_normalization": "none"}
        norm: Literal["none", "batch", "layer"] = allowed.get(method.get("constraint", {}).get("kind", ""), "batch")
        architecture = random_set.architecture(factors, width=around.width, critic_norm=norm)
        value["architecture"] = architecture.model_dump(mode="json", exclude_none=True)
        if factors["critic_normalized"]:
            method["critic_l2"] = drawn.critic_l2_when_normalized
        if drawn.sub_batches > 1:
            method |= {"generator_sub_batches": drawn.sub_batches} if architecture.generator_normalization == "batch" else {}
            method |= {"critic_sub_batches": drawn.sub_batches} if architecture.critic_normalization == "batch" else {}
    if grid is None:
        yield parse(Spec, value, where), {}
        return
    for rate, factor in itertools.product(grid.learning_rates, grid.critic_factors):
        rates = {"generator_optimizer": {"learning_rate": rate}, "critic_optimizer": {"learning_rate": rate * factor}}
        tried = value | {"method": merged(method, rates)}
        yield parse(Spec, tried, where), dict(zip(GRID_LABELS, (rate, factor), strict=True))
