"""What the reports on Lipschitz GANs' runs on images share: which runs, and the penalty weight of each objective.

Zhou et al. 2019 show each objective at the weight of its best result (Table 2).
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from wganlib.collecting.collected import Tables
from wganlib.reporting.content import rows_of

WASSERSTEIN = "x"
STRICTLY_CONVEX = ("exp x", "−log σ(−x)", "x + √(x² + 1)", "(x + 1)²")
"""Objectives whose critic loss is strictly convex, so that the optimal critic has no free offset; x and the hinge are not."""


class Choice(NamedTuple):
    """A penalty weight, and the runs that it was chosen by."""

    weight: str
    distance: float
    """Mean final distance over seeds."""


def trained(tables: Tables, **labels: Any) -> pd.DataFrame:
    """The runs of Table 2 with these labels that have a result; the penalties' comparison is left out."""
    return rows_of(tables.results, group="objectives", **labels)


def chosen(tables: Tables, data: str, objective: str, without: int | None = None) -> Choice | None:
    """The penalty weight of the lowest mean final distance over seeds; one with a run that diverged is not chosen.

    `without`: a seed that has no part in the choice. None where at every weight a run diverged, or no run has a result.
    """
    choices = []
    for weight in tables.options("weight"):
        rows = trained(tables, data=data, objective=objective, weight=weight)
        distance = float(rows[rows["seed"] != without][tables.columns.distance].mean())
        if np.isfinite(distance):
            choices.append(Choice(weight, distance))
    return min(choices, key=lambda choice: choice.distance, default=None)
