"""From an experiment's runs to its collected tables and its page. Reports are built from these alone."""

import importlib
import io
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from wganlib import layout
from wganlib.architectures.families.random_set import FACTORS
from wganlib.collecting.collected import load
from wganlib.collecting.pages import RunParts, page
from wganlib.collecting.tables import LEAST_COLUMNS, metrics, ranking, shown, write_table
from wganlib.errors import WganlibError, fenced
from wganlib.files import read_json, read_object, write_atomic, write_json
from wganlib.judging.failures import counted, has_failed, value_of
from wganlib.judging.quantities import Findings
from wganlib.planning.expansion import Entry, Experiment
from wganlib.planning.experiment import ExperimentScale
from wganlib.planning.plan import Plan
from wganlib.spec.scoring import ScoringSpec

ORIGIN = ("commit", "device", "threads")
"""What a table says of a run's provenance."""


class Gathered(NamedTuple):
    """What is known of one run: its labels, scores and provenance, scores on the way, generated lines, parts of its page."""

    entry: Entry
    labels: dict[str, Any]
    scores: dict[str, Any]
    moments: dict[str, dict[str, Any]]
    lines: list[str] | None
    parts: RunParts


def collect(plan: Plan, experiment: Experiment, results: Path) -> Path:
    """Gather an experiment's runs into `results/<scale>/<experiment>/`, which is returned.

    Writes `runs.csv` (labels, scores as they count, provenance), `snapshots.csv`, `curves.csv`, `quantities.csv` (what its
    module measures), `metrics.json`, `facts.json` (scores of real data, generated lines, facts of the measurement),
    `arrays.npz` (samples under `sheets/<run>` and by stage under `stages/<run>`, arrays of the measurement) and `runs.html`, on
    which every run can be opened.

    Raises:
        WganlibError: a run's files are missing, damaged, or another spec's, or all runs that are to be measured failed.
    """
    folder = results / plan.scale / experiment.name
    _check_there(plan, experiment, results)
    if experiment.params.scored:
        gathered = [_scored(plan, experiment, entry, results) for entry in experiment.entries]
        findings = Findings({})
        facts = {"real": _real(plan, experiment, results)}
        facts["lines"] = {one.entry.run: one.lines for one in gathered if one.lines is not None}
    else:
        gathered, findings = _measured(plan, experiment, results)
        facts = findings.facts
    table = counted(pd.DataFrame([one.labels | one.scores for one in gathered], columns=None if gathered else LEAST_COLUMNS))
    moments = [
        one.labels | {"generator_iteration": int(iteration)} | scores
        for one in gathered
        for iteration, scores in one.moments.items()
    ]
    snapshots = counted(pd.DataFrame(moments, columns=None if moments else ["run", "method", "outcome"]))
    curves = [_curve(one, experiment.scale) for one in gathered]
    arrays = findings.arrays | (dict(_sheets(table, experiment, results)) if experiment.params.scored else {})
    write_table(folder / "runs.csv", table)
    write_table(folder / "snapshots.csv", snapshots)
    curve = pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(columns=["run", "generator_iteration"])
    write_table(folder / "curves.csv", curve, float_format="%.5g")
    write_table(folder / "quantities.csv", findings.frame(), float_format="%.9g")
    write_atomic(folder / "arrays.npz", _packed(arrays))
    write_json(folder / "facts.json", facts | _titles(findings))
    write_json(folder / "metrics.json", metrics(table, list(experiment.axes)))
    module = module_of(experiment.name) if experiment.params.scored and experiment.params.report else None
    if module is not None and hasattr(module, "measure"):
        # Measured on the tables that were just written.
        of_runs = module.measure(load(plan, experiment, results))
        write_table(folder / "quantities.csv", of_runs.frame(), float_format="%.9g")
        write_json(folder / "facts.json", facts | _titles(of_runs))
    write_atomic(folder / "runs.html", page(plan.scale, experiment, table, [one.parts for one in gathered]))
    return folder


def _titles(findings: Findings) -> dict[str, Any]:
    return {"quantities": {name: quantity.title for name, quantity in findings.quantities.items()}}


def _check_there(plan: Plan, experiment: Experiment, results: Path) -> None:
    """Refuse at once where trainings or scores are missing, and tell what makes them all."""
    jobs = [layout.stack_folder(results, stack.key) / layout.PROVENANCE for stack in experiment.stacks]
    if experiment.params.scored:
        jobs = [layout.run_folder(results, key) / layout.SCORE_FILES[0] for key in experiment.run_keys]
    missing = [path for path in jobs if not path.exists()]
    if missing:
        what = "runs are not scored yet" if experiment.params.scored else "stacks are not trained yet"
        how = layout.command(f"results/{plan.scale}/{experiment.name}/runs.csv", plan.scale)
        raise WganlibError(
            f"{missing[0]}: no such file: {len(missing)} of {len(jobs)} {what}; `{how}` makes what is missing, and collects"
        )


def module_of(experiment: str) -> ModuleType:
    """The module of an experiment that has a report; the plan refuses one without it."""
    return importlib.import_module(f"wganlib.experiments.{experiment}")


def _scored(plan: Plan, experiment: Experiment, entry: Entry, results: Path) -> Gathered:
    """A run that was trained alone and scored."""
    folder = results / "runs" / entry.run
    scores = read_object(folder / "scores.json", "outcome", "scoring", "classifier", "run")
    provenance = read_object(folder / "provenance.json", *ORIGIN, "seconds")
    classifier = plan.classifier_of(entry.run)
    _check_scores(folder / "scores.json", scores, entry.run, experiment.scoring, classifier.key if classifier else None)
    parts = (experiment.scoring, classifier) if classifier else (experiment.scoring,)
    moments = {"0": scores["untrained"]} if "untrained" in scores else {}
    moments |= scores.get("snapshots", {})
    with fenced(folder / "history.parquet", "readable", "train the run again"):
        history = pq.read_table(folder / "history.parquet").to_pandas()
    pictures = {"samples": folder / "samples.png", "untrained, each snapshot, trained: the same noise": folder / "progress.png"}
    return Gathered(
        entry,
        _labels(entry, entry.spec.settings_digest(*parts)),
        _flat(scores) | _origin(provenance, provenance["seconds"]),
        {iteration: _moment(scores["outcome"], one) for iteration, one in moments.items()},
        scores.get("lines"),
        RunParts(history, read_json(folder / "spec.json"), provenance, pictures),
    )


def _measured(plan: Plan, experiment: Experiment, results: Path) -> tuple[list[Gathered], Findings]:
    """The runs of stacks, and what the experiment's module measures on them, if it measures."""
    from wganlib.measuring.study import load_study

    gathered, study = [], load_study(experiment, results, plan.published)
    known = {run.key: results / "stacks" / stack.key for stack in experiment.stacks for run in stack.runs}
    for entry, member in zip(experiment.trained_entries, study.members, strict=True):
        run, provenance = member.run, read_object(known[entry.run] / "provenance.json", *ORIGIN)
        scores = {"outcome": run.outcome} | _origin(provenance, round(run.seconds, 3))
        parts = RunParts(run.history, entry.spec.model_dump(mode="json", exclude_none=True), provenance, {})
        gathered.append(Gathered(entry, _labels(entry, entry.spec.settings_digest()), scores, {}, None, parts))
    measure = getattr(module_of(experiment.name), "measure", None) if experiment.params.report else None
    return gathered, measure(study) if measure else Findings({})


def _labels(entry: Entry, settings: str) -> dict[str, Any]:
    return {"run": entry.run, "settings": settings, "group": entry.group, **entry.labels, "seed": entry.spec.seed}


def _origin(provenance: dict[str, Any], seconds: float) -> dict[str, Any]:
    return {name: provenance[name] for name in ORIGIN} | {"seconds": seconds}


def _moment(outcome: str, scores: dict[str, Any]) -> dict[str, Any]:
    """A snapshot's outcome and scores; it failed where it has no distance or no measures, after its run or by itself."""
    failure = "diverged" if outcome == "ok" else outcome
    return {"outcome": failure if has_failed(scores) else "ok"} | _flat(scores)


def _flat(scores: dict[str, Any]) -> dict[str, Any]:
    """The scores of one generator as columns; a measure's standard error stands in a column of its own."""
    others = ("measures", "classifier")
    columns = {
        name: value
        for name, value in scores.items()
        if name == "outcome" or (name not in others and (value is None or isinstance(value, int | float)))
    }
    for name, estimate in (scores.get("measures") or {}).items():
        columns |= {name: value_of(name, estimate["value"]), f"{name}_standard_error": estimate["standard_error"]}
    return columns


def _check_scores(path: Path, scores: dict[str, Any], run: str, scoring: ScoringSpec, classifier: str | None) -> None:
    expected = {"run": run, "scoring": scoring.model_dump(mode="json", exclude_none=True), "classifier": classifier}
    for name, value in expected.items():
        if scores.get(name) != value:
            raise WganlibError(f"{path}: made with {name} {scores.get(name)!r}, expected {value!r}; score the run again")


def _curve(one: Gathered, scale: ExperimentScale) -> pd.DataFrame:
    """Thinned rows of a run's history, with running medians of its losses where the scale asks for them."""
    history = one.parts.history
    if scale.median_iterations:
        window = max(1, scale.median_iterations // one.entry.spec.log_every)
        for name in ("critic_loss", "generator_loss"):
            history[f"{name}_median"] = history[name].rolling(window, center=True, min_periods=1).median()
    rows = np.unique(np.linspace(0, len(history) - 1, min(scale.curve_points, len(history))).round().astype(int))
    labels = {name: value for name, value in one.labels.items() if name not in FACTORS and name != "settings"}
    return history.iloc[rows].assign(**labels)


def _real(plan: Plan, experiment: Experiment, results: Path) -> dict[str, Any]:
    """By name of the data set: the accuracy of its classifier, and the scores of real images and of noise."""
    kept = ("accuracy", "held_out_images", "real_training_images", "real_held_out_images", "uniform_noise", "scoring")
    result = {}
    for entry in experiment.entries:
        classifier = plan.classifier_of(entry.run)
        if classifier is not None and entry.spec.dataset.name not in result:
            description = read_object(results / "classifiers" / classifier.key / "classifier.json", *kept)
            result[entry.spec.dataset.name] = {name: description[name] for name in kept}
    return result


def _sheets(table: pd.DataFrame, experiment: Experiment, results: Path) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Sheets of samples [height, width, 3], and samples by stage of runs with snapshots.

    Of random architectures each method's best and worst, else all shown.
    """
    names = shown(table)
    if experiment.scale.architectures is not None:
        score = experiment.scoring.columns.score
        ranked = [ranking(table[table["method"] == method], score) for method in experiment.methods]
        names = [str(rows["run"].iloc[index]) for rows in ranked if len(rows) for index in (0, -1)]
    for name in names:
        yield f"sheets/{name}", _picture(results / "runs" / name / "samples.png")
        if next(entry for entry in experiment.entries if entry.run == name).spec.snapshots:
            yield f"stages/{name}", _picture(results / "runs" / name / "progress.png")


def _picture(path: Path) -> NDArray[np.uint8]:
    with fenced(path, "readable", "score the run again"):
        return np.asarray(Image.open(path, formats=("PNG",)).convert("RGB"))


def _packed(arrays: dict[str, NDArray[Any]]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
