"""The demo's settings, chosen for each method by its own best score; the contrast between methods plays no part."""

import math
from typing import Any, NamedTuple

import pandas as pd

from wganlib.collecting.collected import Tables
from wganlib.judging.failures import with_result
from wganlib.judging.quantities import Quantity
from wganlib.reporting.content import Content, rows_of

QUANTITIES: dict[str, Quantity] = {}
SETTINGS = ["learning_rate", "critic_factor", "generator_iteration"]


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
    return Choice(*rates, int(best["generator_iteration"]), float(best["mean"]), _known(best["std"]), int(best["count"]))


def primary_threshold(choices: list[Choice], untrained: float, thresholds: list[float]) -> float:
    """The largest threshold not above half way from the untrained score to the mean of the methods' best scores."""
    half_way = (untrained + sum(c.mean for c in choices) / len(choices)) / 2
    return max(t for t in thresholds if t <= half_way)


def report(tables: Tables) -> Content:
    """Scores at all settings with each method's best, and the threshold that follows from these."""
    c, runs = tables.columns, tables.runs
    scores = {method: scored(tables.snapshots, method, c.score) for method in tables.options("method")}
    choices = {method: choose(tried) for method, tried in scores.items()}
    untrained = float(runs[c.untrained].mean())
    numbers = {
        "score": c.title,
        "methods": [_method(tables.title(method), scores[method], choice) for method, choice in choices.items()],
        "untrained": untrained,
        "primary_threshold": primary_threshold(list(choices.values()), untrained, tables.settings["thresholds"]),
        "outcomes": {str(name): int(count) for name, count in runs["outcome"].value_counts().sort_index().items()},
    }
    return Content(template="pilot", numbers=numbers)


def _method(title: str, tried: pd.DataFrame, choice: Choice) -> dict[str, Any]:
    iterations = sorted(int(i) for i in tried["generator_iteration"].unique())
    lines = []
    for (rate, factor), rows in tried.groupby(["learning_rate", "critic_factor"], sort=True):
        by_iteration = rows.set_index("generator_iteration")
        cells = [
            {
                "mean": _known(by_iteration["mean"].get(i)),
                "std": _known(by_iteration["std"].get(i)),
                "chosen": (rate, factor, i) == tuple(choice[:3]),
            }
            for i in iterations
        ]
        lines.append({"learning_rate": float(rate), "critic_factor": float(factor), "cells": cells})
    return {"title": title, "iterations": iterations, "lines": lines, "choice": choice._asdict()}


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(value)
