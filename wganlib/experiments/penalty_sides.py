"""One-sided against two-sided gradient penalty on the same random architectures (Gulrajani et al. 2017, appendix C)."""

import pandas as pd

from wganlib.collecting.collected import Tables
from wganlib.judging import statistics
from wganlib.judging.quantities import Quantity
from wganlib.reporting.content import Cell, Content, Number, Picture, PValue, Table, rows_of
from wganlib.reporting.grammar import paired
from wganlib.reporting.style import PALETTE, figure

QUANTITIES: dict[str, Quantity] = {}
TWO, ONE = "two-sided", "one-sided"


def pairs_of(tables: Tables) -> pd.DataFrame:
    """Scores by both penalties [architectures, 2], by the architecture's number, of those that have both."""
    sides = [
        rows_of(tables.results, penalty=name).set_index("architecture")[tables.columns.score].rename(name)
        for name in (TWO, ONE)
    ]
    return pd.concat(sides, axis=1, join="inner").sort_index()


def report(tables: Tables) -> Content:
    """Scores of the pairs as points and their differences in order; wins and losses beside the paper's, with their tests."""
    pairs = pairs_of(tables)
    differences = pairs[TWO] - pairs[ONE]
    published = tables.published.counts["penalty_sides"]
    counts, trained = [published.counts["two_sided"], published.counts["one_sided"]], published.counts["architectures"]
    here = statistics.outcomes(pairs[TWO].tolist(), pairs[ONE].tolist())
    # The second reading takes the number of architectures at its word, and the one-sided wins as what is left.
    readings = [(here.wins, here.losses), (counts[0], counts[1]), (counts[0], trained - counts[0])]
    tests = [statistics.sign_test(*reading) for reading in readings]
    printed = statistics.sign_test(*counts).share
    assert printed is not None
    body: list[list[Cell]] = [
        ["two-sided higher", *(wins for wins, _ in readings)],
        ["one-sided higher", *(losses for _, losses in readings)],
        ["tied", here.ties, None, None],
        ["architectures", len(pairs), trained, trained],
        ["p of the exact sign test", *(PValue(test.p_value) for test in tests)],
        ["share of two-sided wins", *(None if test.share is None else Number(test.share) for test in tests)],
        ["power of the test for the paper's share", *(Number(statistics.sign_test_power(sum(r), printed)) for r in readings)],
        ["pairs needed for a power of 0.8", *[statistics.sign_test_pairs(printed)] * 3],
        ["mean difference, 95 % interval", paired(differences), None, None],
        ["median difference", Number(float(differences.median())), None, None],
    ]
    caption = (
        f"Which penalty gives the higher {tables.columns.title}; differences are two-sided minus one-sided. The paper's counts "
        "add up to more than its architectures, so both readings are tested: the two counts as printed, and the first out of "
        "all architectures. The paper's share of wins leaves out ties."
    )
    heads = ["|", "here", *(f"paper, {wins} to {losses}" for wins, losses in readings[1:])]
    return Content([Table(heads, body, caption, (3, 7), quiet=(2, 3))], [_figure(tables, pairs)])


def _figure(tables: Tables, pairs: pd.DataFrame) -> Picture:
    """Scores by both penalties, and their differences in order by the architecture's number."""
    drawn, axes = figure(2.7, 2)
    left, right = axes[0]
    ordered = (pairs[TWO] - pairs[ONE]).sort_values()
    top = max(2.0, float(pairs.max().max())) if len(pairs) else 2.0
    left.plot([1, top], [1, top], color="0.6", linewidth=0.8, linestyle="--", zorder=0)
    left.scatter(pairs[ONE], pairs[TWO], s=18, color=PALETTE[0], marker="o", linewidth=0.8)
    title = tables.columns.title
    left.set(xlabel=f"{title}, one-sided penalty", ylabel=f"{title}, two-sided penalty", aspect="equal")
    right.bar(range(len(ordered)), ordered, color=[PALETTE[0] if d > 0 else PALETTE[1] for d in ordered], width=0.8)
    right.axhline(0.0, color="0.3", linewidth=0.6)
    if len(ordered) <= 40:
        right.set_xticks(range(len(ordered)), list(map(str, ordered.index)), fontsize=6.5)
    right.set(xlabel="architecture", ylabel="two-sided minus one-sided")
    caption = (
        "Left: a point an architecture, trained from the same seed with both penalties; above the dashed line the two-sided "
        "penalty scores higher. Right: the differences in order, by the architecture's number."
    )
    return Picture(drawn, caption)
