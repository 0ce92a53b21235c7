"""Collected tables: one row a run, thinned training curves, means per method. Reports are built from these alone."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from PIL import Image

from wganlib.errors import WganlibError
from wganlib.files import read_json, write_atomic, write_json
from wganlib.plan import Experiment, Plan
from wganlib.spec import ScoringSpec

CURVE_POINTS = 30
"""Most rows kept of a run's history in curves.csv, the first and the last among them."""

TEXT_COLUMNS = ("run", "settings", "commit", "device", "method", "outcome")
"""Columns that stay text however they look: a hexadecimal digest may be all digits."""

SCORE_COLUMNS = (
    "outcome",
    "classifier_score",
    "classifier_score_split_std",
    "frechet_classifier_distance",
    "frechet_classifier_distance_standard_error",
    "untrained_classifier_score",
)


RUN_COLUMNS = ("run", "settings", "architecture", "method", "seed", *SCORE_COLUMNS, "commit", "device", "threads", "seconds")
"""Columns of every runs.csv; the factors of the architecture and an experiment's other labels stand beside them."""


def collect(plan: Plan, experiment: Experiment, results: Path) -> None:
    """Gather an experiment's runs into `results/<scale>/<experiment>/`.

    Writes `runs.csv` (labels, scores, provenance), `snapshots.csv`, `curves.csv`, `metrics.json`, `real.json` (the scores of
    real data) and `samples.png`, the sheets of each method's best and worst run below each other.

    Raises:
        WganlibError: a run's files are missing, damaged, or another spec's.
    """
    rows, snapshots, curves = [], [], []
    for entry in experiment.entries:
        folder = results / "runs" / entry.run
        scores, provenance = read_json(folder / "scores.json"), read_json(folder / "provenance.json")
        spec, classifier = plan.runs[entry.run], plan.classifier_of(entry.run)
        _check_scores(folder / "scores.json", scores, entry.run, plan.params.scoring, classifier.key)
        origin = {name: provenance[name] for name in ("commit", "device", "threads", "seconds")}
        labels = {"run": entry.run, "settings": spec.settings_digest(plan.params.scoring, classifier), **entry.labels}
        rows.append(labels | {name: scores[name] for name in SCORE_COLUMNS} | origin)
        snapshots += [labels | {"generator_iteration": int(i)} | s for i, s in scores["snapshots"].items()]
        curves.append(_curve(folder, labels))
    table = pd.DataFrame(rows)
    target = results / plan.scale / experiment.name
    write_atomic(target / "samples.png", _extremes(table, experiment.params.methods, results))
    write_table(target / "runs.csv", table)
    write_table(target / "snapshots.csv", pd.DataFrame(snapshots, columns=None if snapshots else ["run", "method"]))
    write_table(target / "curves.csv", pd.concat(curves, ignore_index=True), float_format="%.5g")
    write_json(target / "real.json", _real(plan, experiment.entries[0].run, results))
    write_json(target / "metrics.json", metrics(table))


def _check_scores(path: Path, scores: dict[str, Any], run: str, scoring: ScoringSpec, classifier: str) -> None:
    expected = {"run": run, "scoring": scoring.model_dump(mode="json", exclude_none=True), "classifier": classifier}
    for name, value in expected.items():
        if scores.get(name) != value:
            raise WganlibError(f"{path}: made with {name} {scores.get(name)!r}, expected {value!r}; score the run again")


def ranking(table: pd.DataFrame) -> pd.DataFrame:
    """Rows from the best to the worst classifier score; diverged runs last, ties by run key."""
    diverged = (table["outcome"] != "ok").rename("diverged")
    return table.assign(diverged=diverged).sort_values(["diverged", "classifier_score", "run"], ascending=[True, False, True])


def metrics(table: pd.DataFrame) -> dict[str, dict[str, float | int]]:
    """For each method the number of runs and of diverged ones, and the mean and median classifier score."""
    return {
        str(method): {
            "runs": len(group),
            "diverged": int((group["outcome"] != "ok").sum()),
            "classifier_score_mean": round(float(group["classifier_score"].mean()), 6),
            "classifier_score_median": round(float(group["classifier_score"].median()), 6),
        }
        for method, group in table.groupby("method", sort=True)
    }


def read_table(path: Path, columns: Iterable[str] = RUN_COLUMNS) -> pd.DataFrame:
    """A collected table that has at least these columns; by default a `runs.csv`.

    Raises:
        WganlibError: the file is missing or is not such a table.
    """
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(TEXT_COLUMNS, "str"))
    except FileNotFoundError:
        raise WganlibError(f"{path}: no such file; `wganlib collect` makes it") from None
    except (OSError, ValueError) as error:
        raise WganlibError(f"{path}: not readable as a table ({error})") from None
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise WganlibError(
            f"{path}: not a collected table: column {missing[0]!r} is missing; `wganlib collect` makes such tables"
        )
    return table


def write_table(path: Path, table: pd.DataFrame, float_format: str | None = None) -> None:
    """Write a table as CSV, atomically; numbers in the shortest form that reads back exactly, unless a format is given."""
    buffer = io.StringIO()
    table.to_csv(buffer, index=False, lineterminator="\n", float_format=float_format)
    write_atomic(path, buffer.getvalue().encode())


def _curve(folder: Path, labels: dict[str, Any]) -> pd.DataFrame:
    try:
        history = pq.read_table(folder / "history.parquet").to_pandas()
    except (OSError, ValueError) as error:
        raise WganlibError(f"{folder / 'history.parquet'}: not readable ({error}); train the run again") from None
    rows = np.unique(np.linspace(0, len(history) - 1, min(CURVE_POINTS, len(history))).round().astype(int))
    thinned = history.iloc[rows]
    return thinned.assign(run=labels["run"], architecture=labels["architecture"], method=labels["method"], seed=labels["seed"])


def _real(plan: Plan, run: str, results: Path) -> dict[str, Any]:
    description = read_json(results / "classifiers" / plan.classifier_of(run).key / "classifier.json")
    kept = ("accuracy", "held_out_images", "real_training_images", "real_held_out_images", "scoring")
    return {name: description[name] for name in kept}


def _extremes(table: pd.DataFrame, methods: tuple[str, ...], results: Path) -> bytes:
    sheets = []
    for method in methods:
        ranked = ranking(table[table["method"] == method])
        for index in (0, -1):
            path = results / "runs" / str(ranked["run"].iloc[index]) / "samples.png"
            try:
                sheets.append(Image.open(path).convert("RGB"))
            except OSError as error:
                raise WganlibError(f"{path}: not readable ({error}); score the run again") from None
    width, height = sheets[0].size
    canvas = Image.new("RGB", (width, height * len(sheets)))
    for index, sheet in enumerate(sheets):
        canvas.paste(sheet, (0, index * height))
    return _png(canvas)


def split_extremes(path: Path, count: int) -> list[bytes]:
    """The sheets of a collected `samples.png`, best and worst of each method in turn.

    Raises:
        WganlibError: the file is missing or is not a picture.
    """
    try:
        canvas = Image.open(path).convert("RGB")
    except OSError as error:
        raise WganlibError(f"{path}: not readable ({error}); collect the experiment again") from None
    height = canvas.height // count
    return [_png(canvas.crop((0, i * height, canvas.width, (i + 1) * height))) for i in range(count)]


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
