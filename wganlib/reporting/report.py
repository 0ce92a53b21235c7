"""Reports: collected tables and verdicts -> numbers (JSON) -> PDF. A report never trains, scores or reads a run's folder."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from wganlib import layout
from wganlib.collecting.collect import module_of
from wganlib.collecting.collected import Tables, load
from wganlib.errors import WganlibError
from wganlib.files import read_object, write_atomic, write_json
from wganlib.planning.describe import settings_lines, world
from wganlib.planning.differences import differences
from wganlib.planning.expansion import Experiment
from wganlib.planning.plan import Plan
from wganlib.reporting.content import Cell, Content, Table
from wganlib.reporting.style import pdf
from wganlib.reporting.typeset import compile_report
from wganlib.reporting.words import counted, told

FIRST = 5
"""So many claims stand at the head of a page, the primary ones first; the others stand in a table."""

PAPER = "paper"
"""The scale that the papers' settings stand at."""


def write_report(experiment: Experiment, plan: Plan, results: Path, reports: Path, paper: Plan | None = None) -> Path:
    """Write `<reports>/<scale>/<name>.json`, `.pdf` and `.png`, its first page; returns the PDF's path.

    `paper`: the plan at scale paper, from which the report says what differs.

    Raises:
        WganlibError: the experiment has no report or no module, or a collected table or its verdicts are missing or damaged.
    """
    if not experiment.params.report:
        raise WganlibError(f"params/experiments/{experiment.name}.yaml: found report: false; its tables are all that is made")
    tables = load(plan, experiment, results)
    judged = layout.table_folder(results, plan.scale, experiment.name) / layout.CLAIMS
    if not judged.exists():
        raise WganlibError(f"{judged}: no such file; `wganlib judge {experiment.name} --scale {plan.scale}` makes it")
    verdicts = read_object(judged, "claims")["claims"]
    content: Content = module_of(experiment.name).report(tables)
    files = {f"figure{i}.pdf": pdf(picture.figure) for i, picture in enumerate(content.pictures, 1)}
    numbers = _numbers(tables, content) | claims_of(verdicts)
    other = paper.experiments.get(experiment.name) if paper else None
    numbers["differences"] = [list(row) for row in differences(experiment, other)] if other else []
    numbers["pictures"] = [
        {"file": file, "caption": picture.caption, "after": picture.after}
        for file, picture in zip(files, content.pictures, strict=True)
    ]
    path = reports / plan.scale / f"{experiment.name}.pdf"
    typeset, preview = compile_report(content.template, numbers | content.numbers, files | content.files)
    write_json(path.with_suffix(".json"), numbers | content.numbers)
    write_atomic(path.with_suffix(".png"), preview)
    write_atomic(path, typeset)
    return path


def claims_of(verdicts: list[dict[str, Any]]) -> dict[str, Any]:
    """What a page says of claims: the primary ones first, then those that were decided, so many at its head; all counted."""
    order = {"fails": 0, "holds": 1, "undecided": 2}
    ranked = sorted(verdicts, key=lambda claim: (not claim["primary"], order.get(claim["verdict"], 3)))
    shown = {claim["id"] for claim in ranked[:FIRST]}
    claims = [claim | told(claim) | {"shown": claim["id"] in shown} for claim in ranked]
    closed = dict.fromkeys(gate["says"] for claim in verdicts for gate in claim["gates"] if gate["verdict"] == "fails")
    return {"claims": claims, "counted": counted(verdicts), "closed": list(closed)}


def _numbers(tables: Tables, content: Content) -> dict[str, Any]:
    """The page's numbers but for its claims and pictures."""
    experiment, runs = tables.experiment, tables.runs
    scored = experiment.params.scored
    return {
        "scale": tables.scale,
        "title": experiment.params.title,
        "source": experiment.params.source,
        "world": world([entry.spec for entry in experiment.trained_entries]),
        # What the paper leaves open is chosen at its own scale; at others the settings themselves say what was run.
        "unspecified": list(experiment.params.unspecified) if tables.scale == PAPER else [],
        "tables": [_table(table) for table in content.tables],
        "lines": [block._asdict() for block in content.lines],
        "run_list": _run_list(runs, tables) if scored else [],
        "scoring": _scoring(experiment, tables) if scored else "",
        "settings": settings_lines(experiment.trained_entries),
        "seeds": list(experiment.seeds),
        "runs": len(runs),
        "failed": [_failed(row, experiment) for row in runs[runs["outcome"] != "ok"].to_dict("records")],
        "seconds": round(float(runs.drop_duplicates("run")["seconds"].sum()), 1),
        "commits": sorted(set(runs["commit"].fillna("not recorded"))),
        "devices": sorted(set(runs["device"])),
    }


def _table(table: Table) -> dict[str, Any]:
    return table._asdict() | {"rows": [[_cell(cell) for cell in row] for row in table.rows]}


KINDS = {"Number": "number", "Spread": "spread", "Effect": "effect", "PValue": "p", "Count": "count"}


def _cell(cell: Cell) -> Any:
    """A cell for JSON: numbers as numbers, those that are infinite as text."""
    if cell is None or isinstance(cell, str | int):
        return cell
    return {"kind": KINDS[type(cell).__name__]} | {name: _number(value) for name, value in cell._asdict().items()}


def _number(value: float | None) -> float | str | None:
    if value is None or math.isnan(value):
        return None
    return value if math.isfinite(value) else "∞" if value > 0 else "−∞"


def _failed(row: dict[Any, Any], experiment: Experiment) -> str:
    """A failed run by its options and seed, and how it ended."""
    labels = [str(row[axis]) for axis in experiment.axes if not pd.isna(row[axis])]
    if isinstance(row.get("architecture"), int):
        labels.insert(0, f"architecture {row['architecture']}")
    labels.append(f"seed {row['seed']}")
    return f"{', '.join(labels)} ({str(row['outcome']).replace('_', ' ')})"


def _run_list(runs: pd.DataFrame, tables: Tables) -> list[dict[str, Any]]:
    """The runs by their options, in a row the seeds of one."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in runs.to_dict("records"):
        labels = [tables.title(str(row[axis])) for axis in tables.experiment.axes if isinstance(row.get(axis), str)]
        architecture = [f"no. {row['architecture']}"] if isinstance(row.get("architecture"), int) else []
        name = ", ".join([*architecture, *(labels or [row["group"].replace("_", " ")])])
        rows.setdefault(name, []).append(_run(row, tables))
    return [{"labels": labels, "runs": ones} for labels, ones in rows.items()]


def _run(row: dict[Any, Any], tables: Tables) -> dict[str, Any]:
    c = tables.columns
    score, untrained = (float(row.get(name) or math.nan) for name in (c.score, c.untrained))
    return {
        "seed": str(row["seed"]),
        "outcome": str(row["outcome"]).replace("_", " "),
        "score": _number(score),
        "below_untrained": score < untrained,
        "seconds": _number(float(row["seconds"])),
        "key": row["run"].rpartition("-")[2],
    }


def _scoring(experiment: Experiment, tables: Tables) -> str:
    how = experiment.scoring
    if how.network == "none":
        return f"{how.num_samples:,} samples a run; {', '.join(how.measures or ())}"
    real = [
        f"{name}: real training images {one['real_training_images'][tables.columns.score]:.2f}, held-out "
        f"{one['real_held_out_images'][tables.columns.score]:.2f}, classifier's accuracy {one['accuracy']:.3f}"
        for name, one in tables.real.items()
    ]
    return f"{tables.columns.title} of {how.num_samples:,} samples in {how.splits} splits; {'; '.join(real)}"
