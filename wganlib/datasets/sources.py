"""Where the official files are, and what is known of them. Importing this needs no torch."""

import os
from pathlib import Path
from typing import NamedTuple

from wganlib.errors import WganlibError


class Source(NamedTuple):
    """One official file.

    `path`: where it is kept below DATA_ROOT; archives (zip, tar) are unpacked into their folder. `makes`: a file that shows
    that it is there, unpacked. `checksum`: published, as "md5:..." or "sha256:..."; None where none is: then the first
    download records its own.
    """

    url: str
    path: str
    makes: str
    checksum: str | None = None


_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_FLOWERS = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
_LSUN = "http://dl.yf.io/lsun/scenes/"
_CORPUS = "1-billion-word-language-modeling-benchmark-r13output"


def _mnist(name: str, md5: str) -> Source:
    path = f"mnist/{name}-ubyte.gz"
    return Source(f"{_MNIST}{name}-ubyte.gz", path, path, f"md5:{md5}")


SOURCES: dict[str, tuple[Source, ...]] = {
    # The checksums are torchvision's, of the files as Yann LeCun published them.
    "mnist": (
        _mnist("train-images-idx3", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        _mnist("train-labels-idx1", "d53e105ee54ea40749a09fcbcd1e9432"),
        _mnist("t10k-images-idx3", "9fb629c4189551a2d022fa330f9573f3"),
        _mnist("t10k-labels-idx1", "ec29112dd5afa0611ce80d1b7f02629c"),
    ),
    # The checksum stands on Alex Krizhevsky's page.
    "cifar10": (
        Source(
            "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            "cifar-10-binary.tar.gz",
            "cifar-10-batches-bin/test_batch.bin",
            "md5:c32a1d4ab5d03f1284b67883e8d87530",
        ),
    ),
    # No published checksum; this one is the same in ten independent readers of the file.
    "tiny_imagenet": (
        Source(
            "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
            "tiny-imagenet-200.zip",
            "tiny-imagenet-200/wnids.txt",
            "md5:90528d7ca1a48142e341f4ef8d21d0de",
        ),
    ),
    "lsun_bedrooms": tuple(
        Source(f"{_LSUN}bedroom_{part}_lmdb.zip", f"lsun/bedroom_{part}_lmdb.zip", f"lsun/bedroom_{part}_lmdb/data.mdb")
        for part in ("train", "val")
    ),
    # The checksums are torchvision's.
    "flowers102": (
        Source(
            f"{_FLOWERS}102flowers.tgz", "flowers102/102flowers.tgz", "flowers102/jpg", "md5:52808999861908f626f3c1f4e79d11fa"
        ),
        Source(
            f"{_FLOWERS}imagelabels.mat",
            "flowers102/imagelabels.mat",
            "flowers102/imagelabels.mat",
            "md5:e0620be6f572b9609742df49c70aed4d",
        ),
    ),
    "billion_word": (
        Source(
            f"http://www.statmt.org/lm-benchmark/{_CORPUS}.tar.gz",
            f"{_CORPUS}.tar.gz",
            f"{_CORPUS}/training-monolingual.tokenized.shuffled",
        ),
    ),
}
SOURCES["cifar10_pairs"] = SOURCES["cifar10"]
"""Official files by data set. 32x32 ImageNet needs an account at image-net.org; folders are the user's own."""

BY_HAND = {"imagenet32": "imagenet32/val_data.npz"}
"""A file of each data set that cannot be downloaded without an account."""

REDUCED = {"flowers102": "flowers102-64/labels.csv"}
"""A file of a smaller copy that is read where the official files are not there; a run's provenance names its folder."""

INCEPTION = "inception-2015-12-05.pt"
"""Name of the Inception weights' file."""


def data_root() -> Path:
    """The folder of all data: the environment's DATA_ROOT, by default `data`.

    Raises:
        WganlibError: DATA_ROOT is set and is no folder.
    """
    given = os.environ.get("DATA_ROOT")
    root = Path(given or "data")
    if given and not root.is_dir():
        raise WganlibError(f"DATA_ROOT: {root} is no folder; set it to the folder that holds the data, or make it")
    return root


def inception_weights() -> Path:
    """The Inception weights' file: the environment's INCEPTION_WEIGHTS, by default in DATA_ROOT."""
    return Path(os.environ.get("INCEPTION_WEIGHTS") or data_root() / INCEPTION)


def there(name: str) -> bool:
    """Whether a data set's official files are below DATA_ROOT; true for those that need none."""
    needed = [source.makes for source in SOURCES.get(name, ())] + ([BY_HAND[name]] if name in BY_HAND else [])
    root = data_root()
    return all((root / path).exists() for path in needed) or (name in REDUCED and (root / REDUCED[name]).exists())
