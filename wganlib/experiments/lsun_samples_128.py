"""Samples of WGAN-GP's deep ResNet on bedrooms (Gulrajani et al. 2017, Figure 4)."""

from wganlib import architectures
from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Findings, Quantity
from wganlib.reporting.content import Content, Table, mean_sd, number
from wganlib.reporting.grammar import runs_ok, whole_sheets

QUANTITIES = {
    "score": Quantity("score of the last checkpoint"),
    "distance": Quantity("Fréchet distance of the last checkpoint's samples to the training images"),
}


def report(tables: Tables) -> Content:
    """A sheet of samples, the size of the networks, and the scores, beside which the paper has none."""
    c, findings = tables.columns, Findings(QUANTITIES)
    runs, spec = tables.results, tables.experiment.entries[0].spec
    for seed, score, distance in zip(runs["seed"], runs[c.score], runs[c.distance], strict=True):
        findings.add("score", score, "", int(seed))
        findings.add("distance", distance, "", int(seed))
    data, side = spec.dataset.folder or spec.dataset.name, spec.dataset.image_size
    weights = [f"{architectures.parameters(spec.architecture, spec.dataset.shape, n):,}" for n in ("generator", "critic")]
    line = [f"{data.replace('_', ' ')}, {side} × {side}", *weights, runs_ok(tables.runs), mean_sd(runs[c.score])]
    line += [
        number(runs[c.split_std].mean()),
        mean_sd(runs[c.distance], 1),
        number(runs[c.distance_error].mean(), 1),
        "none",
    ]
    heads = ["|data", "weights of G", "of D", "runs ok", c.title, "split spread", c.distance_title, "its error", "paper"]
    caption = (
        "Size of the networks and scores of the last checkpoint. Split spread: standard deviation over the splits of one "
        "model's samples. The paper prints no number for these samples, so no claim is tested here."
    )
    sheet = next(iter(tables.sheets.values()), None)
    picture = whole_sheets(
        [("", sheet, ())],
        f"Samples of {side} × {side} pixels after {spec.generator_iterations:,} generator iterations: the first ones of the "
        "first seed, none chosen.",
    )
    return Content(findings, [Table(heads, [line], caption)], [picture])
