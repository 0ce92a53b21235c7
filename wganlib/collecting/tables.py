"""Collected tables: their columns, how they are written and read, means per method."""

import io
import math
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from wganlib.errors import WganlibError, fenced
from wganlib.files import write_atomic
from wganlib.judging.failures import WORST, with_result

TEXT_COLUMNS = ("run", "settings", "commit", "device", "method", "outcome", "group")
"""Columns that stay text however they look: a hexadecimal digest may be all digits."""

LEAST_COLUMNS = ("run", "settings", "group", "seed", "outcome", "commit", "device", "threads", "seconds")
"""Columns of every runs.csv; labels, scores and measures with their standard errors stand beside them."""

CHECKED_COLUMNS = ("run", "settings", "architecture", "method", "seed", "outcome", "commit", "device")
"""Columns of the runs.csv that the regression check reads; the baseline names the scores."""

SHEETS = 60
"""Most runs whose sheets are kept."""


def ranking(runs: pd.DataFrame, score: str) -> pd.DataFrame:
    """The runs that have a result, from the best to the worst by this score; diverged runs last, ties by run key."""
    runs = with_result(runs)
    diverged = runs["outcome"] == "diverged"
    return runs.assign(diverged=diverged).sort_values(["diverged", score, "run"], ascending=[True, False, True])


def metrics(runs: pd.DataFrame, axes: list[str]) -> dict[str, dict[str, float | int | None]]:
    """For each combination of options the number of runs and of those that failed, and means and medians of scores.

    They are of the runs that have a result, as it counts; one that is infinite is None.
    """
    names = [axis for axis in axes if axis in runs] or ["group"]
    result = {}
    for labels, group in runs.groupby(names, sort=True, dropna=False):
        values: dict[str, float | int | None] = {"runs": len(group)}
        values |= {name: int((group["outcome"] == name).sum()) for name in ("diverged", "out_of_memory")}
        for name in (score for score in WORST if score in group and group[score].notna().any()):
            for statistic in ("mean", "median"):
                value = float(group[name].agg(statistic))
                values[f"{name}_{statistic}"] = round(value, 6) if math.isfinite(value) else None
        result[", ".join(str(label) for label in labels if not pd.isna(label))] = values
    return result


def read_table(path: Path, columns: Iterable[str], text: Iterable[str] = ()) -> pd.DataFrame:
    """A collected table that has at least these columns.

    `text`: further columns that stay text however they look.

    Raises:
        WganlibError: the file is missing or is not such a table.
    """
    absent = WganlibError(f"{path}: no such file; `wganlib collect` makes it")
    with fenced(path, "readable as a table", "collect the experiment again", absent):
        table = pd.read_csv(path, dtype=dict.fromkeys((*TEXT_COLUMNS, *text), "str"))
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise WganlibError(
            f"{path}: not a collected table: column {missing[0]!r} is missing; `wganlib collect` makes such tables"
        )
    return table


def write_table(path: Path, table: pd.DataFrame, float_format: str | None = None) -> None:
    """Write a table as CSV, atomically; numbers in the shortest form that reads back exactly, unless a format is given."""
    buffer = io.StringIO()
    table.to_csv(buffer, index=False, lineterminator="\n", float_format=float_format)
    write_atomic(path, buffer.getvalue().encode())


def shown(table: pd.DataFrame) -> list[str]:
    """The runs whose sheets are kept: those of the first seed, in the table's order."""
    return list(dict.fromkeys(table[table["seed"] == table["seed"].min()]["run"]))[:SHEETS]
