"""Which columns hold a run's scores, which of them head a report, and how a run that failed counts.

Needs neither torch nor pandas, whose tables it takes: specs read the names.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas as pd


class ScoreColumns(NamedTuple):
    """The columns of the score that a report heads, and its names in words; "inception" and "classifier" never share one."""

    score: str
    split_std: str
    distance: str
    distance_error: str
    title: str
    distance_title: str

    @property
    def untrained(self) -> str:
        """The column of the untrained generator's score."""
        return f"untrained_{self.score}"

    def named(self, values: Sequence[float | None]) -> dict[str, Any]:
        """Score, its spread over splits, distance, and the distance's error under the names of their columns."""
        return dict(zip(self[:4], values, strict=True))


COLUMNS = {
    "classifier": ScoreColumns(
        "classifier_score",
        "classifier_score_split_std",
        "frechet_classifier_distance",
        "frechet_classifier_distance_standard_error",
        "classifier score",
        "Fréchet classifier distance",
    ),
    "inception": ScoreColumns(
        "inception_score",
        "inception_score_split_std",
        "frechet_inception_distance",
        "frechet_inception_distance_standard_error",
        "Inception Score",
        "FID",
    ),
}
"""By the network that scores; one that scores by Inception has the classifier's beside them."""

WORST: dict[str, float] = {
    **{name: value for c in COLUMNS.values() for name, value in ((c.score, 1.0), (c.distance, math.inf))},
    **dict.fromkeys(("kernel_classifier_distance", "kernel_inception_distance", "mode_divergence", "transport_cost"), math.inf),
    **{f"ngram_divergence_{n}": 1.0 for n in (1, 2, 3, 4)},
    **dict.fromkeys(("pairwise_ssim", *(f"pairwise_ms_ssim_{n}_scales" for n in (2, 3, 4, 5))), 1.0),
    "mode_coverage": 0.0,
}
"""Every score of a generator with the worst value that it can have: a constant's score, infinitely far, all samples alike."""


def counted(table: "pd.DataFrame") -> "pd.DataFrame":
    """Runs or snapshots as they count, by their column `outcome`; see docs/scores.md.

    Of a generator that diverged every score is the worst that it can be; one that ran out of memory has none, and no generator
    that failed has an error of a score. In other columns nothing changes.
    """
    table = table.copy()
    failed = table["outcome"] != "ok"
    errors = {f"{name}_standard_error" for name in WORST} | {c.split_std for c in COLUMNS.values()}
    for name in table.columns.intersection([*WORST, *errors]):
        table[name] = table[name].astype(float).mask(failed)
        if name in WORST:
            table[name] = table[name].mask(table["outcome"] == "diverged", WORST[name])
    return table


def with_result(runs: "pd.DataFrame") -> "pd.DataFrame":
    """The runs that have a result: those that ended and those that diverged, not those that ran out of memory."""
    return runs[runs["outcome"] != "out_of_memory"]
