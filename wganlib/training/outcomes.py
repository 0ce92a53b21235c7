"""How a training ended: whether it diverged, and what stands of it in provenance."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wganlib import layout
from wganlib.errors import WganlibError
from wganlib.files import read_json
from wganlib.spec.run import Spec
from wganlib.spec.stack import StackSpec

OUTCOMES = ("ok", "diverged", "out_of_memory")


def outcomes(finite: Tensor, weights: Iterable[Tensor]) -> list[str]:
    """Of each of S runs `ok`, or `diverged` where a loss has been, or a weight is, infinite or not a number.

    finite [S]: whether all losses of a run have been finite; each of `weights` is [S, ...].

    >>> outcomes(torch.tensor([True, True, False]), [torch.tensor([[1.0], [float("nan")], [1.0]])])
    ['ok', 'diverged', 'diverged']
    """
    ok = finite.clone()
    for weight in weights:
        ok &= torch.isfinite(weight).flatten(1).all(dim=1)
    return ["ok" if run else "diverged" for run in ok.tolist()]


def outcomes_of(folder: Path, spec: Spec | StackSpec) -> list[str]:
    """The outcome of the trained run, or of each run of the stack, in a folder.

    Raises:
        WganlibError: the provenance is missing or damaged.
    """
    path = folder / layout.PROVENANCE
    known = read_json(path)
    name = "outcomes" if isinstance(spec, StackSpec) else "outcome"
    value = known.get(name) if isinstance(known, dict) else None
    outcomes: list[Any] = value if isinstance(value, list) and name == "outcomes" else [value]
    if len(outcomes) != len(spec.runs) or any(outcome not in OUTCOMES for outcome in outcomes):
        raise WganlibError(f"{path}: {name!r} is {value!r}, allowed are {', '.join(OUTCOMES)}; train the run again")
    return outcomes


def summary(outcomes: Sequence[str]) -> str:
    """The outcome of a run; of the runs of a stack how many there are of each.

    >>> summary(["ok"]), summary(["ok", "diverged", "ok"])
    ('ok', '2 ok, 1 diverged')
    """
    counts = Counter(outcomes).items()
    return outcomes[0] if len(outcomes) == 1 else ", ".join(f"{count} {outcome}" for outcome, count in counts)
