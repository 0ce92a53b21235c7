"""What an experiment's module sees, its collected tables, and what it gives: the content of a report."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from wganlib.judging.failures import with_result
from wganlib.judging.quantities import Findings
from wganlib.judging.score_names import ScoreColumns
from wganlib.planning.expansion import Experiment
from wganlib.planning.experiment import Partial
from wganlib.planning.params import MethodParams, Published


@dataclass(frozen=True)
class Tables:
    """An experiment's collected tables."""

    experiment: Experiment
    scale: str
    runs: pd.DataFrame
    """A row a run: `run`, `group`, its labels, `seed`, `outcome`, scores as they count, their standard errors, `seconds`."""
    snapshots: pd.DataFrame
    """The same labels, outcomes and scores at `generator_iteration`s on the way; 0 is the untrained generator."""
    curves: pd.DataFrame
    """Labels, `run`, and thinned rows of histories: `generator_iteration`, losses, `seconds`, and what a run records."""
    real: dict[str, Any]
    """By data set: its classifier's accuracy, `real_training_images` and `real_held_out_images` with their scores."""
    lines: dict[str, list[str]]
    """Generated lines of text by run."""
    facts: dict[str, Any]
    """Further facts of the measurement."""
    quantities: pd.DataFrame
    """What the experiment's module measured: a row a value, with the columns of `Findings.frame`."""
    arrays: dict[str, NDArray[Any]]
    """Arrays of the measurement, by name."""
    sheets: dict[str, Image.Image]
    """Sheets of samples by run, of the first seed."""
    methods: dict[str, MethodParams]
    published: Published

    @property
    def settings(self) -> Partial:
        """The experiment's settings at this scale."""
        return self.experiment.settings

    @property
    def columns(self) -> ScoreColumns:
        """The columns of the score that heads the report."""
        return self.experiment.scoring.columns

    @cached_property
    def results(self) -> pd.DataFrame:
        """The runs that have a result, those that diverged among them."""
        return with_result(self.runs)

    def options(self, axis: str) -> list[str]:
        """The options of an axis, in the experiment's order."""
        return self.experiment.axes.get(axis, [])

    def title(self, method: str) -> str:
        """A method's title, or the option's own words."""
        return self.methods[method].title if method in self.methods else method.replace("_", " ")

    def below(self, prefix: str) -> dict[str, NDArray[np.float64]]:
        """The arrays below `prefix/`, without it."""
        return {key[len(prefix) + 1 :]: value for key, value in self.arrays.items() if key.startswith(f"{prefix}/")}

    def mean(self, quantity: str, case: str | None = None) -> float:
        """Mean of a quantity over seeds, and over cases where none is given; not a number where it was not measured."""
        rows = self.quantities[self.quantities["quantity"] == quantity]
        return float((rows if case is None else rows[rows["case"] == case])["value"].mean())

    def text(self, quantity: str, case: str | None = None, form: str = ".2f") -> str:
        """The mean of a quantity in a caption."""
        return value_text(self.mean(quantity, case), form)

    def iterations(self, run: str) -> int:
        """The generator iterations of a run's budget."""
        return next(entry.spec.generator_iterations for entry in self.experiment.entries if entry.run == run)


class Table(NamedTuple):
    """A table of text: headings, rows, a caption; "|" before a heading sets a column to the left, others are right."""

    columns: list[str]
    rows: list[list[str]]
    caption: str
    rules: tuple[int, ...] = ()
    """Numbers of rows below which a thin rule stands."""


class Lines(NamedTuple):
    """Generated text, shown as it is."""

    title: str
    lines: list[str]


class Picture(NamedTuple):
    """A drawn figure and its caption: what is seen, in plain text."""

    figure: Figure
    caption: str


@dataclass
class Content:
    """What a report shows, in the order of its fields."""

    findings: Findings | None = None
    """Measured quantities; those of the collected tables when left out."""
    tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    lines: list[Lines] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Sentences below the claim: what a reader must know before the tables."""
    template: str = "experiment"
    """Name of the typst template."""
    numbers: dict[str, Any] = field(default_factory=dict)
    """What a template of its own reads besides the common numbers; laid over them."""
    files: dict[str, bytes] = field(default_factory=dict)
    """Further files that a template of its own reads."""


def rows_of(table: pd.DataFrame, **labels: Any) -> pd.DataFrame:
    """The rows with these labels."""
    for name, value in labels.items():
        table = table[table[name] == value]
    return table


def known(values: Iterable[Any]) -> NDArray[np.float64]:
    """Those values [n] that are numbers; infinite ones are."""
    numbers = np.array([float(v) for v in values if v is not None], dtype=np.float64)
    return numbers[~np.isnan(numbers)]


def finite(values: Iterable[Any]) -> NDArray[np.float64]:
    """Those values [n] that are finite numbers."""
    numbers = known(values)
    return numbers[np.isfinite(numbers)]


def mean(values: Iterable[Any]) -> float:
    """Mean of those values that are numbers; not a number without one, or with infinite ones of both signs."""
    numbers = known(values)
    with np.errstate(invalid="ignore"):
        return float(numbers.mean()) if len(numbers) else math.nan


def mean_sd(values: Iterable[Any], digits: int = 2) -> str:
    """Mean and standard deviation over seeds; one seed has no spread, and neither has an infinite mean.

    >>> mean_sd([1.0, 2.0]), mean_sd([1.5]), mean_sd([1.5, float("inf")]), mean_sd([float("nan")])
    ('1.50 ± 0.71', '1.50', '∞', '–')
    """
    numbers = known(values)
    average = number(mean(numbers), digits)
    if len(numbers) < 2 or np.isinf(numbers).any():
        return average
    return f"{average} ± {number(float(numbers.std(ddof=1)), digits)}"


def number(value: float | None, digits: int = 2) -> str:
    """A number in a table, a large one by its magnitude; a dash for none.

    >>> number(-1.234), number(693724732.8), number(float("inf")), number(None)
    ('−1.23', '6.9e+08', '∞', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    text = f"{value:.1e}" if abs(value) >= 1e6 else f"{value:.{digits}f}"
    return text.replace("-", "−").replace("inf", "∞")


def by_labels(table: pd.DataFrame, names: list[str]) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """Rows with equal labels together, in the order in which they first stand."""
    for labels, rows in table.groupby(names, sort=False, dropna=False):
        yield tuple("" if pd.isna(label) else str(label) for label in labels), rows


def value_text(value: float, form: str = ".2f") -> str:
    """A value in a caption, or that there is none.

    >>> value_text(0.123), value_text(float("nan"))
    ('0.12', 'not measured')
    """
    return "not measured" if math.isnan(value) else format(value, form)
