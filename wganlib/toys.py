"""Experiments on toy distributions: what `params/toys/` may say, and their expansion into runs and stacks. Needs no torch."""

import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from wganlib.errors import WganlibError, parse, unknown
from wganlib.params import merged, read_yaml
from wganlib.parts import Part, PositiveInt
from wganlib.spec import Spec
from wganlib.stacks import StackSpec, stacked

Partial = dict[str, Any]
Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]


class Group(Part):
    """Runs that are one run's spec but for the options of some axes, each option a part of a spec, and the seed."""

    spec: Partial
    axes: dict[str, dict[str, Partial]] = {}


class ToyScale(Part):
    """What an experiment asks for at one scale."""

    seeds: Seeds
    runs_per_stack: PositiveInt = 64
    spec: Partial = {}
    """Parts of the spec of every run."""
    groups: dict[str, Partial] = {}
    """Parts of the specs of one group's runs."""
    group_seeds: dict[str, Seeds] = {}
    """The seeds of a group that has not those of all."""
    only: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = {}
    """The options of an axis that this scale has; all when left out."""
    settings: Partial = {}
    """Settings of the analysis that this scale has otherwise."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for seeds in (self.seeds, *self.group_seeds.values()):
            if len(set(seeds)) != len(seeds):
                raise ValueError(f"seeds must be distinct, found {list(seeds)}")
        return self


class ToyParams(Part):
    """`params/toys/<name>.yaml`: runs, what is measured on them, and a figure, `reports/<name>.pdf`."""

    title: str
    source: str
    claim: str
    """What the paper says that its figure shows."""
    unspecified: tuple[str, ...] = ()
    """What the paper leaves open, and what stands here instead; the report lists it."""
    groups: dict[str, Group] = {}
    runs_of: str | None = None
    """Another experiment whose runs are measured."""
    settings: Partial = {}
    scales: dict[str, ToyScale]

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.runs_of is not None and self.groups:
            raise ValueError("runs_of takes another experiment's runs: leave groups out, or runs_of")
        axes: dict[str, set[str]] = {}
        for group in self.groups.values():
            for axis, options in group.axes.items():
                axes.setdefault(axis, set()).update(options)
        for name, scale in self.scales.items():
            for key, names in (("groups", scale.groups), ("group_seeds", scale.group_seeds)):
                for chosen in names:
                    if chosen not in self.groups:
                        raise ValueError(f"scales.{name}.{key}: {unknown('group', chosen, self.groups)}")
            if self.runs_of is not None and (scale.spec or scale.groups or scale.only or scale.group_seeds):
                raise ValueError(f"scales.{name}: with runs_of a scale has seeds and settings alone")
            for axis, kept in scale.only.items():
                if axis not in axes:
                    raise ValueError(f"scales.{name}.only: {unknown('axis', axis, axes)}")
                for option in kept:
                    if option not in axes[axis]:
                        raise ValueError(f"scales.{name}.only.{axis}: {unknown('option', option, axes[axis])}")
        return self


@dataclass(frozen=True)
class ToyRun:
    """A run's place in an experiment: the group and the options that it stands for."""

    spec: Spec
    group: str
    labels: dict[str, str]


@dataclass(frozen=True)
class Toy:
    """An experiment expanded at a scale."""

    name: str
    params: ToyParams
    scale: ToyScale
    runs: tuple[ToyRun, ...]
    stacks: tuple[StackSpec, ...]

    @property
    def settings(self) -> Partial:
        """Settings of the analysis at this scale."""
        return merged(self.params.settings, self.scale.settings)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of its runs, or its own where it has none."""
        return tuple(sorted({run.spec.seed for run in self.runs})) or self.scale.seeds

    def digest(self) -> str:
        """Changes with anything that its tables and figures depend on besides the stacks' own files."""
        runs = [(run.spec.canonical(), run.group, run.labels) for run in self.runs]
        value = [self.params.model_dump(mode="json"), self.scale.model_dump(mode="json"), runs]
        return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:10]


def load_toys(params: Path, scale: str) -> dict[str, Toy]:
    """Every experiment of `params/toys/` that exists at the scale, by name.

    Raises:
        WganlibError: a misspelt key, a value that is not allowed, or an unknown experiment in `runs_of`.
    """
    paths = {path.stem: path for path in sorted((params / "toys").glob("*.yaml"))}
    read = {name: parse(ToyParams, read_yaml(path), str(path)) for name, path in paths.items()}
    found = {}
    for name, toy in read.items():
        if scale not in toy.scales:
            continue
        source, where = toy, str(paths[name])
        if toy.runs_of is not None:
            if toy.runs_of not in read or scale not in read[toy.runs_of].scales:
                raise WganlibError(f"{where}: runs_of: {unknown(f'experiment at scale {scale}', toy.runs_of, read)}")
            source, where = read[toy.runs_of], str(paths[toy.runs_of])
        at = source.scales[scale]
        runs = tuple(_runs(source, at, f"{where}: scales.{scale}"))
        stacks = tuple(stacked([run.spec for run in runs], at.runs_per_stack))
        found[name] = Toy(name, toy, toy.scales[scale], runs, stacks)
    return found


def _runs(toy: ToyParams, scale: ToyScale, where: str) -> Iterator[ToyRun]:
    for name, group in toy.groups.items():
        axes = {
            axis: {label: part for label, part in options.items() if label in scale.only.get(axis, options)}
            for axis, options in group.axes.items()
        }
        for axis, options in axes.items():
            if not options:
                raise WganlibError(f"{where}: only.{axis} leaves group {name!r} without runs: keep one of its options")
        seeds = scale.group_seeds.get(name, scale.seeds)
        for seed, chosen in itertools.product(seeds, itertools.product(*(options.items() for options in axes.values()))):
            labels = {axis: label for axis, (label, _) in zip(axes, chosen, strict=True)}
            value: Partial = {"seed": seed}
            for _, part in chosen:
                value = merged(value, part)
            # What a scale says goes above what an option says, as with methods.
            value = merged(merged(group.spec, value), merged(scale.spec, scale.groups.get(name, {})))
            spec = parse(Spec, value, f"{where}: {name} {' '.join(labels.values())}".rstrip())
            yield ToyRun(spec, name, labels)
