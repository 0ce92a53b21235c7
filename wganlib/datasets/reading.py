"""What the readers of data sets share: what is missing, digests, images of one size."""

import hashlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wganlib.datasets import DATASETS
from wganlib.datasets.data_root import data_root
from wganlib.errors import WganlibError

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
