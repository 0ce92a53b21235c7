"""Samples of the CIFAR-10 ResNets, without labels and by class (Gulrajani et al. 2017, Figure 6)."""

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Findings, Quantity
from wganlib.reporting.content import Content, rows_of
from wganlib.reporting.grammar import by_options, gain, over_seeds, scores, whole_sheets

QUANTITIES = {"class_accuracy": Quantity("share of samples that the classifier takes for the class asked for")}


def measure(tables: Tables) -> Findings:
    """Of each run the classifier's accuracy on its samples; without labels, on classes drawn at random."""
    findings = Findings(QUANTITIES)
    for run in tables.results.to_dict("records"):
        findings.add("class_accuracy", run["class_accuracy"], seed=run["seed"], model=run["model"])
    return findings


def report(tables: Tables) -> Content:
    """Two sheets of the first seed, that of the AC-GAN with a class a column, and the scores of all runs."""
    first = rows_of(tables.runs, seed=tables.runs["seed"].min())
    panels = []
    for model in tables.options("model"):
        classes = tables.settings["classes"] if model == "AC-GAN" else ()
        panels.append((model, tables.sheets.get(rows_of(first, model=model)["run"].iloc[0]), classes))
    picture = whole_sheets(
        panels,
        "Samples at the end of the first seed, none chosen: without labels, and of the AC-GAN, which was asked for the class "
        "below each column.",
    )
    words = (
        "Class accuracy: of samples whose class was asked for, the share that the classifier takes for it; without labels, of "
        "classes drawn at random."
    )
    accuracy = over_seeds("class_accuracy", "class accuracy", 3, words)
    return Content([by_options(tables, ["model"], [*scores(tables), gain(tables), accuracy])], [picture])
