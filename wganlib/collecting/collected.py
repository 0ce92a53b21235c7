"""An experiment's collected tables, as its module, claims and reports read them."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from wganlib import layout
from wganlib.collecting.tables import LEAST_COLUMNS, read_table
from wganlib.errors import WganlibError, fenced
from wganlib.files import read_object
from wganlib.judging.failures import with_result
from wganlib.judging.quantities import KEPT
from wganlib.judging.score_names import ScoreColumns
from wganlib.planning.expansion import Experiment
from wganlib.planning.experiment import Partial
from wganlib.planning.params import MethodParams, Published
from wganlib.planning.plan import Plan

SHEETS, STAGES = "sheets/", "stages/"


@dataclass(frozen=True)
class Tables:
    """An experiment's collected tables."""

    experiment: Experiment
    scale: str
    runs: pd.DataFrame
    """A row a run: `run`, `group`, its labels, `seed`, `outcome`, scores as they count, their standard errors, `seconds`."""
    snapshots: pd.DataFrame
    """The same labels, outcomes and scores at `generator_iteration`s on the way; 0 is the untrained generator."""
    curves: pd.DataFrame
    """Labels, `run`, and thinned rows of histories: `generator_iteration`, losses, `seconds`, and what a run records."""
    real: dict[str, Any]
    """By data set: its classifier's accuracy; scores of `real_training_images`, `real_held_out_images`, `uniform_noise`."""
    lines: dict[str, list[str]]
    """Generated lines of text by run."""
    facts: dict[str, Any]
    """Further facts of the measurement."""
    quantities: pd.DataFrame
    """What the experiment's module measured: a row a value, with the columns of `Findings.frame`."""
    arrays: dict[str, NDArray[Any]]
    """Arrays of the measurement, by name."""
    sheets: dict[str, Image.Image]
    """Sheets of samples by run, of the first seed."""
    methods: dict[str, MethodParams]
    published: Published
    stages: dict[str, Image.Image] = field(default_factory=dict)
    """Samples by stage of those that have snapshots: a row for the untrained generator, for each snapshot, for the end."""

    @property
    def settings(self) -> Partial:
        """The experiment's settings at this scale."""
        return self.experiment.settings

    @property
    def columns(self) -> ScoreColumns:
        """The columns of the score that heads the report."""
        return self.experiment.scoring.columns

    @cached_property
    def results(self) -> pd.DataFrame:
        """The runs that have a result, those that diverged among them."""
        return with_result(self.runs)

    def options(self, axis: str) -> list[str]:
        """The options of an axis, in the experiment's order."""
        return self.experiment.axes.get(axis, [])

    def title(self, method: str) -> str:
        """A method's title, or the option's own words."""
        return self.methods[method].title if method in self.methods else method.replace("_", " ")

    def below(self, prefix: str) -> dict[str, NDArray[np.float64]]:
        """The arrays below `prefix/`, without it."""
        return {key[len(prefix) + 1 :]: value for key, value in self.arrays.items() if key.startswith(f"{prefix}/")}

    def mean(self, quantity: str, case: str | None = None) -> float:
        """Mean of a quantity over seeds, and over cases where none is given; not a number where it was not measured."""
        rows = self.quantities[self.quantities["quantity"] == quantity]
        return float((rows if case is None else rows[rows["case"] == case])["value"].mean())

    def text(self, quantity: str, case: str | None = None, form: str = ".2f") -> str:
        """The mean of a quantity in a caption."""
        value = self.mean(quantity, case)
        return "not measured" if math.isnan(value) else format(value, form)

    def iterations(self, run: str) -> int:
        """The generator iterations of a run's budget."""
        return next(entry.spec.generator_iterations for entry in self.experiment.entries if entry.run == run)


def load(plan: Plan, experiment: Experiment, results: Path) -> Tables:
    """An experiment's collected tables.

    Raises:
        WganlibError: one is missing or damaged.
    """
    folder, text = results / plan.scale / experiment.name, list(experiment.axes)
    missing = [name for name in layout.TABLE_FILES if name != "metrics.json" and not (folder / name).exists()]
    if missing:
        how = layout.command(f"results/{plan.scale}/{experiment.name}/runs.csv", plan.scale)
        raise WganlibError(
            f"{folder / missing[0]}: no such file; `wganlib collect {experiment.name} --scale {plan.scale}` makes it from "
            f"trained runs, and `{how}` trains them too"
        )
    runs = read_table(folder / "runs.csv", LEAST_COLUMNS, text)
    quantities = read_table(folder / "quantities.csv", KEPT, text)
    # Some have no seed, which makes numbers with decimals of the others.
    quantities["seed"] = quantities["seed"].astype("Int64")
    facts, arrays = read_object(folder / "facts.json"), _arrays(folder / "arrays.npz")
    return Tables(
        experiment=experiment,
        scale=plan.scale,
        runs=runs,
        snapshots=read_table(folder / "snapshots.csv", ["run"], text),
        curves=read_table(folder / "curves.csv", ["run", "generator_iteration"], text),
        real=facts.pop("real", {}),
        lines=facts.pop("lines", {}),
        facts=facts,
        quantities=quantities,
        sheets=_pictures(arrays, SHEETS),
        stages=_pictures(arrays, STAGES),
        arrays={name: value for name, value in arrays.items() if not name.startswith((SHEETS, STAGES))},
        methods=plan.methods,
        published=plan.published,
    )


def _pictures(arrays: dict[str, NDArray[Any]], prefix: str) -> dict[str, Image.Image]:
    return {name.removeprefix(prefix): Image.fromarray(v) for name, v in arrays.items() if name.startswith(prefix)}


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    absent = WganlibError(f"{path}: no such file; `wganlib collect` makes it")
    with fenced(path, "readable", "collect the experiment again", absent), np.load(path, allow_pickle=False) as stored:
        return dict(stored)
