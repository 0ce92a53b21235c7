"""Trained runs of a stacked experiment, as its module measures them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wganlib.errors import WganlibError
from wganlib.judging.quantities import Findings, Quantity
from wganlib.planning.expansion import Experiment
from wganlib.planning.params import Published
from wganlib.streams import stream
from wganlib.training.networks import build_critic, build_generator
from wganlib.training.stacks import Trained, load_stack

Array = NDArray[np.float64]

__all__ = ["Array", "Findings", "Member", "Quantity", "Study", "load_study", "untrained"]


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
    """What is measured: trained runs, empty where an experiment has none, its settings and seeds, the papers' numbers."""

    members: tuple[Member, ...]
    settings: dict[str, Any]
    seeds: tuple[int, ...] = (0,)
    published: Published | None = None

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


def untrained(run: Trained) -> Trained:
    """A run before its first step: its networks with their initial weights, drawn as its training drew them."""
    initial = stream(run.spec.seed, "init")
    generator = build_generator(run.spec, initial)  # before the critic, from the same stream
    return replace(run, generator=generator, critic=build_critic(run.spec, initial), snapshots={})


def load_study(experiment: Experiment, results: Path, published: Published | None = None) -> Study:
    """The trained runs of an experiment.

    Raises:
        WganlibError: a stack is not there or damaged, or no run of the experiment ended well.
    """
    trained = {run.spec.key: run for stack in experiment.stacks for run in load_stack(results, stack)}
    members = tuple(
        Member(entry.group, {axis: str(label) for axis, label in entry.labels.items()}, trained[entry.run])
        for entry in experiment.trained_entries
    )
    if members and all(member.run.outcome != "ok" for member in members):
        raise WganlibError(f"{experiment.name}: none of its {len(members)} runs ended well: lower their learning rates")
    return Study(members, experiment.settings, experiment.seeds, published)
