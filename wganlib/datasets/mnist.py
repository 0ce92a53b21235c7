"""MNIST in its IDX files (LeCun et al. 1998), gzipped as published or not."""

import math
import struct
from pathlib import Path

import numpy as np

from wganlib.datasets.data_root import data_root
from wganlib.datasets.dataset import Dataset, scaled
from wganlib.datasets.parsers import gunzip
from wganlib.datasets.reading import Pixels, digest, missing, tensor
from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import WganlibError


def load_mnist(spec: DatasetSpec) -> Dataset:
    """Digits [N, 1, 28, 28] of the training files with labels; the last sixth, 10,000 digits, is held out.

    So the WGAN-GP authors' code splits them; the test files are not read.
    """
    images, labels = read_idx(_find("train-images-idx3"), 3), read_idx(_find("train-labels-idx1"), 1)
    if len(images) != len(labels) or images.shape[1:] != (28, 28) or labels.max(initial=0) > 9:
        raise WganlibError(
            f"mnist: found {len(images)} images of {images.shape[1:]} and {len(labels)} labels up to "
            f"{labels.max(initial=0)}, expected as many labels as images of 28x28, labels 0 to 9: fetch the files again"
        )
    count, pixels, classes = len(images) * 5 // 6, tensor(images).unsqueeze(1), tensor(labels).long()
    preprocess = scaled(spec.scaling_used, spec.image_size)
    return Dataset(pixels[:count], classes[:count], pixels[count:], classes[count:], preprocess, digest(images, labels))


def _find(stem: str) -> Path:
    folder = data_root() / "mnist"
    for name in (f"{stem}-ubyte.gz", f"{stem}-ubyte"):
        if (folder / name).exists():
            return folder / name
    raise missing("mnist", folder / f"{stem}-ubyte.gz", f"put the official {stem}-ubyte.gz into mnist/")


def read_idx(path: Path, dims: int) -> Pixels:
    """An array of unsigned bytes with `dims` axes from an IDX file.

    Raises:
        WganlibError: the file is damaged, cut short, or another kind of file.
    """
    advice = "replace it by the official file"
    data = gunzip(path, advice)
    if len(data) < 4 + 4 * dims or data[:4] != bytes((0, 0, 8, dims)):
        raise WganlibError(
            f"{path}: starts with {data[:4].hex()}, an IDX file of bytes in {dims} axes with 000008{dims:02x}; {advice}"
        )
    shape = struct.unpack(f">{dims}I", data[4 : 4 + 4 * dims])
    result, expected = len(data) - 4 - 4 * dims, math.prod(shape)
    if result != expected:
        raise WganlibError(f"{path}: holds {result} bytes of data where its head says {expected}; {advice}")
    return np.frombuffer(data, dtype=np.uint8, offset=4 + 4 * dims).reshape(shape).copy()
