"""LSUN bedrooms in their LMDB databases (Yu et al. 2015), read directly: other readers keep a pickle of keys beside them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PIL
import torch

from wganlib.datasets.data_root import data_root
from wganlib.datasets.dataset import Dataset, scaled
from wganlib.datasets.reading import Pixels, decode, decoded, joined, missing, resize_and_crop, tensor
from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import WganlibError


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
    source = {"entries": count, "bytes": (path / "data.mdb").stat().st_size, "pillow": PIL.__version__}

    def images() -> Iterator[Pixels]:
        for key, data in read_lmdb(path):
            yield resize_and_crop(decode(data, f"{path}: entry {key.decode(errors='replace')}"), size)

    return decoded(f"lsun_bedrooms-{name}-{size}", source, count, (3, size, size), images)


def _open(path: Path) -> Any:
    import lmdb

    if not (path / "data.mdb").exists():
        raise missing("lsun_bedrooms", path / "data.mdb", f"unpack the official {path.name}.zip into lsun/")
    try:
        return lmdb.open(str(path), readonly=True, lock=False, readahead=False, meminit=False, max_readers=1)
    except lmdb.Error as error:
        raise WganlibError(f"{path}: not an LMDB database ({error}); unpack the official zip file again") from None


def len_lmdb(path: Path) -> int:
    """Number of entries of a database.

    Raises:
        WganlibError: it is missing, damaged or empty.
    """
    with _open(path) as database:
        count = int(database.stat()["entries"])
    if count == 0:
        raise WganlibError(f"{path}: an empty database; unpack the official zip file again")
    return count


def read_lmdb(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a database in the order of the keys."""
    with _open(path) as database, database.begin(buffers=False) as transaction:
        for key, value in transaction.cursor():
            yield bytes(key), bytes(value)
