"""A run on disk: train with checkpoints and exact resume, write its folder, score it."""

import functools
import io
import json
import math
import platform
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn
from tqdm import tqdm

from wganlib.datasets.loading import load as load_images
from wganlib.errors import WganlibError, parse
from wganlib.files import exclusive, file_sha256, read_json, stop_if_orphaned, write_atomic, write_json
from wganlib.spec.run import Spec
from wganlib.training.checkpoints import (
    has_checkpoint,
    load_checkpoint,
    load_snapshot,
    remove_checkpoint,
    save_checkpoint,
    save_snapshot,
)
from wganlib.training.networks import build_generator
from wganlib.training.trainer import Trainer
from wganlib.version import __version__

FILES = ("spec.json", "generator.safetensors", "critic.safetensors", "history.parquet", "provenance.json")
"""What a trained run's folder holds, besides the snapshots that its spec lists; a run is there when all of these are."""


class Stopped(Exception):
    """A training that was told to stop before its end; its checkpoint is written."""

    def __init__(self, iteration: int, iterations: int):
        super().__init__(f"stopped at iteration {iteration} of {iterations}")
        self.iteration, self.iterations = iteration, iterations


class _OutOfMemory(Exception):
    """A step found no memory."""


def train(
    spec: Spec,
    results: Path,
    *,
    device: str = "auto",
    threads: int = 1,
    checkpoint_seconds: float = 30.0,
    stop_after_seconds: float | None = None,
) -> str:
    """Train a run, or go on from its checkpoint, and write `results/runs/<key>/`; returns the outcome.

    The outcome is `ok`, `diverged`, or `out_of_memory` where a step found no memory: the files are then of the state that it
    left. A run that is already there is left as it is. Files are written whole or not at all; the checkpoint, the files in
    `results/checkpoints/<key>/`, goes when the run is complete.

    Raises:
        Stopped: `stop_after_seconds` of this call have passed before the training's end; the next call goes on from there.
        WganlibError: the folder holds another spec's results, the checkpoint is damaged or foreign, another process trains the
            run, the disk is full, or the parent process died.
    """
    stop_at = math.inf if stop_after_seconds is None else time.monotonic() + stop_after_seconds
    spec.check_current("spec")
    chosen = choose_device(device)
    folder, checkpoints = results / "runs" / spec.key, results / "checkpoints" / spec.key
    with exclusive(checkpoints / "lock", timeout_seconds=60):
        if all((folder / name).exists() for name in FILES):
            check_spec(folder, spec)
            remove_checkpoint(checkpoints)  # of a training that was killed after its last file
            return str(read_json(folder / "provenance.json")["outcome"])
        torch.set_num_threads(threads)
        # What `use_deterministic_algorithms` sets, which imports the compiler first and takes seconds.
        torch.set_deterministic_debug_mode("warn")
        images = load_images(spec.dataset)
        trainer = Trainer(spec, images, chosen)
        if has_checkpoint(checkpoints):
            load_checkpoint(trainer, checkpoints)
            for iteration in _snapshots_taken(trainer):
                load_snapshot(checkpoints, spec, iteration)  # a damaged one is refused now, not at the end
        started = datetime.now(UTC).isoformat(timespec="seconds")
        commit()  # remembered: the checkout may move on while this trains
        try:
            _train_with_checkpoints(trainer, checkpoints, checkpoint_seconds, stop_at)
            outcome = "diverged" if trainer.diverged else "ok"
        except _OutOfMemory:
            outcome = "out_of_memory"
        known = provenance(chosen, threads, images.sha256, started, trainer.seconds)
        _write_run(trainer, checkpoints, folder, known | images.notes | {"outcome": outcome})
        remove_checkpoint(checkpoints)
    return outcome


def _train_with_checkpoints(trainer: Trainer, checkpoints: Path, checkpoint_seconds: float, stop_at: float) -> None:
    spec = trainer.spec
    saved = time.monotonic()
    with tqdm(
        total=spec.generator_iterations,
        initial=trainer.iteration,
        desc=spec.digest(),
        unit="it",
        dynamic_ncols=True,
        disable=None,
    ) as bar:
        for iteration in _steps(trainer):
            bar.update()
            if iteration % spec.log_every == 0:
                bar.set_postfix(critic_loss=f"{trainer.history[-1][1]:.3f}")
            if iteration in spec.snapshots:
                save_snapshot(checkpoints, spec, iteration, _packed(trainer.generator_weights()))
            stop_if_orphaned()
            now = time.monotonic()
            ended = trainer.stopped or iteration == spec.generator_iterations
            stopping = now >= stop_at and not ended
            if now - saved >= checkpoint_seconds or stopping:
                save_checkpoint(trainer, checkpoints)
                saved = time.monotonic()
            if stopping:
                raise Stopped(iteration, spec.generator_iterations)


def _steps(trainer: Trainer) -> Iterator[int]:
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


def _snapshots_taken(trainer: Trainer) -> list[int]:
    return [iteration for iteration in trainer.spec.snapshots if iteration <= trainer.iteration]


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


def provenance(device: torch.device, threads: int, data_sha256: str, started: str, seconds: float) -> dict[str, Any]:
    """What is known about how a result was made, besides its spec."""
    return {
        "commit": commit(),
        "device": device_name(device),
        "threads": threads,
        "data_sha256": data_sha256,
        "versions": {
            "wganlib": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "started": started,
        "seconds": round(seconds, 3),
    }


def device_name(device: torch.device) -> str:
    """The model of a graphics card or of this machine's processor."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()


@functools.cache
def commit() -> str | None:
    """The checkout's commit, with `+changes` where tracked library, workflow or parameter files differ from it."""
    root = Path(__file__).parents[2]
    try:
        # A library installed inside another project's repository must not report that project's commit.
        ours = ["git", "ls-files", "--error-unmatch", "wganlib/training/runs.py"]
        subprocess.run(ours, cwd=root, capture_output=True, check=True)
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "wganlib", "workflow", "params"], cwd=root).returncode
    except (OSError, subprocess.CalledProcessError):
        return None
    return head + ("+changes" if changed else "")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return model or platform.processor() or platform.machine()


def _packed(weights: dict[str, Tensor]) -> bytes:
    # Cloned: the average's and the weights' tensors may not share memory in a file.
    return save({key: value.detach().cpu().contiguous().clone() for key, value in weights.items()})


def _write_run(trainer: Trainer, checkpoints: Path, folder: Path, provenance: dict[str, Any]) -> None:
    """Write a run's folder, the provenance last: it vouches for the others with their digests."""
    columns = {
        name: pa.array([row[i] for row in trainer.history], pa.float64())  # typed, for a history without rows
        for i, name in enumerate(trainer.columns)
    }
    table = pa.table({"generator_iteration": columns.pop("generator_iteration").cast(pa.int64()), **columns})
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    (folder / "provenance.json").unlink(missing_ok=True)  # of a run that lost other files
    write_json(folder / "spec.json", json.loads(trainer.spec.canonical()))
    write_atomic(folder / "generator.safetensors", _packed(trainer.generator_weights()))
    write_atomic(folder / "critic.safetensors", _packed(trainer.critic.state_dict()))
    write_atomic(folder / "history.parquet", buffer.getvalue())
    snapshots = {snapshot_name(iteration): iteration for iteration in _snapshots_taken(trainer)}
    for name, iteration in snapshots.items():
        write_atomic(folder / name, load_snapshot(checkpoints, trainer.spec, iteration))
    digests = {name: file_sha256(folder / name) for name in (*FILES, *snapshots) if name != "provenance.json"}
    write_json(folder / "provenance.json", provenance | {"sha256": digests})


def snapshot_name(iteration: int) -> str:
    """A snapshot's file, relative to the run's folder."""
    return f"snapshots/{iteration}.safetensors"


def check_spec(folder: Path, spec: Spec) -> None:
    """Refuse a run's folder that holds another spec.

    Raises:
        WganlibError: `spec.json` is missing, damaged, or not `spec`.
    """
    if not (folder / "spec.json").exists():
        raise WganlibError(f"{folder}: no such run; train it first: `wganlib train SPEC`")
    stored = parse(Spec, read_json(folder / "spec.json"), str(folder / "spec.json"))
    if stored.canonical() != spec.canonical():
        raise WganlibError(f"{folder}: results of another spec ({stored.key}), expected {spec.key}; move the folder away")


def load_generator(folder: Path, spec: Spec, name: str = "generator.safetensors", averaged: bool = True) -> nn.Module:
    """A run's trained generator in `eval` mode, or that of a snapshot named relative to the run's folder.

    `averaged`: with the moving average of its weights, where the run keeps one; else with the last ones.

    Raises:
        WganlibError: the run has no generator, or the weights are missing, damaged, or another network's.
    """
    path = folder / name
    generator = build_generator(spec, torch.Generator().manual_seed(0))
    if generator is None:
        raise WganlibError(f"{folder}: its generator has no network to sample from (toy with 'data_plus_noise' or 'given')")
    try:
        weights = load_file(path)
        average = {key.removeprefix("ema."): value for key, value in weights.items() if key.startswith("ema.")}
        last = {key: value for key, value in weights.items() if not key.startswith("ema.")}
        generator.load_state_dict(average if average and averaged else last)
    except FileNotFoundError:
        raise WganlibError(f"{path}: no such file; train the run first") from None
    except (SafetensorError, RuntimeError) as error:
        raise WganlibError(
            f"{path}: not this run's generator ({str(error).splitlines()[0]}); delete the run and train it again"
        ) from None
    return generator.eval()
