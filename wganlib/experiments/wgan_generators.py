"""Three generators trained by WGAN and by GAN with the DCGAN critic (Arjovsky et al. 2017, Figures 5 to 7)."""

import dataclasses
import math

import numpy as np
import pandas as pd

from wganlib import architectures
from wganlib.collecting.collected import Tables
from wganlib.datasets import DataShape
from wganlib.judging.quantities import Findings, Quantity
from wganlib.planning.expansion import Experiment
from wganlib.reporting.content import Content, rows_of
from wganlib.reporting.grammar import Column, by_options, gain, measured, sample_grid, scores

DCGAN, CONSTANT, MLP = "DCGAN", "no batch norm, constant filters", "MLP"
FIGURES = {DCGAN: 5, CONSTANT: 6, MLP: 7}
"""The paper's figure of each generator."""

PAPER = DataShape("images", (3, 64, 64))
"""The images of the paper, whose networks' parameters it compares."""

SIMILARITIES = ("pairwise_ssim", "pairwise_ms_ssim_3_scales")
"""Columns of the similarity of pairs of images, by the size of the images."""

TRAINED, SETTLED = 2.0, 0.05
"""A generator is trained by so many points of score above its untrained self; its similarity is settled if it falls less."""

QUANTITIES = {
    "nearer": Quantity("logarithm of the untrained generator's Fréchet distance less that of the trained one"),
    "alike": Quantity("similarity of pairs of samples less that of training images"),
    "alike_trained": Quantity("the same of generators that are trained and whose similarity is settled"),
    "dropped": Quantity("share of the classes of which there is less than a quarter of what is due"),
    "parameters": Quantity("parameters of the DCGAN over those of a generator"),
}


def parameters(experiment: Experiment, generator: str, data: DataShape | None = None) -> int:
    """Trainable numbers of a generator as it is trained here; with `data`, of the full-width one that makes such images."""
    spec = experiment.spec_of(generator=generator)
    architecture = spec.architecture if data is None else spec.architecture.model_copy(update={"width": 1.0})
    return architectures.parameters(architecture, data or spec.dataset.shape, "generator")


def measure(tables: Tables) -> Findings:
    """Distances from where each generator began, similarity of its samples, classes that it dropped; sizes of generators."""
    findings, c = Findings(QUANTITIES), tables.columns
    for run in tables.results.to_dict("records"):
        labels = {"seed": run["seed"], "method": run["method"], "generator": run["generator"]}
        moments = rows_of(tables.snapshots, run=run["run"]).sort_values("generator_iteration")
        untrained = rows_of(moments, generator_iteration=0)
        if len(untrained):
            with np.errstate(divide="ignore"):
                findings.add("nearer", np.log(untrained[c.distance].iloc[0]) - np.log(run[c.distance]), **labels)
        if "kept_classes" in run:
            findings.add("dropped", 1 - run["kept_classes"], **labels)
        for name in (name for name in SIMILARITIES if not math.isnan(run.get(f"{name}_training") or math.nan)):
            earlier = moments[name][moments["generator_iteration"] <= 0.6 * tables.iterations(run["run"])]
            settled = len(earlier) > 0 and earlier.iloc[-1] - run[name] < SETTLED
            counts = settled and run[c.score] - run[c.untrained] > TRAINED
            for quantity in ("alike", "alike_trained") if counts else ("alike",):
                findings.add(quantity, run[name] - run[f"{name}_training"], **labels)
    for generator in (name for name in (CONSTANT, MLP) if name in tables.options("generator")):
        for networks, data in (("the paper's", PAPER), ("as trained", None)):
            ratio = parameters(tables.experiment, DCGAN, data) / parameters(tables.experiment, generator, data)
            findings.add("parameters", ratio, generator=generator, networks=networks)
    return findings


def report(tables: Tables) -> Content:
    """Samples of the six cells as the paper's figures have them; scores, similarity of samples, classes dropped, sizes."""
    # Shared runs come first in the experiment's order; the paper's is another.
    ordered = pd.concat([rows_of(tables.runs, generator=name) for name in FIGURES])
    tables = dataclasses.replace(tables, runs=ordered)
    words = "More alike: similarity of pairs of samples less that of training images, 0 for a generator as varied as the data."
    dropped = "Dropped: share of the classes of which there is less than a quarter of what is due."
    sizes = Column(
        "parameters", lambda rows: parameters(tables.experiment, rows["generator"].iloc[0]), "Parameters: of the generator."
    )
    columns = [
        *scores(tables),
        gain(tables),
        measured(tables, "alike", "more alike", words=words),
        measured(tables, "dropped", "dropped", words=dropped),
        sizes,
    ]
    figures = "; ".join(f"{name}: Figure {number}" for name, number in FIGURES.items())
    return Content(
        [by_options(tables, ["generator", "method"], columns, "At the end of training.")],
        [
            sample_grid(
                tables,
                f"Samples of the last generators, first seed, not chosen ({figures}, of the paper). The critic is the DCGAN in "
                "all cells; all have the same number of generator iterations.",
                "generator",
                "method",
            )
        ],
    )
