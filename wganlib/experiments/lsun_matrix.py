"""Seven pairs of networks trained with four methods (Gulrajani et al. 2017, Figure 2)."""

import math

import pandas as pd
from scipy import stats

from wganlib import architectures
from wganlib.architectures.nodes import weight_layers
from wganlib.collecting.collected import Tables
from wganlib.datasets.spec import DatasetSpec
from wganlib.judging.quantities import Findings, Quantity
from wganlib.judging.quantities import scores as standard
from wganlib.reporting.content import Cell, Content, Count, Table, rows_of, spread
from wganlib.reporting.grammar import ending, sample_grid

QUANTITIES = {
    "way": Quantity(
        "share of the way from the untrained generator to real held-out images, in the log of the Fréchet distance"
    ),
    "alike": Quantity("similarity of pairs of samples less that of training images, of a run that gained more than a point"),
    "layers": Quantity("layers with weights from end to end, at full width"),
    "loss_rank": Quantity("rank correlation of the critic's negative loss at the end with the log distance, over networks"),
}
WGAN_GP = "wgan_gp_appendix_e"
GAINED = 1.0
"""A run whose score is so far above that of its untrained generator is none that did not leave the start."""
DEEPEST = 101


def measure(tables: Tables) -> Findings:
    """How far each run came on its way to real images, with noise and real images beside; likeness; losses; layers."""
    findings, c = Findings(QUANTITIES), tables.columns
    known = standard(tables.results, c).pivot_table(index="run", columns="quantity", values="value", dropna=False)
    start = rows_of(tables.snapshots, generator_iteration=0).set_index("run")[c.distance]
    real = next(iter(tables.real.values()))
    goal, noise = (math.log(real[name][c.distance]) for name in ("real_held_out_images", "uniform_noise"))
    for run in tables.results.to_dict("records"):
        labels = {"seed": run["seed"], "networks": run["networks"]}
        first, of = math.log(start.get(run["run"], math.nan)), known.loc[run["run"]]
        findings.add("way", (first - of["log_distance"]) / (first - goal), method=run["method"], **labels)
        if run["method"] == WGAN_GP:
            findings.add("way", (first - noise) / (first - goal), method="uniform noise", **labels)
            findings.add("way", 1.0, method="held-out images", **labels)
        if of["gain"] > GAINED:
            findings.add("alike", of["similarity"], method=run["method"], **labels)
    for seed, runs in rows_of(tables.results, method=WGAN_GP).groupby("seed"):
        losses = [-ending(rows_of(tables.curves, run=run))["critic_loss"].mean() for run in runs["run"]]
        rank = stats.spearmanr(losses, known.loc[runs["run"], "log_distance"]).statistic
        findings.add("loss_rank", float(rank), seed=int(str(seed)))
    shape = DatasetSpec(name="lsun_bedrooms", image_size=64).shape
    for networks in tables.options("networks"):
        pair = tables.experiment.spec_of(networks=networks).architecture
        for side in ("generator", "critic"):
            layers = [layer for layer, _ in weight_layers(*architectures.nodes(pair, shape, side)) if layer.name != "shortcut"]
            findings.add("layers", len(layers), expected=DEEPEST, networks=networks, side=side)
    return findings


def report(tables: Tables) -> Content:
    """Samples of every cell; the way that each came, with successes; distances and similarities."""
    c, success = tables.columns, tables.settings["success"]
    way, known = rows_of(tables.quantities, quantity="way"), standard(tables.results, c)
    methods = [*tables.options("method"), "uniform noise"]
    means = way.groupby(["method", "networks"])["value"].mean()
    counts = [Count(int((means[m] > success).sum()), len(means[m])) if m in means else None for m in methods]
    published = tables.published.counts["lsun_matrix"].counts
    paper = [Count(published[m], published["networks"]) if m in published else None for m in methods]
    came = Table(
        *_matrix(tables, way, methods, 2),
        "Share of the way from the untrained generator to real held-out images, in the logarithm of the "
        f"{c.distance_title} to the training images: mean ± standard deviation over seeds. A mean above {success:g} is a "
        "success. The paper says by eye that WGAN-GP succeeds with all, and each other method not.",
        (len(tables.options("networks")) - 1,),
    )
    came = came._replace(rows=[*came.rows, ["succeed", *counts], ["the paper, by eye", *paper]])
    distances = Table(
        *_matrix(tables, tables.results.assign(value=tables.results[c.distance]), methods[:-1], 0),
        f"{c.distance_title} to the training images; ∞ where a run diverged.",
    )
    likeness = Table(
        *_matrix(tables, rows_of(known, quantity="similarity"), methods[:-1], 2),
        "Mean structural similarity of pairs of samples, less that of pairs of training images: collapsed generators have a "
        "large one, but so have untrained ones.",
    )
    caption = (
        "Samples of the first seed, none chosen, as in Figure 2 of the paper: a row a method, a column a pair of networks."
    )
    grid = sample_grid(tables, caption, "networks", "method", (0.3, 0.5))
    return Content([came, distances, likeness], [grid])


def _matrix(tables: Tables, rows: pd.DataFrame, methods: list[str], digits: int) -> tuple[list[str], list[list[Cell]]]:
    """Headings and body of a table with a row for each pair of networks and a column for each method."""
    body: list[list[Cell]] = []
    for pair in tables.options("networks"):
        cells = (rows_of(rows, networks=pair, method=method)["value"] for method in methods)
        body.append([pair, *(spread(values, digits) for values in cells)])
    return ["|networks", *map(tables.title, methods)], body
