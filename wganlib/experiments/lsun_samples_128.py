"""Samples of WGAN-GP's deep ResNet (Gulrajani et al. 2017, Figure 4)."""

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Quantity
from wganlib.reporting.content import Content
from wganlib.reporting.grammar import by_options, gain, scores, whole_sheets

QUANTITIES: dict[str, Quantity] = {}


def report(tables: Tables) -> Content:
    """A sheet of samples, and the scores, beside which the paper has none."""
    spec = tables.experiment.entries[0].spec
    picture = whole_sheets(
        [("", next(iter(tables.sheets.values()), None), ())],
        f"Samples of {spec.dataset.image_size} × {spec.dataset.image_size} pixels after {spec.generator_iterations:,} "
        "iterations: the first ones of the first seed, none chosen.",
    )
    caption = "Scores at the end. The paper prints no number for these samples, so that no claim is judged here."
    return Content([by_options(tables, ["seed"], [*scores(tables), gain(tables)], caption)], [picture])
