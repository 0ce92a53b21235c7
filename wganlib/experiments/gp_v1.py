"""WGAN-GP with the Adam of its paper's first version beside that of the third (Gulrajani et al. 2017, Algorithm 1)."""

import pandas as pd

from wganlib.collecting.collected import Tables
from wganlib.judging.failures import with_result
from wganlib.judging.quantities import Findings, Quantity
from wganlib.judging.statistics import standardised_difference
from wganlib.methods.method import Adam
from wganlib.reporting.content import Content, Table, mean_sd, number, rows_of
from wganlib.reporting.grammar import lines_figure, paired, runs_ok

V1, V3 = 0.5, 0.0
"""Adam's beta1 in the versions."""

QUANTITIES = {
    "difference": Quantity("last score with beta1 0.5 (v1) minus that with 0 (v3), same seed"),
    "distance": Quantity("Fréchet distance with beta1 0.5 (v1) minus that with 0 (v3), same seed"),
}
NETWORKS = {"cifar_dcgan": "DCGAN", "cifar_resnet": "ResNet"}


def report(tables: Tables) -> Content:
    """Scores by networks and version, differences by seed with their interval, what else the versions say, scores over time."""
    findings, c = Findings(QUANTITIES), tables.columns
    runs = versions(tables, tables.runs)
    for networks in NETWORKS.values():
        of = {beta: rows_of(with_result(runs), networks=networks, beta1_used=beta).set_index("seed") for beta in (V1, V3)}
        for seed in of[V1].index.intersection(of[V3].index):
            for name, column in (("difference", c.score), ("distance", c.distance)):
                findings.add(name, of[V1].loc[seed, column] - of[V3].loc[seed, column], networks, int(seed))
    pictures = []
    if c.score in tables.snapshots:
        moments = versions(tables, tables.snapshots)
        panels = [
            (
                name,
                [
                    (f"beta1 {beta:g} ({version})", rows_of(moments, networks=name, beta1_used=beta))
                    for beta, version in ((V1, "v1"), (V3, "v3"))
                ],
            )
            for name in NETWORKS.values()
        ]
        caption = f"The {c.title} over training with both settings of Adam's beta1; a line a seed."
        pictures.append(lines_figure(panels, "generator_iteration", c.score, ("generator iteration", c.title), caption))
    return Content(findings, [_scores(tables, runs), _differences(findings), _texts(tables)], pictures)


def versions(tables: Tables, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with `networks` and `beta1_used` of their runs' specs: runs of other experiments have other labels."""
    specs = {entry.run: entry.spec for entry in tables.experiment.entries}
    betas = {
        run: spec.method.critic_optimizer.beta1 for run, spec in specs.items() if isinstance(spec.method.critic_optimizer, Adam)
    }
    networks = {run: NETWORKS[spec.architecture.family] for run, spec in specs.items()}
    return rows.assign(networks=rows["run"].map(networks), beta1_used=rows["run"].map(betas))


def _scores(tables: Tables, runs: pd.DataFrame) -> Table:
    c, body = tables.columns, []
    for networks in NETWORKS.values():
        for beta, version in ((V1, "v1"), (V3, "v3")):
            rows = rows_of(runs, networks=networks, beta1_used=beta)
            line = [networks, f"{beta:g} ({version})", runs_ok(rows), mean_sd(rows[c.score])]
            line += [
                number(rows[c.split_std].mean()),
                mean_sd(rows[c.distance], 1),
                number(rows[c.distance_error].mean(), 1),
            ]
            body.append(line)
    caption = (
        "WGAN-GP on CIFAR-10's networks with both settings of Adam's beta1, all else equal. Mean ± standard deviation over "
        "seeds where there are several; split spread: over the splits of one model's samples. The paper prints no comparison."
    )
    heads = ["|networks", "|beta1", "runs ok", c.title, "split spread", c.distance_title, "its error"]
    return Table(heads, body, caption, rules=(1,))


def _differences(findings: Findings) -> Table:
    body = []
    rows = pd.DataFrame(findings.rows, columns=["quantity", "case", "seed", "value"])
    for networks in NETWORKS.values():
        result = rows_of(rows, case=networks)
        for seed in dict.fromkeys(result["seed"]):
            one = rows_of(result, seed=seed).set_index("quantity")["value"]
            body.append([networks, f"seed {seed}", number(one["difference"]), number(one["distance"], 1), ""])
        score, distance = (paired(rows_of(result, quantity=name)["value"]) for name in QUANTITIES)
        effect = standardised_difference(list(rows_of(result, quantity="difference")["value"]))
        body.append([networks, "mean", score.text(), distance.text(1), number(effect)])
    rules = [i for i, line in enumerate(body[:-1]) if line[1] == "mean"]
    caption = (
        "Score and Fréchet distance with beta1 0.5 minus those with 0, on the same seed; means with 95 % t intervals over "
        "seeds, which one seed does not have. Standardised: mean of the score's differences divided by their standard "
        "deviation. A true difference smaller than half an interval's width could not be told from none."
    )
    heads = ["|networks", "|of", "score", "distance", "standardised"]
    return Table(heads, body, caption, rules=tuple(rules))


def _texts(tables: Tables) -> Table:
    body = [[row["what"], row["v1"], row["v3"]] for row in tables.settings["versions"]]
    caption = (
        "Where version 1 differs from version 3, as far as the slides of version 1 show it. The same in both: the penalty, "
        "weight 10, five critic steps, learning rate 0.0001, no batch norm in the critic."
    )
    return Table(["|of", "|version 1", "|version 3"], body, caption)
