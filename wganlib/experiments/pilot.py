"""The demo's settings, chosen for each method by its own best score; the contrast between methods plays no part."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle
from scipy import stats

from wganlib.collecting.collected import Tables
from wganlib.judging.failures import with_result
from wganlib.judging.quantities import Findings, Quantity
from wganlib.judging.statistics import pseudo_values, reliability, spread_between
from wganlib.reporting.content import Cell, Content, Number, Picture, Table, rows_of, spread
from wganlib.reporting.style import figure

SETTING = ["learning_rate", "critic_factor"]
SETTINGS = [*SETTING, "generator_iteration"]
QUANTITIES = {
    "best_score": Quantity("highest score of all settings on one seed"),
    "best_log_distance": Quantity("lowest logarithm of the Fréchet distance of all settings on one seed"),
    "mean_score": Quantity("mean score of a setting over seeds"),
    "mean_gain": Quantity("the same less that of the untrained generators"),
    "spread_difference": Quantity("standard deviation between settings, GAN's less WGAN-GP's: a jackknife value a setting"),
    "reliability_difference": Quantity(
        "share of a run's variance that is its setting's, of the log distance less of the score: a jackknife value a setting"
    ),
    "rank_correlation": Quantity("rank correlation of score and log distance over runs: a jackknife value a setting"),
}


class Choice(NamedTuple):
    """A method's settings with the highest mean score over the pilot's seeds; one seed has no standard deviation."""

    learning_rate: float
    critic_factor: float
    generator_iteration: int
    mean: float
    std: float | None
    seeds: int


def scored(snapshots: pd.DataFrame, method: str, score: str) -> pd.DataFrame:
    """Mean, standard deviation and number of a method's scores over seeds, a row for each of its settings."""
    rows = rows_of(with_result(snapshots), method=method)
    return rows.groupby(SETTINGS)[score].agg(["mean", "std", "count"]).reset_index()


def choose(tried: pd.DataFrame) -> Choice:
    """The settings of the best mean score; ties go to fewer iterations, then to the smaller rate."""
    order = tried.sort_values(
        ["mean", "generator_iteration", "learning_rate", "critic_factor"], ascending=[False, True, True, True]
    )
    best = order.iloc[0]
    rates = float(best["learning_rate"]), float(best["critic_factor"])
    std = None if math.isnan(best["std"]) else float(best["std"])
    return Choice(*rates, int(best["generator_iteration"]), float(best["mean"]), std, int(best["count"]))


def primary_threshold(choices: list[Choice], untrained: float, thresholds: list[float]) -> float:
    """The largest threshold not above half way from the untrained score to the mean of the methods' best scores."""
    half_way = (untrained + sum(c.mean for c in choices) / len(choices)) / 2
    return max(t for t in thresholds if t <= half_way)


def measure(tables: Tables) -> Findings:
    """What the runs of all settings say of the methods' sensitivity and of the scores themselves."""
    findings, c = Findings(QUANTITIES), tables.columns
    runs = tables.results.assign(log_distance=np.log(tables.results[c.distance].astype(float)))
    by_method = {}
    for method in tables.options("method"):
        rows = rows_of(runs, method=method)
        for seed, group in rows.groupby("seed"):
            findings.add("best_score", group[c.score].max(), seed=int(str(seed)), method=method)
            findings.add("best_log_distance", group["log_distance"].min(), seed=int(str(seed)), method=method)
        settings = [group for _, group in rows.groupby(SETTING)]
        for group in settings:
            rate, factor = (float(group[name].iloc[0]) for name in SETTING)
            score, start = group[c.score].mean(), group[c.untrained].mean()
            findings.add("mean_score", score, method=method, learning_rate=rate, critic_factor=factor)
            findings.add("mean_gain", score - start, method=method, learning_rate=rate, critic_factor=factor)
        by_method[method] = settings
        _of_scores(findings, settings, method, c.score)
    _spreads(findings, by_method, c.score)
    return findings


def _spreads(findings: Findings, by_method: dict[str, list[pd.DataFrame]], score: str) -> None:
    """Spread between settings, the seeds' taken out: both methods' pseudo-values, of the same settings, less each other."""

    def root(groups: Sequence[pd.DataFrame]) -> float:
        return math.sqrt(max(0.0, spread_between([list(group[score]) for group in groups])))

    if all(_whole(settings) for settings in by_method.values()):
        first, second = (pseudo_values(root, settings) for settings in by_method.values())
        for place, value in enumerate(first - second):
            findings.add("spread_difference", value, setting=place)


def _of_scores(findings: Findings, settings: list[pd.DataFrame], method: str, score: str) -> None:
    def gap(groups: Sequence[pd.DataFrame]) -> float:
        of_distance, of_score = ([list(group[name]) for group in groups] for name in ("log_distance", score))
        return reliability(of_distance) - reliability(of_score)

    def ranks(groups: Sequence[pd.DataFrame]) -> float:
        rows = pd.concat(groups)
        return float(stats.spearmanr(rows[score], rows["log_distance"]).statistic)

    for name, statistic in (("reliability_difference", gap), ("rank_correlation", ranks)):
        if _whole(settings):
            for place, value in enumerate(pseudo_values(statistic, settings)):
                findings.add(name, value, method=method, setting=place)


def _whole(settings: list[pd.DataFrame]) -> bool:
    """Whether every setting has a result of the same number of seeds, and finite distances; enough of both for their spread."""
    seeds = {len(group) for group in settings}
    finite = all(np.isfinite(group["log_distance"]).all() for group in settings)
    return finite and len(settings) > 2 and len(seeds) == 1 and min(seeds) > 1


def report(tables: Tables) -> Content:
    """Maps of the scores at all settings with each method's best, and the threshold that follows from these."""
    c = tables.columns
    scores = {method: scored(tables.snapshots, method, c.score) for method in tables.options("method")}
    choices = {method: choose(tried) for method, tried in scores.items()}
    untrained = float(tables.runs[c.untrained].mean())
    threshold = primary_threshold(list(choices.values()), untrained, tables.settings["thresholds"])
    rows: list[list[Cell]] = [
        [
            tables.title(name),
            Number(one.learning_rate, 4),
            Number(one.critic_factor, 1),
            one.generator_iteration,
            spread(_of(tables, name, one)),
            _edges(scores[name], one),
        ]
        for name, one in choices.items()
    ]
    caption = (
        "Chosen for each method: the settings of its own highest mean score over seeds, a run that diverged counting with 1; "
        f"how the methods compare plays no part. Untrained generators score {untrained:.2f}; the primary threshold of Table 2 "
        f"is the largest not above half way to the mean of the best scores: {threshold:g}. At the edge: which of the settings "
        "is the last that was tried; iterations end with the budget."
    )
    heads = ["|method", "rate (G)", "factor of D's", "iterations", c.title, "|at the edge"]
    return Content([Table(heads, rows, caption)], [_maps(tables, scores, choices)])


def _of(tables: Tables, method: str, choice: Choice) -> list[float]:
    rows = rows_of(with_result(tables.snapshots), method=method, **dict(zip(SETTINGS, choice[:3], strict=True)))
    return list(rows[tables.columns.score])


def _edges(tried: pd.DataFrame, choice: Choice) -> str:
    """The settings of a choice that are the smallest or the largest of those that were tried."""
    ends = [name for name, value in zip(SETTINGS, choice[:3], strict=True) if value in (tried[name].min(), tried[name].max())]
    return ", ".join(name.replace("_", " ") for name in ends) or "none"


def _maps(tables: Tables, scores: dict[str, pd.DataFrame], choices: dict[str, Choice]) -> Picture:
    """A row a method, a column a number of iterations: mean score by rate and factor; the choice is framed."""
    most = max(len(tried["generator_iteration"].unique()) for tried in scores.values())
    drawn, axes = figure(1.9 * len(scores), most, len(scores))
    top = max(float(tried["mean"].max()) for tried in scores.values())
    for row, (method, tried) in enumerate(scores.items()):
        for panel, (iterations, part) in zip(axes[row], tried.groupby("generator_iteration"), strict=False):
            grid = part.pivot(index="learning_rate", columns="critic_factor", values="mean")
            panel.imshow(grid, cmap="viridis", vmin=1, vmax=top, origin="lower", aspect="auto")
            for (y, x), value in np.ndenumerate(grid.to_numpy()):
                colour = "white" if value < 0.7 * top else "black"
                panel.text(x, y, f"{value:.1f}", ha="center", va="center", fontsize=6, color=colour)
            chosen = choices[method]
            if iterations == chosen.generator_iteration:
                x, y = grid.columns.get_loc(chosen.critic_factor), grid.index.get_loc(chosen.learning_rate)
                panel.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, color="red"))
            panel.set_xticks(range(len(grid.columns)), [f"{v:g}" for v in grid.columns])
            panel.set_yticks(range(len(grid.index)), [f"{v:g}" for v in grid.index])
            panel.set_title(f"{tables.title(method)}, {iterations} iterations", fontsize=7.5)
            panel.tick_params(length=0, labelsize=6.5)
        axes[row, 0].set_ylabel("learning rate (G)")
    for panel in axes[-1]:
        panel.set_xlabel("factor of D's rate")
    caption = (
        f"Mean {tables.columns.title} over the pilot's seeds at every setting, on one scale of colours; framed in red: the "
        "method's choice."
    )
    return Picture(drawn, caption)
