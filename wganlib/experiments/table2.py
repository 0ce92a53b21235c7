"""Table 2 and Table 5 of Gulrajani et al. 2017: outcomes of training random architectures with two methods."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from wganlib.architectures.families.random_set import FACTORS
from wganlib.collecting.collected import Tables
from wganlib.collecting.tables import ranking
from wganlib.errors import WganlibError
from wganlib.judging import statistics
from wganlib.judging.quantities import Findings, Quantity
from wganlib.judging.statistics import Counts, succeeds
from wganlib.reporting.content import Cell, Content, Count, Number, Picture, PValue, Table, rows_of
from wganlib.reporting.factors import FACTOR_HEADS, level_title
from wganlib.reporting.grammar import sample_grid
from wganlib.reporting.style import COLOURS, MARKERS, figure

QUANTITIES = {
    "margin": Quantity("score less that of the other method on the same architecture"),
    "success": Quantity("1 where the score is above the minimum, else 0"),
    "alone": Quantity("1 where this method alone trains the architecture, at the threshold at which that is most frequent"),
    "thresholds": Quantity("thresholds above which this method alone trains the architecture, less those of the other"),
    "favouring": Quantity("share of the thresholds that tell the methods apart at which this one alone trains more"),
}
MINIMUM = 3.0
"""The minimum score that nearly all runs of WGAN-GP pass in the paper."""
TRAINED = 0.5
"""A run whose score is so far above that of its untrained generator has trained."""

SIDES = {name.removeprefix("generator_"): values for name, values in FACTORS.items() if name.startswith("generator_")}
"""Values of the factors that generator and critic both have."""


class Pairs(NamedTuple):
    """A row an architecture of which both methods have a result."""

    scores: pd.DataFrame
    """A column a method."""
    trains: "pd.Series[bool]"
    """Whether at least one method trains it."""


def measure(tables: Tables) -> Findings:
    """What the counts of the table rest on, architecture by architecture; each method is compared with the other."""
    findings, settings, pairs = Findings(QUANTITIES), tables.settings, pairs_of(tables)
    for method, other in (tables.options("method"), tables.options("method")[::-1]):
        mine, theirs = pairs.scores[method], pairs.scores[other]
        counts = counts_of(pairs.scores[[method, other]], settings["thresholds"])
        worst = max(counts, key=lambda t: counts[t].only_first)
        apart = [c for c in counts.values() if c.only_first != c.only_second]
        share = float(np.mean([c.only_first > c.only_second for c in apart])) if apart else np.nan
        findings.add("favouring", share, method=method)
        for number, score, against in zip(mine.index, mine, theirs, strict=True):
            labels: dict[str, Any] = {"method": method, "architecture": int(number), "seed": 0}
            seen = "yes" if number <= settings["seen_architectures"] else "no"
            trained = "by one at least" if pairs.trains[number] else "by neither"
            findings.add("margin", score - against, seen=seen, trained=trained, **labels)
            for name, threshold in (("primary", settings["primary_threshold"]), (f"{MINIMUM:g}", MINIMUM)):
                findings.add("success", succeeds(score, threshold), minimum=name, **labels)
            alone = {t: int(succeeds(score, t)) - int(succeeds(against, t)) for t in counts}
            findings.add("alone", alone[worst] > 0, **labels)
            findings.add("thresholds", sum(alone.values()), **labels)
    return findings


def pairs_of(tables: Tables) -> Pairs:
    """The architectures of which both methods have a result.

    Raises:
        WganlibError: there is none.
    """
    c = tables.columns
    by_method = [rows_of(tables.results, method=m).set_index("architecture") for m in tables.options("method")]
    scores = [rows[c.score].rename(m) for m, rows in zip(tables.options("method"), by_method, strict=True)]
    pairs = pd.concat(scores, axis=1, join="inner").sort_index()
    if pairs.empty:
        raise WganlibError(
            f"{tables.experiment.name}: no architecture has a result by both methods: all runs ran out of memory"
        )
    gains = pd.concat([rows[c.score] - rows[c.untrained] for rows in by_method], axis=1).max(axis=1)
    return Pairs(pairs, gains.reindex(pairs.index) > TRAINED)


def counts_of(scores: pd.DataFrame, thresholds: list[float]) -> dict[float, Counts]:
    """Outcomes at each threshold of scores [architectures, 2], the first column's method against the second's."""
    first, second = (list(scores[method]) for method in scores)
    return {threshold: statistics.counts(first, second, threshold) for threshold in thresholds}


def report(tables: Tables) -> Content:
    """Scores and successes as points and curves; outcomes at every threshold beside the paper's; factors; every architecture.

    Raises:
        WganlibError: no architecture has a result by both methods.
    """
    scores, methods = pairs_of(tables).scores, tables.options("method")
    counts = counts_of(scores, tables.settings["thresholds"])
    extremes = []
    for method in methods:
        ranked = ranking(rows_of(tables.runs, method=method), tables.columns.score)
        for end, run in (("best", ranked.iloc[:1]), ("worst", ranked.iloc[-1:])):
            extremes.append(run.assign(shown=f"{tables.title(method)}, {end}: no. {run['architecture'].iloc[0]}"))
    shown = dataclasses.replace(tables, runs=pd.concat(extremes, ignore_index=True))
    caption = "Samples of each method's best and worst architecture by score, not selected."
    return Content(
        tables=[_outcomes(tables, counts, len(scores)), _factors(tables, scores), _architectures(tables)],
        pictures=[_figure(tables, scores, counts), sample_grid(shown, caption, "shown")],
    )


def _outcomes(tables: Tables, counts: dict[float, Counts], n: int) -> Table:
    methods, published = [tables.title(m) for m in tables.options("method")], tables.published.outcomes["table2"]
    names = [*(f"only_{method}" for method in tables.options("method")), "both", "neither"]
    paper = {row[0]: dict(zip(published.columns, row, strict=True)) for row in published.rows}
    body: list[list[Cell]] = []
    for threshold, cells in counts.items():
        test = statistics.mcnemar(cells.only_first, cells.only_second)
        share = None if test.share is None else Number(test.share)
        beside = paper.get(threshold, {}) if set(names) <= set(published.columns) else {}
        body.append([Number(threshold, 1), *cells, PValue(test.p_value), share, *(_whole(beside.get(name)) for name in names)])
    primary = list(counts).index(tables.settings["primary_threshold"])
    untrained = tables.runs[tables.columns.untrained].max()
    caption = (
        f"Outcomes of training {n} random architectures by minimum {tables.columns.title}, which a success is above; between "
        "the thin rules the primary threshold, fixed beforehand. p: exact two-sided McNemar test at this threshold alone; "
        f"share: of the architectures that one method alone trains, those of {methods[1]}. In grey the paper's "
        f"{published.architectures} by {published.score}: other scores, not to be compared number by number. Untrained "
        f"generators score up to {untrained:.2f}: above a lower threshold nothing need have been learnt."
    )
    heads = ["above", f"only {methods[0]}", f"only {methods[1]}", "both", "neither", "p", "share"]
    heads += ["paper: only GAN" if i == 0 else word for i, word in enumerate(("", "only WGAN-GP", "both", "neither"))]
    return Table(heads, body, caption, (primary - 1, primary), quiet=(7, 8, 9, 10))


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _factors(tables: Tables, scores: pd.DataFrame) -> Table:
    first = tables.runs.drop_duplicates("architecture").set_index("architecture").loc[scores.index]
    methods, primary = tables.options("method"), tables.settings["primary_threshold"]
    body: list[list[Cell]] = []
    ends = []
    for factor, values in SIDES.items():
        for value in values:
            parts = [scores[first[f"{side}_{factor}"] == value] for side in ("generator", "critic")]
            counts = [Count(int((part[m] > primary).sum()), len(part)) for part in parts for m in methods]
            body.append([factor.replace("normalized", "norm") if value == values[0] else "", level_title(value), *counts])
        ends.append(len(body) - 1)
    caption = (
        f"Successes at the primary threshold, {primary:g}, by each factor of the architecture. Smooth ELU: "
        "softplus(2x + 2)/2 − 1. G: generator; D: discriminator or critic; norm: batch norm, under the penalty layer norm in "
        "the critic; filters: base filter count."
    )
    heads = [f"{side}: {tables.title(m)}" for side in "GD" for m in methods]
    return Table(["|factor", "|level", *heads], body, caption, tuple(ends[:-1]))


def _architectures(tables: Tables) -> Table:
    c, body = tables.columns, []
    for number, rows in tables.runs.groupby("architecture", sort=True):
        line: list[Cell] = [int(str(number)), *(level_title(rows.iloc[0][name]) for name in FACTORS)]
        for method in tables.options("method"):
            run = rows_of(rows, method=method).iloc[0]
            line += [Number(run[c.score]), Number(run[c.distance], 0)]
        body.append(line)
    caption = (
        f"Every architecture with its factors, {c.title}, and {c.distance_title} to the training images. Critics with a norm "
        f"have a weight decay of {max(entry.spec.method.critic_l2 for entry in tables.experiment.entries):g} (appendix B)."
    )
    heads = ["no.", *FACTOR_HEADS]
    heads += [head for m in tables.options("method") for head in (tables.title(m), "distance")]
    return Table(heads, body, caption)


def _figure(tables: Tables, scores: pd.DataFrame, counts: dict[float, Counts]) -> Picture:
    """Left: one point an architecture, its score by either method. Right: successes over the threshold."""
    drawn, axes = figure(2.7, 2)
    (left, right), methods, primary = axes[0], tables.options("method"), tables.settings["primary_threshold"]
    top = max(float(scores[methods].max().max()), primary) + 1
    left.plot([1, top], [1, top], color="0.7", linewidth=0.6, zorder=0)
    left.scatter(scores[methods[0]], scores[methods[1]], s=18, facecolor="white", edgecolor="black", linewidth=0.8, zorder=3)
    for panel in (left.axhline, left.axvline, right.axvline):
        panel(primary, color="0.4", linewidth=0.6, linestyle=":")
    labels = [f"{tables.columns.title}, {tables.title(method)}" for method in methods]
    left.set(xlim=(0.8, top), ylim=(0.8, top), xlabel=labels[0], ylabel=labels[1], aspect="equal")
    for place, method in enumerate(methods):
        colour = COLOURS.get(method, "black")
        # Exact: the count above x falls by one at each score.
        ordered = sorted(scores[method])
        steps = [1.0, *ordered, max(max(counts), ordered[-1])], [*range(len(ordered), -1, -1), 0]
        right.plot(*steps, drawstyle="steps-post", color=colour, linewidth=1.2)
        successes = [c[place] + c.both for c in counts.values()]
        marker = MARKERS.get(method, "^")
        right.plot(list(counts), successes, ls="none", color=colour, marker=marker, ms=4, label=tables.title(method))
    right.set(xlabel=f"minimum {tables.columns.title}", ylabel=f"architectures above it, of {len(scores)}")
    right.legend(frameon=False)
    caption = (
        f"Left: a point an architecture, its {tables.columns.title} by either method. Right: architectures that each method "
        "trains, as the minimum score rises; markers: the table's thresholds. Dotted: the primary threshold."
    )
    return Picture(drawn, caption)
