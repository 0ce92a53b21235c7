"""One network under WGAN-GP and the standard GAN, with one part of the method exchanged at a time."""

import numpy as np

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Findings, Quantity
from wganlib.reporting.content import Content, Picture, rows_of
from wganlib.reporting.grammar import by_options, gain, sample_grid, scores
from wganlib.reporting.style import PALETTE, figure

GAN, WGAN_GP = "nonsaturating_gan", "wgan_gp"
QUANTITIES = {
    "spread_over_difference": Quantity("standard deviation of a method's score over seeds, over the difference of means")
}


def measure(tables: Tables) -> Findings:
    """Spread of each of the two methods over seeds beside their difference."""
    findings, score = Findings(QUANTITIES), tables.columns.score
    values = {name: rows_of(tables.results, method=name)[score] for name in (GAN, WGAN_GP)}
    difference = abs(values[WGAN_GP].mean() - values[GAN].mean())
    for name, over_seeds in values.items():
        with np.errstate(divide="ignore"):
            findings.add("spread_over_difference", np.divide(over_seeds.std(ddof=1), difference), method=name)
    return findings


def report(tables: Tables) -> Content:
    """Every seed's score by variant, the table, samples."""
    return Content(
        tables=[by_options(tables, ["method"], [*scores(tables), gain(tables)])],
        pictures=[
            _dots(tables),
            sample_grid(tables, "Samples of the first seed's last generators, not chosen.", "method"),
        ],
    )


def _dots(tables: Tables) -> Picture:
    names, c = tables.options("method"), tables.columns
    drawn, axes = figure(0.22 * len(names) + 0.6, 2, sharey=True)
    for row, name in enumerate(names):
        runs = rows_of(tables.results, method=name)
        for panel, column in zip(axes[0], (c.score, c.distance), strict=True):
            panel.plot(runs[column], [row] * len(runs), "o", color=PALETTE[0], markersize=3, alpha=0.6, linestyle="none")
            panel.plot(runs[column].median(), row, "|", color=PALETTE[1], markersize=11, markeredgewidth=1.4)
    axes[0, 0].set_yticks(range(len(names)), [tables.title(name) for name in names], fontsize=7.5)
    axes[0, 0].invert_yaxis()
    axes[0, 0].set_xlabel(c.title)
    axes[0, 1].set(xlabel=f"{c.distance_title} (log)", xscale="log")
    caption = "Score and distance of every seed (dots) with their median (bar), a row a variant."
    return Picture(drawn, caption)
