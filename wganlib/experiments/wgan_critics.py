"""Critics trained longer and of other widths (Arjovsky et al. 2017, sections 1, 3 and 4.3)."""

import numpy as np

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Findings, Quantity
from wganlib.reporting.content import Content, Picture
from wganlib.reporting.grammar import by_options, gain, legend_below, quantities, sample_grid, scores
from wganlib.reporting.style import DASHES, PALETTE, figure

QUANTITIES = {"slope": Quantity("slope of the logarithm of the Fréchet distance over that of the critic's steps")}

AXES = {"critic_steps": "critic steps in a generator iteration", "critic_width": "width of the critic"}


def measure(tables: Tables) -> Findings:
    """How the distance at the end goes with the critic's steps, a slope for each method and seed."""
    findings, runs = Findings(QUANTITIES), tables.results.dropna(subset="critic_steps")
    for (method, seed), rows in runs.groupby(["method", "seed"], sort=False):
        with np.errstate(divide="ignore", invalid="ignore"):
            steps, distances = np.log(rows["critic_steps"].astype(float)), np.log(rows[tables.columns.distance])
        # A run that diverged is infinitely far: no line goes through it.
        slope = np.polyfit(steps, distances, 1)[0] if np.isfinite(distances).all() and len(rows) > 1 else np.nan
        findings.add("slope", slope, seed=int(seed), method=method)
    return findings


def report(tables: Tables) -> Content:
    """Distances by steps and by width of the critic; scores; samples."""
    columns, caption = [*scores(tables), gain(tables)], "All with the same generator iterations."
    listed = [by_options(tables, ["method", axis], columns, caption, tables.runs.dropna(subset=axis)) for axis in AXES]
    slopes = "Slope of the logarithm of the distance over that of the critic's steps: below 0 where more steps help."
    listed.append(quantities(tables, {"slope": "slope"}, ["method"], slopes))
    samples = "Samples of the last generators by the width of the critic, first seed, not chosen."
    return Content(listed, [_figure(tables), sample_grid(tables, samples, "critic_width", "method", group="widths")])


def _figure(tables: Tables) -> Picture:
    drawn, axes = figure(2.5, len(AXES), sharey=True)
    for panel, (axis, label) in zip(axes[0], AXES.items(), strict=True):
        options = tables.options(axis)
        for index, method in enumerate(tables.options("method")):
            style = {
                "color": PALETTE[index],
                "linestyle": DASHES[index],
                "marker": "os"[index],
                "markersize": 3,
                "linewidth": 1,
            }
            rows = tables.results.dropna(subset=axis)
            for place, (_, runs) in enumerate(rows[rows["method"] == method].groupby("seed")):
                at = [options.index(str(option)) for option in runs[axis]]
                panel.plot(at, runs[tables.columns.distance], label=None if place else tables.title(method), alpha=0.6, **style)
        panel.set_xticks(range(len(options)), options)
        panel.set(xlabel=label, yscale="log")
    axes[0, 0].set_ylabel(tables.columns.distance_title)
    caption = (
        f"{tables.columns.distance_title} at the end, lower is better, by the critic's steps and by its width; a line a seed."
    )
    return legend_below(Picture(drawn, caption), 2)
