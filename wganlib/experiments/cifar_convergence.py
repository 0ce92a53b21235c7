"""Score over training for clipping, penalty and DCGAN, by iterations and by seconds (Gulrajani et al. 2017, Figure 3)."""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Findings, Quantity
from wganlib.reporting.content import Content, Picture, rows_of
from wganlib.reporting.grammar import by_options, gain, legend_below, measured, scores
from wganlib.reporting.style import DASHES, PALETTE, figure

QUANTITIES = {
    "area": Quantity("mean score over training, by trapezoids between the snapshots"),
    "examples": Quantity("logarithm of the critic's examples until the score first is as high as in settings.common_score"),
}


def measure(tables: Tables) -> Findings:
    """Of each run the mean score over training, and how many examples its critic had seen at a score common to all.

    Seconds are no measure where other jobs share the cores.
    """
    findings, c, common = Findings(QUANTITIES), tables.columns, tables.settings["common_score"]
    for run in tables.results.to_dict("records"):
        course = rows_of(tables.snapshots, run=run["run"]).sort_values("generator_iteration")
        course = course[course["generator_iteration"] > 0]
        iterations = np.array([0.0, *course["generator_iteration"]])
        values = np.array([run[c.untrained], *course[c.score]], dtype=np.float64)
        spec = tables.experiment.spec_of(method=run["method"]).method
        labels = {"seed": run["seed"], "method": run["method"]}
        findings.add("area", float(np.trapezoid(values, iterations) / iterations[-1]), **labels)
        examples = first_reached(iterations, values, common) * spec.critic_steps * spec.batch_size
        findings.add("examples", math.log(examples) if examples > 0 else -math.inf, **labels)
    return findings


def first_reached(x: NDArray[np.float64], y: NDArray[np.float64], level: float) -> float:
    """Where straight lines between the points x, y [n] first are as high as a level; infinite where they never are."""
    above = np.flatnonzero(y >= level)
    if not len(above):
        return math.inf
    at = int(above[0])
    if at == 0:
        return float(x[0])
    return float(x[at - 1] + (level - y[at - 1]) / (y[at] - y[at - 1]) * (x[at] - x[at - 1]))


def report(tables: Tables) -> Content:
    """The two panels of the figure; rates, scores and pace of each method."""
    runs_ok, score, _, distance, _ = scores(tables)
    common = f"{tables.settings['common_score']:g}"
    columns = [
        *(runs_ok, score, distance, gain(tables)),
        measured(tables, "area", "mean score", words="Mean score: over training, by trapezoids."),
        measured(
            tables,
            "examples",
            f"log examples to {common}",
            words=f"Log examples to {common}: logarithm of the examples that the critic had seen at that score.",
        ),
    ]
    return Content([by_options(tables, ["method"], columns)], [_curves(tables)])


def courses(tables: Tables) -> pd.DataFrame:
    """The snapshots with `seconds` of training, interpolated between logged iterations; training begins at 0 s."""
    result = []
    for run, rows in tables.snapshots.groupby("run", sort=False):
        history = rows_of(tables.curves, run=run).sort_values("generator_iteration")
        iterations, seconds = ([0.0, *history[name]] for name in ("generator_iteration", "seconds"))
        at = rows["generator_iteration"].astype(float)
        result.append(rows.assign(seconds=np.interp(at, iterations, seconds)).sort_values("generator_iteration"))
    return pd.concat(result, ignore_index=True)


def _curves(tables: Tables) -> Picture:
    course = courses(tables)
    drawn, axes = figure(2.6, 2, sharey=True)
    names = ("generator_iteration", "generator iteration"), ("seconds", "seconds of training")
    for panel, (x, label) in zip(axes[0], names, strict=True):
        for index, method in enumerate(tables.options("method")):
            style = {"color": PALETTE[index], "linestyle": DASHES[index], "linewidth": 1.1}
            for place, (_, rows) in enumerate(rows_of(course, method=method).groupby("run", sort=False)):
                panel.plot(rows[x], rows[tables.columns.score], label=None if place else method, **style)
        panel.set_xlabel(label)
    axes[0, 0].set_ylabel(tables.columns.title)
    caption = (
        f"{tables.columns.title[0].upper()}{tables.columns.title[1:]} over generator iterations (left) and over seconds of "
        f"training without scoring (right; on {', '.join(sorted(set(tables.runs['device'])))}), as in Figure 3 of the paper; "
        "a line a seed, not smoothed."
    )
    return legend_below(Picture(drawn, caption), 4)
