"""The figures on toy distributions: one module an experiment of `params/toys/`, its name the same.

Each has `draw(data)`, which gives the figure's pictures with their captions, and sees collected tables alone.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray


@dataclass(frozen=True)
class Data:
    """An analysis as it was written: arrays, measured quantities, facts, and the experiment's settings."""

    arrays: dict[str, NDArray[Any]]
    quantities: pd.DataFrame
    facts: dict[str, Any]
    settings: dict[str, Any]

    def below(self, prefix: str) -> dict[str, NDArray[np.float64]]:
        """The arrays below `prefix/`, without it."""
        return {key[len(prefix) + 1 :]: value for key, value in self.arrays.items() if key.startswith(f"{prefix}/")}

    def mean(self, quantity: str, case: str | None = None) -> float:
        """Mean of a quantity over seeds, and over cases where none is given; not a number where it was not measured."""
        rows = self.quantities[self.quantities["quantity"] == quantity]
        return float((rows if case is None else rows[rows["case"] == case])["value"].mean())

    def told(self, quantity: str, case: str | None = None, form: str = ".2f") -> str:
        """The mean in a caption."""
        return told(self.mean(quantity, case), form)


def told(value: float, form: str = ".2f") -> str:
    """A value in a caption, or that there is none.

    >>> told(0.123), told(float("nan"))
    ('0.12', 'not measured')
    """
    return "not measured" if np.isnan(value) else format(value, form)


class Picture(NamedTuple):
    """A drawn figure and its caption: what is seen, in plain text."""

    figure: Figure
    caption: str
