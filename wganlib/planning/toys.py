"""Experiments on toy distributions, `params/toys/`: their runs are trained in stacks. Needs no torch."""

import hashlib
import json
from dataclasses import dataclass

from wganlib.planning.experiment import Entry, ExperimentParams, ExperimentScale, Partial, merged
from wganlib.spec.stack import StackSpec, stacked


@dataclass(frozen=True)
class Toy:
    """An experiment expanded at a scale."""

    name: str
    params: ExperimentParams
    scale: ExperimentScale
    runs: tuple[Entry, ...]
    stacks: tuple[StackSpec, ...]

    @property
    def settings(self) -> Partial:
        """Settings of the analysis at this scale."""
        return merged(self.params.settings, self.scale.settings)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of its runs, or its own where it has none."""
        return tuple(sorted({run.spec.seed for run in self.runs})) or self.scale.seeds

    def digest(self) -> str:
        """Changes with anything that its tables and figures depend on besides the stacks' own files."""
        runs = [(run.spec.canonical(), run.group, run.labels) for run in self.runs]
        value = [self.params.model_dump(mode="json"), self.scale.model_dump(mode="json"), runs]
        return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:10]


def toy(name: str, params: ExperimentParams, scale: ExperimentScale, entries: tuple[Entry, ...], runs_per_stack: int) -> Toy:
    """An experiment's runs in stacks of at most so many."""
    return Toy(name, params, scale, entries, tuple(stacked([entry.spec for entry in entries], runs_per_stack)))
