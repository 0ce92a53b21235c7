"""Objectives of Lipschitz GANs on images: scores at each penalty weight, and the paper's choice (Zhou et al. 2019, Table 2)."""

import numpy as np
from scipy import stats

from wganlib.collecting.collected import Tables
from wganlib.judging.failures import with_result
from wganlib.judging.quantities import Findings, Quantity
from wganlib.planning.params import PublishedScores
from wganlib.reporting.content import Content, Table, mean_sd, number, rows_of
from wganlib.reporting.grammar import score_table, unbroken
from wganlib.reporting.lipschitz_gans import STRICTLY_CONVEX, WASSERSTEIN, chosen, trained

QUANTITIES = {
    "gap": Quantity(
        "distance of x minus that of the best strictly convex objective, each at its chosen weight, same seed", "> 0", ours=True
    ),
    "gap_unselected": Quantity("the same, weights and best objective chosen on the other seeds alone", "> 0", ours=True),
    "gap_median": Quantity("median of the first over seeds, where the distance is FID and the data CIFAR-10", "> 1"),
    "place": Quantity(
        "place of x among the objectives by mean distance at the chosen weight, 1 is best; expected: last, as in the paper",
        "within 0",
        ours=True,
    ),
    "order": Quantity(
        "rank correlation of the objectives' mean distances at the chosen weight with the paper's FIDs", "> 0", ours=True
    ),
    "band_x": Quantity("FID of x at its chosen weight on CIFAR-10", "in [18, 19]"),
    "band_others": Quantity("FID of another objective at its chosen weight on CIFAR-10", "in [15.5, 17]"),
    "failed": Quantity("1 where exp x fails with this penalty of weight 10, 0 where it does not", ">= 1"),
    "ended": Quantity("1 where exp x trains to the end with the penalty on the maximum, 0 where it fails", ">= 1"),
}


def report(tables: Tables) -> Content:
    """All weights; the paper's table with its selection named; the penalties beside each other."""
    findings = Findings(QUANTITIES)
    published = tables.published.scores["lgan_table2"]
    rows = rows_of(tables.runs, group="objectives")
    data_sets = list(dict.fromkeys(rows["data"]))
    every = score_table(tables, ["data", "objective", "weight"], "All penalty weights, without a choice.", rows=rows)
    ends = tuple(i for i in range(len(every.rows) - 1) if every.rows[i][:2] != every.rows[i + 1][:2])
    shown = [every._replace(rules=ends)]
    for data in data_sets:
        shown.append(_chosen_table(tables, data, published))
        _gaps(findings, tables, data)
        _ranks(findings, tables, data, published)
    if not any(row.labels.get("data") in data_sets for row in published.rows):
        shown.append(_printed(published))
    shown.append(_penalties(findings, tables))
    return Content(findings, shown, notes=_notes(findings, tables, published))


def _chosen_table(tables: Tables, data: str, published: PublishedScores) -> Table:
    """A row an objective: at the chosen weight, the paper's best of all runs, the paper's numbers."""
    c, body, count = tables.columns, [], 0
    printed = any(row.labels.get("data") == data for row in published.rows)
    for objective in tables.options("objective"):
        rows = trained(tables, data=data, objective=objective)
        choice = chosen(tables, data, objective)
        there = rows[rows["weight"] == choice.weight] if choice else rows[:0]
        best = rows.loc[rows[c.distance].idxmin()] if len(rows) else None
        line = [objective, choice.weight if choice else "–", mean_sd(there[c.score]), number(there[c.split_std].mean())]
        line += [mean_sd(there[c.distance])]
        line += ["–"] * 3 if best is None else [number(best[c.score]), number(best[c.distance]), str(best["weight"])]
        if printed:
            line += [published.of(s, objective=objective, data=data) for s in ("inception_score", "frechet_inception_distance")]
        body.append([unbroken(cell) for cell in line])
        count = max(count, len(rows))
    head = ["|objective", "weight", c.title, "split spread", c.distance_title]
    head += [f"best of {count}: {c.title}", f"best of {count}: {c.distance_title}", "its weight"]
    caption = (
        f"{data}, each objective at the weight of its lowest mean {c.distance_title} over seeds: chosen by the number that is "
        "shown, which flatters it. Mean ± standard deviation over seeds, without it where there is one seed. Best of "
        f"{count}: the one run of the lowest distance over all weights and seeds, as the paper chose, which flatters more."
    )
    if printed:
        head += ["paper: IS", "paper: FID"]
        caption += f" The paper's ±: {published.spread}."
    return Table(head, body, caption)


def _printed(published: PublishedScores) -> Table:
    """The paper's table, where it has none of our data sets."""
    data_sets = list(dict.fromkeys(row.labels["data"] for row in published.rows))
    rows = []
    for objective in dict.fromkeys(row.labels["objective"] for row in published.rows):
        scores = ("inception_score", "frechet_inception_distance")
        rows.append([objective, *(published.of(s, objective=objective, data=d) for d in data_sets for s in scores)])
    head = ["|objective", *(f"{data}, {score}" for data in data_sets for score in ("IS", "FID"))]
    caption = (
        f"The paper's table on its own data sets: {published.certainty}. Its ±: {published.spread}. Not comparable with ours."
    )
    return Table(head, rows, caption)


def _gaps(findings: Findings, tables: Tables, data: str) -> None:
    """Distance of x minus that of the best strictly convex objective, seed by seed."""
    seeds = sorted(set(trained(tables, data=data)["seed"]))
    result = {seed: _gap(tables, data, seed, None) for seed in seeds}
    for seed, gap in result.items():
        if not np.isnan(gap):
            findings.add("gap", gap, data, seed)
    if len(seeds) > 1:
        for seed in seeds:
            gap = _gap(tables, data, seed, seed)
            if not np.isnan(gap):
                findings.add("gap_unselected", gap, data, seed)
    values = [gap for gap in result.values() if not np.isnan(gap)]
    if values and _is_fid(tables, data):
        findings.add("gap_median", float(np.median(values)), data)


def _gap(tables: Tables, data: str, seed: int, without: int | None) -> float:
    """One seed's gap, with choices that leave out the seed `without`; not a number where a run has no result."""
    base = chosen(tables, data, WASSERSTEIN, without)
    choices = {o: choice for o in STRICTLY_CONVEX if (choice := chosen(tables, data, o, without))}
    if base is None or not choices:
        return float("nan")
    best = min(choices, key=lambda objective: choices[objective].distance)
    pair = []
    for objective, weight in ((WASSERSTEIN, base.weight), (best, choices[best].weight)):
        row = trained(tables, data=data, objective=objective, weight=weight, seed=seed)
        pair.append(float(row[tables.columns.distance].iloc[0]) if len(row) else float("nan"))
    return pair[0] - pair[1]


def _ranks(findings: Findings, tables: Tables, data: str, published: PublishedScores) -> None:
    """Order of the objectives, and the bands around the paper's numbers where they are of the same kind."""
    choices = {o: choice.distance for o in tables.options("objective") if (choice := chosen(tables, data, o))}
    if WASSERSTEIN in choices and len(choices) > 1:
        place = 1 + sum(distance < choices[WASSERSTEIN] for distance in choices.values())
        findings.add("place", place, data, expected=len(choices))
    paper = {
        row.labels["objective"]: row.frechet_inception_distance[0]
        for row in published.rows
        if row.labels.get("data") == data and row.frechet_inception_distance
    }
    both = [objective for objective in choices if objective in paper]
    if len(both) > 2:
        ranks = stats.spearmanr([choices[o] for o in both], [paper[o] for o in both])
        findings.add("order", float(ranks.statistic), data)
    if _is_fid(tables, data):
        for objective in choices:
            choice = chosen(tables, data, objective)
            rows = trained(tables, data=data, objective=objective, weight=choice.weight if choice else "")
            for seed, distance in zip(rows["seed"], rows[tables.columns.distance], strict=True):
                findings.add("band_x" if objective == WASSERSTEIN else "band_others", distance, f"{data}, {objective}", seed)


def _penalties(findings: Findings, tables: Tables) -> Table:
    """Penalties of weight 10 beside each other; whether exp x fails with them."""
    rows = tables.runs[tables.runs["group"].isin(["penalties", "control"])]
    for row in with_result(rows).to_dict("records"):
        if row["objective"] == WASSERSTEIN:
            continue
        if row["penalty"].startswith("maximum"):
            findings.add("ended", float(row["outcome"] == "ok"), row["data"], row["seed"])
        else:
            findings.add("failed", float(row["outcome"] == "diverged"), f"{row['data']}, {row['penalty']}", row["seed"])
    caption = (
        "Penalties of weight 10: two-sided and one-sided with target 1, and on the maximum of the sampled slopes. A run fails "
        "when a loss or a weight is not finite."
    )
    return score_table(tables, ["data", "objective", "penalty"], caption, rows=rows)


def _is_fid(tables: Tables, data: str) -> bool:
    return data == "CIFAR-10" and tables.experiment.scoring.network == "inception"


def _notes(findings: Findings, tables: Tables, published: PublishedScores) -> list[str]:
    """What a reader must know first: seeds, the kind of score, the paper's numbers."""
    notes = [f"The paper's numbers are {published.certainty}: its text at hand cannot confirm them."]
    if tables.experiment.scoring.network != "inception":
        title = tables.columns.distance_title
        notes.append(f"The protocol's criteria are of FID on CIFAR-10; {title} has another unit, so they are not applied here.")
    gaps = findings.frame()
    for data, rows in gaps[gaps["quantity"] == "gap"].groupby("case", sort=False):
        if len(rows) > 1:
            mean, error = rows["value"].mean(), stats.sem(rows["value"])
            low, high = stats.t.interval(0.95, len(rows) - 1, mean, error) if error > 0 else (mean, mean)
            notes.append(
                f"{data}: x lies {number(mean)} above the best strictly convex objective in {tables.columns.distance_title} "
                f"(95 % interval {number(low)} to {number(high)} from {len(rows)} paired seeds, after the choice of weights)."
            )
    if tables.runs["seed"].nunique() == 1:
        notes.append("One seed: the comparison of objectives is inconclusive.")
    return notes
