"""Objectives of Lipschitz GANs and penalties on images (Zhou et al. 2019, Table 2 and section 5.4)."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Findings, Quantity
from wganlib.measuring.spaces import slopes
from wganlib.methods.objectives import objective
from wganlib.reporting.content import Content, Picture, by_labels, rows_of
from wganlib.reporting.grammar import Column, by_options, gain, measured, over_seeds, runs_ok
from wganlib.reporting.lipschitz_gans import histories, labels_of, last_half, log_distances
from wganlib.reporting.style import DASHES, PALETTE, figure

QUANTITIES = {
    "behind": Quantity("logarithm of the Fréchet distance less the median over all objectives at one weight, same seed"),
    "best_log_distance": Quantity("logarithm of the Fréchet distance at the weight of the lowest, of the same seed"),
    "moment_log_distance": Quantity("the same at the first snapshot and at the last"),
    "gap": Quantity("mean critic on real less that on generated batches in the last half"),
    "largest_value": Quantity("largest size of the critic's mean over a batch in the last half"),
    "slope_kept": Quantity("least slope of the objective at such means, over that at 0"),
    "norm_trend": Quantity("rank correlation of the largest gradient norm with the iteration"),
}
MAXIMUM = "maximum"
OTHERS = {"weight": "10", "penalty": MAXIMUM}


def measure(tables: Tables) -> Findings:
    """Places among objectives and best weights from the runs; the critic's values, signs and norms from their histories."""
    findings, runs = Findings(QUANTITIES), log_distances(tables)
    objectives = rows_of(runs, group="objectives").assign(penalty=MAXIMUM)
    for _, rows in objectives.groupby(["data", "weight", "seed"], sort=False):
        for row in rows.to_dict("records"):
            findings.add("behind", row["log_distance"] - rows["log_distance"].median(), seed=row["seed"], **labels_of(row))
    both = pd.concat([objectives, runs[runs["penalty"].notna()].loc[lambda rows: rows["penalty"] != MAXIMUM]])
    for names, rows in both.groupby(["data", "objective", "penalty", "seed"], sort=False):
        data, name, penalty, seed = names
        findings.add("best_log_distance", rows["log_distance"].min(), seed=seed, data=data, objective=name, penalty=penalty)
    for row, moments in histories(tables, tables.snapshots):
        trained = moments[moments["generator_iteration"] > 0]
        for moment, place in (("first", 0), ("last", -1)):
            distance = trained[tables.columns.distance].to_numpy(dtype=np.float64)[place] if len(trained) else np.nan
            findings.add("moment_log_distance", np.log(distance), seed=row["seed"], moment=moment, **labels_of(row))
    for row, curve in histories(tables, tables.curves):
        _critic(findings, tables, row, curve)
    return findings


def _critic(findings: Findings, tables: Tables, row: dict[str, Any], curve: pd.DataFrame) -> None:
    labels, end = labels_of(row), last_half(curve)
    real, fake = (end[f"critic_{name}_mean"].to_numpy(dtype=np.float64, copy=True) for name in ("real", "fake"))
    findings.add("gap", (real - fake).mean(), seed=row["seed"], **labels)
    findings.add("largest_value", max(np.abs(real).max(), np.abs(fake).max()), seed=row["seed"], **labels)
    spec = tables.experiment.spec_of(objective=row["objective"])
    function = objective(spec.method.objective)
    kept = min(
        float((slopes(part, at) / slopes(part, np.zeros(1))).min())
        for part, at in ((function.critic_fake, fake), (function.critic_real, real))
    )
    findings.add("slope_kept", kept, seed=row["seed"], **labels)
    if (curve["gradient_norm"] > 0).any():
        trend = stats.spearmanr(curve["generator_iteration"], curve["gradient_norm"]).statistic
        findings.add("norm_trend", trend, seed=row["seed"], **labels)


def report(tables: Tables) -> Content:
    """Distances by objective, weight and penalty; the scores with what the critics did."""
    runs, shown = _whole(tables.runs), replace(tables, quantities=_whole(tables.quantities))
    several = ["data"] if runs["data"].nunique() > 1 else []
    c = tables.columns
    columns = [
        Column("runs ok", runs_ok),
        over_seeds(c.score, c.title),
        over_seeds(c.distance, c.distance_title, 1),
        gain(tables),
        measured(shown, "gap", "critic gap"),
        measured(shown, "largest_value", "values", 1),
    ]
    words = (
        "Critic gap: the critic's mean on real less that on generated examples. Values: the largest size of its means; both in "
        "the last half of training. Mean ± standard deviation over seeds."
    )
    return Content(
        tables=[by_options(tables, [*several, "objective", "penalty", "weight"], columns, words, runs)],
        pictures=[_distances(tables, rows_of(runs, data=data), str(data)) for data in dict.fromkeys(runs["data"])],
    )


def _whole(table: pd.DataFrame) -> pd.DataFrame:
    """The table with penalty and weight of all rows: objectives are compared under the maximum penalty, penalties at 10."""
    limited = table["objective"] != "GAN"
    weight, penalty = (table[name].where(table[name].notna() | ~limited, other) for name, other in OTHERS.items())
    return table.assign(weight=weight.fillna("–"), penalty=penalty.fillna("none"))


def _distances(tables: Tables, runs: pd.DataFrame, data: str) -> Picture:
    """A row an objective, a mark for each penalty and weight: dots are seeds, bars their geometric mean."""
    objectives = list(dict.fromkeys(runs["objective"]))
    kinds = [kind for kind, _ in by_labels(runs.sort_values(["penalty", "weight"]), ["penalty", "weight"])]
    drawn, axes = figure(3.4, 1)
    panel = axes[0, 0]
    for index, (penalty, weight) in enumerate(kinds):
        style: dict[str, Any] = {"color": PALETTE[index % len(PALETTE)]}
        label = penalty if weight == "–" else f"{penalty}, {weight}"
        for place, name in enumerate(objectives):
            rows = rows_of(runs, objective=name, penalty=penalty, weight=weight)
            values = rows[tables.columns.distance].to_numpy(dtype=np.float64)
            values, at = values[np.isfinite(values)], place + (index - (len(kinds) - 1) / 2) * 0.8 / len(kinds)
            panel.plot(values, np.full(len(values), at), "o", markersize=3, alpha=0.7, **style)
            if len(values):
                panel.vlines(np.exp(np.log(values).mean()), at - 0.09, at + 0.09, linewidth=1.6, **style)
        panel.plot([], [], marker="o", markersize=3, linestyle=DASHES[0], label=label, **style)
    panel.set(xscale="log", xlabel=tables.columns.distance_title)
    panel.set_yticks(range(len(objectives)), objectives)
    panel.set_yticks(np.arange(len(objectives) - 1) + 0.5, minor=True)
    panel.grid(axis="y", which="minor", linewidth=0.3)
    panel.tick_params(axis="y", which="minor", length=0)
    panel.invert_yaxis()
    drawn.legend(loc="outside lower center", ncols=3, frameon=False)
    caption = (
        f"{data}: {tables.columns.distance_title} by objective, penalty and weight; lower is better. Dots: seeds, bars: their "
        "geometric mean. A run that diverged has none."
    )
    return Picture(drawn, caption)
