"""The runs of a trained stack, as measurements take them."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from torch import nn

from wganlib import layout
from wganlib.datasets.dataset import Dataset
from wganlib.errors import WganlibError
from wganlib.files import read_object
from wganlib.spec.run import Spec
from wganlib.spec.stack import StackSpec
from wganlib.training.member import load_all
from wganlib.training.runs import TrainedRun, check_spec


@dataclass(frozen=True)
class Trained:
    """One run of a trained stack. `history` has the columns of `wganlib.training.stacked_trainer.COLUMNS` but `run`."""

    spec: Spec
    data: Dataset
    critic: nn.Module
    generator: nn.Module | None
    snapshots: dict[int, nn.Module]
    history: pd.DataFrame
    outcome: str
    seconds: float
    """Of training, its share of the stack's."""


def load_stack(results: Path, stack: StackSpec) -> list[Trained]:
    """The runs of a trained stack, networks in `eval` mode on the CPU.

    Raises:
        WganlibError: the stack is not there, is another's, or its weights are damaged.
    """
    folder = stack.folder(results)
    for name in stack.files:
        if not (folder / name).exists():
            raise WganlibError(f"{folder / name}: no such file; train the stack first: `wganlib train SPEC`")
    check_spec(folder, stack)
    seconds = read_object(folder / layout.PROVENANCE, "seconds")["seconds"] / len(stack.runs)
    return [
        _trained(TrainedRun(spec, folder, stack, place), data, seconds)
        for place, (spec, data) in enumerate(zip(stack.runs, load_all(stack.runs), strict=True))
    ]


def _trained(run: TrainedRun, data: Dataset, seconds: float) -> Trained:
    generates = bool(run.spec.architecture.generator_nodes(run.spec.dataset.shape))
    return Trained(
        run.spec,
        data,
        run.critic(),
        run.generator() if generates else None,
        {iteration: run.generator(iteration) for iteration in run.snapshots()},
        run.history(),
        run.outcome,
        seconds,
    )
