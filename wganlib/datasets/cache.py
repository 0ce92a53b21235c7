"""Decoded images, kept as mapped files so that data larger than memory can be used."""

import hashlib
import io
import json
import math
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from wganlib.datasets.data_root import data_root
from wganlib.datasets.inspection import Inspection, inspection
from wganlib.errors import WganlibError
from wganlib.files import exclusive, large_file, read_json, write_json

Pixels = NDArray[np.uint8]
Images = Iterable[Callable[[], Pixels]]
"""Images in order, each decoded by a call."""

VARIABLE = "DECODED_ROOT"
"""The environment variable that names the folder of decoded images, for data that lie where nothing can be written."""


def decoded(cache: str, source: dict[str, Any], count: int, shape: tuple[int, ...], images: Images) -> tuple[Pixels, str]:
    """Decoded images [count, *shape] from `<DATA_ROOT>/.decoded/<cache>.npy`, made once from `images`, and their sha256.

    `source` identifies the files that they were made of; where it changed, they are made anew. One process makes them, others
    wait for it. DECODED_ROOT is another folder for them. An inspection decodes everything, and neither reads nor keeps a copy.

    Raises:
        WganlibError: an image is refused, the folder cannot be written, the disk is full, or there are not `count` images.
    """
    if (found := inspection()) is not None:
        return _inspected(found, cache, (count, *shape), images)
    folder = Path(os.environ.get(VARIABLE) or data_root() / ".decoded")
    wanted = json.loads(json.dumps({"source": source, "count": count, "shape": list(shape)}))
    if (present := _present(folder, cache, wanted)) is not None:
        return present
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            # Whoever may read the data may read what was decoded of them.
            folder.chmod(data_root().stat().st_mode & 0o777 | 0o700)
        with exclusive(folder / f".{cache}.lock", -1, "has been decoding images"):
            if (present := _present(folder, cache, wanted)) is None:
                present = _made(folder, cache, wanted, images)
    except OSError as error:
        raise WganlibError(
            f"cannot write {folder}: {error.strerror or error}; free space, or set {VARIABLE} to a folder for decoded images"
        ) from None
    return present


def _present(folder: Path, cache: str, wanted: dict[str, Any]) -> tuple[Pixels, str] | None:
    """The copy, if there is one of these files that is whole."""
    path, record = folder / f"{cache}.npy", folder / f"{cache}.json"
    if not (path.exists() and record.exists()):
        return None
    stored = read_json(record)
    if not isinstance(stored, dict) or {k: stored.get(k) for k in wanted} != wanted:
        return None
    try:
        array = np.load(path, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    whole = array.shape == (wanted["count"], *wanted["shape"]) and array.dtype == np.uint8
    return (array, str(stored["sha256"])) if whole else None


def _made(folder: Path, cache: str, wanted: dict[str, Any], images: Images) -> tuple[Pixels, str]:
    path, shape = folder / f"{cache}.npy", (wanted["count"], *wanted["shape"])
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "|u1", "fortran_order": False, "shape": shape})
    (folder / f"{cache}.json").unlink(missing_ok=True)
    result, seen = hashlib.sha256(), 0
    with large_file(path, len(head.getvalue()) + math.prod(shape)) as stream:
        stream.write(head.getvalue())
        for image in _shown(images, cache, shape[0]):
            pixels = image().tobytes()
            stream.write(pixels)
            result.update(pixels)
            seen += 1
        _check_count(cache, seen, shape[0])
    write_json(folder / f"{cache}.json", wanted | {"sha256": result.hexdigest()})
    return np.load(path, mmap_mode="c", allow_pickle=False), result.hexdigest()


def _inspected(found: Inspection, cache: str, shape: tuple[int, ...], images: Images) -> tuple[Pixels, str]:
    """The sha256 of all images; the array has their shape alone. Those that are refused are noted, and count as black."""
    result, seen = hashlib.sha256(), 0
    black = np.zeros(shape[1:], dtype=np.uint8)
    try:
        for image in _shown(images, cache, shape[0]):
            seen += 1
            try:
                pixels = image()
            except WganlibError as error:
                found.refused.append(str(error))
                pixels = black
            result.update(pixels.tobytes())
        _check_count(cache, seen, shape[0])
    except WganlibError as error:
        found.refused.append(str(error))
    return np.lib.stride_tricks.as_strided(np.zeros(1, np.uint8), shape, (0,) * len(shape)), result.hexdigest()


def _shown(images: Images, cache: str, count: int) -> Images:
    bar: Images = tqdm(images, total=count, desc=f"decoding {cache}", unit="image", disable=None)
    return bar


def _check_count(cache: str, seen: int, count: int) -> None:
    if seen != count:
        raise WganlibError(f"{cache}: found {seen:,} images where {count:,} are listed; unpack the data again")
