"""What an experiment's module gives: the content of a report, and how numbers are written in it."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray


class Number(NamedTuple):
    """A number with its decimals."""

    value: float
    digits: int = 2


class Spread(NamedTuple):
    """Mean and standard deviation over seeds; one seed has no spread, nor has an infinite mean."""

    mean: float
    sd: float
    digits: int = 2


class Effect(NamedTuple):
    """A mean with its 95 % interval, which fewer than two or infinite values do not have (not numbers)."""

    effect: float
    low: float
    high: float
    digits: int = 2


class PValue(NamedTuple):
    """A p value."""

    p: float


class Count(NamedTuple):
    """So many of all."""

    cases: int
    of: int


Cell = str | int | None | Number | Spread | Effect | PValue | Count
"""What stands in a table; numbers stay numbers in the report's JSON, and the template writes them."""


class Table(NamedTuple):
    """Headings, rows, a caption; "|" before a heading sets a column to the left, others are right."""

    columns: list[str]
    rows: Sequence[Sequence[Cell]]
    caption: str
    rules: tuple[int, ...] = ()
    """Numbers of rows below which a thin rule stands."""
    quiet: tuple[int, ...] = ()
    """Numbers of columns that are set in grey: what stands beside for comparison, as a paper's values."""


class Lines(NamedTuple):
    """Generated text, shown as it is."""

    title: str
    lines: list[str]


class Picture(NamedTuple):
    """A drawn figure and its caption: what is seen, in plain text."""

    figure: Figure
    caption: str
    after: bool = False
    """Whether it stands after the tables; the first picture never does."""


@dataclass
class Content:
    """What a report shows, in the order of its fields."""

    tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    lines: list[Lines] = field(default_factory=list)
    template: str = "experiment"
    """Name of the typst template."""
    numbers: dict[str, Any] = field(default_factory=dict)
    """What a template of its own reads besides the common numbers; laid over them."""
    files: dict[str, bytes] = field(default_factory=dict)
    """Further files that a template of its own reads."""


def rows_of(table: pd.DataFrame, **labels: Any) -> pd.DataFrame:
    """The rows with these labels; none where the table has no such labels."""
    for name, value in labels.items():
        table = table[table[name] == value] if name in table else table[:0]
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


def spread(values: Iterable[Any], digits: int = 2) -> Spread:
    """Mean and standard deviation over seeds of those values that are numbers.

    >>> spread([1.0, 2.0]).mean, spread([1.5, float("inf")]).mean
    (1.5, inf)
    """
    numbers = known(values)
    alone = len(numbers) < 2 or np.isinf(numbers).any()
    return Spread(mean(numbers), math.nan if alone else float(numbers.std(ddof=1)), digits)


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
    table = table.assign(**{name: np.nan for name in names if name not in table})
    for labels, rows in table.groupby(names, sort=False, dropna=False):
        yield tuple("" if pd.isna(label) else str(label) for label in labels), rows


def value_text(value: float, form: str = ".2f") -> str:
    """A value in a caption, or that there is none.

    >>> value_text(0.123), value_text(float("nan"))
    ('0.12', 'not measured')
    """
    return "not measured" if math.isnan(value) else format(value, form)
