"""Three generators trained by WGAN and by GAN with the DCGAN critic (Arjovsky et al. 2017, Figures 5 to 7)."""

import math

import numpy as np
import pandas as pd

from wganlib import architectures
from wganlib.collecting.collected import Tables
from wganlib.datasets import DataShape
from wganlib.judging.quantities import Findings, Quantity
from wganlib.planning.expansion import Experiment
from wganlib.reporting.content import Content, Table, mean, mean_sd, number, rows_of
from wganlib.reporting.grammar import sample_grid, score_table, with_references

WGAN = "wgan_2017"
DCGAN, CONSTANT, MLP = "DCGAN", "no batch norm, constant filters", "MLP"
FIGURES = {DCGAN: "5", CONSTANT: "6", MLP: "7"}
"""The paper's figure of each generator."""

PAPER = DataShape("images", (3, 64, 64))
"""The images of the paper, whose networks' parameters it compares."""

SIMILARITIES = ("pairwise_ssim", "pairwise_ms_ssim_3_scales")
"""Columns of the similarity of pairs of images, by the size of the images."""

QUANTITIES = {
    "learnt": Quantity("WGAN: Fréchet distance as a share of the untrained generator's", "< 0.5", ours=True),
    "diverse": Quantity("WGAN: similarity of pairs of samples minus that of real images", "< 0.05", ours=True),
    "ratio": Quantity("Fréchet distance of GAN over that of WGAN, same generator without batch norm and seed", ">= 2"),
    "collapse": Quantity("MLP: similarity of pairs of GAN's samples minus that of WGAN's, same seed", "> 0.05", ours=True),
    "collapse_data": Quantity("MLP: similarity of pairs of GAN's samples minus that of real images", "> 0.05", ours=True),
    "parameters": Quantity("parameters of a generator over those of the DCGAN (expected: at 64 × 64 and full width)"),
}


def similarity_column(runs: pd.DataFrame) -> str:
    """The column of the similarity of pairs that these runs have.

    >>> similarity_column(pd.DataFrame({"pairwise_ssim": [0.1]}))
    'pairwise_ssim'
    """
    return next((name for name in SIMILARITIES if name in runs and runs[name].notna().any()), SIMILARITIES[0])


def similarity_title(column: str) -> str:
    """Its name in words."""
    return "SSIM" if column == SIMILARITIES[0] else "MS-SSIM (3 scales)"


def parameters(experiment: Experiment, generator: str, data: DataShape | None = None) -> int:
    """Trainable numbers of a generator as it is trained here; with `data`, of the full-width one that makes such images."""
    spec = experiment.spec_of(generator=generator)
    architecture = spec.architecture if data is None else spec.architecture.model_copy(update={"width": 1.0})
    return architectures.parameters(architecture, data or spec.dataset.shape, "generator")


def _values(tables: Tables, generator: str, method: str, column: str) -> dict[int, float]:
    """A column of those runs of a cell that have a result, by seed."""
    runs = tables.results
    runs = runs.assign(value=(runs[column] if column in runs else pd.Series(np.nan, index=runs.index)).astype(float))
    if column.endswith("_training"):
        runs = with_references(runs, ["value"])
    rows = rows_of(runs, generator=generator, method=method)
    return dict(zip(rows["seed"].astype(int), rows["value"], strict=True))


def _untrained(tables: Tables, generator: str, method: str) -> dict[int, float]:
    """The Fréchet distance of each run's untrained generator by seed."""
    rows = rows_of(tables.snapshots, generator_iteration=0)
    if not len(rows):
        return {}
    rows = rows_of(rows, generator=generator, method=method)
    return dict(zip(rows["seed"].astype(int), rows[tables.columns.distance].astype(float), strict=True))


def _measure(findings: Findings, tables: Tables, generators: list[str]) -> None:
    similarity, distance = similarity_column(tables.runs), tables.columns.distance
    for generator in generators:
        distances, alike = (_values(tables, generator, WGAN, column) for column in (distance, similarity))
        real, untrained = _values(tables, generator, WGAN, f"{similarity}_training"), _untrained(tables, generator, WGAN)
        for seed, value in distances.items():
            findings.add("learnt", value / untrained.get(seed, math.nan), generator, seed)
            findings.add("diverse", alike[seed] - real[seed], generator, seed)
        share = parameters(tables.experiment, generator) / parameters(tables.experiment, DCGAN)
        full = parameters(tables.experiment, generator, PAPER) / parameters(tables.experiment, DCGAN, PAPER)
        if generator != DCGAN:
            findings.add("parameters", share, generator, expected=full)
    for method in (name for name in tables.options("method") if name != WGAN):
        title = tables.title(method)
        ours, theirs = (_values(tables, CONSTANT, name, distance) for name in (method, WGAN))
        for seed in ours.keys() & theirs.keys():
            findings.add("ratio", ours[seed] / theirs[seed], title, seed)
        ours, theirs = (_values(tables, MLP, name, similarity) for name in (method, WGAN))
        real = _values(tables, MLP, method, f"{similarity}_training")
        for seed in sorted(ours):
            if seed in theirs:
                findings.add("collapse", ours[seed] - theirs[seed], title, seed)
            findings.add("collapse_data", ours[seed] - real[seed], title, seed)


def _collapse_table(tables: Tables, generators: list[str]) -> Table:
    similarity, distance, body = similarity_column(tables.runs), tables.columns.distance, []
    rules = tuple(len(tables.options("method")) * (i + 1) - 1 for i in range(len(generators) - 1))
    for generator in generators:
        wgan = _values(tables, generator, WGAN, distance)
        for method in tables.options("method"):
            distances, untrained = _values(tables, generator, method, distance), _untrained(tables, generator, method)
            shares = [value / untrained.get(seed, math.nan) for seed, value in distances.items()]
            ratios = [value / wgan[seed] for seed, value in distances.items() if seed in wgan] if method != WGAN else []
            alike, errors, real = (
                _values(tables, generator, method, f"{similarity}{end}").values()
                for end in ("", "_standard_error", "_training")
            )
            line = [FIGURES[generator], generator, f"{parameters(tables.experiment, generator):,}", tables.title(method)]
            body.append(
                [
                    *line,
                    mean_sd(alike, 3),
                    number(mean(errors), 3),
                    mean_sd(real, 3),
                    mean_sd(shares),
                    mean_sd(ratios),
                ]
            )
    words = similarity_title(similarity)
    heads = ["figure", "|generator", "parameters", "|method", f"{words} of samples", "its error", "of real images"]
    heads += ["distance over untrained", "distance over WGAN's"]
    full = {name: parameters(tables.experiment, name, PAPER) for name in generators}
    caption = (
        f"Collapse and failure. {words}: mean structural similarity of pairs of samples, 1 if all are the same; its error: "
        "standard error over the pairs of one run; of real images: the same of training images. Distance over untrained: the "
        f"{tables.columns.distance_title} at the end over that of the same generator untrained; distance over WGAN's: over "
        "that of WGAN with the same generator and seed. A run that diverged has a similarity of 1 and an infinite distance. At "
        "64 × 64 and full width the generators have "
        + ", ".join(f"{count:,} ({name})" for name, count in full.items())
        + " parameters."
    )
    return Table(heads, body, caption, rules)


def report(tables: Tables) -> Content:
    """Scores and collapse of the six cells, and their samples as the paper's figures have them."""
    findings = Findings(QUANTITIES)
    # Shared runs come first in the experiment's order; the paper's is another.
    generators = [name for name in FIGURES if name in tables.options("generator")]
    _measure(findings, tables, generators)
    ordered = pd.concat([rows_of(tables.runs, generator=name) for name in generators])
    scores = score_table(tables, ["generator", "method"], "Scores at the end of training.", rows=ordered)
    first = rows_of(tables.runs, seed=tables.runs["seed"].min())
    run_of = {(row["generator"], row["method"]): row["run"] for row in first.to_dict("records")}
    rows = {f"Figure {FIGURES[name]}:\n{name}".replace(", ", ",\n"): name for name in generators}
    columns = {tables.title(method): method for method in tables.options("method")}
    samples = sample_grid(
        tables,
        list(rows),
        list(columns),
        lambda row, column: run_of.get((rows[row], columns[column])),
        "Samples of the last generators, first seed, not chosen; rows are the paper's Figures 5, 6 and 7, whose left sides are "
        "WGAN and right sides GAN. The critic is the DCGAN in all cells.",
    )
    note = (
        "Runs of the DCGAN and the MLP are those of the report on losses and quality. All cells have the same number of "
        "generator iterations, so WGAN has more critic steps than GAN."
    )
    return Content(findings, [scores, _collapse_table(tables, generators)], [samples], notes=[note])
