"""Collected tables: one row a run, thinned training curves, means per method. Reports are built from these alone."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from PIL import Image

from wganlib.architectures.random_set import FACTORS
from wganlib.collecting.pages import page
from wganlib.errors import WganlibError
from wganlib.files import read_json, write_atomic, write_json
from wganlib.planning.experiment import ExperimentScale
from wganlib.planning.plan import Experiment, Plan
from wganlib.spec.scoring import ScoringSpec

TEXT_COLUMNS = ("run", "settings", "commit", "device", "method", "outcome", "group")
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
"""Columns of a runs.csv of random architectures; their factors and an experiment's other labels stand beside them."""

LEAST_COLUMNS = ("run", "settings", "group", "seed", "outcome", "commit", "device", "threads", "seconds")
"""Columns of every runs.csv: labels, scores and measures with their standard errors stand beside them."""

METRICS = (
    "classifier_score",
    "frechet_classifier_distance",
    "inception_score",
    "fid",
    *(f"ngram_divergence_{n}" for n in (1, 2, 3)),
)

SHEETS = 60
"""Most runs whose sheets are kept."""


def collect(plan: Plan, experiment: Experiment, results: Path) -> None:
    """Gather an experiment's runs into `results/<scale>/<experiment>/`, and their pages into `results/browse/<scale>/`.

    Writes `runs.csv` (labels, scores, provenance), `snapshots.csv`, `curves.csv`, `metrics.json`, `real.json` (the scores of
    real data), `lines.json` (generated text) and `samples.png`: sheets below each other, of random architectures those of each
    method's best and worst run, else those of every run of the first seed.

    Raises:
        WganlibError: a run's files are missing, damaged, or another spec's.
    """
    rows, snapshots, curves, lines = [], [], [], {}
    for entry in experiment.entries:
        folder = results / "runs" / entry.run
        scores, provenance = read_json(folder / "scores.json"), read_json(folder / "provenance.json")
        classifier = plan.classifier_of(entry.run)
        _check_scores(folder / "scores.json", scores, entry.run, experiment.scoring, classifier.key if classifier else None)
        origin = {name: provenance[name] for name in ("commit", "device", "threads", "seconds")}
        parts = (experiment.scoring, classifier) if classifier else (experiment.scoring,)
        labels = {"run": entry.run, "settings": entry.spec.settings_digest(*parts), "group": entry.group, **entry.labels}
        labels |= {"seed": entry.spec.seed}
        rows.append(labels | _flat(scores) | origin)
        moments = {"0": scores["untrained"]} if "untrained" in scores else {}
        moments |= scores.get("snapshots", {})
        snapshots += [labels | {"generator_iteration": int(i)} | _flat(s) for i, s in moments.items()]
        curves.append(_curve(folder, labels, experiment.scale, entry.spec.log_every))
        if "lines" in scores:
            lines[entry.run] = scores["lines"]
    table = pd.DataFrame(rows)
    target = results / plan.scale / experiment.name
    write_atomic(target / "samples.png", _sheets(table, experiment, results))
    write_table(target / "runs.csv", table)
    write_table(target / "snapshots.csv", pd.DataFrame(snapshots, columns=None if snapshots else ["run", "method"]))
    write_table(target / "curves.csv", pd.concat(curves, ignore_index=True), float_format="%.5g")
    write_json(target / "real.json", _real(plan, experiment, results))
    write_json(target / "lines.json", lines)
    write_json(target / "metrics.json", metrics(table, list(experiment.axes)))
    write_atomic(results / "browse" / plan.scale / f"{experiment.name}.html", page(plan.scale, experiment, table, results))


def _flat(scores: dict[str, Any]) -> dict[str, Any]:
    """The scores of one generator as columns; a measure's standard error stands in a column of its own."""
    found = {name: scores[name] for name in SCORE_COLUMNS if name in scores}
    plain = {k: v for k, v in scores.items() if v is None or isinstance(v, int | float)}
    found |= {name: value for name, value in plain.items() if name not in ("measures", "classifier")}
    for name, estimate in (scores.get("measures") or {}).items():
        found |= {name: estimate["value"], f"{name}_standard_error": estimate["standard_error"]}
    return found


def _check_scores(path: Path, scores: dict[str, Any], run: str, scoring: ScoringSpec, classifier: str | None) -> None:
    expected = {"run": run, "scoring": scoring.model_dump(mode="json", exclude_none=True), "classifier": classifier}
    for name, value in expected.items():
        if scores.get(name) != value:
            raise WganlibError(f"{path}: made with {name} {scores.get(name)!r}, expected {value!r}; score the run again")


def ranking(table: pd.DataFrame) -> pd.DataFrame:
    """Rows from the best to the worst classifier score; diverged runs last, ties by run key."""
    diverged = (table["outcome"] != "ok").rename("diverged")
    return table.assign(diverged=diverged).sort_values(["diverged", "classifier_score", "run"], ascending=[True, False, True])


def metrics(table: pd.DataFrame, axes: list[str]) -> dict[str, dict[str, float | int]]:
    """For each combination of options the number of runs and of those that failed, and means and medians of scores."""
    names = [axis for axis in axes if axis in table] or ["group"]
    found = {}
    for labels, group in table.groupby(names, sort=True, dropna=False):
        values: dict[str, float | int] = {"runs": len(group), "diverged": int((group["outcome"] != "ok").sum())}
        for name in METRICS:
            if name in group and group[name].notna().any():
                values |= {
                    f"{name}_mean": round(float(group[name].mean()), 6),
                    f"{name}_median": round(float(group[name].median()), 6),
                }
        found[", ".join(str(label) for label in labels if not pd.isna(label))] = values
    return found


def read_table(path: Path, columns: Iterable[str] = RUN_COLUMNS, text: Iterable[str] = ()) -> pd.DataFrame:
    """A collected table that has at least these columns; by default a `runs.csv` of random architectures.

    `text`: further columns that stay text however they look.

    Raises:
        WganlibError: the file is missing or is not such a table.
    """
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys((*TEXT_COLUMNS, *text), "str"))
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


def _curve(folder: Path, labels: dict[str, Any], scale: ExperimentScale, log_every: int) -> pd.DataFrame:
    """Thinned rows of a run's history, with running medians of its losses where the scale asks for them."""
    try:
        history = pq.read_table(folder / "history.parquet").to_pandas()
    except (OSError, ValueError) as error:
        raise WganlibError(f"{folder / 'history.parquet'}: not readable ({error}); train the run again") from None
    if scale.median_iterations:
        window = max(1, scale.median_iterations // log_every)
        for name in ("critic_loss", "generator_loss"):
            history[f"{name}_median"] = history[name].rolling(window, center=True, min_periods=1).median()
    rows = np.unique(np.linspace(0, len(history) - 1, min(scale.curve_points, len(history))).round().astype(int))
    return history.iloc[rows].assign(**{k: v for k, v in labels.items() if k not in FACTORS and k != "settings"})


def _real(plan: Plan, experiment: Experiment, results: Path) -> dict[str, Any]:
    """By name of the data set: the accuracy of its classifier, and the scores of real images."""
    kept = ("accuracy", "held_out_images", "real_training_images", "real_held_out_images", "scoring")
    found = {}
    for entry in experiment.entries:
        classifier = plan.classifier_of(entry.run)
        if classifier is not None and entry.spec.dataset.name not in found:
            description = read_json(results / "classifiers" / classifier.key / "classifier.json")
            found[entry.spec.dataset.name] = {name: description[name] for name in kept}
    return found


def shown(table: pd.DataFrame) -> list[str]:
    """The runs whose sheets are kept: those of the first seed, in the table's order."""
    return list(dict.fromkeys(table[table["seed"] == table["seed"].min()]["run"]))[:SHEETS]


def _sheets(table: pd.DataFrame, experiment: Experiment, results: Path) -> bytes:
    if experiment.scale.architectures is not None:
        ranked = [ranking(table[table["method"] == method]) for method in experiment.methods]
        names = [str(rows["run"].iloc[index]) for rows in ranked for index in (0, -1)]
    else:
        names = shown(table)
    sheets = []
    for name in names:
        path = results / "runs" / name / "samples.png"
        try:
            sheets.append(Image.open(path).convert("RGB"))
        except OSError as error:
            raise WganlibError(f"{path}: not readable ({error}); score the run again") from None
    width, height = (max(sheet.size[i] for sheet in sheets) for i in (0, 1))
    canvas = Image.new("RGB", (width, height * len(sheets)), "white")
    for index, sheet in enumerate(sheets):
        canvas.paste(sheet, (0, index * height))
    return _png(canvas)


def split_sheets(path: Path, count: int) -> list[bytes]:
    """The `count` sheets of a collected `samples.png`.

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
