"""The demo's settings, chosen for each method by its own best score; the contrast between methods plays no part."""

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from wganlib.collecting.tables import read_table
from wganlib.errors import parse
from wganlib.planning.params import ThresholdSettings
from wganlib.planning.plan import Experiment, Plan

SETTINGS = ["learning_rate", "critic_factor", "generator_iteration"]


class Choice(NamedTuple):
    """A method's settings with the highest mean classifier score over the pilot's seeds."""

    learning_rate: float
    critic_factor: float
    generator_iteration: int
    mean: float
    std: float
    seeds: int


def choose(snapshots: pd.DataFrame, method: str) -> Choice:
    """The settings of a method's best mean score; ties go to fewer iterations, then to the smaller rate."""
    rows = snapshots[snapshots["method"] == method]
    means = rows.groupby(SETTINGS)["classifier_score"].agg(["mean", "std", "count"]).reset_index()
    order = means.sort_values(
        ["mean", "generator_iteration", "learning_rate", "critic_factor"], ascending=[False, True, True, True]
    )
    best = order.iloc[0]
    return Choice(
        float(best["learning_rate"]),
        float(best["critic_factor"]),
        int(best["generator_iteration"]),
        float(best["mean"]),
        float(best["std"]),
        int(best["count"]),
    )


def primary_threshold(choices: list[Choice], untrained: float, thresholds: tuple[float, ...]) -> float:
    """The largest threshold not above half way from the untrained score to the mean of the methods' best scores."""
    half_way = (untrained + sum(c.mean for c in choices) / len(choices)) / 2
    return max(t for t in thresholds if t <= half_way)


def build(plan: Plan, experiment: Experiment, results: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The numbers of the report; it has no pictures.

    Raises:
        WganlibError: the collected tables are missing.
    """
    folder = results / plan.scale / experiment.name
    settings = parse(ThresholdSettings, experiment.settings, "settings")
    snapshots, runs = (
        read_table(folder / "snapshots.csv", ["method", "classifier_score", *SETTINGS]),
        read_table(folder / "runs.csv"),
    )
    choices = {method: choose(snapshots, method) for method in experiment.methods}
    untrained = float(runs["untrained_classifier_score"].mean())
    numbers = {
        "scale": plan.scale,
        "methods": [_method(plan, method, snapshots, choice) for method, choice in choices.items()],
        "untrained": untrained,
        "primary_threshold": primary_threshold(list(choices.values()), untrained, settings.thresholds),
        "seeds": list(experiment.scale.seeds),
        "commits": sorted(set(runs["commit"].fillna("not recorded"))),
        "devices": sorted(set(runs["device"])),
        "runs": len(runs),
        "outcomes": {str(k): int(v) for k, v in runs["outcome"].value_counts().sort_index().items()},
    }
    return numbers, {}


def _method(plan: Plan, method: str, snapshots: pd.DataFrame, choice: Choice) -> dict[str, Any]:
    rows = snapshots[snapshots["method"] == method]
    means = rows.groupby(SETTINGS)["classifier_score"].agg(["mean", "std"])
    iterations = sorted(int(i) for i in rows["generator_iteration"].unique())
    lines = []
    for (rate, factor), _ in rows.groupby(["learning_rate", "critic_factor"], sort=True):
        cells = [
            {
                "mean": float(means.loc[(rate, factor, i), "mean"]),
                "std": float(means.loc[(rate, factor, i), "std"]),
                "chosen": (rate, factor, i) == tuple(choice[:3]),
            }
            for i in iterations
        ]
        lines.append({"learning_rate": float(rate), "critic_factor": float(factor), "cells": cells})
    return {"title": plan.methods[method].title, "iterations": iterations, "lines": lines, "choice": choice._asdict()}
