"""Measured quantities with their criteria; what toys' analyses and experiments' reports write down. Needs no torch."""

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True)
class Quantity:
    """Something that is measured: what it is, with its unit, and the value that would be in the paper's sense, if there is one.

    `criterion`: "> x", ">= x", "< x", "<= x", "in [a, b]", or "within x", which is of the expected value.
    """

    title: str
    criterion: str | None = None
    ours: bool = False
    """Whether the criterion is this project's and not one of the protocol, docs/experiments.md."""


@dataclass
class Findings:
    """Measured quantities, one row each, arrays for the figure, and facts for its caption."""

    quantities: dict[str, Quantity]
    rows: list[dict[str, Any]] = field(default_factory=list)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, value: float, case: str = "", seed: int | None = None, expected: float | None = None) -> None:
        """One value of a quantity. `case`: what it was measured on; `seed`: none where chance plays no part."""
        criterion = self.quantities[name].criterion
        row = {"quantity": name, "case": case, "seed": seed, "value": float(value), "expected": expected}
        self.rows.append(row | {"criterion": criterion})

    def frame(self) -> pd.DataFrame:
        """The rows as a table."""
        table = pd.DataFrame(self.rows, columns=["quantity", "case", "seed", "value", "expected", "criterion"])
        table["seed"] = table["seed"].astype("Int64")
        return table


_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def meets(criterion: str, value: float, expected: float | None = None) -> bool:
    """Whether a value is as a criterion says; one that is not a number never is.

    >>> meets("> 0.9", 0.95), meets("in [0.9, 1.3]", 1.4), meets("within 0.1", 2.05, 2.0)
    (True, False, True)

    Raises:
        ValueError: a criterion of none of the forms in `Quantity`.
    """
    if math.isnan(value):
        return False
    words = criterion.split()
    if len(words) == 2 and words[0] in _COMPARISONS:
        return _COMPARISONS[words[0]](value, float(words[1]))
    if len(words) == 2 and words[0] == "within" and expected is not None:
        return abs(value - expected) <= float(words[1])
    interval = re.fullmatch(r"in \[(.+), (.+)\]", criterion)
    if interval is None:
        raise ValueError(f"criterion {criterion!r}: allowed are '> x', '>= x', '< x', '<= x', 'in [a, b]', 'within x'")
    return float(interval[1]) <= value <= float(interval[2])
