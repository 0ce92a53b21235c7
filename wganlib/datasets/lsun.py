"""LSUN bedrooms in their LMDB databases (Yu et al. 2015), read directly: other readers keep a pickle of keys beside them."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import PIL
import torch

from wganlib.datasets.cache import decoded
from wganlib.datasets.data_root import data_root
from wganlib.datasets.dataset import Dataset, scaled
from wganlib.datasets.listing import state
from wganlib.datasets.parsers import decode, lmdb_entries
from wganlib.datasets.reading import Pixels, joined, missing, resize_and_crop, tensor
from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import WganlibError

ADVICE = "unpack the official zip file again"


def load_lsun(spec: DatasetSpec) -> Dataset:
    """Training and validation bedrooms [N, 3, S, S] in the order of their keys: shorter side resized to S, centre crop."""
    assert spec.image_size is not None
    (train, first), (test, second) = (_part(name, spec.image_size) for name in ("train", "val"))
    return Dataset(
        tensor(train),
        torch.zeros(len(train), dtype=torch.int64),
        tensor(test),
        torch.zeros(len(test), dtype=torch.int64),
        scaled(spec.scaling_used),
        joined([first, second]),
        notes={"pillow": PIL.__version__},
    )


def _part(name: str, size: int) -> tuple[Pixels, str]:
    path = data_root() / "lsun" / f"bedroom_{name}_lmdb"
    count = len_lmdb(path)
    source = {"entries": count, "file": state(path / "data.mdb"), "pillow": PIL.__version__}

    def images() -> Iterator[Callable[[], Pixels]]:
        for key, data in read_lmdb(path):
            yield partial(_bedroom, data, f"{path}: entry {key.decode(errors='replace')}", size)

    return decoded(f"lsun_bedrooms-{name}-{size}", source, count, (3, size, size), images())


def _bedroom(data: bytes, where: str, size: int) -> Pixels:
    return resize_and_crop(decode(data, where), size)


def len_lmdb(path: Path) -> int:
    """Number of entries of a database.

    Raises:
        WganlibError: it is missing, damaged or empty.
    """
    ((count, _),) = _entries(path, count_alone=True)
    if int(count) == 0:
        raise WganlibError(f"{path}: an empty database; {ADVICE}")
    return int(count)


def read_lmdb(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a database in the order of the keys.

    Raises:
        WganlibError: it is missing or damaged.
    """
    yield from _entries(path)


def _entries(path: Path, count_alone: bool = False) -> Iterator[tuple[bytes, bytes]]:
    if not (path / "data.mdb").exists():
        raise missing("lsun_bedrooms", path / "data.mdb", f"unpack the official {path.name}.zip into lsun/")
    return lmdb_entries(path, ADVICE, count_alone)
