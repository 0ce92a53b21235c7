"""Table 2 and Table 5 of Gulrajani et al. 2017: outcomes of training random architectures with two methods."""

import io
import math
from collections import Counter
from typing import Any

import pandas as pd
from PIL import Image

from wganlib.architectures.families.random_set import FACTORS
from wganlib.collecting.collected import Tables
from wganlib.collecting.tables import ranking
from wganlib.errors import WganlibError
from wganlib.judging import statistics
from wganlib.judging.quantities import Quantity
from wganlib.methods.method import OptimizerSpec
from wganlib.planning.params import PublishedTable
from wganlib.reporting import style
from wganlib.reporting.content import Content, rows_of
from wganlib.reporting.factors import FACTOR_TITLES, level_title

QUANTITIES: dict[str, Quantity] = {}
RANKING_MINIMUM = 30
"""Fewer runs a level allow no ranking of levels in words."""


def report(tables: Tables) -> Content:
    """Outcomes at every threshold with their tests, successes by factor, the best and the worst samples, every run.

    Raises:
        WganlibError: no architecture has a result by both methods.
    """
    c, table, settings = tables.columns, tables.runs, tables.settings
    methods = tables.options("method")
    pairs = pairs_of(tables)
    scores = {method: pairs[method] for method in methods}
    primary, published = settings["primary_threshold"], tables.published.outcomes["table2"]
    best = [float(scores[method].max()) for method in methods]
    spec, untrained = tables.experiment.entries[0].spec, table[c.untrained]
    numbers = {
        "score": c.title,
        "score_column": c.score,
        "distance": c.distance_title,
        "pairs": len(pairs),
        "total": math.prod(map(len, FACTORS.values())),
        "methods": [tables.title(method) for method in methods],
        "primary_threshold": primary,
        "thresholds": [_row(scores, methods, threshold, published) for threshold in settings["thresholds"]],
        "main_thresholds": settings["main_thresholds"],
        "level": settings["level"],
        "tests": _tests(pairs, methods, settings),
        "published": published.model_dump(include={"source", "score", "architectures"}),
        "success": [_success(scores[method], primary) for method in methods],
        "factors": [_factor(pairs, name, methods, primary) for name in FACTORS],
        "ranking_minimum": RANKING_MINIMUM,
        "trained": [statistics.succeeds(score, primary) for score in best],
        "best_scores": best,
        "budget": [_budget(tables, method) for method in methods],
        "samples": [_extremes(tables, method) for method in methods],
        "runs": _runs(tables, methods),
        "untrained": {"minimum": untrained.min(), "median": untrained.median(), "maximum": untrained.max()},
        "real": next(iter(tables.real.values())),
        "dataset": spec.dataset.model_dump(mode="json"),
        "width": spec.architecture.width,
        "scoring": tables.experiment.scoring.model_dump(mode="json"),
        "number_of_runs": len(table),
        "outcomes": {str(name): count for name, count in sorted(Counter(table["outcome"]).items())},
        "threads": sorted({int(v) for v in table["threads"]}),
        "training_seconds": [round(float(rows_of(table, method=m)["seconds"].sum())) for m in methods],
    }
    files = {"scores.pdf": _draw(numbers, scores, methods)}
    for method in methods:
        for place, run in zip(("best", "worst"), _ends(tables, method), strict=True):
            files[f"{method}_{place}.png"] = _png(tables.sheets[run["run"]])
    return Content(template="table2", numbers=numbers, files=files)


def pairs_of(tables: Tables) -> pd.DataFrame:
    """A row an architecture and seed of which both methods have a result: its factors, and by each method's name the score.

    Raises:
        WganlibError: there is none.
    """
    keys = ["architecture", "seed"]
    sides = [
        rows_of(tables.results, method=method).set_index(keys)[tables.columns.score].rename(method)
        for method in tables.options("method")
    ]
    pairs = pd.concat(sides, axis=1, join="inner").sort_index()
    if pairs.empty:
        raise WganlibError(
            f"{tables.experiment.name}: no architecture has a result by both methods: all runs ran out of memory"
        )
    return pairs.join(tables.runs.drop_duplicates(keys).set_index(keys)[list(FACTORS)])


def _row(scores: dict[str, pd.Series], methods: list[str], threshold: float, published: PublishedTable) -> dict[str, Any]:
    first, second = (list(scores[method]) for method in methods)
    counts = statistics.counts(first, second, threshold)
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


def _tests(pairs: pd.DataFrame, methods: list[str], settings: dict[str, Any]) -> list[dict[str, Any]]:
    """The sign test of the scores and McNemar's test of the successes, on all architectures and on those not seen before."""
    seen, result = settings["seen_architectures"], []
    parts = [("all", pairs), ("new", pairs[pairs.index.get_level_values("architecture") >= seen])]
    for name, part in parts if seen else parts[:1]:
        if part.empty:
            continue
        first, second = (list(part[method]) for method in methods)
        wins, losses, ties = statistics.outcomes(second, first)
        sign = statistics.sign_test(wins, losses)
        counts = statistics.counts(first, second, settings["primary_threshold"])
        result.append(
            {
                "part": name,
                "n": len(part),
                "wins": wins,
                "losses": losses,
                "ties": ties,
                "p_value": sign.p_value,
                "share": sign.share,
                "interval": None if sign.interval is None else list(sign.interval),
                "only": [counts.only_first, counts.only_second],
                "mcnemar": statistics.mcnemar(counts.only_first, counts.only_second).p_value,
            }
        )
    return result


def _success(scores: pd.Series, threshold: float) -> dict[str, Any]:
    n, k = len(scores), sum(statistics.succeeds(s, threshold) for s in scores)
    return {"n": n, "successes": k, "interval": list(statistics.wilson(k, n))}


def _factor(pairs: pd.DataFrame, name: str, methods: list[str], threshold: float) -> dict[str, Any]:
    levels = []
    for value in FACTORS[name]:
        rows = pairs[pairs[name] == value]
        if len(rows):
            levels.append({"level": level_title(value), "methods": [_success(rows[m], threshold) for m in methods]})
    return {"title": FACTOR_TITLES[name], "levels": levels}


def _budget(tables: Tables, method: str) -> dict[str, Any]:
    spec = tables.experiment.spec_of(method=method)
    settings = spec.method
    return {
        "title": tables.title(method),
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


def _ends(tables: Tables, method: str) -> list[pd.Series]:
    """A method's best and worst run."""
    ranked = ranking(rows_of(tables.runs, method=method), tables.columns.score)
    return [ranked.iloc[0], ranked.iloc[-1]]


def _extremes(tables: Tables, method: str) -> dict[str, Any]:
    sheets = [
        {
            "picture": f"{method}_{place}.png",
            "architecture": int(run["architecture"]) + 1,
            "score": float(run[tables.columns.score]),
            "outcome": run["outcome"],
            "factors": ", ".join(f"{FACTOR_TITLES[f]}: {level_title(run[f])}" for f in FACTORS),
        }
        for place, run in zip(("best", "worst"), _ends(tables, method), strict=True)
    ]
    return {"title": tables.title(method), "sheets": sheets}


def _png(sheet: Image.Image) -> bytes:
    buffer = io.BytesIO()
    sheet.save(buffer, "png")
    return buffer.getvalue()


def _runs(tables: Tables, methods: list[str]) -> list[dict[str, Any]]:
    """Every architecture and seed with its run by each method; a number that a run does not have is none."""
    c, rows = tables.columns, []
    for (architecture, seed), group in tables.runs.groupby(["architecture", "seed"], sort=True):
        cells = []
        for method in methods:
            run = rows_of(group, method=method).iloc[0]
            values = {"score": run[c.score], "split_std": run[c.split_std], "distance": run[c.distance]}
            known = {name: float(value) if math.isfinite(value) else None for name, value in values.items()}
            cells.append(known | {"outcome": run["outcome"], "run": run["run"].rpartition("-")[2]})
        factors = [level_title(group.iloc[0][name]) for name in FACTORS]
        rows.append({"architecture": int(architecture) + 1, "seed": int(seed), "factors": factors, "methods": cells})
    return rows


def _draw(numbers: dict[str, Any], scores: dict[str, pd.Series], methods: list[str]) -> bytes:
    """Left: one point an architecture, its score by either method. Right: successes over the threshold."""
    drawn, axes = style.figure(2.9, 2)
    left, right = axes[0]
    titles = dict(zip(methods, numbers["methods"], strict=True))
    thresholds = [row["threshold"] for row in numbers["thresholds"]]
    primary = numbers["primary_threshold"]
    top = max(*numbers["best_scores"], primary) + 1
    first, second = (scores[m] for m in methods)
    left.plot([1, top], [1, top], color="0.7", linewidth=0.6, zorder=0)
    left.axhline(primary, color="0.4", linewidth=0.6, linestyle=":")
    left.axvline(primary, color="0.4", linewidth=0.6, linestyle=":")
    left.scatter(first, second, s=22, facecolor="white", edgecolor="black", linewidth=0.9, zorder=3)
    for (architecture, _), x, y in zip(first.index, first, second, strict=True):
        if len(first) <= 40:
            left.annotate(str(architecture + 1), (x, y), (3, 3), textcoords="offset points", fontsize=6.5, color="0.25")
    name = numbers["score"][0].upper() + numbers["score"][1:]
    left.set(xlim=(0.8, top), ylim=(0.8, top), xlabel=f"{name}, {titles[methods[0]]}")
    left.set_ylabel(f"{name}, {titles[methods[1]]}")
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
