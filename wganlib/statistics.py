"""Tests and intervals over counts, as pure functions; scipy does the work."""

from collections.abc import Sequence
from typing import NamedTuple

from scipy import stats

TOLERANCE = 1e-9
"""A score within this of 1, the score of a constant, counts as 1."""


class Interval(NamedTuple):
    """Bounds of a 95 % interval."""

    low: float
    high: float


class Counts(NamedTuple):
    """Outcomes of pairs of runs at one threshold, first method against second."""

    only_first: int
    only_second: int
    both: int
    neither: int


class McNemar(NamedTuple):
    """Exact test of equal success rates. share: of the discordant pairs, those in which only the second method succeeded."""

    p_value: float
    share: float | None
    interval: Interval | None


def succeeds(score: float, threshold: float) -> bool:
    """Whether a score is above a threshold, strictly."""
    return (1.0 if abs(score - 1.0) <= TOLERANCE else score) > threshold


def counts(first: Sequence[float], second: Sequence[float], threshold: float) -> Counts:
    """Count outcomes of paired scores [n], [n] at a threshold."""
    pairs = [(succeeds(a, threshold), succeeds(b, threshold)) for a, b in zip(first, second, strict=True)]
    return Counts(
        pairs.count((True, False)), pairs.count((False, True)), pairs.count((True, True)), pairs.count((False, False))
    )


def mcnemar(only_first: int, only_second: int) -> McNemar:
    """Exact two-sided McNemar test on discordant pairs, with the Clopper-Pearson interval of the second method's share."""
    discordant = only_first + only_second
    if discordant == 0:
        return McNemar(1.0, None, None)
    test = stats.binomtest(only_second, discordant, 0.5)
    bounds = test.proportion_ci(0.95, method="exact")
    return McNemar(float(test.pvalue), only_second / discordant, Interval(float(bounds.low), float(bounds.high)))


def wilson(successes: int, trials: int) -> Interval:
    """Wilson's 95 % interval of a proportion."""
    bounds = stats.binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    return Interval(float(bounds.low), float(bounds.high))
