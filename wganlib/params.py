"""What `params/` may say: one model a file, and the reader of YAML. Importing this needs no torch."""

import itertools
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, field_validator, model_validator

from wganlib.errors import WganlibError
from wganlib.method import MethodSpec
from wganlib.parts import NonNegativeFloat, Part, PositiveFloat, PositiveInt
from wganlib.spec import DatasetSpec, ScoringSpec


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


class StackThroughput(Throughput):
    """The same for stacks, whose layer calls are shared by all their runs.

    Beside operations and layer calls count: each critic step, each run's drawing of a batch, each critic weight's update.
    """

    seconds_per_step: NonNegativeFloat
    seconds_per_draw: NonNegativeFloat
    seconds_per_weight: NonNegativeFloat


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
    toy_throughput: StackThroughput
    """Of the machine that trains the stacks of `params/toys/`."""
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


def merged(base: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """`base` with the keys of `overrides`, nested mappings key by key."""
    result = dict(base)
    for key, value in overrides.items():
        nested = isinstance(value, dict) and isinstance(base.get(key), dict)
        result[key] = merged(base[key], value) if nested else value
    return result
