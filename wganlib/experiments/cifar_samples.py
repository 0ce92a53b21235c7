"""Samples of the CIFAR-10 ResNets, without labels and by class (Gulrajani et al. 2017, Figure 6)."""

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Findings, Quantity
from wganlib.reporting.content import Content, rows_of
from wganlib.reporting.grammar import score_table, whole_sheets

QUANTITIES = {"score": Quantity("score of the model whose samples are shown")}


def report(tables: Tables) -> Content:
    """Two sheets of the first seed, that of AC-GAN with a class a column, and the scores of the models that made them."""
    findings, published = Findings(QUANTITIES), tables.published.scores["cifar_table3"]
    first = rows_of(tables.runs, seed=tables.runs["seed"].min())
    panels = []
    for model in tables.options("model"):
        run = rows_of(first, model=model).iloc[0]
        classes = tables.settings["classes"] if model == "AC-GAN" else ()
        panels.append((model, tables.sheets.get(run["run"]), classes))
        if run["outcome"] != "out_of_memory":
            findings.add("score", run[tables.columns.score], model, int(run["seed"]))
    picture = whole_sheets(
        panels,
        "Samples of the last checkpoints of the first seed, none chosen: without labels, and by AC-GAN, where each column "
        "holds samples of the class below it.",
    )
    table = score_table(
        tables,
        ["model"],
        f"Scores of the models that made the samples. Paper: Inception Score ({published.certainty}).",
        lambda labels: published.of("inception_score", model=labels[0]),
        rows=first,
    )
    return Content(findings, [table], [picture])
