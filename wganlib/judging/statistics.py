"""Tests and intervals over counts and paired scores, as pure functions; scipy does the work."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

T = TypeVar("T")

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


class Outcomes(NamedTuple):
    """How often the first of two paired scores is the higher one, the lower one, and equal."""

    wins: int
    losses: int
    ties: int


class SignTest(NamedTuple):
    """Exact sign test of equal chances. share: of the pairs without ties, those that the first wins; a 95 % interval of it."""

    p_value: float
    share: float | None
    interval: Interval | None


def outcomes(first: Sequence[float], second: Sequence[float]) -> Outcomes:
    """Count wins, losses and ties of paired scores [n], [n]; scores within `TOLERANCE` of each other are tied."""
    differences = np.subtract(first, second)
    tied = np.abs(differences) <= TOLERANCE
    return Outcomes(int((~tied & (differences > 0)).sum()), int((~tied & (differences < 0)).sum()), int(tied.sum()))


def sign_test(wins: int, losses: int) -> SignTest:
    """Exact two-sided sign test, ties left out, with the Clopper-Pearson interval of the share of wins.

    On discordant pairs it is McNemar's exact test.
    """
    return SignTest(*mcnemar(losses, wins))


def sign_test_power(pairs: int, share: float, level: float = 0.05) -> float:
    """Chance that the exact two-sided sign test on `pairs` pairs has p <= level where the true share of wins is `share`."""
    return float(_powers(np.array([pairs]), share, level)[0])


def sign_test_pairs(share: float, power: float = 0.8, level: float = 0.05) -> int:
    """The number of pairs from which on the exact two-sided sign test has at least this power for a true share of wins.

    The power is no smooth function of the number: at smaller numbers it may reach the value and fall below again.

    Raises:
        ValueError: a share of one half, which no number of pairs tells from chance.
    """
    if share == 0.5:
        raise ValueError("share: found 0.5, which no number of pairs tells from chance")
    # By the normal approximation; twice as many and fifty more are beyond where the exact power last falls below.
    root = float(stats.norm.ppf(1 - level / 2)) * 0.5 + float(stats.norm.ppf(power)) * (share * (1 - share)) ** 0.5
    limit = 2 * int((root / abs(share - 0.5)) ** 2) + 50
    below = np.flatnonzero(_powers(np.arange(1, limit + 1), share, level) < power)
    return int(below[-1]) + 2 if len(below) else 1


def pseudo_values(statistic: Callable[[Sequence[T]], float], units: Sequence[T]) -> NDArray[np.float64]:
    """The jackknife's pseudo-values [n] of a statistic of n units (Tukey 1958): n times that of all, n - 1 times without one.

    The latter are taken away. Their mean estimates the statistic, and Student's interval of it is its interval where the
    statistic is smooth in each unit.

    >>> pseudo_values(np.mean, [1.0, 2.0, 6.0])
    array([1., 2., 6.])
    """
    n, whole = len(units), statistic(units)
    without = [statistic([unit for place, unit in enumerate(units) if place != left_out]) for left_out in range(n)]
    return n * whole - (n - 1) * np.asarray(without, dtype=np.float64)


def spread_between(groups: Sequence[Sequence[float]]) -> float:
    """Variance of the means of groups of equal size [n, m] less what the spread within them makes of it; it may be below 0."""
    values = np.asarray(groups, dtype=np.float64)
    return float(values.mean(axis=1).var(ddof=1) - values.var(axis=1, ddof=1).mean() / values.shape[1])


def reliability(groups: Sequence[Sequence[float]]) -> float:
    """Intraclass correlation of groups of equal size [n, m]: the share of a single value's variance that is between groups."""
    between = spread_between(groups)
    return between / (between + float(np.var(groups, axis=1, ddof=1).mean()))


def partial_rank_correlation(x: ArrayLike, y: ArrayLike, given: ArrayLike) -> float:
    """Spearman's correlation of x [n] and y [n] with that of both with a third row taken out; not a number without spread."""
    ranks = [stats.rankdata(values) for values in (x, y, given)]
    with np.errstate(invalid="ignore", divide="ignore"):
        (_, xy, xz), (_, _, yz), _ = np.corrcoef(ranks)
        return float((xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2)))


def _nonzero(differences: Sequence[float]) -> NDArray[np.float64]:
    values = np.asarray(differences, dtype=np.float64)
    return values[np.abs(values) > TOLERANCE]


def _powers(pairs: NDArray[np.int64], share: float, level: float) -> NDArray[np.float64]:
    """Power of the sign test at each of these numbers of pairs [n]: the chance of so few losses, or of so few wins."""
    most = _largest_losses(pairs, level)
    result: NDArray[np.float64] = stats.binom.cdf(most, pairs, share) + stats.binom.cdf(most, pairs, 1 - share)
    return result


def _largest_losses(pairs: NDArray[np.int64], level: float) -> NDArray[np.int64]:
    """The most losses [n] whose tail, doubled, is at most the level; -1 where none is."""
    result = stats.binom.ppf(level / 2, pairs, 0.5).astype(np.int64)
    # ppf gives the first number whose tail reaches level / 2; that itself counts where it is met exactly.
    exceeds = 2 * stats.binom.cdf(result, pairs, 0.5) > level
    most: NDArray[np.int64] = result - exceeds
    return most
