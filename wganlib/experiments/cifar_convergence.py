"""Score over training for clipping, penalty and DCGAN, by iterations and by seconds (Gulrajani et al. 2017, Figure 3)."""

import math

import numpy as np
import pandas as pd

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Findings, Quantity
from wganlib.reporting.content import Content, Picture, Table, known, mean_sd, number, rows_of
from wganlib.reporting.grammar import paired, runs_ok
from wganlib.reporting.style import DASHES, PALETTE, figure

CLIPPING, RMSPROP, ADAM, DCGAN = "weight clipping", "gradient penalty (RMSProp)", "gradient penalty (Adam)", "DCGAN"

QUANTITIES = {
    "adam_rmsprop": Quantity("last score, penalty with Adam minus penalty with RMSProp", ">= 0"),
    "rmsprop_clipping": Quantity("last score, penalty with RMSProp minus clipping", "> 0.5"),
    "adam_dcgan": Quantity("last score, penalty with Adam minus DCGAN", "in [-0.5, 0.5]"),
    "first": Quantity("seconds to 90 % of the own highest score, DCGAN minus the fastest other method", "< 0"),
    "stability": Quantity("standard deviation of the last quarter's scores, penalty with Adam minus DCGAN", "< 0"),
}
DIFFERENCES = {"adam_rmsprop": (ADAM, RMSPROP), "rmsprop_clipping": (RMSPROP, CLIPPING), "adam_dcgan": (ADAM, DCGAN)}


def report(tables: Tables) -> Content:
    """The two panels of the figure, the scores with the pace and the stability of each method, and paired differences."""
    findings, course = Findings(QUANTITIES), courses(tables)
    pace = {run: seconds_to(rows, tables.columns.score) for run, rows in course.groupby("run")}
    spread = {run: last_quarter(rows, tables.columns.score) for run, rows in course.groupby("run")}
    runs, ok = tables.results, tables.results["outcome"] == "ok"
    runs = runs.assign(**{name: runs["run"].map(values).where(ok) for name, values in (("pace", pace), ("spread", spread))})
    by = {method: rows.set_index("seed") for method, rows in runs.groupby("method")}
    for seed in sorted(set(runs["seed"])):
        _measure(findings, {method: rows.loc[seed] for method, rows in by.items() if seed in rows.index}, tables, int(seed))
    return Content(findings, [_methods(tables, runs, course), _paired(findings)], [_curves(tables, course)])


def courses(tables: Tables) -> pd.DataFrame:
    """The snapshots with `seconds` of training, interpolated between logged iterations; training begins at 0 s."""
    result = []
    for run, rows in tables.snapshots.groupby("run", sort=False):
        history = rows_of(tables.curves, run=run).sort_values("generator_iteration")
        iterations, seconds = ([0.0, *history[name]] for name in ("generator_iteration", "seconds"))
        at = rows["generator_iteration"].astype(float)
        result.append(rows.assign(seconds=np.interp(at, iterations, seconds)).sort_values("generator_iteration"))
    return pd.concat(result, ignore_index=True)


def seconds_to(rows: pd.DataFrame, column: str, share: float = 0.9) -> float:
    """Seconds of a run's first snapshot whose score is at least a share of its highest."""
    reached = rows[rows[column] >= share * rows[column].max()]
    return float(reached["seconds"].iloc[0]) if len(reached) else float("nan")


def last_quarter(rows: pd.DataFrame, column: str) -> float:
    """Standard deviation of a run's scores in the last quarter of its iterations."""
    late = rows[rows["generator_iteration"] > 0.75 * rows["generator_iteration"].max()]
    return float(late[column].std(ddof=1))


def _measure(findings: Findings, runs: dict[str, pd.Series], tables: Tables, seed: int) -> None:
    """The criteria of one seed, by the runs of methods that have a result; a run that diverged has no pace and no stability."""
    for name, (first, second) in DIFFERENCES.items():
        if first in runs and second in runs:
            findings.add(name, runs[first][tables.columns.score] - runs[second][tables.columns.score], "", seed)
    others = [run["pace"] for method, run in runs.items() if method != DCGAN]
    if DCGAN in runs and others:
        findings.add("first", runs[DCGAN]["pace"] - min(known(others), default=math.nan), "", seed)
    if DCGAN in runs and ADAM in runs:
        findings.add("stability", runs[ADAM]["spread"] - runs[DCGAN]["spread"], "", seed)


def _methods(tables: Tables, runs: pd.DataFrame, course: pd.DataFrame) -> Table:
    c, body = tables.columns, []
    for method in tables.options("method"):
        rows, spec = rows_of(runs, method=method), tables.experiment.spec_of(method=method).method
        best = rows_of(course, method=method).groupby("run")[c.score].max()
        line = [method, f"{spec.critic_optimizer.learning_rate:g}", f"{spec.critic_steps} : 1"]
        line += [runs_ok(rows_of(tables.runs, method=method)), mean_sd(rows[c.score])]
        line += [number(rows[c.split_std].mean()), mean_sd(best[best.index.isin(rows["run"])]), mean_sd(rows["spread"])]
        body.append([*line, mean_sd(rows["pace"], 1), mean_sd(rows["seconds"].where(rows["outcome"] == "ok"), 1)])
    caption = (
        "The methods of the figure. Rate: learning rate of the critic. Steps: the critic's to the generator's. Then the score "
        "of the last checkpoint, its standard deviation over the splits of one model's samples, the highest score of a "
        "checkpoint (chosen by itself: biased upwards), the standard deviation of the scores in the last quarter of training, "
        "the seconds until 90 % of the highest score, and those of the whole training. Mean ± standard deviation over seeds "
        "where there are several; a run that diverged has no last three. The paper prints curves without numbers."
    )
    heads = ["|method", "rate", "steps", "runs ok", c.title, "split spread", "highest", "last quarter"]
    return Table([*heads, "s to 90 %", "s in all"], body, caption)


def _paired(findings: Findings) -> Table:
    """Differences of the last scores over seeds."""
    body = []
    for name in DIFFERENCES:
        result = paired(row["value"] for row in findings.rows if row["quantity"] == name)
        body.append([QUANTITIES[name].title.removeprefix("last score, "), str(result.pairs), result.text()])
    caption = (
        "Differences of the last scores on the same seed: mean [95 % t interval over seeds]. One seed has no interval; splits "
        "of one model's samples do not replace seeds."
    )
    return Table(["|difference", "seeds", "mean"], body, caption)


def _curves(tables: Tables, course: pd.DataFrame) -> Picture:
    drawn, axes = figure(2.9, 2, sharey=True)
    axis_names = ("generator_iteration", "generator iteration"), ("seconds", "seconds of training")
    for panel, (x, label) in zip(axes[0], axis_names, strict=True):
        for index, method in enumerate(tables.options("method")):
            style = {"color": PALETTE[index], "linestyle": DASHES[index], "marker": "osD^"[index], "markersize": 2.5}
            for place, (_, rows) in enumerate(rows_of(course, method=method).groupby("run", sort=False)):
                few = {} if len(rows) <= 30 else {"marker": ""}
                panel.plot(rows[x], rows[tables.columns.score], label=None if place else method, linewidth=1.1, **style | few)
        panel.set_xlabel(label)
    axes[0, 0].set_ylabel(tables.columns.title)
    drawn.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False)
    how = tables.experiment.scoring
    device = ", ".join(sorted(set(tables.runs["device"])))
    caption = (
        f"{tables.columns.title[0].upper()}{tables.columns.title[1:]} of {how.num_samples:,} samples in {how.splits} splits "
        f"over generator iterations (left) and over seconds of training on {device} (right), as in Figure 3 of the paper; a "
        "line a seed, not smoothed. Seconds leave out scoring."
    )
    return Picture(drawn, caption)
