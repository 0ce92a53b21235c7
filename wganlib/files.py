"""Files written whole or not at all, the lock that keeps two trainings off one run, and the end of orphans."""

import contextlib
import errno
import hashlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from wganlib.errors import WganlibError

PARENT_VARIABLE = "WGANLIB_PARENT_PID"
"""Set by the workflow to its own process number; a training whose parent is no longer that process stops."""

NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}
"""How a file system says that it has no locks."""


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


def read_object(path: Path, *keys: str) -> dict[str, Any]:
    """Read a JSON file that a command made, an object with these keys at least.

    Raises:
        WganlibError: the file is missing or is not JSON, or JSON of another shape.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        raise WganlibError(f"{path}: found a {type(value).__name__}, expected an object of keys; delete it, and make it again")
    if lacking := [key for key in keys if key not in value]:
        raise WganlibError(f"{path}: the key {lacking[0]!r} is missing; delete the file, and make it again")
    return value


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
def exclusive(path: Path, timeout_seconds: float, busy: str) -> Iterator[None]:
    """Hold an flock on `path`; the kernel frees it when the process ends, however it ends.

    Where the file system has no locks a warning is printed and nothing is held: work goes on as if it were alone.
    `busy`: what the error says is going on where another process keeps the lock; a timeout below 0 waits for ever.

    Raises:
        WganlibError: another process kept it for longer than `timeout_seconds`, or the folder cannot be written.
    """
    lock = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, fallback_to_soft=False)
        lock.acquire(timeout=timeout_seconds)
    except Timeout:
        raise WganlibError(
            f"{path.parent}: another process {busy} for {timeout_seconds:.0f} s; wait for it or stop it"
        ) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise WganlibError(
                f"cannot write {path}: {error.strerror or error}; choose a folder that you may write to"
            ) from None
        lock = None
        warning = f"warning: {path.parent}: the file system has no locks ({error.strerror}): do not work there twice at once"
        print(warning, file=sys.stderr)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


@contextlib.contextmanager
def large_file(path: Path, size: int) -> Iterator[BinaryIO]:
    """A stream for a file of known size, written whole or not at all by one process at a time: the caller holds a lock.

    The space is reserved first, so that a full disk shows before hours of work, and as an error instead of a signal. What
    processes that died left of earlier tries is removed. Whoever may read the folder may read the file.

    Raises:
        OSError: the folder cannot be written, or there is no room.
    """
    for left in path.parent.glob(f".{path.name}.*.tmp"):
        left.unlink()
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            try:
                os.posix_fallocate(descriptor, 0, size)
            except OSError as error:
                # Some file systems cannot reserve: there a full disk shows when it is full.
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                    raise
            yield stream
            stream.flush()
            os.fsync(descriptor)
        os.chmod(temporary, path.parent.stat().st_mode & 0o666)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def stop_if_orphaned() -> None:
    """End a training whose workflow was killed: nobody waits for it, and the workflow's next start will train the run again.

    Raises:
        WganlibError: the process named by WGANLIB_PARENT_PID is no longer this process's parent.
    """
    parent = os.environ.get(PARENT_VARIABLE)
    if parent is not None and os.getppid() != int(parent):
        raise WganlibError(f"the workflow (process {parent}) that started this training is gone; start it again to go on")
