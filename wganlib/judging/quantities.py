"""Measured quantities: a value each, with labels that say of what. What claims are judged by; needs no torch."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wganlib.judging.score_names import ScoreColumns

KEPT = ("quantity", "case", "seed", "value", "expected")
"""Columns of every table of quantities; labels stand beside them."""


@dataclass(frozen=True)
class Quantity:
    """Something that is measured: what it is, with its unit."""

    title: str


@dataclass
class Findings:
    """Measured quantities, one row each, arrays for the figure, and facts for its caption."""

    quantities: dict[str, Quantity]
    rows: list[dict[str, Any]] = field(default_factory=list)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def add(
        self,
        name: str,
        value: float,
        case: str = "",
        seed: int | None = None,
        expected: float | None = None,
        **labels: str | float | int,
    ) -> None:
        """One value of a quantity.

        `labels`: what it was measured on, as axes and their options; `seed`: none where chance plays no part; `expected`: a
        closed form, an exact optimum, or the same measured on real data. A value that is not a number says that it could not
        be measured, as of a run that diverged: a claim on it is undecided then.
        """
        if name not in self.quantities:
            raise KeyError(name)
        self.rows.append({"quantity": name, "case": case, "seed": seed, "value": float(value), "expected": expected} | labels)

    def frame(self) -> pd.DataFrame:
        """The rows as a table, labels in columns of their own."""
        labels = dict.fromkeys(name for row in self.rows for name in row if name not in KEPT)
        table = pd.DataFrame(self.rows, columns=[*KEPT, *labels])
        table["seed"] = table["seed"].astype("Int64")
        return table


SCORES = {
    "score": "score",
    "untrained": "score of the run's own untrained generator",
    "gain": "score less that of the run's own untrained generator",
    "log_distance": "logarithm of the Fréchet distance",
    "similarity": "similarity of pairs of samples less that of training images",
    "diverged": "1 where a loss or a weight was not finite, else 0",
    "seconds": "seconds of training",
}
"""Quantities that every run has which is trained alone and scored."""


def scores(runs: pd.DataFrame, columns: ScoreColumns) -> pd.DataFrame:
    """The quantities `SCORES` of runs as they count, a row a run and quantity with the run's labels; those that there are.

    A run that ran out of memory has no result and no rows.
    """
    runs = runs[runs["outcome"] != "out_of_memory"]
    values = {"diverged": (runs["outcome"] == "diverged").astype(float), "seconds": runs["seconds"].astype(float)}
    if columns.score in runs:
        values["score"] = runs[columns.score].astype(float)
        with np.errstate(divide="ignore"):
            values["log_distance"] = np.log(runs[columns.distance].astype(float))
    if columns.untrained in runs:
        values["untrained"] = runs[columns.untrained].astype(float)
        values["gain"] = values["score"] - values["untrained"]
    measured = [str(name) for name in runs if f"{name}_training" in runs]
    if measured:
        real = runs[f"{measured[0]}_training"].astype(float)
        # A run that failed has no measure of real images: that of the others is the same where all have one.
        values["similarity"] = runs[measured[0]].astype(float) - (real.fillna(real.max()) if real.nunique() == 1 else real)
    return pd.concat([runs.assign(quantity=name, value=column) for name, column in values.items()], ignore_index=True)
