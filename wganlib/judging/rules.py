"""Rules by which claims are judged, as pure functions of values, one a unit; scipy does the statistics.

A rule says *holds* where the data put the effect inside the claim's region, *fails* where they put it outside, and *undecided*
where they do neither. Intervals are two-sided of 95 %, so that of either wrong verdict there are at most 2.5 % at the region's
edge; docs/claims.md has the simulations.

Where a claim asks several things at once (`among` is their number), each must be inside by its own interval; that one is
outside counts by a level divided among them (Bonferroni).
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from wganlib.judging import estimates
from wganlib.judging.estimates import LEAST_UNITS, Draw, Estimate
from wganlib.judging.region import Region

Array = NDArray[np.float64]
Said = Literal["holds", "fails", "undecided"]

LEVEL, POWER = 0.05, 0.8
MOST_UNITS = 1_000
"""More units than these are not asked for."""
SIMULATED = 500
"""Made-up samples by which the power of an interval is known."""
TIE = 1e-9
"""A difference of no more than this is a tie."""


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
    """Units that decide with a power of 0.8 if the truth is what was seen, of too few for an interval the fewest that have one;
    none where that cannot be said."""
    why: str = ""
    """Why it is undecided, where that is not for want of units alone."""


def by_interval(low: float, high: float, region: Region) -> Said:
    """Inside the region, outside, or neither; bounds that are not numbers are neither."""
    if region.inside(low, high):
        return "holds"
    return "fails" if region.outside(low, high) else "undecided"


def interval(values: Sequence[float] | Array, region: Region, *, equivalence: bool = False, among: int = 1) -> Judged:
    """The mean of independent units [n] against a region, by Student's interval, widened where the sample is skewed.

    `equivalence`: inside counts by the 90 % interval (two one-sided tests of 5 %), outside by that of 95 %. Where a value is
    infinite, as of a run that diverged, or all are equal, the median's exact interval stands for the mean's.
    """
    x = np.asarray(values, dtype=np.float64)
    if np.isnan(x).any():
        return _unknown(x)
    if np.isinf(x).any():
        return _median(x, region, among)
    if len(x) < LEAST_UNITS:
        return _too_few(float(x.mean()) if len(x) else math.nan, len(x))
    if _equal(x):
        # The median's interval needs no spread, but six units: of values that are 1 nine times in ten three are often equal.
        judged = _median(x, region, among)
        return judged if judged.verdict != "undecided" else _without_spread(float(x.mean()), len(x))

    def draw(generator: np.random.Generator, n: int) -> Estimate:
        return estimates.mean(generator.normal(x.mean(), x.std(ddof=1), (SIMULATED, n)))

    return _by_estimate(estimates.mean(x), draw, len(x), region, equivalence, among)


def difference(
    first: Sequence[float] | Array,
    second: Sequence[float] | Array,
    region: Region,
    *,
    equivalence: bool = False,
    among: int = 1,
) -> Judged:
    """The difference of the means of two independent samples [n], [m] against a region, by Welch's interval, made wider too.

    Units needed are those of each sample.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    n, both = min(len(a), len(b)), np.concatenate([a, b])
    if np.isnan(both).any():
        return _unknown(both)._replace(n=n)
    if np.isinf(both).any():
        return Judged("undecided", math.nan, math.nan, math.nan, n, why="a run that failed has no finite value to average")
    if n < LEAST_UNITS:
        return _too_few(float(a.mean() - b.mean()) if n else math.nan, n)
    if _equal(a) and _equal(b):
        return _without_spread(float(a.mean() - b.mean()), n)

    def draw(generator: np.random.Generator, n: int) -> Estimate:
        return estimates.mean_difference(*(generator.normal(x.mean(), x.std(ddof=1), (SIMULATED, n)) for x in (a, b)))

    return _by_estimate(estimates.mean_difference(a, b), draw, n, region, equivalence, among)


def _unknown(x: Array) -> Judged:
    lacking = int(np.isnan(x).sum())
    return Judged("undecided", math.nan, math.nan, math.nan, len(x), why=f"{lacking} of {len(x)} units lack a value")


def _too_few(effect: float, n: int) -> Judged:
    return Judged("undecided", effect, math.nan, math.nan, n, needed=LEAST_UNITS)


def _without_spread(effect: float, n: int) -> Judged:
    return Judged("undecided", effect, math.nan, math.nan, n, why="all values are equal: they have no spread to go by")


def _equal(x: Array) -> bool:
    """Whether values [n] are equal but for rounding."""
    return float(np.ptp(x)) <= 1e-12 * float(np.abs(x).max())


def _decided(bounds: Callable[[float], tuple[float, float]], region: Region, among: int, equivalence: bool = False) -> Said:
    """Inside by the interval of 95 %, or of 90 % for an equivalence; outside by that of 95 %, divided among several."""
    if by_interval(*bounds(2 * LEVEL if equivalence else LEVEL), region) == "holds":
        return "holds"
    return "fails" if by_interval(*bounds(LEVEL / among), region) == "fails" else "undecided"


def _by_estimate(estimate: Estimate, draw: Draw, n: int, region: Region, equivalence: bool, among: int) -> Judged:
    """An estimate against a region; `draw` makes up samples of m units, as estimates [simulated]."""

    def bounds(level: float) -> tuple[float, float]:
        low, high = estimate.bounds(level)
        return float(low), float(high)

    verdict, effect = _decided(bounds, region, among, equivalence), float(estimate.effect)
    true = bool(region.inside(effect, effect))
    sides = 1 if equivalence and true else 2
    p = max(min(1.0, sides * estimate.tail(edge)) for edge in region.edges)
    level = (2 * LEVEL if equivalence else LEVEL) if true else LEVEL / among

    def power(m: int) -> float:
        ends = draw(np.random.default_rng(m), m).bounds(level)
        return float((region.inside(*ends) if true else region.outside(*ends)).mean())

    needed = _fewest(power, n + 1) if verdict == "undecided" else n
    return Judged(verdict, effect, *bounds(LEVEL), n, p, needed)


def _fewest(power: Callable[[int], float], least: int) -> int | None:
    """The fewest units from `least` on with enough power, by doubling and halving; none up to `MOST_UNITS`."""
    below, above = least - 1, least
    while above <= MOST_UNITS and power(above) < POWER:
        below, above = above, 2 * above
    if above > MOST_UNITS:
        return None
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if power(middle) >= POWER else (middle, above)
    return above


def _median(x: Array, region: Region, among: int) -> Judged:
    """The median with its exact interval from order statistics; fewer than six units have none of 95 %."""
    ordered, n = np.sort(x), len(x)

    def bounds(level: float) -> tuple[float, float]:
        rank = int(_most(np.array(n), 0.5, level))
        return (float(ordered[rank]), float(ordered[n - 1 - rank])) if rank >= 0 else (math.nan, math.nan)

    with np.errstate(invalid="ignore"):
        effect = float(np.median(ordered))
    tails = [stats.binom.cdf(min((x <= edge).sum(), (x >= edge).sum()), n, 0.5) for edge in region.edges]
    return Judged(_decided(bounds, region, among), effect, *bounds(LEVEL), n, min(1.0, 2 * float(max(tails))))


def share(successes: int, trials: int, region: Region, *, among: int = 1) -> Judged:
    """Clopper and Pearson's exact interval of a share against a region; against one half it is the exact sign test."""
    if not trials:
        return Judged("undecided", math.nan, math.nan, math.nan, 0)
    test, effect = stats.binomtest(successes, trials), successes / trials

    def bounds(level: float) -> tuple[float, float]:
        low, high = test.proportion_ci(1 - level, method="exact")
        return float(low), float(high)

    verdict = _decided(bounds, region, among)
    both = ((stats.binom.cdf(successes, trials, edge), stats.binom.sf(successes - 1, trials, edge)) for edge in region.edges)
    needed: int | None = trials
    if verdict == "undecided":
        units = np.arange(trials + 1, MOST_UNITS + 1)
        level = LEVEL if region.inside(effect, effect) else LEVEL / among
        # The power is no smooth function of the number: from the last on that has too little.
        weak = int(np.flatnonzero(np.append(True, _share_power(units, effect, region, level) < POWER))[-1])
        needed = int(units[weak]) if weak < len(units) else None
    return Judged(verdict, effect, *bounds(LEVEL), trials, min(1.0, 2 * float(max(map(min, both)))), needed)


def _most(trials: NDArray[np.int64], edge: float, level: float) -> NDArray[np.int64]:
    """The most successes of these trials [k] whose exact interval lies below a share; -1 where none does."""
    result = stats.binom.ppf(level / 2, trials, edge).astype(np.int64)
    # ppf gives the first number whose tail reaches level / 2; that itself counts where it is met exactly.
    most: NDArray[np.int64] = result - (stats.binom.cdf(result, trials, edge) > level / 2)
    return most


def _share_power(trials: NDArray[np.int64], true: float, region: Region, level: float) -> Array:
    """Chance that the exact interval of these trials [k] lies where a true share lies, inside the region or outside."""
    above = [trials - _most(trials, 1 - edge, level) if math.isfinite(edge) else 0 * trials for edge in region]
    below = [_most(trials, edge, level) if math.isfinite(edge) else trials for edge in region]
    if region.inside(true, true):
        least, most = above[0], below[1]
    else:
        least, most = (above[1], trials) if true >= region.high else (0 * trials, below[0])
    chance: Array = stats.binom.cdf(most, trials, true) - stats.binom.cdf(least - 1, trials, true)
    return chance


def share_difference(first: tuple[int, int], second: tuple[int, int], *, among: int = 1) -> Judged:
    """Fisher's exact test of two shares, each as successes and trials; it holds where the first is the larger one.

    Its p value is twice that of the nearer side. The interval of the difference is Newcombe's, of Wilson's intervals: it is
    drawn, and does not decide.
    """
    (a, n), (b, m) = first, second
    if not n or not m:
        return Judged("undecided", math.nan, math.nan, math.nan, min(n, m))
    table, effect = [[a, n - a], [b, m - b]], a / n - b / m
    p = min(1.0, 2 * min(float(stats.fisher_exact(table, alternative=side).pvalue) for side in ("less", "greater")))
    (l1, u1), (l2, u2) = (stats.binomtest(k, t).proportion_ci(1 - LEVEL, method="wilson") for k, t in (first, second))
    low, high = effect - math.hypot(a / n - l1, u2 - b / m), effect + math.hypot(u1 - a / n, b / m - l2)
    verdict: Said = "undecided"
    if p <= (LEVEL if effect > 0 else LEVEL / among):
        verdict = "holds" if effect > 0 else "fails"
    needed: int | None = min(n, m)
    if verdict == "undecided":
        # By the normal approximation with a correction for continuity (Fleiss, Tytun and Ury 1980).
        spread = a / n * (1 - a / n) + b / m * (1 - b / m)
        quantiles = float(stats.norm.ppf(1 - LEVEL / 2) + stats.norm.ppf(POWER))
        units = spread * (quantiles / effect) ** 2 + 2 / abs(effect) if effect else math.inf
        needed = max(min(n, m) + 1, math.ceil(units)) if units <= MOST_UNITS else None
    return Judged(verdict, effect, float(low), float(high), min(n, m), p, needed)


def exact(values: Sequence[float] | Array, region: Region) -> Judged:
    """Every value [n] must lie in the region: for closed forms, where chance plays no part.

    The effect is the worst of the values, the interval their range.
    """
    x = np.asarray(values, dtype=np.float64)
    if not len(x):
        return Judged("undecided", math.nan, math.nan, math.nan, 0)
    if np.isnan(x).any():
        return _unknown(x)
    excess = region.excess(x)
    worst = int(np.argmax(excess))
    verdict: Said = "holds" if excess[worst] < 0 else "fails"
    return Judged(verdict, float(x[worst]), float(x.min()), float(x.max()), len(x), 0.0, len(x))


def counter_example(values: Sequence[float] | Array, region: Region, rate: float = 0.05) -> Judged:
    """A statement on every unit fails by one of the values [n] that lies outside the region.

    It holds where none does and units are so many that, were counter-examples as frequent as `rate`, one would have been
    seen with a probability of 95 %. Effect and interval are those of `exact`.
    """
    by_value, enough = exact(values, region), math.ceil(math.log(LEVEL) / math.log1p(-rate))
    if by_value.verdict != "holds":
        return by_value
    n = by_value.n
    return by_value._replace(verdict="holds" if n >= enough else "undecided", p_value=(1 - rate) ** n, needed=max(n, enough))


def variance_ratio(
    first: Sequence[float] | Array, second: Sequence[float] | Array, region: Region, *, among: int = 1
) -> Judged:
    """Ratio of the variances of two independent samples [n], [m] against a region, by Fisher's F, corrected for heavy tails."""
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    n, both = min(len(a), len(b)), np.concatenate([a, b])
    if np.isnan(both).any():
        return _unknown(both)._replace(n=n)
    if np.isinf(both).any():
        return Judged("undecided", math.nan, math.nan, math.nan, n, why="a run that failed has no finite value")
    if n < LEAST_UNITS:
        return _too_few(math.nan, n)
    if _equal(a) or _equal(b):
        return _without_spread(math.nan, n)

    def draw(generator: np.random.Generator, n: int) -> Estimate:
        return estimates.variance_ratio(*(generator.normal(0, x.std(ddof=1), (SIMULATED, n)) for x in (a, b)))

    return _by_estimate(estimates.variance_ratio(a, b), draw, n, region, False, among)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p values, in the given order; one that is not a number counts as 1."""
    p = np.nan_to_num(np.asarray(p_values, dtype=np.float64), nan=1.0)
    order = np.argsort(p, kind="stable")
    adjusted = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    result = np.empty_like(adjusted)
    result[order] = adjusted
    return [float(value) for value in result]
