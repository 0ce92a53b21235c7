"""CIFAR-10 in its binary version (Krizhevsky 2009): records of a label byte and 3,072 pixel bytes, no pickle."""

import numpy as np
from numpy.typing import NDArray

from wganlib.datasets.data_root import data_root
from wganlib.datasets.dataset import Dataset, scaled
from wganlib.datasets.reading import Pixels, digest, missing, tensor
from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import WganlibError, unreadable

RECORD = 1 + 3 * 32 * 32
TRAIN = tuple(f"data_batch_{i}.bin" for i in range(1, 6))


def load_cifar10(spec: DatasetSpec) -> Dataset:
    """Training and test images [N, 3, 32, 32] with labels, in the order of the files."""
    train, test = read_records(TRAIN), read_records(("test_batch.bin",))
    return Dataset(
        tensor(train[0]),
        tensor(train[1]).long(),
        tensor(test[0]),
        tensor(test[1]).long(),
        scaled(spec.scaling_used, spec.image_size),
        digest(*train, *test),
    )


def read_records(names: tuple[str, ...]) -> tuple[Pixels, NDArray[np.uint8]]:
    """Images [N, 3, 32, 32] and labels [N] of some files one after the other.

    Raises:
        WganlibError: a file is missing, cut short, or not of this format.
    """
    images, labels = [], []
    for name in names:
        path = data_root() / "cifar-10-batches-bin" / name
        try:
            data = np.fromfile(path, dtype=np.uint8)
        except FileNotFoundError:
            raise missing("cifar10", path, "unpack the official cifar-10-binary.tar.gz") from None
        except OSError as error:
            raise unreadable(path, error, "unpack the official cifar-10-binary.tar.gz again") from None
        if len(data) == 0 or len(data) % RECORD:
            what = "a pickle; the Python version" if data[:1].tobytes() == b"\x80" else f"{len(data)} bytes; a damaged file"
            raise WganlibError(
                f"{path}: found {what} is not read here, expected records of {RECORD} bytes: use the binary version"
            )
        records = data.reshape(-1, RECORD)
        if records[:, 0].max() > 9:
            raise WganlibError(f"{path}: found a label {records[:, 0].max()}, allowed are 0 to 9: use the official file")
        images.append(records[:, 1:].reshape(-1, 3, 32, 32))
        labels.append(records[:, 0])
    return np.concatenate(images), np.concatenate(labels)
