"""Files written whole or not at all, the lock that keeps two trainings off one run, and the end of orphans."""

import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from wganlib.errors import WganlibError

PARENT_VARIABLE = "WGANLIB_PARENT_PID"
"""Set by the workflow to its own process number; a training whose parent is no longer that process stops."""


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file under a temporary name in the same folder, flush it to the disk and rename it.

    Raises:
        WganlibError: the folder cannot be written or the disk is full; what stood at `path` before is untouched.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        raise WganlibError(
            f"cannot write {path}: {error.strerror or error}; nothing was changed there. "
            "Free some space or choose a folder that you may write to"
        ) from None


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON with a final newline, atomically."""
    write_atomic(path, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file that a command made.

    Raises:
        WganlibError: the file is missing or is not JSON, or a key stands twice in an object.
    """
    try:
        return from_json(read_text(path), str(path))
    except ValueError as error:
        raise WganlibError(
            f"{path}: not readable as JSON ({error}); delete it, if a command made it, and run that again"
        ) from None


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        WganlibError: it is missing, a folder, or may not be read.
        ValueError: it is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise WganlibError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise WganlibError(f"{path}: a folder, expected a file; name the file in it") from None
    except OSError as error:
        raise WganlibError(f"{str(path)[:200]}: not readable: {error.strerror or error}") from None


def from_json(text: str, where: str) -> Any:
    """Plain data of JSON text; `where` names it in messages.

    Raises:
        WganlibError: a key stands twice in an object.
        ValueError: the text is not JSON, or nested too deeply.
    """
    repeated = False

    def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        made = dict(pairs)
        repeated |= len(made) < len(pairs)
        return made

    try:
        value = json.loads(text, object_pairs_hook=distinct)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if repeated:
        key, line = _repeated_key(text)
        raise WganlibError(f"{where}:{line}: key {key!r} stands twice in its object; keep one of them")
    return value


def _repeated_key(text: str) -> tuple[str, int]:
    """The first key that stands in its object a second time, and the line of that."""
    objects: list[set[str]] = []
    for token in re.finditer(r'("(?:[^"\\]|\\.)*")(\s*:)?|[{}]', text):
        if token[0] == "{":
            objects.append(set())
        elif token[0] == "}":
            objects.pop()
        elif token[2]:
            key = json.loads(token[1])
            if key in objects[-1]:
                return key, text.count("\n", 0, token.start()) + 1
            objects[-1].add(key)
    raise AssertionError("no key stands twice")


def file_sha256(path: Path) -> str:
    """The hexadecimal sha256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def exclusive(path: Path, timeout_seconds: float) -> Iterator[None]:
    """Hold an flock on `path`; the kernel frees it when the process ends, however it ends.

    Raises:
        WganlibError: another process kept it for longer than `timeout_seconds`, or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        lock.acquire(timeout=timeout_seconds)
    except Timeout:
        raise WganlibError(
            f"{path.parent}: another process has been training this run for {timeout_seconds:.0f} s; wait for it or stop it"
        ) from None
    except OSError as error:
        raise WganlibError(f"cannot write {path}: {error.strerror or error}; choose a folder that you may write to") from None
    try:
        yield
    finally:
        lock.release()


def stop_if_orphaned() -> None:
    """End a training whose workflow was killed: nobody waits for it, and the workflow's next start will train the run again.

    Raises:
        WganlibError: the process named by WGANLIB_PARENT_PID is no longer this process's parent.
    """
    parent = os.environ.get(PARENT_VARIABLE)
    if parent is not None and os.getppid() != int(parent):
        raise WganlibError(f"the workflow (process {parent}) that started this training is gone; start it again to go on")
