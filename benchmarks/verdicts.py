"""How often verdicts are wrong, on made-up values of which the truth is known; docs/claims.md has what it prints.

    python benchmarks/verdicts.py          # a few minutes on one core

At the region's edge either verdict is one too many: "holds" if the truth lies at the edge or just outside, "fails" if just
inside. Rules of means and variances are simulated; shares are summed over all outcomes.
"""

import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from wganlib.errors import parse
from wganlib.judging import estimates, rules
from wganlib.judging.claims import Claim
from wganlib.judging.estimates import Estimate
from wganlib.judging.region import Region
from wganlib.judging.rules import LEVEL
from wganlib.judging.verdicts import judge

SAMPLES, TABLES = 20_000, 800
UNITS = (3, 5, 8, 24)
Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]

VALUES: dict[str, tuple[Draw, float, float]] = {
    "normal": (lambda g, size: g.normal(0, 1, size), 0.0, 1.0),
    "log-normal, σ 0.25": (lambda g, size: g.lognormal(0, 0.25, size), math.exp(0.25**2 / 2), 0.263),
    "log-normal, σ 0.5": (lambda g, size: g.lognormal(0, 0.5, size), math.exp(0.125), 0.604),
    "counts (Poisson, mean 3)": (lambda g, size: g.poisson(3, size).astype(float), 3.0, math.sqrt(3)),
    "log-normal, σ 1": (lambda g, size: g.lognormal(0, 1, size), math.exp(0.5), 2.161),
}
"""Kinds of values, with their mean and standard deviation. The last is far more skewed than what claims are judged by."""


def main() -> None:
    generator = np.random.default_rng(0)
    check(generator)
    by_values("Interval of one mean", generator, one_mean)
    by_values("Interval of a difference, the other sample alike", generator, alike)
    by_values("Interval of a difference, the other sample normal, a third as wide and twice as large", generator, unlike)
    by_values("Ratio of variances", generator, ratio)
    equivalences(generator)
    shares()
    failures(generator)
    units_needed(generator)
    together(generator)


def check(generator: np.random.Generator) -> None:
    """That samples at once are judged as one by one."""
    for _ in range(100):
        x, region = generator.lognormal(0, 1, 4), Region(1.0, 3.0)
        low, high = estimates.mean(x).bounds(LEVEL)
        at_once = "holds" if region.inside(low, high) else "fails" if region.outside(low, high) else "undecided"
        assert at_once == rules.interval(x, region).verdict


def print_table(title: str, head: Iterable[str], lines: Iterable[Iterable[Any]]) -> None:
    print(f"\n### {title}\n")
    head = list(head)
    print(f"| {' | '.join(head)} |\n|---|{'--:|' * (len(head) - 1)}")
    for line in lines:
        print(f"| {' | '.join(cell if isinstance(cell, str) else f'{cell:.2f}' for cell in line)} |", flush=True)


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


def wrong(estimate: Estimate, true: float, spread: NDArray[np.bool_]) -> str:
    """Shares of samples that put the truth below their interval, and above it; those without spread are undecided."""
    low, high = estimate.bounds(LEVEL)
    return f"{percent(float(((low > true) & spread).mean()))} / {percent(float(((high < true) & spread).mean()))}"


def by_values(title: str, generator: np.random.Generator, sample: Callable[..., str]) -> None:
    with np.errstate(invalid="ignore", divide="ignore"):
        lines = [[name, *(sample(generator, *VALUES[name][:2], n) for n in UNITS)] for name in VALUES]
    head = ["values: false *holds* / *fails* in % of a claim `above`", *(f"n = {n}" for n in UNITS)]
    print_table(title, head, lines)


def one_mean(generator: np.random.Generator, draw: Draw, true: float, n: int) -> str:
    x = draw(generator, (SAMPLES, n))
    return wrong(estimates.mean(x), true, np.ptp(x, axis=1) > 0)


def alike(generator: np.random.Generator, draw: Draw, true: float, n: int) -> str:
    x, y = draw(generator, (SAMPLES, n)), draw(generator, (SAMPLES, n))
    return wrong(estimates.mean_difference(x, y), 0.0, (np.ptp(x, axis=1) > 0) | (np.ptp(y, axis=1) > 0))


def unlike(generator: np.random.Generator, draw: Draw, true: float, n: int) -> str:
    x = draw(generator, (SAMPLES, n))
    y = generator.normal(0, x.std() / 3, (SAMPLES, 2 * n))
    return wrong(estimates.mean_difference(x, y), true, np.ptp(x, axis=1) >= 0)


def ratio(generator: np.random.Generator, draw: Draw, true: float, n: int) -> str:
    x, y = draw(generator, (SAMPLES, n)), draw(generator, (SAMPLES, n))
    return wrong(estimates.variance_ratio(x, y), 1.0, (np.ptp(x, axis=1) > 0) & (np.ptp(y, axis=1) > 0))


def equivalences(generator: np.random.Generator) -> None:
    """Of differences of pairs, as equivalences are judged; the truth is a margin's edge, the margin twice the spread."""
    lines = []
    for name in list(VALUES)[:4]:
        draw, _, sd = VALUES[name]
        cells = []
        for n in UNITS:
            x = draw(generator, (SAMPLES, n)) - draw(generator, (SAMPLES, n))
            region, spread = Region(-2 * sd, 2 * sd), np.ptp(x, axis=1) > 0
            with np.errstate(invalid="ignore", divide="ignore"):
                estimate = estimates.mean(x + region.high)
                holds = region.inside(*estimate.bounds(2 * LEVEL)) & spread
                fails = region.outside(*estimate.bounds(LEVEL)) & spread
            cells.append(f"{percent(float(holds.mean()))} / {percent(float(fails.mean()))}")
        lines.append([f"pairs of {name}", *cells])
    print_table("Equivalence (holds by 90 %)", ["false *holds* / *fails* in %", *(f"n = {n}" for n in UNITS)], lines)


def shares() -> None:
    lines = []
    for edge in (0.5, 0.8):
        cells = []
        for n in UNITS:
            chances = stats.binom.pmf(range(n + 1), n, edge)
            words = [rules.share(k, n, Region(low=edge)).verdict for k in range(n + 1)]
            cells.append(both(words, chances))
        lines.append(["sign test" if edge == 0.5 else f"share above {edge}", *cells])
    for true in (0.5, 0.9):
        cells = []
        for n in UNITS:
            pairs = list(itertools.product(range(n + 1), repeat=2))
            chances = [float(stats.binom.pmf(pair, n, true).prod()) for pair in pairs]
            cells.append(both([rules.share_difference((a, n), (b, n)).verdict for a, b in pairs], chances))
        lines.append([f"two shares, both {true}", *cells])
    print_table("Shares", ["false *holds* / *fails* in %", *(f"n = {n}" for n in UNITS)], lines)
    line = [
        f"{100 * 0.95**n * (rules.counter_example([1.0] * n, Region(low=0)).verdict == 'holds'):.1f}" for n in (58, 59, 200)
    ]
    print_table(
        "Counter-example, one unit in 20 against it", ["false *holds* in %", "n = 58", "n = 59", "n = 200"], [["", *line]]
    )


def both(words: list[str], chances: Iterable[float]) -> str:
    table = list(zip(words, chances, strict=True))
    return " / ".join(percent(sum(chance for said, chance in table if said == word)) for word in ("holds", "fails"))


def failures(generator: np.random.Generator) -> None:
    """Normal values of which some are infinite; the truth is the median of all."""
    lines = []
    for share in (0.1, 0.3):
        cells, true = [], float(stats.norm.ppf(0.5 / (1 - share)))
        for n in UNITS[1:]:
            x = generator.normal(0, 1, (4_000, n))
            x[generator.random(x.shape) < share] = math.inf
            words = [skipping_units(rules.interval, row, Region(low=true)).verdict for row in x]
            cells.append(both(words, [1 / len(words)] * len(words)))
        lines.append([f"{share:.0%} of the runs fail", *cells])
    print_table("Interval with failed runs", ["false *holds* / *fails* in %", *(f"n = {n}" for n in UNITS[1:])], lines)


def skipping_units(rule: Callable[..., rules.Judged], *arguments: Any) -> rules.Judged:
    """A rule's word without the units needed, which take most of the time."""
    most, rules.MOST_UNITS = rules.MOST_UNITS, 0
    try:
        return rule(*arguments)
    finally:
        rules.MOST_UNITS = most


def units_needed(generator: np.random.Generator) -> None:
    """Units that a first sample asks for, and how often so many decide."""
    lines = []
    for gap in (0.5, 0.8, 1.2):
        first = gap + np.array([-1.0, 0.0, 1.0])
        for name, judged, region, level in (
            ("interval", rules.interval(first, Region(low=0.0)), Region(low=0.0), LEVEL),
            (
                "equivalence, ± the gap about 0",
                rules.interval(first - gap, Region(-gap, gap), equivalence=True),
                None,
                2 * LEVEL,
            ),
        ):
            n = judged.needed or judged.n
            x = generator.normal(gap if region else 0.0, 1, (SAMPLES, n))
            holds = (region or Region(-gap, gap)).inside(*estimates.mean(x).bounds(level))
            lines.append([f"{name}, gap {gap} sd", str(n), float(holds.mean()), float(student(x, region, gap).mean())])
        n = rules.difference(first, first - gap, Region(low=0.0)).needed or 4
        x, y = generator.normal(gap, 1, (SAMPLES, n)), generator.normal(0, 1, (SAMPLES, n))
        holds = Region(low=0.0).inside(*estimates.mean_difference(x, y).bounds(LEVEL))
        lines.append([f"difference, gap {gap} sd", str(n), float(holds.mean()), float((welch(x, y) > 0).mean())])
    for true in (0.6, 0.8):
        n = rules.share(round(5 * true), 5, Region(low=0.5)).needed or 5
        chances = stats.binom.pmf(range(n + 1), n, true)
        power = sum(c for k, c in enumerate(chances) if rules.share(k, n, Region(low=0.5)).verdict == "holds")
        lines.append([f"sign test, {true:.0%} above", str(n), float(power), "–"])
    x = np.array([-1.0, 0.0, 1.0])
    for size in (4, 10):
        n = rules.variance_ratio(math.sqrt(size) * x, x, Region(low=1.0)).needed or 3
        a, b = generator.normal(0, math.sqrt(size), (SAMPLES, n)), generator.normal(0, 1, (SAMPLES, n))
        holds = Region(low=1.0).inside(*estimates.variance_ratio(a, b).bounds(LEVEL))
        plain = a.var(1) / b.var(1) > stats.f.isf(LEVEL / 2, n - 1, n - 1)
        lines.append([f"ratio of variances {size}", str(n), float(holds.mean()), float(plain.mean())])
    print_table("Units needed for a power of 0.8", ["rule", "n", "power", "of the plain test"], lines)


def student(x: Array, region: Region | None, gap: float) -> NDArray[np.bool_]:
    """Student's interval without the correction for skewness, against the same region."""
    level = LEVEL if region else 2 * LEVEL
    half = stats.t.isf(level / 2, x.shape[1] - 1) * x.std(axis=1, ddof=1) / math.sqrt(x.shape[1])
    inside: NDArray[np.bool_] = (region or Region(-gap, gap)).inside(x.mean(1) - half, x.mean(1) + half)
    return inside


def welch(x: Array, y: Array) -> Array:
    low: Array = stats.ttest_ind(x, y, axis=1, equal_var=False).confidence_interval(1 - LEVEL).low
    return low


def together(generator: np.random.Generator) -> None:
    """Claims on several options, and with a control, through `judge`. Values are normal with standard deviation 1."""
    base = {"statement": "-", "source": "-", "quantity": "q", "rule": {"kind": "interval", "above": 0.0}}
    four = parse(Claim, base | {"no_control": "-", "for_each": {"option": ["a", "b", "c", "d"]}}, "claim")
    control = {"says": "-", "where": {"option": "control"}}
    one = parse(Claim, base | {"where": {"option": "a"}, "control": control}, "claim")
    alone = parse(Claim, base | {"where": {"option": "a"}, "no_control": "-"}, "claim")
    lines = []
    for what, claim, means in (
        ("four options, one at the edge, three far inside", four, {"a": 0, "b": 9, "c": 9, "d": 9}),
        ("four options, all at the edge", four, {"a": 0, "b": 0, "c": 0, "d": 0}),
        ("four options, all 1.2 sd inside", four, {"a": 1.2, "b": 1.2, "c": 1.2, "d": 1.2}),
        ("one sample, 1.2 sd inside", alone, {"a": 1.2}),
        ("the same with a control 1.2 sd outside", one, {"a": 1.2, "control": -1.2}),
        ("the same with a control 3 sd outside", one, {"a": 1.2, "control": -3}),
        ("the same with a control at the edge", one, {"a": 1.2, "control": 0}),
        ("at the edge, with a control 3 sd outside", one, {"a": 0, "control": -3}),
    ):
        words = [skipping_verdict(claim, made_up(generator, means, 8)) for _ in range(TABLES)]
        names = ("holds", "fails", "undecided", "not testable here")
        lines.append([what, *(percent(words.count(name) / TABLES) for name in names)])
    head = ["n = 8; verdicts in %", "holds", "fails", "undecided", "not testable"]
    print_table("Several options, and controls", head, lines)


def made_up(generator: np.random.Generator, means: dict[str, float], seeds: int) -> pd.DataFrame:
    rows = [{"quantity": "q", "option": name, "seed": seed} for name in means for seed in range(seeds)]
    return pd.DataFrame(rows).assign(value=np.repeat(list(means.values()), seeds) + generator.normal(0, 1, len(rows)))


def skipping_verdict(claim: Claim, table: pd.DataFrame) -> str:
    most, rules.MOST_UNITS = rules.MOST_UNITS, 0
    try:
        return judge(claim, {}, table, "demo").verdict
    finally:
        rules.MOST_UNITS = most


if __name__ == "__main__":
    main()
