"""A stack on disk: train it with checkpoints and exact resume, write its folder, read it again."""

import io
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn
from tqdm import tqdm

from wganlib.datasets.dataset import Dataset
from wganlib.datasets.loading import load as load_data
from wganlib.errors import WganlibError, parse
from wganlib.files import exclusive, read_json, stop_if_orphaned, write_atomic, write_json
from wganlib.spec.run import Spec
from wganlib.spec.stack import StackSpec
from wganlib.training import runs
from wganlib.training.checkpoints import has_checkpoint, load_checkpoint, remove_checkpoint, save_checkpoint
from wganlib.training.networks import build_critic, build_generator
from wganlib.training.stacked_trainer import COLUMNS, StackedTrainer, below

FILES = ("stack.json", "critics.safetensors", "generators.safetensors", "history.parquet", "provenance.json")
"""What a trained stack's folder holds."""


def train_stack(
    stack: StackSpec, results: Path, *, device: str = "auto", threads: int = 1, checkpoint_seconds: float = 30.0
) -> Path:
    """Train a stack, or go on from its checkpoint, and write `results/stacks/<key>/`, which is returned.

    As `wganlib.training.runs.train`: what is there is left as it is, files are written whole or not at all.

    Raises:
        WganlibError: as `wganlib.training.runs.train`.
    """
    stack.check_current("stack")
    chosen = runs.choose_device(device)
    folder, checkpoints = results / "stacks" / stack.key, results / "checkpoints" / stack.key
    with exclusive(checkpoints / "lock", timeout_seconds=60):
        if all((folder / name).exists() for name in FILES):
            _check(folder, stack)
            return folder
        torch.set_num_threads(threads)
        torch.set_deterministic_debug_mode("warn")
        data = load_all(stack.runs)
        trainer = StackedTrainer(stack, data, chosen)
        if has_checkpoint(checkpoints):
            load_checkpoint(trainer, checkpoints)
        started = datetime.now(UTC).isoformat(timespec="seconds")
        runs.commit()  # remembered: the checkout may move on while this trains
        _train(trainer, checkpoints, checkpoint_seconds)
        digests = " ".join(sorted({images.sha256 for images in data}))
        known = runs.provenance(chosen, threads, digests, started, trainer.seconds)
        write_json(folder / "stack.json", json.loads(stack.canonical()))
        write_atomic(folder / "critics.safetensors", _packed(trainer.critic.state()))
        write_atomic(folder / "generators.safetensors", _packed(trainer.generator_weights()))
        write_atomic(folder / "history.parquet", _history(trainer))
        write_json(folder / "provenance.json", known | {"outcomes": trainer.outcomes()})
        remove_checkpoint(checkpoints)
    return folder


def load_all(specs: Sequence[Spec]) -> list[Dataset]:
    """The data of every run; those with equal data sets share one."""
    loaded: dict[str, Dataset] = {}
    for spec in specs:
        key = spec.dataset.canonical()
        if key not in loaded:
            loaded[key] = load_data(spec.dataset)
    return [loaded[spec.dataset.canonical()] for spec in specs]


def _train(trainer: StackedTrainer, checkpoints: Path, checkpoint_seconds: float) -> None:
    saved = time.monotonic()
    total = trainer.first.generator_iterations
    with tqdm(total=total, initial=trainer.iteration, desc=trainer.spec.digest(), unit="it", disable=None) as bar:
        for _ in trainer.run():
            bar.update()
            stop_if_orphaned()
            if time.monotonic() - saved >= checkpoint_seconds:
                save_checkpoint(trainer, checkpoints)
                saved = time.monotonic()


def _packed(weights: dict[str, Tensor]) -> bytes:
    return save({key: value.detach().cpu().contiguous() for key, value in weights.items()})


def _history(trainer: StackedTrainer) -> bytes:
    columns = {name: [row[i] for row in trainer.history] for i, name in enumerate(COLUMNS)}
    whole = {name: pa.array(columns.pop(name), pa.float64()).cast(pa.int64()) for name in ("run", "generator_iteration")}
    buffer = io.BytesIO()
    pq.write_table(pa.table(whole | columns), buffer)
    return buffer.getvalue()


def _check(folder: Path, stack: StackSpec) -> None:
    stored = parse(StackSpec, read_json(folder / "stack.json"), str(folder / "stack.json"))
    if stored.canonical() != stack.canonical():
        raise WganlibError(f"{folder}: results of another stack ({stored.key}), expected {stack.key}; move the folder away")


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
    folder = results / "stacks" / stack.key
    for name in FILES:
        if not (folder / name).exists():
            raise WganlibError(f"{folder / name}: no such file; train the stack first: `wganlib stack SPEC`")
    _check(folder, stack)
    known = read_json(folder / "provenance.json")
    try:
        critics, generators = load_file(folder / "critics.safetensors"), load_file(folder / "generators.safetensors")
        history = pd.read_parquet(folder / "history.parquet")
        snapshots = below(generators, "snapshot")
        last = {key: value for key, value in generators.items() if not key.startswith("snapshot.")}
        found = []
        for index, (spec, data) in enumerate(zip(stack.runs, load_all(stack.runs), strict=True)):
            earlier = {int(key.partition(".")[0]) for key in snapshots}
            rows = history[history["run"] == index].drop(columns="run").reset_index(drop=True)
            found.append(
                Trained(
                    spec,
                    data,
                    _filled(build_critic(spec, _unused()), critics, index),
                    _generator(spec, last, index),
                    {i: g for i in sorted(earlier) if (g := _generator(spec, below(snapshots, str(i)), index))},
                    rows,
                    known["outcomes"][index],
                    known["seconds"] / len(stack.runs),
                )
            )
    except (SafetensorError, RuntimeError, KeyError, IndexError, pa.ArrowInvalid) as error:
        raise WganlibError(
            f"{folder}: not this stack's results ({str(error).splitlines()[0]}); delete the folder and train it again"
        ) from None
    return found


def _unused() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _generator(spec: Spec, weights: dict[str, Tensor], index: int) -> nn.Module | None:
    generator = build_generator(spec, _unused())
    return None if generator is None else _filled(generator, weights, index)


def _filled(module: nn.Module, weights: dict[str, Tensor], index: int) -> nn.Module:
    module.load_state_dict({name: value[index] for name, value in weights.items()})
    return module.eval()
