"""Table 2 and Table 5 of Gulrajani et al. 2017: outcomes of training random architectures with two methods."""

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from wganlib.architectures.families.random_set import FACTORS
from wganlib.collecting.tables import ranking, read_table, split_sheets
from wganlib.errors import parse
from wganlib.files import read_json
from wganlib.judging import statistics
from wganlib.methods.method import OptimizerSpec
from wganlib.planning.params import PublishedTable, ThresholdSettings
from wganlib.planning.plan import Experiment, Plan
from wganlib.reporting import style

FACTOR_TITLES = {
    "generator_nonlinearity": "Nonlinearity (G)",
    "critic_nonlinearity": "Nonlinearity (D)",
    "generator_depth": "Depth (G)",
    "critic_depth": "Depth (D)",
    "generator_normalized": "Batch norm (G)",
    "critic_normalized": "Batch or layer norm (D)",
    "generator_filters": "Base filter count (G)",
    "critic_filters": "Base filter count (D)",
}
LEVEL_TITLES = {"relu": "ReLU", "leaky_relu": "LeakyReLU", "smooth_elu": "smooth ELU", "tanh": "tanh"}
"""smooth ELU is the paper's softplus(2x + 2)/2 - 1."""
RANKING_MINIMUM = 30
"""Fewer runs a level allow no ranking of levels in words."""


def build(plan: Plan, experiment: Experiment, results: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The numbers of the report, and its pictures by file name.

    Raises:
        WganlibError: the collected tables are missing.
    """
    folder = results / plan.scale / experiment.name
    table, real = read_table(folder / "runs.csv"), next(iter(read_json(folder / "real.json").values()))
    first, second = experiment.methods
    settings = parse(ThresholdSettings, experiment.settings, "settings")
    primary = settings.primary_threshold
    assert primary is not None  # the plan refuses a table2 without one
    scores = {method: _by_architecture(table, method) for method in (first, second)}
    published = plan.published.table2
    outcomes = Counter(table["outcome"])
    best = [float(scores[method].max()) for method in (first, second)]
    numbers = {
        "scale": plan.scale,
        "total": math.prod(map(len, FACTORS.values())),
        "source": experiment.params.source,
        "methods": [plan.methods[m].title for m in (first, second)],
        "primary_threshold": primary,
        "thresholds": [_row(scores, (first, second), t, published) for t in settings.thresholds],
        "main_thresholds": list(settings.main_thresholds),
        "published": published.model_dump(include={"source", "score", "architectures"}),
        "success": [_success(scores[method], primary) for method in (first, second)],
        "factors": [_factor(table, name, (first, second), primary) for name in FACTORS],
        "ranking_minimum": RANKING_MINIMUM,
        "trained": [statistics.succeeds(score, primary) for score in best],
        "best_scores": best,
        "budget": [_budget(plan, experiment, method) for method in (first, second)],
        "samples": [_extremes(table, method, plan) for method in (first, second)],
        "runs": _runs(table, first, second),
        "untrained": {
            "minimum": float(table["untrained_classifier_score"].min()),
            "median": float(table["untrained_classifier_score"].median()),
            "maximum": float(table["untrained_classifier_score"].max()),
        },
        "real": real,
        "dataset": experiment.entries[0].spec.dataset.model_dump(mode="json"),
        "width": plan.params.width,
        "scoring": experiment.scoring.model_dump(mode="json"),
        "number_of_runs": len(table),
        "outcomes": {str(name): count for name, count in sorted(outcomes.items())},
        "commits": sorted(set(table["commit"].fillna("not recorded"))),
        "devices": sorted(set(table["device"])),
        "threads": sorted({int(v) for v in table["threads"]}),
        "training_seconds": [round(float(table[table["method"] == m]["seconds"].sum())) for m in (first, second)],
    }
    names = [f"{method}_{place}.png" for method in (first, second) for place in ("best", "worst")]
    pictures = dict(zip(names, split_sheets(folder / "samples.png", len(names)), strict=True))
    return numbers, pictures | {"scores.pdf": _draw(plan, scores, (first, second), settings.thresholds, numbers)}


def _by_architecture(table: pd.DataFrame, method: str) -> pd.Series:
    rows = table[table["method"] == method]
    return rows.set_index(["architecture", "seed"])["classifier_score"].sort_index()


def _row(scores: dict[str, pd.Series], methods: tuple[str, str], threshold: float, published: PublishedTable) -> dict[str, Any]:
    first, second = (scores[method] for method in methods)
    counts = statistics.counts(list(first), list(second.loc[first.index]), threshold)
    test = statistics.mcnemar(counts.only_first, counts.only_second)
    lines = [dict(zip(published.columns, row, strict=True)) for row in published.rows]
    columns = [*(f"only_{method}" for method in methods), "both", "neither"]
    paper = next(
        ([line[c] for c in columns] for line in lines if line["threshold"] == threshold and set(columns) <= set(line)), None
    )
    return {
        "threshold": threshold,
        "counts": list(counts),
        "published": paper,
        "p_value": test.p_value,
        "share": test.share,
        "interval": None if test.interval is None else list(test.interval),
    }


def _success(scores: pd.Series, threshold: float) -> dict[str, Any]:
    n, k = len(scores), sum(statistics.succeeds(s, threshold) for s in scores)
    return {"n": n, "successes": k, "interval": list(statistics.wilson(k, n))}


def _factor(table: pd.DataFrame, name: str, methods: tuple[str, str], threshold: float) -> dict[str, Any]:
    levels = []
    for value in FACTORS[name]:
        rows = table[table[name] == value]
        if len(rows):
            cells = [_success(rows[rows["method"] == m]["classifier_score"], threshold) for m in methods]
            levels.append({"level": level_title(value), "methods": cells})
    return {"title": FACTOR_TITLES[name], "levels": levels}


def level_title(value: Any) -> str:
    """A factor's value as the paper prints it."""
    if isinstance(value, bool):
        return "True" if value else "False"
    return LEVEL_TITLES.get(str(value), str(value))


def _budget(plan: Plan, experiment: Experiment, method: str) -> dict[str, Any]:
    spec = experiment.spec_of(method=method)
    settings = spec.method
    return {
        "title": plan.methods[method].title,
        "generator_iterations": spec.generator_iterations,
        "critic_steps": settings.critic_steps,
        "batch_size": settings.batch_size,
        "generator_batch_size": settings.generator_batch_size,
        "generator_learning_rate": settings.generator_optimizer.learning_rate,
        "critic_learning_rate": settings.critic_optimizer.learning_rate,
        "optimizer": _optimizer_text(settings.generator_optimizer),
    }


def _optimizer_text(optimizer: OptimizerSpec) -> str:
    if optimizer.name == "adam":
        return f"Adam, β = ({optimizer.beta1:g}, {optimizer.beta2:g}),"
    return {"rmsprop": "RMSProp", "rmsprop_tf": "RMSProp (TensorFlow's)", "sgd": "SGD"}[optimizer.name]


def _extremes(table: pd.DataFrame, method: str, plan: Plan) -> dict[str, Any]:
    ranked = ranking(table[table["method"] == method])

    def described(row: pd.Series, place: str) -> dict[str, Any]:
        return {
            "picture": f"{method}_{place}.png",
            "architecture": int(row["architecture"]) + 1,
            "score": float(row["classifier_score"]),
            "outcome": row["outcome"],
            "factors": ", ".join(f"{FACTOR_TITLES[f]}: {level_title(row[f])}" for f in FACTORS),
        }

    return {
        "title": plan.methods[method].title,
        "sheets": [described(ranked.iloc[0], "best"), described(ranked.iloc[-1], "worst")],
    }


def _runs(table: pd.DataFrame, first: str, second: str) -> list[dict[str, Any]]:
    rows = []
    for (architecture, seed), group in table.groupby(["architecture", "seed"], sort=True):
        cells = []
        for method in (first, second):
            row = group[group["method"] == method].iloc[0]
            distance = row["frechet_classifier_distance"]
            cells.append(
                {
                    "score": float(row["classifier_score"]),
                    "split_std": float(row["classifier_score_split_std"]),
                    "distance": None if pd.isna(distance) else float(distance),
                    "outcome": row["outcome"],
                    "run": row["run"].rpartition("-")[2],
                }
            )
        some = group.iloc[0]
        rows.append(
            {
                "architecture": int(architecture) + 1,
                "seed": int(seed),
                "factors": [level_title(some[name]) for name in FACTORS],
                "methods": cells,
            }
        )
    return rows


def _draw(
    plan: Plan,
    scores: dict[str, pd.Series],
    methods: tuple[str, str],
    thresholds: tuple[float, ...],
    numbers: dict[str, Any],
) -> bytes:
    """Left: one point an architecture, its score by either method. Right: successes over the threshold."""
    drawn, axes = style.figure(2.9, 2)
    left, right = axes[0]
    titles = dict(zip(methods, numbers["methods"], strict=True))
    primary = numbers["primary_threshold"]
    top = max(*numbers["best_scores"], primary) + 1
    first, second = (scores[m] for m in methods)
    left.plot([1, top], [1, top], color="0.7", linewidth=0.6, zorder=0)
    left.axhline(primary, color="0.4", linewidth=0.6, linestyle=":")
    left.axvline(primary, color="0.4", linewidth=0.6, linestyle=":")
    left.scatter(first, second.loc[first.index], s=22, facecolor="white", edgecolor="black", linewidth=0.9, zorder=3)
    for (architecture, _), x, y in zip(first.index, first, second.loc[first.index], strict=True):
        if len(first) <= 40:
            left.annotate(str(architecture + 1), (x, y), (3, 3), textcoords="offset points", fontsize=6.5, color="0.25")
    left.set(xlim=(0.8, top), ylim=(0.8, top), xlabel=f"Classifier score, {titles[methods[0]]}")
    left.set_ylabel(f"Classifier score, {titles[methods[1]]}")
    left.set_title("(a) one point an architecture")
    left.set_aspect("equal")
    for place, method in enumerate(methods):
        colour, marker = style.COLOURS.get(method, "black"), style.MARKERS.get(method, "^")
        # Exact: the count above x falls by one at each score.
        ordered = sorted(scores[method])
        last = max(thresholds)
        steps = [1.0, *ordered, max(last, ordered[-1])], [*range(len(ordered), -1, -1), 0]
        right.plot(*steps, drawstyle="steps-post", color=colour, linewidth=1.2)
        successes = [sum(c["counts"][i] for i in (place, 2)) for c in numbers["thresholds"]]
        right.plot(thresholds, successes, linestyle="none", color=colour, marker=marker, markersize=4, label=titles[method])
    right.axvline(primary, color="0.4", linewidth=0.6, linestyle=":")
    right.set(xlabel="Minimum score", ylabel=f"Architectures above it (of {len(first)})", ylim=(-0.4, len(first) + 0.6))
    right.set_title("(b) successes by threshold")
    right.legend(frameon=False)
    return style.pdf(drawn)
