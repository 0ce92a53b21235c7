"""32x32 ImageNet as published at image-net.org (Chrabaszcz et al. 2017): ten npz files and one for validation."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wganlib.datasets.data_root import data_root
from wganlib.datasets.dataset import Dataset, scaled
from wganlib.datasets.reading import Pixels, digest, missing, tensor
from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import WganlibError, fenced


def load_imagenet32(spec: DatasetSpec) -> Dataset:
    """Training and validation images [N, 3, 32, 32] with labels 0 to 999 (1 to 1000 in the files)."""
    folder = data_root() / "imagenet32"
    train = [read_part(folder / f"train_data_batch_{i}.npz") for i in range(1, 11)]
    test = read_part(folder / "val_data.npz")
    images, labels = np.concatenate([part[0] for part in train]), np.concatenate([part[1] for part in train])
    return Dataset(
        tensor(images),
        tensor(labels),
        tensor(test[0]),
        tensor(test[1]),
        scaled(spec.scaling_used, spec.image_size),
        digest(images, labels, *test),
    )


def read_part(path: Path) -> tuple[Pixels, NDArray[np.int64]]:
    """Images [N, 3, 32, 32] and labels [N] of one file.

    Raises:
        WganlibError: the file is missing, damaged, holds pickled objects, or other arrays.
    """
    advice = "use the npz files of image-net.org's download page"
    put = "put the files of Imagenet32_train_npz.zip and Imagenet32_val_npz.zip into imagenet32/"
    absent = missing("imagenet32", path, put)
    with fenced(path, "a file of 32x32 ImageNet", advice, absent), np.load(path, allow_pickle=False) as stored:
        data, labels = stored["data"], stored["labels"]
    if (
        data.dtype != np.uint8
        or data.ndim != 2
        or data.shape[1] != 3072
        or labels.shape != data.shape[:1]
        or labels.dtype.kind not in "iu"
    ):
        raise WganlibError(
            f"{path}: found {data.dtype} data {data.shape} and {labels.dtype} labels {labels.shape}, expected bytes (N, 3072) "
            "and N whole numbers; " + advice
        )
    numbers = np.asarray(labels, dtype=np.int64)
    if numbers.min() < 1 or numbers.max() > 1000:
        raise WganlibError(f"{path}: found labels {numbers.min()} to {numbers.max()}, allowed are 1 to 1000; {advice}")
    return data.reshape(-1, 3, 32, 32), numbers - 1
