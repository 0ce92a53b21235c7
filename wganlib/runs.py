"""A run on disk: train with checkpoints and exact resume, write its folder, score it."""

import hashlib
import io
import json
import platform
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn
from tqdm import tqdm

from wganlib import __version__
from wganlib.architectures.build import build_generator
from wganlib.datasets.loading import load as load_images
from wganlib.errors import WganlibError, parse
from wganlib.files import exclusive, read_json, stop_if_orphaned, write_atomic, write_json
from wganlib.spec import Spec
from wganlib.stacked import StackedTrainer
from wganlib.training import Trainer

FILES = ("spec.json", "generator.safetensors", "critic.safetensors", "history.parquet", "provenance.json")
"""What a trained run's folder holds, besides the snapshots that its spec lists."""


def train(
    spec: Spec,
    results: Path,
    *,
    device: str = "auto",
    threads: int = 1,
    checkpoint_seconds: float = 30.0,
) -> str:
    """Train a run, or go on from its checkpoint, and write `results/runs/<key>/`; returns the outcome.

    A run that is already there is left as it is. Files are written whole or not at all; the checkpoint, in
    `results/checkpoints/<key>/`, goes when the run is complete.

    Raises:
        WganlibError: the folder holds another spec's results, the checkpoint is damaged or foreign, another process trains the
            run, the disk is full, or the parent process died.
    """
    spec.check_current("spec")
    chosen = choose_device(device)
    folder, checkpoints = results / "runs" / spec.key, results / "checkpoints" / spec.key
    with exclusive(checkpoints / "lock", timeout_seconds=60):
        if all((folder / name).exists() for name in FILES):
            check_spec(folder, spec)
            return str(read_json(folder / "provenance.json")["outcome"])
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True, warn_only=True)
        images = load_images(spec.dataset)
        trainer = Trainer(spec, images, chosen)
        checkpoint = checkpoints / "checkpoint.safetensors"
        if checkpoint.exists():
            load_checkpoint(trainer, checkpoint)
        started = datetime.now(UTC).isoformat(timespec="seconds")
        _train_with_checkpoints(trainer, checkpoint, folder, checkpoint_seconds)
        outcome = "diverged" if trainer.diverged else "ok"
        known = provenance(chosen, threads, images.sha256, started, trainer.seconds)
        _write_run(trainer, folder, known | images.notes | {"outcome": outcome})
        checkpoint.unlink(missing_ok=True)
    return outcome


def _train_with_checkpoints(trainer: Trainer, checkpoint: Path, folder: Path, checkpoint_seconds: float) -> None:
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
        for iteration in trainer.run():
            bar.update()
            if iteration % spec.log_every == 0:
                bar.set_postfix(critic_loss=f"{trainer.history[-1][1]:.3f}")
            if iteration in spec.snapshots:
                write_atomic(folder / "snapshots" / f"{iteration}.safetensors", _packed(trainer.generator_weights()))
            stop_if_orphaned()
            if time.monotonic() - saved >= checkpoint_seconds:
                save_checkpoint(trainer, checkpoint)
                saved = time.monotonic()


def save_checkpoint(trainer: Trainer | StackedTrainer, path: Path) -> None:
    """Write the trainer's whole state as one safetensors file, its spec and a checksum in the metadata, atomically."""
    state = trainer.state()
    write_atomic(path, save(state, {"spec": trainer.spec.canonical(), "sha256": _digest(state)}))


def load_checkpoint(trainer: Trainer | StackedTrainer, path: Path) -> None:
    """Bring a trainer to a checkpoint's state.

    Raises:
        WganlibError: the file is truncated, altered, not a checkpoint, or another spec's.
    """
    advice = "delete it to train from the start"
    try:
        with safe_open(path, framework="pt") as stored:
            metadata = stored.metadata() or {}
        state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise WganlibError(f"{path}: not a whole checkpoint ({error}); {advice}") from None
    if metadata.get("spec") != trainer.spec.canonical():
        raise WganlibError(f"{path}: the checkpoint of another spec; move it away or {advice}")
    if metadata.get("sha256") != _digest(state):
        raise WganlibError(f"{path}: a checkpoint whose content does not match its checksum; {advice}")
    try:
        trainer.load(state)
    except (KeyError, RuntimeError, ValueError) as error:
        raise WganlibError(f"{path}: does not fit this kind of device or version of torch ({error}); {advice}") from None


def _digest(state: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for key in sorted(state):
        digest.update(key.encode())
        digest.update(state[key].numpy().tobytes())
    return digest.hexdigest()


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
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {
        "commit": _commit(),
        "device": name,
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


def _commit() -> str | None:
    """The checkout's commit, with `+changes` where tracked library, workflow or parameter files differ from it."""
    root = Path(__file__).parent.parent
    try:
        # A library installed inside another project's repository must not report that project's commit.
        subprocess.run(["git", "ls-files", "--error-unmatch", "wganlib/runs.py"], cwd=root, capture_output=True, check=True)
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


def _write_run(trainer: Trainer, folder: Path, provenance: dict[str, Any]) -> None:
    columns = {name: [row[i] for row in trainer.history] for i, name in enumerate(trainer.columns)}
    table = pa.table(
        {"generator_iteration": pa.array(columns.pop("generator_iteration"), pa.float64()).cast(pa.int64()), **columns}
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    write_json(folder / "spec.json", json.loads(trainer.spec.canonical()))
    write_atomic(folder / "generator.safetensors", _packed(trainer.generator_weights()))
    write_atomic(folder / "critic.safetensors", _packed(trainer.critic.state_dict()))
    write_atomic(folder / "history.parquet", buffer.getvalue())
    write_json(folder / "provenance.json", provenance)


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
