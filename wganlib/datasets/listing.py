"""Files below a folder, none of them left out without a word."""

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from wganlib.datasets.inspection import inspection
from wganlib.errors import WganlibError, unreadable

Identity = tuple[int, int]


def files_below(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """The files of these suffixes in a folder and in those below it, in the order of their paths.

    Suffixes are given in lower case, with their dot. Links to folders are followed, though not round a loop. Files of other
    suffixes are noted by an inspection.

    Raises:
        WganlibError: a folder may not be read, or a name of such a suffix is no regular file.
    """
    return sorted(_walk(folder, suffixes, frozenset()))


def _walk(folder: Path, suffixes: Collection[str], above: frozenset[Identity]) -> Iterator[Path]:
    try:
        status = folder.stat()
        with os.scandir(folder) as entries:
            listed = [(Path(entry.path), entry.is_dir(), entry.is_file()) for entry in entries]
    except OSError as error:
        raise unreadable(folder, error, "a folder of images must be whole: check the disk") from None
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    for path, is_folder, is_file in listed:
        if is_folder:
            yield from _walk(path, suffixes, above | {here})
        elif path.suffix.lower() not in suffixes:
            if (found := inspection()) is not None:
                found.left_out.setdefault(f"files named *{path.suffix}", []).append(str(path))
        elif is_file:
            yield path
        else:
            what = "a link to a file that is not there" if path.is_symlink() else "no regular file"
            raise WganlibError(f"{path}: {what}; remove it, or put the image there")


def fingerprint(files: Iterable[tuple[Path, int]], root: Path) -> str:
    """Digest of files [path, label]: names below `root`, labels, sizes, and when content and status last changed.

    Raises:
        WganlibError: one is missing or may not be looked at.
    """
    result = hashlib.sha256()
    for path, label in files:
        result.update(f"{path.relative_to(root)}\t{label}\t{state(path)}\n".encode(errors="surrogateescape"))
    return result.hexdigest()


def state(path: Path) -> str:
    """Size and times of a file: what changes when it is written, even by as many bytes.

    Raises:
        WganlibError: it is missing or may not be looked at.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise unreadable(path, error, "unpack the data again") from None
    return f"{status.st_size}\t{status.st_mtime_ns}\t{status.st_ctime_ns}"
