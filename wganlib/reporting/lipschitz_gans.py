"""What the experiments on Lipschitz GANs' runs on images share."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from wganlib.collecting.collected import Tables
from wganlib.reporting.content import rows_of


def labels_of(row: dict[Any, Any]) -> dict[str, Any]:
    """A run's labels, those that it has."""
    names = ("group", "data", "objective", "weight", "penalty")
    return {name: str(row[name]) for name in names if not (row.get(name) is None or _missing(row[name]))}


def _missing(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def histories(tables: Tables, table: pd.DataFrame) -> Iterator[tuple[dict[Any, Any], pd.DataFrame]]:
    """Each run that ended, with its rows of the snapshots or of the curves in order; without those that have none."""
    ended = rows_of(tables.runs, outcome="ok").to_dict("records")
    parts = dict(iter(table.groupby(["run", "group"], sort=False))) if len(table) else {}
    for run in ended:
        if (rows := parts.get((run["run"], run["group"]))) is not None:
            yield run, rows.sort_values("generator_iteration")


def log_distances(tables: Tables) -> pd.DataFrame:
    """The runs that have a result, those that diverged among them, with the logarithm of their distance."""
    distance = tables.results[tables.columns.distance].astype(float)
    return tables.results.assign(log_distance=np.log(distance))


def last_half(curve: pd.DataFrame) -> pd.DataFrame:
    """The last half of a run's logged iterations, which are in order."""
    return curve.iloc[len(curve) // 2 :]
