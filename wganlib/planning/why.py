"""Why runs are trained again, in words: their specs beside those of the runs that had their labels before. Needs no torch."""

import csv
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from wganlib import layout
from wganlib.errors import WganlibError
from wganlib.files import read_json
from wganlib.planning.describe import joined
from wganlib.planning.differences import flat, words
from wganlib.planning.expansion import Entry
from wganlib.planning.plan import Plan
from wganlib.planning.progress import jobs_of
from wganlib.planning.snakemake import is_dry

SHOWN = 3
"""So many changed settings are named; of more their number is."""


def why(plan: Plan, results: Path, jobs: Iterable[str]) -> list[str]:
    """A line for each reason why these runs and stacks, named by their keys, are to be trained, and how many runs it has.

    The run that had an entry's labels before is known from the experiment's collected table, its spec from its folder.
    """
    wanted = set(jobs)
    if not wanted:
        return []
    wanted |= {run.key for key in wanted & plan.stacks.keys() for run in plan.stacks[key].runs}
    before = _Before(results)
    reasons: dict[str, str] = {}
    for name, experiment in plan.experiments.items():
        asked = [entry for entry in experiment.trained_entries if entry.run in wanted and entry.run not in reasons]
        rows = _rows(layout.table_folder(results, plan.scale, name) / layout.TABLE_FILES[0]) if asked else []
        for entry in asked:
            old = next((row["run"] for row in rows if _same(entry, row)), None)
            known = before.specs.get(old.rpartition("-")[2]) if old else None
            if old is None:
                reason = "not trained before"
            elif old == entry.run:
                reason = "trained before, but files are missing"
            else:
                reason = _changes(known, entry) if known else "other settings than before, whose runs are not there any more"
            reasons[entry.run] = f"{entry.labels.get('method', name)}: {reason}"
    counts = Counter(reasons.values())
    return [f"{reason}: {count} run{'s' if count > 1 else ''} to train" for reason, count in counts.items()]


def tell_why(workflow: Any, plan: Plan, arguments: list[str]) -> None:
    """At the end of Snakemake's dry run write why what it would train is trained."""
    if is_dry(arguments) and workflow.dag is not None:
        for line in why(plan, Path("results"), [job.key for job in jobs_of(workflow.dag) if job.key]):
            print(line, file=sys.stderr)


class _Before:
    """The specs of all runs that are trained, by the digests in their keys."""

    def __init__(self, results: Path):
        self.specs = {_digest(spec): spec for spec in self._read(results)}

    @staticmethod
    def _read(results: Path) -> Iterator[dict[str, Any]]:
        files = (layout.RUN_FILES[0], layout.STACK_FILES[0])
        paths = [*results.glob(f"runs/*/{files[0]}"), *results.glob(f"stacks/*/{files[1]}")]
        for path in paths:
            try:
                value = read_json(path)
            except WganlibError:  # of no help here
                continue
            if isinstance(value, dict):
                yield from value.get("runs", [value])


def _digest(spec: dict[str, Any]) -> str:
    """As `Part.digest`, also of a spec that this version does not allow."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:10]


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return [row for row in csv.DictReader(stream) if row.get("run")]
    except (OSError, ValueError, csv.Error):
        return []


def _same(entry: Entry, row: dict[str, str]) -> bool:
    """Whether a row of a table has an entry's labels, numbers as such."""
    labels = {"group": entry.group, "seed": entry.spec.seed, **entry.labels}
    return all(_number(str(label)) == _number(row.get(name, "")) for name, label in labels.items())


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _changes(old: dict[str, Any], entry: Entry) -> str:
    """What differs between an old spec and an entry's."""
    new = entry.spec.model_dump(mode="json", exclude_none=True)
    one, other = (dict(flat(spec)) for spec in (old, new))
    told = []
    for name in dict.fromkeys((*one, *other)):
        if one.get(name) != other.get(name):
            setting = f"version of {name.removeprefix('numerics.')}" if name.startswith("numerics.") else words(name)
            told.append(f"{setting} changed from {one.get(name, 'none')} to {other.get(name, 'none')}")
    return joined(told) if len(told) <= SHOWN else f"{len(told)} settings changed, {joined(told[:2])} among them"
