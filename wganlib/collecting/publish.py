"""What git holds of a scale: copies of its tables and reports, and a manifest that says what trainings they come from."""

import hashlib
import io
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from wganlib import layout
from wganlib.collecting.tables import read_table
from wganlib.errors import WganlibError
from wganlib.files import read_object, write_atomic, write_json
from wganlib.planning.expansion import Experiment
from wganlib.planning.plan import Plan

PREVIEW_BYTES = 150_000
"""The most that a published picture of a report's first page has."""

TABLES = tuple(name for name in layout.TABLE_FILES if Path(name).suffix in (".csv", ".json"))
"""The tables that are published: those that a person can read and compare."""

LEDGER = ("claims.csv", layout.CLAIMS), ("claims.pdf", "claims.json", "claims.svg")
"""The verdicts on all claims: in the scale's folder of results, and in that of reports."""

ORIGIN = ("run", "commit", "device", "seconds")
"""The columns of `runs.csv` that a manifest is made from."""


def publish(plan: Plan, results: Path, reports: Path) -> str:
    """Copy what was made of the plan's scale to `results/published/<scale>/` and `reports/published/<scale>/`.

    An experiment of which nothing was made here stays as it was published before; what no experiment makes any more is
    removed. Everything is read and checked before the first file is written, and each is written whole. Returns what was done.

    Raises:
        WganlibError: nothing of the scale was made, or an experiment's tables or report are incomplete or of other runs.
    """
    folder, pages = (layout.published_folder(root, plan.scale) for root in (results, reports))
    manifest = folder / layout.MANIFEST
    before = read_object(manifest, "experiments")["experiments"] if manifest.exists() else {}
    entries: dict[str, dict[str, Any]] = {}
    contents: dict[Path, bytes] = {}
    for name, experiment in plan.experiments.items():
        judged = (layout.CLAIMS,) if experiment.params.report or experiment.params.claims else ()
        tables = [layout.table_folder(results, plan.scale, name) / file for file in (*TABLES, *judged)]
        suffixes = layout.REPORT_SUFFIXES if experiment.params.report else ()
        report = [reports / plan.scale / f"{name}{suffix}" for suffix in suffixes]
        if any(path.exists() for path in (*tables, *report)):
            copies = {folder / name / path.name: _content(path, plan.scale) for path in tables}
            copies |= {pages / path.name: _content(path, plan.scale) for path in report}
            entries[name] = _origin(experiment, tables[0], plan.scale) | {
                "tables": {path.name: _sha256(copies[folder / name / path.name]) for path in tables},
                "report": {path.name: _sha256(copies[pages / path.name]) for path in report},
            }
            contents |= copies
        elif name in before:
            entries[name] = before[name]
    if not contents:
        how = layout.command("reports", plan.scale)
        raise WganlibError(f"{results / plan.scale}: nothing of scale {plan.scale} was made here; `{how}` makes it")
    roots = (results / plan.scale, folder), (reports / plan.scale, pages)
    ledger = {there / name: here / name for (here, there), names in zip(roots, LEDGER, strict=True) for name in names}
    if all(path.exists() for path in ledger.values()):
        contents |= {target: _content(path, plan.scale) for target, path in ledger.items()}
    for path, content in contents.items():
        write_atomic(path, content)
    claims = {f"{path.parent.parent.parent.name}/{path.name}": _sha256(path.read_bytes()) for path in ledger if path.exists()}
    write_json(manifest, {"scale": plan.scale, "experiments": entries, "claims": claims})
    kept = {folder / name / file for name, one in entries.items() for file in one["tables"]}
    kept |= {pages / file for one in entries.values() for file in one["report"]}
    kept |= {path for path in ledger if path.exists()}
    removed = _remove(folder, kept | {manifest}) + _remove(pages, kept)
    return f"{folder} and {pages}: {len(contents)} files written, {len(kept - set(contents))} kept, {removed} removed"


def _content(path: Path, scale: str) -> bytes:
    """What is published of a file; a picture is made small enough."""
    try:
        content = path.read_bytes()
        return preview(content) if path.suffix == ".png" else content
    except FileNotFoundError:
        raise WganlibError(f"{path}: missing, though other files of its experiment are there; {_again(path, scale)}") from None
    except OSError as error:
        raise WganlibError(f"{path}: not readable ({error}); delete it first; {_again(path, scale)}") from None


def _again(path: Path, scale: str) -> str:
    return f"nothing was published: `{layout.command(str(path), scale)}` makes it, then publish again"


def preview(content: bytes) -> bytes:
    """A PNG of at most PREVIEW_BYTES: as it is, or with 256 colours and as large as fits; no more than that is lost."""
    if len(content) <= PREVIEW_BYTES:
        return content
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    for twentieths in range(20, 0, -1):
        size = picture.width * twentieths // 20 or 1, picture.height * twentieths // 20 or 1
        smaller = picture.resize(size, Image.Resampling.LANCZOS).quantize(256, dither=Image.Dither.NONE)
        buffer = io.BytesIO()
        smaller.save(buffer, format="PNG", optimize=True)
        if len(buffer.getvalue()) <= PREVIEW_BYTES:
            break
    return buffer.getvalue()


def _origin(experiment: Experiment, path: Path, scale: str) -> dict[str, Any]:
    """What trainings an experiment's tables come from, as its `runs.csv` says."""
    runs: pd.DataFrame = read_table(path, ORIGIN).drop_duplicates("run")
    planned = {entry.run for entry in experiment.trained_entries}
    if set(runs["run"]) != planned:
        shared = len(planned.intersection(runs["run"]))
        raise WganlibError(
            f"{path}: holds {len(runs)} runs, {shared} of the {len(planned)} that the parameters ask for; {_again(path, scale)}"
        )
    return {
        "commits": sorted(set(runs["commit"].fillna("not recorded"))),
        "devices": sorted(set(runs["device"])),
        "runs": len(runs),
        "seconds": round(float(runs["seconds"].sum()), 1),
        "run_keys": list(runs["run"]),
    }


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _remove(folder: Path, kept: set[Path]) -> int:
    """Delete every other file below a folder, and folders that are empty then; returns how many files."""
    paths = sorted(folder.rglob("*"), reverse=True)
    stale = [path for path in paths if not path.is_dir() and path not in kept]
    for path in stale:
        path.unlink()
    for path in paths:
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    return len(stale)
