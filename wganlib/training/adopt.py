"""Adoption of runs and stacks trained elsewhere: all is checked against the digests of their provenance, then copied."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wganlib.errors import WganlibError
from wganlib.files import exclusive, file_sha256, read_json, write_atomic
from wganlib.layout import PROVENANCE, RUN_FILES, STACK_FILES, checkpoint_folder, snapshot_name
from wganlib.spec.run import Spec
from wganlib.spec.stack import StackSpec, parse_training
from wganlib.training.checkpoints import remove_checkpoint
from wganlib.training.outcomes import outcomes_of, summary
from wganlib.training.runs import is_complete


@dataclass(frozen=True)
class Candidate:
    """A run's or a stack's checked folder: every file in `digests` is there with that sha256; the provenance is the last."""

    folder: Path
    spec: Spec | StackSpec
    outcome: str
    digests: dict[str, str]


def adopt(folder: Path, results: Path) -> Iterator[tuple[Path, str]]:
    """Copy the trained runs and stacks below a folder to where they lie in `results`, yielding each folder and what was done.

    `folder` is a run's or a stack's, or has such in it or in its `runs/` and `stacks/`; their names do not matter. A file may
    have come in pieces `FILE.000`, `FILE.001`, ... as `split -b 15M -d -a 3 FILE FILE.` makes them. Nothing is overwritten:
    what is already there with the same weights is left. A kill leaves a run that counts as missing; the same call completes it.

    Raises:
        WganlibError: there is no folder or no run, a file is missing or damaged, a spec is another version's, two folders hold
            one run, or other results of a run are already there. Then nothing was written.
    """
    if not folder.is_dir():
        found = "a file, no folder" if folder.exists() else "no such folder"
        raise WganlibError(f"{folder}: {found}; name the folder that `wganlib train` wrote, or one with such folders in it")
    candidates = [check(path) for path in _folders(folder)]
    if not candidates:
        raise WganlibError(
            f"{folder}: no trained run, expected {', '.join(RUN_FILES)}, or of a stack {', '.join(STACK_FILES)}, there, in "
            f"{folder}/*/, {folder}/runs/*/ or {folder}/stacks/*/; name the folder that `wganlib train` wrote"
        )
    seen: dict[str, Path] = {}
    for candidate in candidates:
        other = seen.setdefault(candidate.spec.key, candidate.folder)
        if other != candidate.folder:
            raise WganlibError(f"{candidate.folder}: the run {candidate.spec.key}, which is in {other} too; keep one of them")
        already_there(candidate, results)
    for candidate in candidates:
        target, checkpoints = candidate.spec.folder(results), checkpoint_folder(results, candidate.spec.key)
        with exclusive(checkpoints / "lock", 60, "has been training this run"):
            # Asked again: until now a training may have held the lock.
            there = already_there(candidate, results)
            if not there:
                for name in candidate.digests:
                    write_atomic(target / name, b"".join(part.read_bytes() for part in _parts(candidate.folder / name)))
            remove_checkpoint(checkpoints)
        yield target, f"{'already there' if there else 'adopted'} ({candidate.outcome})"


def check(folder: Path) -> Candidate:
    """Check a trained run's or stack's folder: a spec of this version, all files, and the digests that its provenance tells.

    Raises:
        WganlibError: a file is missing or damaged, or the spec is another version's.
    """
    stacked = any(_parts(folder / name) for name in STACK_FILES if name not in RUN_FILES)
    files = STACK_FILES if stacked else RUN_FILES
    for name in files:
        _present(folder / name)
    path = folder / files[0]
    spec = parse_training(read_json(path), str(path))
    spec.check_current(str(path))
    digests, outcome = _digests(folder / PROVENANCE), summary(outcomes_of(folder, spec))
    snapshots = [snapshot_name(iteration) for iteration in spec.snapshots] if isinstance(spec, Spec) else []
    # A training that ended early has no snapshots of what would have come.
    needed = [name for name in spec.files if name != PROVENANCE] + [n for n in snapshots if outcome == "ok" or n in digests]
    for name in needed:
        if name not in digests:
            raise WganlibError(f"{folder / PROVENANCE}: sha256 has no {name!r}, which the spec asks for; {_again(folder)}")
        parts = _present(folder / name)
        digest, joined = _sha256(parts), "" if parts == [folder / name] else f" of {len(parts)} pieces"
        if digest != digests[name]:
            raise WganlibError(
                f"{folder / name}: found sha256 {_short(digest)}{joined}, expected {_short(digests[name])} by {PROVENANCE}; "
                f"{_again(folder)}"
            )
    kept = {name: digests[name] for name in needed}
    return Candidate(folder, spec, outcome, kept | {PROVENANCE: _sha256([folder / PROVENANCE])})


def already_there(candidate: Candidate, results: Path) -> bool:
    """Whether it is complete in `results` with the same weights.

    Raises:
        WganlibError: a file of other content stands where one would be written.
    """
    target = candidate.spec.folder(results)
    complete = is_complete(target, candidate.spec.files)
    for name in candidate.digests:
        compared = name.endswith(".safetensors") or not complete
        if compared and (target / name).exists() and (digest := file_sha256(target / name)) != candidate.digests[name]:
            raise WganlibError(
                f"{target / name}: already there with sha256 {_short(digest)}, but {candidate.folder} has "
                f"{_short(candidate.digests[name])}; nothing is overwritten: delete {target} to adopt the other, or keep it"
            )
    return complete


def _folders(folder: Path) -> list[Path]:
    """The folders that hold any of a training's files: `folder` itself, or those in it and in its `runs` and `stacks`."""
    places = [folder], [*folder.glob("*/"), *folder.glob("runs/*/"), *folder.glob("stacks/*/")]
    names = {*RUN_FILES, *STACK_FILES}
    trained = ([place for place in sorted(those) if any(_parts(place / name) for name in names)] for those in places)
    return next(filter(None, trained), [])


def _present(path: Path) -> list[Path]:
    """The file or its pieces, refused where there is neither."""
    parts = _parts(path)
    if not parts:
        raise WganlibError(
            f"{path}: no such file, and no pieces {path.name}.000, ...; finish the training there, or {_again(path.parent)}"
        )
    return parts


def _parts(path: Path) -> list[Path]:
    """The file itself, or the pieces that it came in, in order; empty where there is neither.

    Raises:
        WganlibError: a piece is missing between others.
    """
    if path.is_file():
        return [path]
    pieces = sorted(path.parent.glob(f"{path.name}.[0-9][0-9][0-9]"))
    for number, piece in enumerate(pieces):
        expected = f"{path.name}.{number:03d}"
        if piece.name != expected:
            raise WganlibError(f"{path.parent / expected}: no such piece, but {piece.name} is there; {_again(path.parent)}")
    return pieces


def _sha256(parts: list[Path]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.read_bytes())
    return digest.hexdigest()


def _digests(path: Path) -> dict[str, str]:
    """The digests of the other files that a provenance tells."""
    known = read_json(path)
    digests = known.get("sha256") if isinstance(known, dict) else None
    if not isinstance(digests, dict) or not all(isinstance(value, str) for value in digests.values()):
        state = "is missing" if digests is None else f"is {str(digests)[:80]}"
        raise WganlibError(f"{path}: 'sha256' {state}, expected the digest of each file; train the run again with this version")
    return digests


def _short(digest: str) -> str:
    return f"{digest[:12]}…"


def _again(folder: Path) -> str:
    return f"carry {folder.name} here again"
