"""How a run that failed counts: one that diverged as the worst, one that ran out of memory not at all; see docs/scores.md."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wganlib.judging.score_names import COLUMNS

if TYPE_CHECKING:
    import pandas as pd

WORST: dict[str, float] = {
    **{name: value for c in COLUMNS.values() for name, value in ((c.score, 1.0), (c.distance, math.inf))},
    **dict.fromkeys(("kernel_classifier_distance", "kernel_inception_distance", "mode_divergence", "transport_cost"), math.inf),
    **{f"ngram_divergence_{n}": 1.0 for n in (1, 2, 3, 4)},
    **dict.fromkeys(("pairwise_ssim", *(f"pairwise_ms_ssim_{n}_scales" for n in (2, 3, 4, 5))), 1.0),
    **dict.fromkeys(("mode_coverage", "kept_classes", "class_accuracy"), 0.0),
}
"""Every score of a generator with the worst value that it can have: a constant's score, infinitely far, all samples alike."""


def has_failed(scores: Mapping[str, Any]) -> bool:
    """Whether a generator has no scores: one of them, but for errors, is not there, or its measures are not."""
    return any(value is None for name, value in scores.items() if not name.endswith("_standard_error"))


def value_of(name: str, value: float | None) -> float | None:
    """A measure as it counts: one that was made, but has no finite value, is the worst that it can be."""
    return WORST.get(name) if value is None else value


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
