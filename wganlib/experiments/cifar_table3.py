"""Scores of the CIFAR-10 ResNets beside the published rows (Gulrajani et al. 2017, Table 3)."""

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Findings, Quantity
from wganlib.reporting.content import Content, Table, mean_sd, number, rows_of
from wganlib.reporting.grammar import lines_figure, runs_ok

QUANTITIES = {
    "score": Quantity("score of the last checkpoint"),
    "best": Quantity("score of the best checkpoint, chosen by that score itself"),
    "gain": Quantity("score of AC-GAN minus that without labels, same seed", "> 0", ours=True),
}


def report(tables: Tables) -> Content:
    """Our rows with seed and split spread; then the paper's table in its order; the score over training."""
    c, findings = tables.columns, Findings(QUANTITIES)
    published = tables.published.scores["cifar_table3"]
    ours = []
    for model in tables.options("model"):
        runs, rows = rows_of(tables.runs, model=model), rows_of(tables.results, model=model)
        best = rows_of(tables.snapshots, model=model).groupby("run")[c.score].max().reindex(rows["run"])
        for run, seed, value in zip(rows["run"], rows["seed"], rows[c.score], strict=True):
            findings.add("score", value, model, seed)
            findings.add("best", best[run], model, seed)
        line = [model, runs_ok(runs), mean_sd(rows[c.score]), number(rows[c.split_std].mean()), mean_sd(best)]
        ours.append([*line, mean_sd(rows[c.distance], 1), published.of("inception_score", model=model)])
    plain, labelled = (rows_of(tables.results, model=model).set_index("seed")[c.score] for model in ("unsupervised", "AC-GAN"))
    for seed in plain.index.intersection(labelled.index):
        findings.add("gain", labelled[seed] - plain[seed], "", int(seed))
    head = [
        "|model",
        "runs ok",
        f"{c.title}, last",
        "split spread",
        "best checkpoint",
        c.distance_title,
        "paper, Inception Score",
    ]
    spread = "Mean ± standard deviation over seeds; split spread: over the splits of one model's samples, as the paper's ±."
    first = Table(
        head, ours, f"The ResNets of this run. {spread} The best checkpoint is chosen by its own score: a biased column."
    )
    rows = [[row.name, " ± ".join(f"{v:.2f}" for v in row.inception_score or ())] for row in published.rows]
    caption = f"Inception Scores that the paper prints ({published.certainty}); ±: {published.spread}."
    second = Table(["|method", "Inception Score"], rows, caption, rules=(6,))
    panels = [(model, [(f"{c.title}", rows_of(tables.snapshots, model=model))]) for model in tables.options("model")]
    curve = lines_figure(
        panels, "generator_iteration", c.score, ("generator iteration", c.title), f"The {c.title} over training; a line a seed."
    )
    return Content(findings, [first, second], [curve])
