"""Adoption of runs that were trained elsewhere: everything is checked against the digests of their provenance, then copied."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wganlib.errors import WganlibError, parse
from wganlib.files import exclusive, file_sha256, read_json, write_atomic
from wganlib.spec.run import Spec
from wganlib.training import runs
from wganlib.training.checkpoints import remove_checkpoint

PROVENANCE = "provenance.json"
OUTCOMES = ("ok", "diverged", "out_of_memory")


@dataclass(frozen=True)
class Candidate:
    """A run's folder that was checked: every file in `digests` is there with that sha256; the provenance is the last."""

    folder: Path
    spec: Spec
    outcome: str
    digests: dict[str, str]


def adopt(folder: Path, results: Path) -> Iterator[tuple[Path, str]]:
    """Copy the trained runs below a folder into `results/runs/<key>/`, yielding each of these and what was done.

    `folder` is a run's folder, or has them in it or in its `runs/`; their names do not matter. A file may have come in pieces
    `FILE.000`, `FILE.001`, ... as `split -b 15M -d -a 3 FILE FILE.` makes them. Nothing is overwritten: a run that is already
    there with the same generator is left. A kill leaves a run that counts as missing; the same call completes it.

    Raises:
        WganlibError: there is no run, a file is missing or damaged, a spec is another version's, two folders hold one run, or
            other results of a run are already there. Then nothing was written.
    """
    candidates = [check(path) for path in _folders(folder)]
    if not candidates:
        raise WganlibError(
            f"{folder}: no trained run, expected {', '.join(runs.FILES)} there, in {folder}/*/ or in {folder}/runs/*/; name "
            "the folder that `wganlib train` wrote"
        )
    seen: dict[str, Path] = {}
    for candidate in candidates:
        other = seen.setdefault(candidate.spec.key, candidate.folder)
        if other != candidate.folder:
            raise WganlibError(f"{candidate.folder}: the run {candidate.spec.key}, which is in {other} too; keep one of them")
        already_there(candidate, results)
    for candidate in candidates:
        key = candidate.spec.key
        target, checkpoints = results / "runs" / key, results / "checkpoints" / key
        with exclusive(checkpoints / "lock", timeout_seconds=60):
            # Asked again: until now a training may have held the lock.
            there = already_there(candidate, results)
            if not there:
                for name in candidate.digests:
                    write_atomic(target / name, b"".join(part.read_bytes() for part in _parts(candidate.folder / name)))
            remove_checkpoint(checkpoints)
        yield target, f"{'already there' if there else 'adopted'} ({candidate.outcome})"


def check(folder: Path) -> Candidate:
    """Check a trained run's folder: a spec of this version, all files, and the digests that its provenance tells.

    Raises:
        WganlibError: a file is missing or damaged, or the spec is another version's.
    """
    for name in runs.FILES:
        _present(folder / name)
    spec = parse(Spec, read_json(folder / "spec.json"), str(folder / "spec.json"))
    spec.check_current(str(folder / "spec.json"))
    told, outcome = _told(read_json(folder / PROVENANCE), folder / PROVENANCE)
    snapshots = [runs.snapshot_name(iteration) for iteration in spec.snapshots]
    # A training that ended early has no snapshots of what would have come.
    needed = [name for name in runs.FILES if name != PROVENANCE] + [n for n in snapshots if outcome == "ok" or n in told]
    for name in needed:
        if name not in told:
            raise WganlibError(
                f"{folder / PROVENANCE}: sha256 has no {name!r}, which the run's spec asks for; {_again(folder)}"
            )
        parts = _present(folder / name)
        found, joined = _sha256(parts), "" if parts == [folder / name] else f" of {len(parts)} pieces"
        if found != told[name]:
            raise WganlibError(
                f"{folder / name}: found sha256 {_short(found)}{joined}, expected {_short(told[name])} by {PROVENANCE}; "
                f"{_again(folder)}"
            )
    digests = {name: told[name] for name in needed} | {PROVENANCE: _sha256([folder / PROVENANCE])}
    return Candidate(folder, spec, outcome, digests)


def already_there(candidate: Candidate, results: Path) -> bool:
    """Whether the run is complete in `results` with the same generator.

    Raises:
        WganlibError: a file of other content stands where one would be written.
    """
    target = results / "runs" / candidate.spec.key
    complete = all((target / name).exists() for name in runs.FILES)
    for name in ("generator.safetensors",) if complete else tuple(candidate.digests):
        if (target / name).exists() and (found := file_sha256(target / name)) != candidate.digests[name]:
            raise WganlibError(
                f"{target / name}: already there with sha256 {_short(found)}, but {candidate.folder} has "
                f"{_short(candidate.digests[name])}; nothing is overwritten: delete {target} to adopt the other, or keep it"
            )
    return complete


def _folders(folder: Path) -> list[Path]:
    """The folders that hold any of a trained run's files: `folder` itself, or those in it and in its `runs`."""
    places = [folder], [*folder.glob("*/"), *folder.glob("runs/*/")]
    found = ([place for place in sorted(those) if any(_parts(place / name) for name in runs.FILES)] for those in places)
    return next(filter(None, found), [])


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


def _told(provenance: Any, path: Path) -> tuple[dict[str, str], str]:
    """The digests and the outcome that a provenance tells."""
    known = provenance if isinstance(provenance, dict) else {}
    told, outcome = known.get("sha256"), known.get("outcome")
    if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
        found = "is missing" if told is None else f"is {str(told)[:80]}"
        raise WganlibError(f"{path}: 'sha256' {found}, expected the digest of each file; train the run again with this version")
    if outcome not in OUTCOMES:
        raise WganlibError(f"{path}: 'outcome' is {outcome!r}, allowed are {', '.join(OUTCOMES)}; train the run again")
    return told, str(outcome)


def _short(digest: str) -> str:
    return f"{digest[:12]}…"


def _again(folder: Path) -> str:
    return f"carry {folder.name} here again"
