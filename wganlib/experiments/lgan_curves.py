"""Scores over training of Lipschitz GANs' objectives, and how stable they are (Zhou et al. 2019, Figures 4, 5, 14 and 15)."""

import numpy as np
import pandas as pd
from matplotlib.ticker import LogLocator, NullLocator, ScalarFormatter
from numpy.typing import NDArray

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Findings, Quantity
from wganlib.reporting.content import Content, Picture, Table, finite, mean_sd, rows_of
from wganlib.reporting.grammar import legend_below, lines_figure, unbroken
from wganlib.reporting.lipschitz_gans import chosen, trained

QUANTITIES = {
    "score_variation": Quantity("coefficient of variation of the score over the last snapshots"),
    "distance_variation": Quantity("the same of the distance"),
    "variation_ratio": Quantity("the first over the second: above 1 where the distance is the more stable", "> 1", ours=True),
    "share_ratio": Quantity(
        "the same ratio of standard deviations over the last snapshots, each over the change since the first", "> 1", ours=True
    ),
    "seed_variation_ratio": Quantity(
        "coefficient of variation of the final score over seeds, over that of the final distance", "> 1", ours=True
    ),
}


def variation(values: NDArray[np.float64]) -> float:
    """Standard deviation of values [n] over their mean."""
    return float(values.std(ddof=1) / abs(values.mean())) if len(values) > 1 and values.mean() else float("nan")


def share(values: NDArray[np.float64], last: int) -> float:
    """Standard deviation of the last of values [n] over the change from the first to their mean."""
    end = values[-last:]
    change = abs(end.mean() - values[0]) if len(end) else 0.0
    return float(end.std(ddof=1) / change) if len(end) > 1 and change else float("nan")


def report(tables: Tables) -> Content:
    """Curves of the distance and of the score, an objective each at its chosen weight; their stability."""
    findings, last, c = Findings(QUANTITIES), int(tables.settings["last_snapshots"]), tables.columns
    shown = {data: _curves(tables, data) for data in dict.fromkeys(trained(tables)["data"])}
    body = []
    for data, curves in shown.items():
        for objective, (weight, moments) in curves.items():
            case = f"{data}, {objective}"
            result = [_stability(findings, rows, tables, last, case) for _, rows in moments.groupby("run", sort=False)]
            final = trained(tables, data=data, objective=objective, weight=weight)
            spreads = [variation(finite(final[column])) for column in (c.score, c.distance)]
            if spreads[1] > 0:
                findings.add("seed_variation_ratio", spreads[0] / spreads[1], case)
            columns = (mean_sd((100 * x for x in values), 1) for values in zip(*result, strict=True))
            body.append([unbroken(data), unbroken(objective), weight, *columns, *(mean_sd([100 * x], 1) for x in spreads)])
    head = ["|data", "|objective", "weight"]
    kinds = ("variation", "of the gain", "over seeds")
    head += [f"{what}: {kind}" for kind in kinds for what in ("score", "distance")]
    caption = (
        f"{c.title[0].upper()}{c.title[1:]} and {c.distance_title}: standard deviations over the last {last} snapshots of a "
        "run, in per cent. Variation: of the mean over these snapshots. Of the gain: of the change since the first snapshot. A "
        "trend counts as variation. Over seeds: variation of the final values, none with one seed. Runs of the chosen weight; "
        "mean ± standard deviation over seeds."
    )
    return Content(findings, [Table(head, body, caption)], _pictures(tables, shown), notes=_notes(tables))


def _curves(tables: Tables, data: str) -> dict[str, tuple[str, pd.DataFrame]]:
    """By objective: the chosen weight, and the snapshots of its runs in order."""
    result = {}
    for objective in tables.options("objective"):
        choice = chosen(tables, data, objective)
        if choice:
            runs = trained(tables, data=data, objective=objective, weight=choice.weight)["run"]
            moments = tables.snapshots[tables.snapshots["run"].isin(runs)].sort_values("generator_iteration")
            result[objective] = choice.weight, rows_of(moments, group="objectives")
    return result


def _stability(
    findings: Findings, rows: pd.DataFrame, tables: Tables, last: int, case: str
) -> tuple[float, float, float, float]:
    """Variations and shares of one run's score and distance. The untrained generator, iteration 0, has no part in them."""
    c, seed = tables.columns, int(rows["seed"].iloc[0])
    trained_ones = rows[rows["generator_iteration"] > 0]
    score, distance = (finite(trained_ones[column]) for column in (c.score, c.distance))
    pairs = ((variation(score[-last:]), variation(distance[-last:])), (share(score, last), share(distance, last)))
    for name, (of_score, of_distance) in zip(("variation", "share"), pairs, strict=True):
        if name == "variation":
            findings.add("score_variation", of_score, case, seed)
            findings.add("distance_variation", of_distance, case, seed)
        if of_distance > 0:
            findings.add(f"{name}_ratio", of_score / of_distance, case, seed)
    return (*pairs[0], *pairs[1])


def _pictures(tables: Tables, shown: dict[str, dict[str, tuple[str, pd.DataFrame]]]) -> list[Picture]:
    """The distance (Figures 4 and 5), then the score (14 and 15), a panel a data set."""
    c, pictures, names = tables.columns, [], tables.options("objective")
    for column, title, better in ((c.distance, c.distance_title, "lower"), (c.score, c.title, "higher")):
        panels = [
            (data, [(objective, curves[objective][1] if objective in curves else tables.snapshots[:0]) for objective in names])
            for data, curves in shown.items()
        ]
        caption = (
            f"{title[0].upper()}{title[1:]} over training, {better} is better; a line a seed. Each objective at the penalty "
            "weight in Table 1, chosen on the last distance."
        )
        picture = lines_figure(panels, "generator_iteration", column, ("generator iteration", title), caption, 2.9)
        if column == c.distance:
            # Early distances are many times the last ones.
            for axes in picture.figure.axes:
                axes.set_yscale("log")
                axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
                axes.yaxis.set_major_formatter(ScalarFormatter())
                axes.yaxis.set_minor_locator(NullLocator())
        pictures.append(legend_below(picture, 3))
    return pictures


def _notes(tables: Tables) -> list[str]:
    notes = [
        f"A coefficient of variation depends on where zero lies: a score is at least 1 and moves in a small range, "
        f"{tables.columns.distance_title} goes towards 0. So the share of the gain stands beside it."
    ]
    left = {
        f"{data}, {objective}"
        for data in dict.fromkeys(trained(tables)["data"])
        for objective in tables.options("objective")
        if chosen(tables, data, objective) is None
    }
    if left:
        notes.append(f"A run diverged at every weight, so no curve: {'; '.join(sorted(left))}.")
    return notes
