"""Collected tables with made-up scores for every run that the plan has of an experiment: reports' answers are known then."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from conftest import committed_plan
from PIL import Image

from wganlib.collecting.collected import Tables
from wganlib.judging.failures import counted
from wganlib.judging.quantities import Findings, scores
from wganlib.judging.score_names import COLUMNS
from wganlib.judging.verdicts import Verdict, judge
from wganlib.planning.expansion import Entry
from wganlib.planning.plan import Plan
from wganlib.scoring.scorer import FAILED


def failed(outcome: str) -> dict[str, Any]:
    """What the scorer writes of a run that diverged or ran out of memory."""
    return {"outcome": outcome} | COLUMNS["classifier"].named(FAILED)


NOTHING: Callable[[Entry], dict[Any, Any]] = lambda entry: {}  # noqa: E731


def made_up(
    name: str,
    scores: Callable[[Entry], dict[str, Any]],
    snapshots: Callable[[Entry], dict[int, dict[str, Any]]] = NOTHING,
    curves: Callable[[Entry], dict[str, Any]] = NOTHING,
    lines: Callable[[Entry], list[str]] | None = None,
    plan: Plan | None = None,
) -> Tables:
    """Tables of experiment `name`: `scores` of each run as the scorer writes them, its snapshots, columns of its history."""
    plan = plan or committed_plan()
    experiment = plan.experiment(name)
    runs, moments, histories = [], [], []
    for entry in experiment.entries:
        labels = {"run": entry.run, "group": entry.group, **entry.labels, "seed": entry.spec.seed}
        c = {
            "outcome": "ok",
            "classifier_score": 5.0,
            "classifier_score_split_std": 0.1,
            "frechet_classifier_distance": 50.0,
            "frechet_classifier_distance_standard_error": 1.0,
            "untrained_classifier_score": 1.5,
        }
        if plan.classifier_of(entry.run) is None:
            c = {"outcome": "ok"}
        origin = {"commit": "c" * 40, "device": "A Processor", "threads": 1, "seconds": 10.0}
        runs.append(labels | {"settings": "0123456789"} | c | scores(entry) | origin)
        moments += [labels | {"outcome": "ok", "generator_iteration": i} | s for i, s in snapshots(entry).items()]
        if columns := curves(entry):
            histories.append(pd.DataFrame(columns).assign(**labels))
    real = {"classifier_score": 9.7, "frechet_classifier_distance": 8.8}
    known = {
        "accuracy": 0.99,
        "held_out_images": 360,
        "real_training_images": real,
        "real_held_out_images": real,
        "uniform_noise": {"classifier_score": 2.0, "frechet_classifier_distance": 500.0},
        "scoring": {},
    }
    sheet = Image.fromarray(np.full((60, 100, 3), 128, dtype=np.uint8))
    return Tables(
        experiment=experiment,
        scale=plan.scale,
        runs=counted(pd.DataFrame(runs)),
        snapshots=counted(pd.DataFrame(moments, columns=None if moments else ["run", "outcome", "generator_iteration"])),
        curves=pd.concat(histories, ignore_index=True) if histories else pd.DataFrame(columns=["run", "generator_iteration"]),
        real={entry.spec.dataset.name: known for entry in experiment.entries},
        lines={entry.run: lines(entry) for entry in experiment.entries} if lines else {},
        sheets={entry.run: sheet for entry in experiment.entries},
        facts={},
        quantities=Findings({}).frame(),
        arrays={},
        methods=plan.methods,
        published=plan.published,
    )


def measured(name: str, findings: Findings) -> Tables:
    """Tables of an experiment that its module measures, findings as they are read back."""
    plan = committed_plan()
    nothing = pd.DataFrame(columns=["run", "generator_iteration", "outcome", "seconds"])
    return Tables(
        experiment=plan.experiment(name),
        scale="demo",
        runs=nothing,
        snapshots=nothing,
        curves=nothing,
        real={},
        lines={},
        sheets={},
        facts=json.loads(json.dumps(findings.facts)),
        quantities=findings.frame(),
        arrays=findings.arrays,
        methods=plan.methods,
        published=plan.published,
    )


def values(findings: Findings, quantity: str, **labels: Any) -> list[float]:
    """The measured values of a quantity with these labels, in the order in which they were measured."""
    rows = [row for row in findings.rows if row["quantity"] == quantity and labels.items() <= row.items()]
    return [row["value"] for row in rows]


def verdict(claim: str, tables: Tables) -> Verdict:
    """The verdict on a claim of an experiment from its tables, in which what its module measures stands."""
    table = pd.concat([scores(tables.runs, tables.columns), tables.quantities], ignore_index=True)
    params = tables.experiment.params
    return judge(params.claims[claim], params.gates, table, tables.scale)


def with_measured(tables: Tables, measure: Callable[[Tables], Findings]) -> Tables:
    """The tables with what a module measures on them."""
    return replace(tables, quantities=measure(tables).frame())
