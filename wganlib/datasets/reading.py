"""Where data lie, what is missing, and decoded images kept beside them."""

import hashlib
import importlib.util
import io
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from wganlib.datasets import DATASETS
from wganlib.datasets.data_root import data_root
from wganlib.errors import WganlibError
from wganlib.files import read_json, write_json

Pixels = NDArray[np.uint8]


def missing(name: str, path: Path, put: str) -> WganlibError:
    """The error for a file that is not there. `put`: what to put where by hand."""
    fetched = "" if DATASETS[name].by_hand else f"run `wganlib data fetch {name}`, or "
    return WganlibError(
        f"{name}: {path} is missing; {fetched}{put} below {data_root()} by hand (another folder: set DATA_ROOT)"
    )


def package_folder(name: str) -> Path:
    """The folder of an installed package, found without importing it."""
    result = importlib.util.find_spec(name)
    if result is None or result.origin is None:
        raise WganlibError(f"the package {name!r} is not installed: install the locked environment (`make install`)")
    return Path(result.origin).parent


def digest(*arrays: NDArray[Any]) -> str:
    """sha256 of the arrays' bytes, one after the other."""
    result = hashlib.sha256()
    for array in arrays:
        result.update(np.ascontiguousarray(array).data)
    return result.hexdigest()


def joined(digests: list[str]) -> str:
    """sha256 of several hexadecimal digests, one after the other."""
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def tensor(array: NDArray[Any]) -> Tensor:
    """The array as a tensor that shares its memory, or its mapped file."""
    return torch.from_numpy(array)


def decode(data: bytes, where: str) -> "Any":
    """An image in RGB by Pillow, which tells the formats apart.

    Raises:
        WganlibError: the bytes are no image.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as picture:
            return picture.convert("RGB")
    except (OSError, ValueError, SyntaxError) as error:
        raise WganlibError(f"{where}: not an image that can be read ({error}); replace or remove the file") from None


def resize_and_crop(picture: Any, size: int) -> Pixels:
    """The shorter side resized to `size` (bilinear, antialiased), the centre cut out: [3, size, size]."""
    from PIL import Image

    width, height = picture.size
    scale = size / min(width, height)
    new = max(size, round(width * scale)), max(size, round(height * scale))
    if new != (width, height):
        picture = picture.resize(new, Image.Resampling.BILINEAR)
    left, top = (new[0] - size) // 2, (new[1] - size) // 2
    return _channels_first(picture.crop((left, top, left + size, top + size)))


def squash(picture: Any, size: int) -> Pixels:
    """The image squeezed to `size` without regard to its aspect (Lipschitz GANs' flowers): [3, size, size]."""
    from PIL import Image

    return _channels_first(picture.resize((size, size), Image.Resampling.BILINEAR))


def _channels_first(picture: Any) -> Pixels:
    return np.asarray(picture, dtype=np.uint8).transpose(2, 0, 1)


def decoded(
    cache: str, source: dict[str, Any], count: int, shape: tuple[int, ...], images: Callable[[], Iterable[Pixels]]
) -> tuple[Pixels, str]:
    """Decoded images [count, *shape] from `DATA_ROOT/.decoded/<cache>.npy`, made once from `images`, and their sha256.

    `source` identifies the files that they were made of; where it changed, they are made anew. The array is a mapped file, so
    that data larger than memory can be used.
    """
    folder = data_root() / ".decoded"
    path, record = folder / f"{cache}.npy", folder / f"{cache}.json"
    wanted = json.loads(json.dumps({"source": source, "count": count, "shape": list(shape)}))
    if path.exists() and record.exists():
        stored = read_json(record)
        if isinstance(stored, dict) and {k: stored.get(k) for k in wanted} == wanted:
            return np.load(path, mmap_mode="c", allow_pickle=False), str(stored["sha256"])
    temporary = folder / f".{cache}.{os.getpid()}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        record.unlink(missing_ok=True)
        array = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=(count, *shape))
        result = hashlib.sha256()
        for index, image in enumerate(tqdm(images(), total=count, desc=f"decoding {cache}", unit="image", disable=None)):
            array[index] = image
            result.update(image.tobytes())
        array.flush()
        os.replace(temporary, path)
    except OSError as error:
        raise WganlibError(f"cannot write {path}: {error.strerror or error}; free some space or set DATA_ROOT") from None
    finally:
        temporary.unlink(missing_ok=True)
    write_json(record, wanted | {"sha256": result.hexdigest()})
    return np.load(path, mmap_mode="c", allow_pickle=False), result.hexdigest()
