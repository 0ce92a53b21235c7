"""Collected tables: their columns, how they are written and read, means per method."""

import io
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from wganlib.errors import WganlibError
from wganlib.files import write_atomic

TEXT_COLUMNS = ("run", "settings", "commit", "device", "method", "outcome", "group")
"""Columns that stay text however they look: a hexadecimal digest may be all digits."""

SCORE_COLUMNS = (
    "outcome",
    "classifier_score",
    "classifier_score_split_std",
    "frechet_classifier_distance",
    "frechet_classifier_distance_standard_error",
    "untrained_classifier_score",
)


RUN_COLUMNS = ("run", "settings", "architecture", "method", "seed", *SCORE_COLUMNS, "commit", "device", "threads", "seconds")
"""Columns of a runs.csv of random architectures; their factors and an experiment's other labels stand beside them."""

LEAST_COLUMNS = ("run", "settings", "group", "seed", "outcome", "commit", "device", "threads", "seconds")
"""Columns of every runs.csv: labels, scores and measures with their standard errors stand beside them."""

METRICS = (
    "classifier_score",
    "frechet_classifier_distance",
    "inception_score",
    "fid",
    *(f"ngram_divergence_{n}" for n in (1, 2, 3)),
)

SHEETS = 60
"""Most runs whose sheets are kept."""


def ranking(table: pd.DataFrame) -> pd.DataFrame:
    """Rows from the best to the worst classifier score; diverged runs last, ties by run key."""
    diverged = (table["outcome"] != "ok").rename("diverged")
    return table.assign(diverged=diverged).sort_values(["diverged", "classifier_score", "run"], ascending=[True, False, True])


def metrics(table: pd.DataFrame, axes: list[str]) -> dict[str, dict[str, float | int]]:
    """For each combination of options the number of runs and of those that failed, and means and medians of scores."""
    names = [axis for axis in axes if axis in table] or ["group"]
    found = {}
    for labels, group in table.groupby(names, sort=True, dropna=False):
        values: dict[str, float | int] = {"runs": len(group), "diverged": int((group["outcome"] != "ok").sum())}
        for name in METRICS:
            if name in group and group[name].notna().any():
                values |= {
                    f"{name}_mean": round(float(group[name].mean()), 6),
                    f"{name}_median": round(float(group[name].median()), 6),
                }
        found[", ".join(str(label) for label in labels if not pd.isna(label))] = values
    return found


def read_table(path: Path, columns: Iterable[str] = RUN_COLUMNS, text: Iterable[str] = ()) -> pd.DataFrame:
    """A collected table that has at least these columns; by default a `runs.csv` of random architectures.

    `text`: further columns that stay text however they look.

    Raises:
        WganlibError: the file is missing or is not such a table.
    """
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys((*TEXT_COLUMNS, *text), "str"))
    except FileNotFoundError:
        raise WganlibError(f"{path}: no such file; `wganlib collect` makes it") from None
    except (OSError, ValueError) as error:
        raise WganlibError(f"{path}: not readable as a table ({error})") from None
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
