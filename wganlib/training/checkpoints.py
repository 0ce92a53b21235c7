"""Checkpoints: a training's state in pieces that are small enough to be carried to another machine, written so that a kill at
any moment leaves the old one or the new one.

In a training's folder `results/checkpoints/<key>/` lie its newest state and the snapshots that it has taken. Each is a list
`<name>.json` and the pieces `<name>-<iteration>-<number>-<digest>.piece` that the list names: pieces are written first, the
list then takes the place of the old one, and the old pieces go. A piece's name has a digest of its content, so that pieces of
two states are never taken for each other.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load, save

from wganlib.errors import WganlibError
from wganlib.fields import Part, PositiveInt
from wganlib.files import write_atomic, write_json
from wganlib.spec.run import Spec
from wganlib.spec.stack import StackSpec
from wganlib.training.engine import Engine

PIECE_BYTES = 15 * 2**20
"""Most bytes of a piece: files of up to 16 MiB can be carried to and from lent machines."""

STATE = "checkpoint"


class Piece(Part):
    """One file of a stored content."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+\.piece$")]
    size: PositiveInt
    """In bytes."""
    sha256: str


class Pieces(Part):
    """The list of a stored content's pieces, in order, and the canonical form of the spec that it belongs to."""

    spec: str
    pieces: tuple[Piece, ...]
    devices: tuple[str, ...] = ()
    """That the state was trained on, in the order in which they took turns."""


def resume(trainer: Engine, folder: Path, device: str) -> list[str]:
    """Bring a trainer to the checkpoint of its folder if there is one; returns the devices that have their turns, in order.

    Raises:
        WganlibError: as `load_checkpoint`.
    """
    if not (folder / f"{STATE}.json").exists():
        return [device]
    before = list(load_checkpoint(trainer, folder))
    for iteration in snapshots_taken(trainer):
        load_snapshot(folder, trainer.spec, iteration)  # a damaged one is refused now, not at the end
    return before if before[-1:] == [device] else [*before, device]


def snapshots_taken(trainer: Engine) -> list[int]:
    """Iterations of the snapshots that it has passed."""
    return [iteration for iteration in trainer.common.snapshots if iteration <= trainer.iteration]


def save_checkpoint(trainer: Engine, folder: Path, devices: Sequence[str] = ()) -> None:
    """Write the trainer's whole state, as safetensors in pieces; the folder's earlier state goes once the new one is whole.

    devices: names of those that the state was trained on, in order.
    """
    # Row numbers fit 32 bits, which halves the largest part of a state on many small examples.
    state = {key: value.int() if _is_order(key) else value for key, value in trainer.state().items()}
    _write(folder, STATE, trainer.iteration, save(state), trainer.spec, tuple(devices))


def load_checkpoint(trainer: Engine, folder: Path) -> tuple[str, ...]:
    """Bring a trainer to a checkpoint's state; returns the devices that it was trained on.

    Raises:
        WganlibError: a file is missing, truncated or altered, not a checkpoint's, or another spec's.
    """
    content, devices = _read(folder, STATE, trainer.spec)
    try:
        trainer.load({key: value.long() if _is_order(key) else value for key, value in load(content).items()})
    except (KeyError, RuntimeError, ValueError, SafetensorError) as error:
        raise WganlibError(
            f"{folder}: does not fit this kind of device, or this version of torch or wganlib ({error}); {_advice(folder)}"
        ) from None
    return devices


def save_snapshot(folder: Path, spec: Spec | StackSpec, iteration: int, content: bytes) -> None:
    """Keep a snapshot beside the state, so that a training that goes on elsewhere has those of its beginning."""
    _write(folder, f"snapshot-{iteration}", iteration, content, spec)


def load_snapshot(folder: Path, spec: Spec | StackSpec, iteration: int) -> bytes:
    """What `save_snapshot` kept.

    Raises:
        WganlibError: as `load_checkpoint`.
    """
    return _read(folder, f"snapshot-{iteration}", spec)[0]


def remove_checkpoint(folder: Path) -> None:
    """Remove a training's state and snapshots; what is not a checkpoint's stays."""
    # The list goes first: a state without some of its pieces would be refused, one without a list is no state.
    for pattern in (f"{STATE}.json", "snapshot-*.json", "*.piece", ".*.json.*.tmp", ".*.piece.*.tmp"):
        for path in folder.glob(pattern):
            path.unlink()


def _is_order(key: str) -> bool:
    """Whether a state's tensor is a run's order of rows."""
    return key.endswith(".order")


def _write(
    folder: Path, name: str, iteration: int, content: bytes, spec: Spec | StackSpec, devices: tuple[str, ...] = ()
) -> None:
    pieces = []
    for number, start in enumerate(range(0, len(content), PIECE_BYTES)):
        part = content[start : start + PIECE_BYTES]
        digest = hashlib.sha256(part).hexdigest()
        piece = Piece(name=f"{name}-{iteration:08d}-{number:03d}-{digest[:10]}.piece", size=len(part), sha256=digest)
        write_atomic(folder / piece.name, part)
        pieces.append(piece)
    listed = Pieces(spec=spec.canonical(), pieces=tuple(pieces), devices=devices)
    write_json(folder / f"{name}.json", listed.model_dump(mode="json"))
    kept = {piece.name for piece in pieces}
    # With the temporary files of killed writes: the training's lock keeps other writers out.
    for path in (*folder.glob(f"{name}-[0-9]*.piece"), *folder.glob(f".{name}*.tmp")):
        if path.name not in kept:
            path.unlink()


def _read(folder: Path, name: str, spec: Spec | StackSpec) -> tuple[bytes, tuple[str, ...]]:
    """A stored content and the devices that it was trained on."""
    path = folder / f"{name}.json"
    try:
        stored = Pieces.model_validate_json(path.read_bytes(), strict=True)
    except (OSError, ValueError):
        raise WganlibError(f"{path}: not a whole checkpoint (not a list of its pieces); {_advice(folder)}") from None
    if stored.spec != spec.canonical():
        raise WganlibError(f"{path}: the checkpoint of another spec; move it away or {_advice(folder)}")
    return b"".join(_read_piece(folder / piece.name, piece, path) for piece in stored.pieces), stored.devices


def _read_piece(path: Path, piece: Piece, listed: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WganlibError(
            f"{path}: not a whole checkpoint ({error.strerror}, but {listed.name} lists it); {_advice(path.parent)}"
        ) from None
    if len(content) != piece.size:
        raise WganlibError(
            f"{path}: not a whole checkpoint (found {len(content)} bytes, expected {piece.size}); {_advice(path.parent)}"
        )
    result = hashlib.sha256(content).hexdigest()
    if result != piece.sha256:
        raise WganlibError(
            f"{path}: a checkpoint whose content does not match its checksum (found sha256 {result[:10]}…, expected "
            f"{piece.sha256[:10]}…); {_advice(path.parent)}"
        )
    return content


def _advice(folder: Path) -> str:
    return f"carry {folder} here again if it came from elsewhere, or delete it to train from the start"
