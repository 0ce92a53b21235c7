"""One-sided against two-sided gradient penalty on the same random architectures (Gulrajani et al. 2017, appendix C)."""

import math

import numpy as np
import pandas as pd

from wganlib.collecting.collected import Tables
from wganlib.judging import statistics
from wganlib.judging.quantities import Findings, Quantity
from wganlib.judging.statistics import Outcomes, SignTest
from wganlib.reporting.content import Content, Picture, Table, number
from wganlib.reporting.grammar import Paired, paired
from wganlib.reporting.style import PALETTE, figure

QUANTITIES = {
    "p": Quantity("p of the exact two-sided sign test over architectures", "> 0.05"),
    "share": Quantity("share of the architectures without a tie that the two-sided penalty wins", ">= 0.5"),
    "p_wilcoxon": Quantity("p of the Wilcoxon signed-rank test over architectures"),
    "difference": Quantity("mean of the two-sided score minus the one-sided one"),
    "effect": Quantity("the same in standard deviations of the differences"),
    "power": Quantity("power of the sign test, at this number of pairs, to find the paper's share of wins"),
}


def report(tables: Tables) -> Content:
    """Wins, losses and ties beside the paper's; tests of both; scores of the pairs as points."""
    published = tables.published.counts["penalty_sides"]
    wins, losses = published.counts["two_sided"], published.counts["one_sided"]
    paper, trained = statistics.sign_test(wins, losses), published.counts["architectures"]
    pairs = pairs_of(tables)
    differences = (pairs["two_sided"] - pairs["one_sided"]).tolist()
    result = statistics.outcomes(pairs["two_sided"].tolist(), pairs["one_sided"].tolist())
    test = statistics.sign_test(result.wins, result.losses)
    findings = Findings(QUANTITIES)
    assert paper.share is not None
    power = statistics.sign_test_power(result.wins + result.losses, paper.share)
    findings.add("p", test.p_value)
    findings.add("p_wilcoxon", statistics.wilcoxon(differences))
    findings.add("power", power)
    mean = paired(differences)
    effect = statistics.standardised_difference(differences)
    for name, value in (("share", test.share), ("difference", mean.mean), ("effect", effect)):
        if value is not None and not math.isnan(value):
            findings.add(name, value)
    counted = [
        ["two-sided higher", str(result.wins), str(wins)],
        ["one-sided higher", str(result.losses), str(losses)],
        ["tied", str(result.ties), "–"],
        ["architectures", str(len(pairs)), str(trained)],
        ["two-sided runs that diverged", str((pairs["two_sided_outcome"] == "diverged").sum()), "–"],
        ["one-sided runs that diverged", str((pairs["one_sided_outcome"] == "diverged").sum()), "–"],
    ]
    counts = Table(
        ["|outcome", "this run", "paper"],
        counted,
        f"Which penalty gave the higher {tables.columns.title}, a trial an architecture. Paper: {published.certainty}. "
        "A run that diverged has score 1; an architecture with a run that ran out of memory is left out.",
    )
    # The second reading takes the number of architectures at its word, and the one-sided wins as what is left.
    readings = [(wins, losses, paper), (wins, trained - wins, statistics.sign_test(wins, trained - wins))]
    tests = _tests(result, test, mean, effect, differences, readings, paper.share)
    return Content(
        findings, [counts, tests], [_scatter(tables, pairs, result, mean)], notes=[_note(result, power, paper.share)]
    )


def pairs_of(tables: Tables) -> pd.DataFrame:
    """A row an architecture and seed of which both penalties have a result, with both scores and outcomes."""
    runs, keys, score = tables.results, ["architecture", "seed"], tables.columns.score
    one_sided = runs["penalty"] == "one-sided"

    def side(rows: pd.DataFrame, name: str) -> pd.DataFrame:
        return rows[[*keys, score, "outcome"]].rename(columns={score: name, "outcome": f"{name}_outcome"})

    return side(runs[~one_sided], "two_sided").merge(side(runs[one_sided], "one_sided"), on=keys)


def _tests(
    result: Outcomes,
    test: SignTest,
    mean: Paired,
    effect: float | None,
    differences: list[float],
    readings: list[tuple[int, int, SignTest]],
    share: float,
) -> Table:
    """Tests of this run's pairs and of the paper's counts, whose scores are not known."""
    untied = result.wins + result.losses
    sizes, columns = [untied, *(w + lost for w, lost, _ in readings)], [test, *(t for *_, t in readings)]
    unknown = ["–"] * len(readings)
    rows = [
        ["sign test, exact two-sided p", *(_p(t.p_value) for t in columns)],
        ["share of two-sided wins, 95 % interval", *(_share(t) for t in columns)],
        ["fewest wins that would be significant at 0.05", *(str(statistics.fewest_wins(n) or "–") for n in sizes)],
        [
            f"power of the sign test if the true share is the paper's, {100 * share:.1f} %",
            *(number(statistics.sign_test_power(n, share)) for n in sizes),
        ],
        ["pairs needed for a power of 0.8", *[f"{statistics.sign_test_pairs(share)}"] * len(sizes)],
        ["Wilcoxon signed-rank test, two-sided p", _p(statistics.wilcoxon(differences)), *unknown],
        ["mean difference of scores, 95 % interval", mean.text(), *unknown],
        ["the same in standard deviations of the differences", number(effect), *unknown],
    ]
    heads = ["|", f"this run, {untied} pairs", *(f"paper, {wins} to {losses}" for wins, losses, _ in readings)]
    caption = (
        "Tests over architectures, ties left out. Differences are two-sided minus one-sided. The interval of the share is "
        "Clopper and Pearson's, that of the mean Student's. The paper's counts add up to more than its architectures, so both "
        "readings are tested: the two counts as printed, and the first count out of all architectures."
    )
    return Table(heads, rows, caption, rules=(4,))


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else number(value, 3)


def _share(test: SignTest) -> str:
    if test.share is None or test.interval is None:
        return "–"
    return f"{100 * test.share:.0f} % [{100 * test.interval.low:.0f}, {100 * test.interval.high:.0f}]"


def _note(result: Outcomes, power: float, share: float) -> str:
    return (
        f"With {result.wins + result.losses} pairs the sign test finds a share of wins like the paper's, {100 * share:.1f} %, "
        f"in {100 * power:.0f} of 100 repetitions; for 80 of 100 it needs {statistics.sign_test_pairs(share)} pairs. A p above "
        "0.05 agrees with the paper, but does not show that the penalties are equally good."
    )


def _scatter(tables: Tables, pairs: pd.DataFrame, result: Outcomes, mean: Paired) -> Picture:
    """Scores of both penalties, and their differences in order."""
    drawn, axes = figure(2.9, 2)
    left, right = axes[0]
    differences = pairs["two_sided"] - pairs["one_sided"]
    sides = [
        (f"two-sided higher ({result.wins})", differences > statistics.TOLERANCE, PALETTE[0], "o"),
        (f"one-sided higher ({result.losses})", differences < -statistics.TOLERANCE, PALETTE[1], "s"),
        (f"tied ({result.ties})", differences.abs() <= statistics.TOLERANCE, PALETTE[-1], "x"),
    ]
    for label, chosen, colour, marker in sides:
        if chosen.any():
            left.scatter(
                pairs["one_sided"][chosen], pairs["two_sided"][chosen], s=18, color=colour, marker=marker, label=label, lw=0.8
            )
    if len(pairs):
        both = pairs[["one_sided", "two_sided"]].to_numpy(dtype=float)
        margin = 0.05 * float(np.ptp(both)) + 0.05
        limits = (float(both.min()) - margin, float(both.max()) + margin)
        left.plot(limits, limits, color="0.6", linewidth=0.8, linestyle="--", zorder=0)
        left.set(xlim=limits, ylim=limits)
        left.legend(frameon=False, fontsize=7.5, loc="upper left")
    left.set(
        xlabel=f"{tables.columns.title}, one-sided penalty", ylabel=f"{tables.columns.title}, two-sided penalty", aspect="equal"
    )
    ordered = np.sort(differences.to_numpy(dtype=float))
    colours = [PALETTE[0] if d > 0 else PALETTE[1] for d in ordered]
    right.bar(np.arange(1, len(ordered) + 1), ordered, color=colours, width=0.8)
    right.axhline(0.0, color="0.3", linewidth=0.6)
    if mean.pairs:
        right.axhline(mean.mean, color="0.3", linewidth=1.0, linestyle="--", label="mean")
        if mean.pairs > 1:
            right.axhspan(mean.low, mean.high, color="0.5", alpha=0.2, linewidth=0, label="its 95 % interval")
        right.legend(frameon=False, fontsize=7.5, loc="upper left")
    right.set(xlabel="architecture, in order of the difference", ylabel="two-sided minus one-sided")
    caption = (
        "Left: a point an architecture, trained from the same seed with both penalties; above the dashed line the two-sided "
        "penalty scores higher. Right: the differences in order, their mean and its 95 % interval."
    )
    return Picture(drawn, caption)
