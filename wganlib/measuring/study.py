"""What the figures on toy distributions need beyond scores: one module an experiment of `params/toys/`, its name the same.

Each has QUANTITIES, what it measures, and `analyse(study)`, which measures it on trained runs and keeps the arrays that the
figure is drawn from. Criteria are proposals, see docs/toys.md; judging claims by them is another matter.
"""

import importlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wganlib.errors import WganlibError
from wganlib.files import read_json, write_atomic, write_json
from wganlib.judging.quantities import Findings, Quantity, meets
from wganlib.planning.describe import settings_lines
from wganlib.planning.toys import Toy
from wganlib.training.stacks import Trained, load_stack

Array = NDArray[np.float64]

__all__ = ["Array", "Findings", "Member", "Quantity", "Study", "analyse", "load_study", "meets", "module"]


@dataclass(frozen=True)
class Member:
    """A trained run with what it stands for in the experiment."""

    group: str
    labels: dict[str, str]
    run: Trained

    @property
    def seed(self) -> int:
        return self.run.spec.seed


@dataclass(frozen=True)
class Study:
    """What an analysis looks at: trained runs, empty where an experiment has none, its settings and seeds."""

    members: tuple[Member, ...]
    settings: dict[str, Any]
    seeds: tuple[int, ...] = (0,)

    def of(self, group: str | None = None, **labels: str) -> list[Member]:
        """The members of a group with these options, those that diverged left out, in the order of seeds."""
        return [
            member
            for member in self.members
            if group in (None, member.group)
            and all(member.labels.get(axis) == label for axis, label in labels.items())
            and member.run.outcome == "ok"
        ]

    def shown(self, group: str | None = None, **labels: str) -> Member | None:
        """The member that a figure shows: the first seed that did not diverge."""
        return min(self.of(group, **labels), key=lambda member: member.seed, default=None)

    def options(self, axis: str, group: str | None = None) -> list[str]:
        """The options of an axis, in the experiment's order."""
        members = (m for m in self.members if group in (None, m.group))
        return list(dict.fromkeys(m.labels[axis] for m in members if axis in m.labels))


def module(name: str) -> Any:
    """The module of an experiment.

    Raises:
        WganlibError: there is none of that name.
    """
    try:
        return importlib.import_module(f"wganlib.experiments.{name}")
    except ModuleNotFoundError:
        raise WganlibError(
            f"params/toys/{name}.yaml: no analysis of this name: add wganlib/experiments/{name}.py, or rename the file"
        ) from None


def load_study(toy: Toy, results: Path) -> Study:
    """The trained runs of an experiment.

    Raises:
        WganlibError: a stack is not there or damaged.
    """
    trained: dict[str, Trained] = {}
    for stack in toy.stacks:
        trained |= {run.spec.key: run for run in load_stack(results, stack)}
    members = tuple(
        Member(run.group, {axis: str(label) for axis, label in run.labels.items()}, trained[run.spec.key]) for run in toy.runs
    )
    return Study(members, toy.settings, toy.seeds)


def analyse(toy: Toy, results: Path, folder: Path) -> Path:
    """Measure an experiment and write `quantities.csv`, `arrays.npz` and `facts.json` into its folder, which is returned.

    Raises:
        WganlibError: a stack is not there or damaged, all runs diverged, or the experiment has no analysis.
    """
    analysis = module(toy.name)
    study = load_study(toy, results)
    lost = [member for member in study.members if member.run.outcome != "ok"]
    if study.members and len(lost) == len(study.members):
        raise WganlibError(f"{toy.name}: all {len(lost)} runs diverged, nothing can be measured: lower their learning rates")
    findings: Findings = analysis.analyse(study)
    known = [read_json(results / "stacks" / stack.key / "provenance.json") for stack in toy.stacks]
    facts = findings.facts | {
        "settings": settings_lines(toy.runs),
        "titles": {name: quantity.title for name, quantity in findings.quantities.items()},
        "ours": [name for name, quantity in findings.quantities.items() if quantity.ours],
        "seeds": list(study.seeds),
        "runs": len(study.members),
        "diverged": [f"{', '.join(member.labels.values())}, seed {member.seed}" for member in lost],
        "seconds": round(sum(one["seconds"] for one in known), 1),
        "commits": sorted({str(one["commit"] or "not recorded") for one in known}),
        "devices": sorted({one["device"] for one in known}),
    }
    table = findings.frame()
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **findings.arrays)
    write_atomic(folder / "quantities.csv", table.to_csv(index=False, float_format="%.9g").encode())
    write_atomic(folder / "arrays.npz", buffer.getvalue())
    write_json(folder / "facts.json", facts)
    return folder
