"""Scores over training of Lipschitz GANs' objectives (Zhou et al. 2019, Figures 4, 5, 14 and 15)."""

import numpy as np

from wganlib.collecting.collected import Tables
from wganlib.reporting.content import Content, Picture, rows_of
from wganlib.reporting.grammar import by_options, legend_below, scores
from wganlib.reporting.style import DASHES, PALETTE, figure


def report(tables: Tables) -> Content:
    """Distance and score over training at each weight; final scores."""
    several = ["data"] if len(tables.options("data")) > 1 else []
    return Content(
        tables=[by_options(tables, [*several, "weight", "objective"], scores(tables))],
        pictures=[_curves(tables, data) for data in tables.options("data")],
    )


def _curves(tables: Tables, data: str) -> Picture:
    """A row a score, a column a weight, one scale a row; thick lines are means over seeds."""
    c, weights = tables.columns, tables.options("weight")
    drawn, axes = figure(5.2, len(weights), 2, sharex=True, sharey="row")
    for i, (column, title) in enumerate(((c.distance, c.distance_title), (c.score, c.title))):
        for panel, weight in zip(axes[i], weights, strict=True):
            for index, objective in enumerate(tables.options("objective")):
                rows = rows_of(tables.snapshots, data=data, weight=weight, objective=objective)
                rows = rows.replace([np.inf, -np.inf], np.nan).dropna(subset=[column])
                style = {"color": PALETTE[index % len(PALETTE)], "linestyle": DASHES[index % len(DASHES)]}
                for _, run in rows.groupby("run", sort=False):
                    run = run.sort_values("generator_iteration")
                    panel.plot(run["generator_iteration"], run[column], linewidth=0.4, alpha=0.35, **style)
                log = np.log if column == c.distance else np.positive
                means = log(rows[column].astype(float)).groupby(rows["generator_iteration"]).mean()
                heights = np.exp(means) if column == c.distance else means
                panel.plot(means.index, heights, linewidth=1.5, label=objective, **style)
            panel.set(yscale="log" if column == c.distance else "linear", title="" if i else f"weight {weight}")
        axes[i, 0].set_ylabel(title)
    for panel in axes[-1]:
        panel.set_xlabel("generator iteration")
    caption = (
        f"{data}: {c.distance_title} (lower is better) and {c.title} over training at each penalty weight. Thin lines: seeds; "
        "thick: their mean, of the distance the geometric one."
    )
    return legend_below(Picture(drawn, caption), 3)
