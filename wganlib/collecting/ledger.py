"""The ledger of claims: an experiment's claims judged from its tables, and those of all experiments together."""

import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from wganlib import layout
from wganlib.collecting.collected import load
from wganlib.errors import WganlibError
from wganlib.files import read_object, write_atomic, write_json
from wganlib.judging.claims import Claim, Sample, paper
from wganlib.judging.quantities import SCORES, scores
from wganlib.judging.rules import LEVEL, holm
from wganlib.judging.verdicts import Part, Verdict, judge
from wganlib.planning.describe import world
from wganlib.planning.expansion import Experiment
from wganlib.planning.plan import Plan

COLUMNS = ("id", "paper", "experiment", "verdict", "effect", "low", "high", "n", "control", "p_value", "primary", "p_holm")
"""The columns of claims.csv; claims.json has what else is known."""


def judge_experiment(plan: Plan, experiment: Experiment, results: Path) -> Path:
    """Judge an experiment's claims from its collected tables; writes and returns `results/<scale>/<experiment>/claims.json`.

    Raises:
        WganlibError: a table is missing or damaged.
    """
    tables = load(plan, experiment, results)
    measured = pd.concat([scores(tables.runs, tables.columns), tables.quantities], ignore_index=True)
    entries = []
    for name, claim in experiment.params.claims.items():
        verdict = judge(claim, experiment.params.gates, measured, plan.scale)
        entry = _entry(claim, verdict, experiment, SCORES | tables.facts.get("quantities", {}))
        entries.append({"id": name, "paper": paper(name), "experiment": experiment.name} | entry)
    path = layout.table_folder(results, plan.scale, experiment.name) / layout.CLAIMS
    write_json(path, {"scale": plan.scale, "title": experiment.params.title, "claims": entries})
    return path


def _entry(claim: Claim, verdict: Verdict, experiment: Experiment, titles: Mapping[str, str]) -> dict[str, Any]:
    by_rule, decides = verdict.by_rule, verdict.decides
    rule = decides.rule if decides else claim.rule
    more = None
    if by_rule and by_rule.needed and verdict.verdict == by_rule.verdict == "undecided":
        more = by_rule.needed - by_rule.n
    return {
        "statement": claim.statement,
        "source": claim.source,
        "remembered": claim.remembered,
        "primary": claim.primary,
        "note": claim.note,
        "verdict": verdict.verdict,
        "reason": verdict.reason,
        "part": decides.says if decides else "",
        "measure": _measure(decides.sample, titles) if decides else "",
        "effect": _number(by_rule.effect if by_rule else math.nan),
        "low": _number(by_rule.low if by_rule else math.nan),
        "high": _number(by_rule.high if by_rule else math.nan),
        "n": by_rule.n if by_rule else 0,
        "unit": " ".join(verdict.unit),
        "p_value": _number(by_rule.p_value if by_rule else math.nan),
        "rule": rule.kind if rule else None,
        "region": [None if math.isinf(edge) else edge for edge in rule.region] if rule else None,
        "units_more": more,
        "minutes_more": round(more * verdict.seconds / 60, 1) if more and not math.isnan(verdict.seconds) else None,
        "parts": [_part(part) for part in verdict.parts],
        "controls": [_part(part) for part in verdict.controls],
        "no_control": claim.no_control,
        "gates": [_part(part) for part in verdict.gates],
        "world": world([entry.spec for entry in experiment.trained_entries if _belongs(entry.labels, claim)]),
    }


def _measure(sample: Sample, titles: Mapping[str, str]) -> str:
    """What is measured, in words; where values are taken from one another it says so."""
    title = titles.get(sample.quantity or "", "")
    taken = bool(sample.minus or sample.plus or sample.less_expected or sample.against)
    return f"{title}, difference" if title and taken else title


def _belongs(labels: dict[str, Any], claim: Claim) -> bool:
    """Whether a run has the claim's labels, of those that runs have."""
    return all(str(labels[axis]) in map(str, options) for axis, options in claim.where.items() if axis in labels)


def _part(part: Part) -> dict[str, Any]:
    return part._asdict() | {name: _number(getattr(part, name)) for name in ("effect", "low", "high")}


def _number(value: float) -> float | str | None:
    """A number for JSON, which knows no infinite ones: those are text."""
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else "∞" if value > 0 else "−∞"


def gather(plan: Plan, results: Path) -> Path:
    """Bring the claims of all experiments of a scale together, as `claims.csv` and `claims.json`, whose path is returned.

    Primary claims have p values adjusted by Holm's method; one that was decided by itself, but is not then, is undecided.

    Raises:
        WganlibError: an experiment with claims was not judged.
    """
    entries: list[dict[str, Any]] = []
    for name, experiment in plan.experiments.items():
        if experiment.params.claims:
            path = layout.table_folder(results, plan.scale, name) / layout.CLAIMS
            if not path.exists():
                raise WganlibError(f"{path}: no such file; `wganlib judge {name} --scale {plan.scale}` makes it")
            entries += read_object(path, "claims")["claims"]
    primary = [entry for entry in entries if entry["primary"]]
    for entry, adjusted in zip(primary, holm([_float(entry["p_value"]) for entry in primary]), strict=True):
        entry["p_holm"] = adjusted
        if entry["verdict"] in ("holds", "fails") and adjusted > LEVEL:
            entry |= {"verdict": "undecided", "reason": f"decided by itself, not among {len(primary)} primary claims (Holm)"}
    folder = results / plan.scale
    table = pd.DataFrame([{"control": _control(entry), "p_holm": None} | entry for entry in entries], columns=list(COLUMNS))
    buffer = io.StringIO()
    table.to_csv(buffer, index=False, lineterminator="\n", float_format="%.6g")
    write_atomic(folder / "claims.csv", buffer.getvalue().encode())
    write_json(folder / layout.CLAIMS, {"scale": plan.scale, "claims": entries})
    return folder / layout.CLAIMS


def _control(entry: dict[str, Any]) -> str:
    """The verdict on a claim's controls: of several the one that says least for it."""
    verdicts = {part["verdict"] for part in entry["controls"]}
    return next((word for word in ("holds", "not run", "undecided", "fails") if word in verdicts), "none")


def _float(value: float | str | None) -> float:
    return value if isinstance(value, float) else math.nan
