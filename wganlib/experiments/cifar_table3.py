"""Scores of the CIFAR-10 ResNets beside the published rows (Gulrajani et al. 2017, Table 3)."""

import math

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Quantity
from wganlib.reporting.content import Cell, Content, Number, Spread, Table, rows_of, spread
from wganlib.reporting.grammar import Column, by_options, curves, gain, paired, scores

QUANTITIES: dict[str, Quantity] = {}


def report(tables: Tables) -> Content:
    """Score and distance over training; our rows, with what labels add; the paper's table in its order."""
    c, published = tables.columns, tables.published.scores["cifar_table3"]
    best = tables.snapshots.groupby("run")[c.score].max()
    plain = rows_of(tables.results, model="unsupervised").set_index("seed")[c.score]
    columns = [
        *scores(tables),
        gain(tables),
        Column(
            "best checkpoint",
            lambda rows: spread(best.reindex(rows["run"])),
            "Best checkpoint: chosen by its own score, and so too high.",
        ),
        Column(
            "labels add",
            lambda rows: paired(rows.set_index("seed")[c.score] - plain) if (rows["model"] != "unsupervised").all() else None,
            "Labels add: score less that without labels on the same seed, with its 95 % interval.",
        ),
    ]
    printed: list[list[Cell]] = []
    for row in published.rows:
        value = row.inception_score or (math.nan,)
        printed.append([row.name, Spread(value[0], value[1]) if len(value) == 2 else Number(value[0])])
    caption = f"What the paper prints, by Inception on CIFAR-10; ±: {published.spread}."
    over_time = curves(
        tables,
        "model",
        [(c.score, c.title), (c.distance, c.distance_title)],
        "Score and distance over training; a line a seed.",
    )
    over_time.figure.axes[1].set_yscale("log")
    return Content(
        [
            by_options(tables, ["model"], columns, rows=tables.results),
            Table(["|method", "Inception Score"], printed, caption, (6,), quiet=(1,)),
        ],
        [over_time],
    )
