"""Runs on disk: train one or a stack of them, with checkpoints and exact resume; find one that is trained."""

import contextlib
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import torch
from safetensors import SafetensorError, safe_open
from torch import nn
from tqdm import tqdm

from wganlib import layout
from wganlib.errors import WganlibError, fenced, parse
from wganlib.files import exclusive, read_json, stop_if_orphaned
from wganlib.spec.run import Spec
from wganlib.spec.stack import StackSpec
from wganlib.streams import settle
from wganlib.training.checkpoints import remove_checkpoint, resume, save_checkpoint, save_snapshot
from wganlib.training.engine import Engine
from wganlib.training.member import load_all
from wganlib.training.networks import build_critic, build_generator
from wganlib.training.outcomes import outcomes_of, summary
from wganlib.training.provenance import commit, device_name, provenance
from wganlib.training.saving import PREFIXES, packed, save_training, snapshot_prefix
from wganlib.training.stacked_trainer import StackedTrainer
from wganlib.training.trainer import Trainer

if TYPE_CHECKING:  # a training is quicker to start without it
    import pandas as pd

LOG_SECONDS = 10.0
"""Between a training's lines in its log."""


class Stopped(Exception):
    """A training that was told to stop before its end; its checkpoint is written."""

    def __init__(self, iteration: int, iterations: int):
        super().__init__(f"stopped at iteration {iteration} of {iterations}")
        self.iteration, self.iterations = iteration, iterations


class _OutOfMemory(Exception):
    """A step found no memory."""


def train(
    spec: Spec | StackSpec,
    results: Path,
    *,
    device: str = "auto",
    checkpoint_seconds: float = 30.0,
    stop_after_seconds: float | None = None,
) -> str:
    """Train a run or a stack, or go on from its checkpoint, and write its folder; returns the outcome.

    The outcome is `ok`, `diverged`, or `out_of_memory` where a step found no memory: the files are then of the state that it
    left; of a stack their counts, `2 ok, 1 diverged`. What is already there is left as it is. Files are written whole or not at
    all; the checkpoint, the files in `results/checkpoints/<key>/`, goes when the folder is complete.

    Raises:
        Stopped: `stop_after_seconds` of this call have passed before the training's end; the next call goes on from there.
        WganlibError: the folder holds another spec's results, the checkpoint is damaged or foreign, another process trains the
            run, the disk is full, or the parent process died.
    """
    stop_at = math.inf if stop_after_seconds is None else time.monotonic() + stop_after_seconds
    spec.check_current("spec")
    chosen = choose_device(device)
    folder, checkpoints = spec.folder(results), layout.checkpoint_folder(results, spec.key)
    with exclusive(checkpoints / "lock", 60, "has been training this run"):
        if is_complete(folder, spec.files):
            check_spec(folder, spec)
            remove_checkpoint(checkpoints)  # of a training that was killed after its last file
            return summary(outcomes_of(folder, spec))
        settle(spec.runs[0].threads)
        data = load_all(spec.runs)
        trainer = StackedTrainer(spec, data, chosen) if isinstance(spec, StackSpec) else Trainer(spec, data[0], chosen)
        devices = resume(trainer, checkpoints, device_name(chosen))
        started = datetime.now(UTC).isoformat(timespec="seconds")
        commit()  # remembered: the checkout may move on while this trains
        try:
            _train_with_checkpoints(trainer, checkpoints, checkpoint_seconds, stop_at, devices)
            outcomes = trainer.outcomes()
        except _OutOfMemory:
            outcomes = ["out_of_memory" if outcome == "ok" else outcome for outcome in trainer.outcomes()]
        hashes = [images.sha256 for images in data]
        stacked = isinstance(spec, StackSpec)
        known = provenance(chosen, spec.runs[0].threads, hashes if stacked else hashes[0], started, trainer.seconds)
        known |= {"devices": devices} if len(devices) > 1 else {}
        known |= {name: fact for images in data for name, fact in images.notes.items()}
        known |= {"outcomes": outcomes} if stacked else {"outcome": outcomes[0]}
        save_training(trainer, checkpoints, folder, known)
        remove_checkpoint(checkpoints)
    return summary(outcomes)


def _train_with_checkpoints(
    trainer: Engine, checkpoints: Path, checkpoint_seconds: float, stop_at: float, devices: list[str]
) -> None:
    common, critic_loss = trainer.common, trainer.columns.index("critic_loss")
    saved = written = time.monotonic()
    _log(trainer, "")
    with tqdm(
        total=common.generator_iterations,
        initial=trainer.iteration,
        desc=trainer.spec.digest(),
        unit="it",
        dynamic_ncols=True,
        disable=None,
    ) as bar:
        for iteration in _steps(trainer):
            bar.update()
            if iteration % common.log_every == 0:
                bar.set_postfix(critic_loss=f"{trainer.history[-1][critic_loss]:.3f}")
            if iteration in common.snapshots:
                save_snapshot(checkpoints, trainer.spec, iteration, packed(trainer.generator_weights()))
            stop_if_orphaned()
            now = time.monotonic()
            if now - written >= LOG_SECONDS:
                _log(trainer, f", critic loss {trainer.history[-1][critic_loss]:.3g}" if trainer.history else "")
                written = now
            ended = trainer.stopped or iteration == common.generator_iterations
            stopping = now >= stop_at and not ended
            if now - saved >= checkpoint_seconds or stopping:
                save_checkpoint(trainer, checkpoints, devices)
                saved = time.monotonic()
            if stopping:
                raise Stopped(iteration, common.generator_iterations)


def _log(trainer: Engine, further: str) -> None:
    """A line on where a training is, for its log; a terminal has the bar."""
    if not sys.stderr.isatty():
        print(f"iteration {trainer.iteration} of {trainer.common.generator_iterations}{further}", file=sys.stderr, flush=True)


def _steps(trainer: Engine) -> Iterator[int]:
    """The trainer's finished iterations.

    Raises:
        _OutOfMemory: a step, on whichever device, found no memory.
    """
    try:
        yield from trainer.run()
    except (RuntimeError, MemoryError) as error:
        # Torch has no class of its own for the CPU's.
        if not isinstance(error, torch.OutOfMemoryError | MemoryError) and "can't allocate memory" not in str(error):
            raise
        raise _OutOfMemory from error


def choose_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one, else the CPU.

    Raises:
        WganlibError: a device that is not known or not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name not in ("cpu", "cuda"):
        raise WganlibError(f"device: found {name!r}, allowed are auto, cpu, cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise WganlibError("device: found 'cuda', but torch sees no CUDA device here; use cpu or auto")
    return torch.device(name)


def is_complete(folder: Path, files: Sequence[str]) -> bool:
    """Whether a training has written all its files."""
    return all((folder / name).exists() for name in files)


def check_spec(folder: Path, spec: Spec | StackSpec) -> None:
    """Refuse a trained run's or stack's folder that holds another spec.

    Raises:
        WganlibError: the spec's file is missing, damaged, or not of `spec`.
    """
    path = folder / spec.files[0]
    if not path.exists():
        raise WganlibError(f"{folder}: no such {path.stem.replace('spec', 'run')}; train it first: `wganlib train SPEC`")
    stored = parse(type(spec), read_json(path), str(path))
    if stored.canonical() != spec.canonical():
        raise WganlibError(f"{folder}: results of another spec ({stored.key}), expected {spec.key}; move the folder away")


@dataclass(frozen=True)
class TrainedRun:
    """A trained run on disk. `folder` is its own, or that of the `stack` in which it was trained, at its `place` there."""

    spec: Spec
    folder: Path
    stack: StackSpec | None = None
    place: int | None = None

    @property
    def outcome(self) -> str:
        """See `outcomes_of`."""
        return outcomes_of(self.folder, self.stack or self.spec)[self.place or 0]

    def history(self) -> "pd.DataFrame":
        """The logged quantities, a row a logged iteration: `HISTORY_COLUMNS`, or of a stack `COLUMNS` but `run`.

        Raises:
            WganlibError: the file is missing or damaged.
        """
        path = self.folder / "history.parquet"
        with fenced(path, "readable", "delete the folder and train it again"):
            table = pq.read_table(path).to_pandas()
        return table if self.place is None else table[table["run"] == self.place].drop(columns="run").reset_index(drop=True)

    def critic(self) -> nn.Module:
        """The trained critic in `eval` mode, on the CPU.

        Raises:
            WganlibError: the weights are missing, damaged, or another network's.
        """
        name = "critic.safetensors" if self.place is None else "critics.safetensors"
        return _filled(build_critic(self.spec, _unused()), self.folder / name, "critic", place=self.place)

    def snapshots(self) -> list[int]:
        """Iterations of its snapshots; a training that ended early has none of what would have come.

        Raises:
            WganlibError: a stack's weights are missing or damaged.
        """
        if self.place is None:
            return [i for i in self.spec.snapshots if (self.folder / layout.snapshot_name(i)).exists()]
        with _opened(self.folder / "generators.safetensors", "generator") as file:
            names = list(file.keys())
        return [i for i in self.spec.snapshots if any(name.startswith(snapshot_prefix(i)) for name in names)]

    def generator(self, iteration: int | None = None) -> nn.Module:
        """The trained generator, or that of the snapshot at an iteration, in `eval` mode, on the CPU; see `load_generator`."""
        if self.place is None:
            names = () if iteration is None else (layout.snapshot_name(iteration),)
            return load_generator(self.folder, self.spec, *names)
        prefix = "" if iteration is None else snapshot_prefix(iteration)
        path = self.folder / "generators.safetensors"
        return _filled(_generator(self.spec, self.folder), path, "generator", prefix, self.place)


def find_run(results: Path, key: str) -> TrainedRun:
    """The trained run of a key: the one in `results/runs/<key>/`, or else that of the first stack below `results/stacks/`.

    Raises:
        WganlibError: no run of this key is complete there.
    """
    folder = layout.run_folder(results, key)
    if is_complete(folder, layout.RUN_FILES):
        return run_in(folder)
    for folder in sorted(layout.stack_folder(results, "").glob("*/")):
        # A stack that is another version's or damaged does not keep the run from being found in the next.
        with contextlib.suppress(WganlibError):
            stack = parse(StackSpec, read_json(folder / "stack.json"), str(folder / "stack.json"))
            keys = [run.key for run in stack.runs]
            if key in keys and is_complete(folder, stack.files):
                return TrainedRun(stack.runs[keys.index(key)], folder, stack, keys.index(key))
    raise WganlibError(
        f"{key}: no such run; train it first: `wganlib train SPEC`; no run below {results}, alone or in a stack, has this key"
    )


def open_run(run: Path | str, results: Path) -> TrainedRun:
    """The trained run of a folder (`run_in`) or of a key (`find_run`).

    Raises:
        WganlibError: there is none, or its spec is damaged.
    """
    return run_in(Path(run)) if Path(run).is_dir() else find_run(results, str(run))


def run_in(folder: Path) -> TrainedRun:
    """The trained run whose own folder this is.

    Raises:
        WganlibError: it is not a run's folder, or its spec is damaged.
    """
    if (folder / "stack.json").exists():
        raise WganlibError(f"{folder}: a stack's folder; name one of its runs by its key instead: see {folder / 'stack.json'}")
    if not (folder / "spec.json").exists():
        raise WganlibError(f"{folder}: no such run; train it first: `wganlib train SPEC`")
    return TrainedRun(parse(Spec, read_json(folder / "spec.json"), str(folder / "spec.json")), folder)


def load_generator(folder: Path, spec: Spec, name: str = "generator.safetensors", averaged: bool = True) -> nn.Module:
    """A run's trained generator in `eval` mode, or that of a snapshot named relative to the run's folder.

    `averaged`: with the moving average of its weights, where the run keeps one; else with the last ones.

    Raises:
        WganlibError: the run has no generator, or the weights are missing, damaged, or another network's.
    """
    prefix = "ema." if averaged and spec.method.generator_ema is not None else ""
    return _filled(_generator(spec, folder), folder / name, "generator", prefix)


def _generator(spec: Spec, folder: Path) -> nn.Module:
    """A run's generator with weights of no meaning, refused where it has none."""
    generator = build_generator(spec, _unused())
    if generator is None:
        raise WganlibError(f"{folder}: its generator has no network to sample from (toy with 'data_plus_noise' or 'given')")
    return generator


def _filled(module: nn.Module, path: Path, what: str, prefix: str = "", place: int | None = None) -> nn.Module:
    """A network in `eval` mode with a file's weights below a prefix ("": those of no prefix), of a stack those at a place."""
    with _opened(path, what) as file:
        names = [name for name in file.keys() if prefix or not name.startswith(PREFIXES)]  # noqa: SIM118
        names = [name for name in names if name.startswith(prefix)]
        weights = {name: file.get_tensor(name) if place is None else file.get_slice(name)[place] for name in names}
        module.load_state_dict({name.removeprefix(prefix): value for name, value in weights.items()})
    return module.eval()


@contextlib.contextmanager
def _opened(path: Path, what: str) -> Iterator[Any]:
    """A safetensors file of a run's `what`; whatever is wrong with it is refused in one line."""
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except FileNotFoundError:
        raise WganlibError(f"{path}: no such file; train the run first") from None
    except (SafetensorError, RuntimeError) as error:
        raise WganlibError(
            f"{path}: not this run's {what} ({str(error).splitlines()[0]}); delete the folder and train it again"
        ) from None


def _unused() -> torch.Generator:
    return torch.Generator().manual_seed(0)
