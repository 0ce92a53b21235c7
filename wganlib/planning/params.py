"""What `params/` may say: one model a file, and the reader of YAML. Importing this needs no torch."""

import itertools
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, model_validator

from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import WganlibError
from wganlib.fields import NonNegativeFloat, Part, PositiveFloat, PositiveInt
from wganlib.methods.method import MethodSpec
from wganlib.spec.scoring import ScoringSpec

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The faster safe loader, where PyYAML was built with it."""


class Config(Part):
    """`params/config.yaml`: what a plain `snakemake` builds, and at which scale."""

    scale: str
    targets: tuple[str, ...]


class ClassifierParams(Part):
    """Budget of the data set's classifier."""

    epochs: PositiveInt
    seed: Annotated[int, Field(ge=0)]
    resnet_width: PositiveInt | None = None


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


class ThresholdSettings(Part):
    """Settings of the experiments behind `table2` and `pilot`: the minimum scores that count as success."""

    thresholds: tuple[PositiveFloat, ...]
    main_thresholds: tuple[PositiveFloat, ...] = ()
    primary_threshold: PositiveFloat | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name in ("thresholds", "main_thresholds"):
            values = getattr(self, name)
            if any(b <= a for a, b in itertools.pairwise(values)):
                raise ValueError(f"{name} must increase, found {list(values)}")
        if not set(self.main_thresholds) <= set(self.thresholds):
            raise ValueError("main_thresholds must be among thresholds")
        if self.primary_threshold is not None and self.primary_threshold not in self.thresholds:
            raise ValueError(f"primary_threshold must be one of thresholds, found {self.primary_threshold}")
        return self


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


class PublishedRow(Part):
    """A row of scores of a paper's table: value, and what the paper prints behind ±, if anything."""

    name: str
    labels: dict[str, str] = {}
    """The options of an experiment's axes that it belongs to; none for a row that is not trained here."""
    inception_score: tuple[float, ...] | None = None
    frechet_inception_distance: tuple[float, ...] | None = None


class PublishedScores(Part):
    """A paper's table of scores."""

    source: str
    certainty: str
    spread: str
    """What stands behind ±."""
    rows: tuple[PublishedRow, ...]

    def of(self, score: str, **labels: str) -> str:
        """The row of these options as the paper prints it; a dash where it has none."""
        for row in self.rows:
            value = getattr(row, score)
            if row.labels and value and row.labels.items() <= labels.items():
                return " ± ".join(f"{v:.2f}" for v in value)
        return "–"


class PublishedCounts(Part):
    """Counts that a paper states in its text."""

    source: str
    certainty: str
    counts: dict[str, int]


class Published(Part):
    """`params/published.yaml`: the papers' numbers."""

    table2: PublishedTable
    scores: dict[str, PublishedScores]
    counts: dict[str, PublishedCounts]


def read_yaml(path: Path) -> Any:
    """Plain data of a YAML file.

    Raises:
        WganlibError: the file is missing or is not YAML.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
    except FileNotFoundError:
        raise WganlibError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise WganlibError(f"{path}: not readable as YAML ({' '.join(str(error).split())})") from None
