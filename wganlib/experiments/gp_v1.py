"""WGAN-GP with the Adam of its paper's first version beside that of the third (Gulrajani et al. 2017, Algorithm 1)."""

import pandas as pd

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Quantity
from wganlib.reporting.content import Content, Table, rows_of
from wganlib.reporting.grammar import Column, by_options, gain, legend_below, lines_figure, paired, scores

QUANTITIES: dict[str, Quantity] = {}
V3 = "0 (version 3)"


def report(tables: Tables) -> Content:
    """Scores over time; scores by networks and β₁, with differences by seed; what else the versions say."""
    c, networks = tables.columns, tables.options("networks")
    runs = pd.concat([rows_of(tables.results, networks=name) for name in networks])
    third = rows_of(tables.results, beta1=V3).set_index(["networks", "seed"])[c.score]
    against = Column(
        "less that of 0",
        lambda rows: None if rows["beta1"].iloc[0] == V3 else paired(rows.set_index(["networks", "seed"])[c.score] - third),
        "Less that of 0: score less that with β₁ 0 on the same seed, with its 95 % interval.",
    )
    panels = [
        (
            name,
            [(rf"$\beta_1$ {beta}", rows_of(tables.snapshots, networks=name, beta1=beta)) for beta in tables.options("beta1")],
        )
        for name in networks
    ]
    caption = f"{c.title[0].upper()}{c.title[1:]} over training by Adam's β₁; a line a seed."
    picture = lines_figure(panels, "generator_iteration", c.score, ("generator iteration", c.title), caption)
    texts = Table(
        ["|of", "|version 1", "|version 3"],
        [[row["what"], row["v1"], row["v3"]] for row in tables.settings["versions"]],
        "Where version 1 differs from version 3, as far as the slides of version 1 show it. The same in both: the penalty, "
        "weight 10, five critic steps, learning rate 0.0001, no batch norm in the critic.",
    )
    table = by_options(tables, ["networks", "beta1"], [*scores(tables), gain(tables), against], rows=runs)
    return Content([table, texts], [legend_below(picture, 3)])
