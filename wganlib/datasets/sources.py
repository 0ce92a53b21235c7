"""Official files of the data sets: addresses, places below DATA_ROOT, checksums. Importing this needs no torch."""

from typing import NamedTuple


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


# The checksum stands on Alex Krizhevsky's page.
CIFAR10 = (
    Source(
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        "cifar-10-binary.tar.gz",
        "cifar-10-batches-bin/test_batch.bin",
        "md5:c32a1d4ab5d03f1284b67883e8d87530",
    ),
)


def _mnist(name: str, md5: str) -> Source:
    path = f"mnist/{name}-ubyte.gz"
    return Source(f"https://ossci-datasets.s3.amazonaws.com/mnist/{name}-ubyte.gz", path, path, f"md5:{md5}")


def _bedrooms(part: str) -> Source:
    name = f"bedroom_{part}_lmdb"
    return Source(f"http://dl.yf.io/lsun/scenes/{name}.zip", f"lsun/{name}.zip", f"lsun/{name}/data.mdb")


# The checksums are torchvision's, of the files as Yann LeCun published them.
MNIST = (
    _mnist("train-images-idx3", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
    _mnist("train-labels-idx1", "d53e105ee54ea40749a09fcbcd1e9432"),
)
# No published checksum; this one is the same in ten independent readers of the file.
TINY_IMAGENET = (
    Source(
        "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
        "tiny-imagenet-200.zip",
        "tiny-imagenet-200/wnids.txt",
        "md5:90528d7ca1a48142e341f4ef8d21d0de",
    ),
)
LSUN_BEDROOMS = (_bedrooms("train"), _bedrooms("val"))
# The checksums are torchvision's.
FLOWERS102 = (
    Source(
        "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/102flowers.tgz",
        "flowers102/102flowers.tgz",
        "flowers102/jpg",
        "md5:52808999861908f626f3c1f4e79d11fa",
    ),
    Source(
        "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/imagelabels.mat",
        "flowers102/imagelabels.mat",
        "flowers102/imagelabels.mat",
        "md5:e0620be6f572b9609742df49c70aed4d",
    ),
)
BILLION_WORD = (
    Source(
        "http://www.statmt.org/lm-benchmark/1-billion-word-language-modeling-benchmark-r13output.tar.gz",
        "1-billion-word-language-modeling-benchmark-r13output.tar.gz",
        "1-billion-word-language-modeling-benchmark-r13output/training-monolingual.tokenized.shuffled",
    ),
)
