"""What a training writes: spec, weights, history, snapshots, and the provenance that vouches for them."""

import io
import json
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.torch import load, save
from torch import Tensor

from wganlib import layout
from wganlib.files import file_sha256, write_atomic, write_json
from wganlib.spec.stack import StackSpec
from wganlib.training.checkpoints import load_snapshot, snapshots_taken
from wganlib.training.engine import Engine

PREFIXES = ("ema.", "snapshot.")
"""Of the names of other weights than the last: those of the moving average, and a stack's `snapshot.<iteration>.`."""


def save_training(trainer: Engine, checkpoints: Path, folder: Path, provenance: dict[str, Any]) -> None:
    """Write a trained run's or stack's folder, the provenance last, with the digests of the other files.

    Raises:
        WganlibError: a snapshot in `checkpoints` is damaged, or the disk is full.
    """
    (folder / layout.PROVENANCE).unlink(missing_ok=True)  # of a run that lost other files
    name = trainer.spec.files[0]
    write_json(folder / name, json.loads(trainer.spec.canonical()))
    digests = {name: file_sha256(folder / name)}
    for name, content in _contents(trainer, checkpoints):
        write_atomic(folder / name, content)
        digests[name] = file_sha256(folder / name)
    write_json(folder / layout.PROVENANCE, provenance | {"sha256": digests})


def _contents(trainer: Engine, checkpoints: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files but spec and provenance; a stack's snapshots stand beside its last generators."""
    critics, generators = trainer.networks["critic"].state_dict(), trainer.generator_weights()
    snapshots = ((i, load_snapshot(checkpoints, trainer.spec, i)) for i in snapshots_taken(trainer))
    if isinstance(trainer.spec, StackSpec):
        for iteration, content in snapshots:
            generators |= {snapshot_prefix(iteration) + name: value for name, value in load(content).items()}
        yield "critics.safetensors", packed(critics)
        yield "generators.safetensors", packed(generators)
    else:
        yield "generator.safetensors", packed(generators)
        yield "critic.safetensors", packed(critics)
        yield from ((layout.snapshot_name(iteration), content) for iteration, content in snapshots)
    yield "history.parquet", _history(trainer)


def snapshot_prefix(iteration: int) -> str:
    """Of the names of a snapshot's weights in a stack's `generators.safetensors`."""
    return f"snapshot.{iteration}."


def packed(weights: dict[str, Tensor]) -> bytes:
    """Weights as the content of a safetensors file."""
    # Cloned: the average's and the weights' tensors may not share memory in a file.
    return save({key: value.detach().cpu().contiguous().clone() for key, value in weights.items()})


def _history(trainer: Engine) -> bytes:
    def column(place: int) -> pa.Array:
        """From a buffer: from a list pyarrow would import pandas, which takes longer than many a training's step."""
        values = array("d", (row[place] for row in trainer.history))
        return pa.Array.from_buffers(pa.float64(), len(values), [None, pa.py_buffer(values)])

    columns = {name: column(place) for place, name in enumerate(trainer.columns)}
    columns |= {name: columns[name].cast(pa.int64()) for name in ("run", "generator_iteration") if name in columns}
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()
