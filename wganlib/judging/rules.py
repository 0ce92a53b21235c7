"""Rules by which claims are judged, as pure functions of values, one a unit; scipy does the statistics.

A rule says *holds* where the data put the effect inside the claim's region, *fails* where they put it outside, and *undecided*
where they do neither. Intervals are two-sided of 95 %, so that of either wrong verdict there are at most 2.5 % at the region's
edge; docs/claims.md has the simulations.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]
Said = Literal["holds", "fails", "undecided"]

LEVEL, POWER = 0.05, 0.8
LEAST_UNITS = 3
"""Fewer units have no verdict by an interval, however alike they are."""
MOST_UNITS = 10_000
"""More units than these are not asked for."""
TIE = 1e-9
"""A difference of no more than this is a tie."""


class Region(NamedTuple):
    """The effects for which a claim is true: above `low` and below `high`."""

    low: float = -math.inf
    high: float = math.inf

    def gap(self, effect: float) -> float:
        """How far an effect lies from the nearest edge, on either side of it."""
        return min(abs(effect - edge) for edge in self)


class Judged(NamedTuple):
    """What a rule says, with the effect, its 95 % interval (none: not a number), and the number of units that it rests on."""

    verdict: Said
    effect: float
    low: float
    high: float
    n: int
    p_value: float = math.nan
    """The smallest level at which the rule would decide; not a number where it knows none."""
    needed: int | None = None
    """Units that decide with a power of 0.8 if the truth is what was seen; none where that cannot be said."""


def by_interval(low: float, high: float, region: Region) -> Said:
    """Inside the region, outside, or neither; bounds that are not numbers are neither."""
    if low > region.low and high < region.high:
        return "holds"
    return "fails" if high <= region.low or low >= region.high else "undecided"


def interval(values: Sequence[float], region: Region, *, equivalence: bool = False, among: int = 1) -> Judged:
    """Student's interval of the mean of independent units [n] against a region.

    `equivalence`: inside counts by the 90 % interval (two one-sided tests of 5 %), outside by that of 95 %. `among`: how many
    such samples must all be inside; that one is outside counts by a level divided among them (Bonferroni). Where a value is
    infinite, as of a run that diverged, the median's exact interval stands for the mean's.
    """
    x = np.asarray(values, dtype=np.float64)
    if not np.isfinite(x).all():
        return _median(x, region)
    if len(x) < LEAST_UNITS:
        return Judged("undecided", float(x.mean()) if len(x) else math.nan, math.nan, math.nan, len(x))
    error, freedom = float(x.std(ddof=1)) / math.sqrt(len(x)), len(x) - 1
    return _student(float(x.mean()), error, freedom, len(x), region, equivalence, among, lambda n: n - 1)


def difference(
    first: Sequence[float], second: Sequence[float], region: Region, *, equivalence: bool = False, among: int = 1
) -> Judged:
    """Welch's interval of the difference of the means of two independent samples [n], [m] against a region.

    Units needed are those of each sample.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if not (np.isfinite(a).all() and np.isfinite(b).all()) or min(len(a), len(b)) < LEAST_UNITS:
        with np.errstate(invalid="ignore"):
            effect = float(a.mean() - b.mean()) if len(a) and len(b) else math.nan
        return Judged("undecided", effect, math.nan, math.nan, min(len(a), len(b)))
    u, v = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    freedom = (u + v) ** 2 / (u**2 / (len(a) - 1) + v**2 / (len(b) - 1)) if u + v > 0 else 1.0
    n, effect = min(len(a), len(b)), float(a.mean() - b.mean())
    return _student(effect, math.sqrt(u + v), float(freedom), n, region, equivalence, among, lambda m: freedom * m / n)


def _student(
    effect: float,
    error: float,
    freedom: float,
    n: int,
    region: Region,
    equivalence: bool,
    among: int,
    freedom_at: Callable[[int], float],
) -> Judged:
    """A mean with its standard error against a region."""

    def bounds(level: float) -> tuple[float, float]:
        half = float(stats.t.ppf(1 - level / 2, freedom)) * error
        return effect - half, effect + half

    low, high = bounds(LEVEL)
    verdict = by_interval(low, high, region)
    if equivalence and verdict == "undecided" and by_interval(*bounds(2 * LEVEL), region) == "holds":
        verdict = "holds"
    if among > 1 and verdict == "fails":
        verdict = "fails" if by_interval(*bounds(LEVEL / among), region) == "fails" else "undecided"
    gap, sides = region.gap(effect), 1 if equivalence and region.low < effect < region.high else 2
    p = sides * float(stats.t.sf(gap / error, freedom)) if error > 0 else 0.0
    needed = n
    if verdict == "undecided":
        spread = error * math.sqrt(n)
        needed = _units(lambda m: _power(gap / spread * math.sqrt(m), freedom_at(m), sides), n) or 0
    return Judged(verdict, effect, low, high, n, min(p, 1.0), needed or None)


def _power(shift: float, freedom: float, sides: int) -> float:
    """Chance that Student's t with this non-centrality exceeds its critical value."""
    return float(stats.nct.sf(stats.t.ppf(1 - LEVEL / sides, freedom), freedom, shift))


def _units(power: Callable[[int], float], least: int) -> int | None:
    """The fewest units from `least` on with enough power, by doubling and halving; none up to `MOST_UNITS`."""
    below, above = max(least, LEAST_UNITS) - 1, max(least, LEAST_UNITS)
    while power(above) < POWER:
        below, above = above, 2 * above
        if above > MOST_UNITS:
            return None
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if power(middle) >= POWER else (middle, above)
    return above


def _median(x: Array, region: Region) -> Judged:
    """The median with its exact interval from order statistics; fewer than six units have none of 95 %."""
    ordered, n = np.sort(x), len(x)
    effect = float(ordered[(n - 1) // 2] if not n % 2 and np.isinf(ordered[n // 2]) else np.median(ordered))
    rank = int(stats.binom.ppf(LEVEL / 2, n, 0.5))
    if stats.binom.cdf(rank, n, 0.5) > LEVEL / 2:
        rank -= 1
    if np.isnan(x).any() or rank < 0:
        return Judged("undecided", math.nan if np.isnan(x).any() else effect, math.nan, math.nan, n)
    low, high = float(ordered[rank]), float(ordered[n - 1 - rank])
    return Judged(by_interval(low, high, region), effect, low, high, n)


def share(successes: int, trials: int, region: Region, *, equivalence: bool = False) -> Judged:
    """Clopper and Pearson's exact interval of a share against a region; against one half it is the exact sign test."""
    if not trials:
        return Judged("undecided", math.nan, math.nan, math.nan, 0)
    test = stats.binomtest(successes, trials)
    low, high = map(float, test.proportion_ci(1 - LEVEL, method="exact"))
    verdict = by_interval(low, high, region)
    if equivalence and verdict == "undecided":
        narrow = test.proportion_ci(1 - 2 * LEVEL, method="exact")
        verdict = "holds" if by_interval(float(narrow.low), float(narrow.high), region) == "holds" else verdict
    effect = successes / trials
    edge = min((bound for bound in region if math.isfinite(bound)), key=lambda bound: abs(bound - effect))
    # Two-sided as the interval is: twice the smaller tail.
    tails = stats.binom.cdf(successes, trials, edge), stats.binom.sf(successes - 1, trials, edge)
    p = min(1.0, 2 * float(min(tails)))
    needed: int | None = trials
    if verdict == "undecided":
        needed = _units(lambda n: _share_power(n, effect, edge), trials) if effect != edge else None
    return Judged(verdict, effect, low, high, trials, p, needed)


def _share_power(n: int, true: float, edge: float) -> float:
    """Chance that the exact interval of n trials excludes the edge, on the side on which the truth lies."""
    if true > edge:
        return float(stats.binom.sf(stats.binom.isf(LEVEL / 2, n, edge), n, true))
    return float(stats.binom.cdf(stats.binom.ppf(LEVEL / 2, n, edge) - 1, n, true))


def share_difference(first: tuple[int, int], second: tuple[int, int]) -> Judged:
    """Fisher's exact test of two shares, each as successes and trials; it holds where the first is the larger one.

    The interval of the difference is Newcombe's, of Wilson's intervals.
    """
    (a, n), (b, m) = first, second
    if not n or not m:
        return Judged("undecided", math.nan, math.nan, math.nan, min(n, m))
    p = float(stats.fisher_exact([[a, n - a], [b, m - b]]).pvalue)
    (l1, u1), (l2, u2) = (stats.binomtest(k, t).proportion_ci(1 - LEVEL, method="wilson") for k, t in (first, second))
    effect = a / n - b / m
    low, high = effect - math.hypot(a / n - l1, u2 - b / m), effect + math.hypot(u1 - a / n, b / m - l2)
    verdict: Said = "undecided" if p > LEVEL else "holds" if effect > 0 else "fails"
    return Judged(verdict, effect, float(low), float(high), min(n, m), p)


def exact(values: Sequence[float], region: Region) -> Judged:
    """Every value must lie in the region: for closed forms, where chance plays no part. The effect is the worst of them."""
    x = np.asarray(values, dtype=np.float64)
    if not len(x) or np.isnan(x).any():
        return Judged("undecided", math.nan, math.nan, math.nan, len(x))
    excess = np.maximum(x - region.high, region.low - x)
    worst = int(np.argmax(excess))
    inside = bool(((x > region.low) & (x < region.high)).all())
    return Judged("holds" if inside else "fails", float(x[worst]), float(x.min()), float(x.max()), len(x), 0.0, len(x))


def counter_example(values: Sequence[float], region: Region, rate: float = 0.05) -> Judged:
    """A statement on every unit fails by one that lies outside the region.

    It holds where none does and units [n] are so many that, were counter-examples as frequent as `rate`, one would have been
    seen with a probability of 95 %. The effect is their share with its exact interval.
    """
    x = np.asarray(values, dtype=np.float64)
    if not len(x) or np.isnan(x).any():
        return Judged("undecided", math.nan, math.nan, math.nan, len(x))
    against, n = int((~((x > region.low) & (x < region.high))).sum()), len(x)
    low, high = map(float, stats.binomtest(against, n).proportion_ci(1 - LEVEL, method="exact"))
    enough = math.ceil(math.log(LEVEL) / math.log1p(-rate))
    verdict: Said = "fails" if against else "holds" if n >= enough else "undecided"
    return Judged(verdict, against / n, low, high, n, math.nan, max(n, enough))


def variance_ratio(first: Sequence[float], second: Sequence[float], least: float = 1.0) -> Judged:
    """Ratio of the variances of two independent normal samples [n], [m]: holds above `least`, by Fisher's F."""
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    n = min(len(a), len(b))
    if n < LEAST_UNITS or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return Judged("undecided", math.nan, math.nan, math.nan, n)
    u, v = float(a.var(ddof=1)), float(b.var(ddof=1))
    if v == 0:
        return Judged("holds" if u > 0 else "undecided", math.inf if u > 0 else math.nan, math.nan, math.nan, n)
    freedom, ratio = (len(a) - 1, len(b) - 1), u / v
    low, high = (ratio / float(stats.f.ppf(q, *freedom)) for q in (1 - LEVEL / 2, LEVEL / 2))
    p = 2 * min(float(stats.f.sf(ratio / least, *freedom)), float(stats.f.cdf(ratio / least, *freedom)))
    verdict = by_interval(low, high, Region(low=least))
    needed: int | None = n
    if verdict == "undecided" and u > 0:
        size = max(ratio / least, least / ratio)
        needed = _units(lambda m: float(stats.f.sf(stats.f.ppf(1 - LEVEL / 2, m - 1, m - 1) / size, m - 1, m - 1)), n)
    return Judged(verdict, ratio, low, high, n, min(p, 1.0), needed)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p values, in the given order; one that is not a number counts as 1."""
    p = np.nan_to_num(np.asarray(p_values, dtype=np.float64), nan=1.0)
    order = np.argsort(p, kind="stable")
    adjusted = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    result = np.empty_like(adjusted)
    result[order] = adjusted
    return [float(value) for value in result]
