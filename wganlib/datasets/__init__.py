"""Data sets: what they are (no torch) and, in one file a family, how they are loaded."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from wganlib.datasets import sources
from wganlib.datasets.sources import Source

Kind = Literal["images", "points", "text"]
Scaling = Literal["255", "256_dequantised", "128", "unit"]


@dataclass(frozen=True, kw_only=True)
class Description:
    """All that is known of a data set without loading it; `examples` to `address` stand in docs/data.md."""

    kind: Kind
    channels: int = 0
    """Colour channels of images, coordinates of points; text has as many as its vocabulary."""
    classes: int | None = None
    """Of its labels; None without labels."""
    side: int | None = None
    """Pixels of the stored images; None where images are resized when they are read."""
    scaling: Scaling | None = None
    """How grey levels become numbers unless a spec says otherwise; None where the data set has its own way."""
    folder: bool = False
    """Whether a spec must name the folder that holds the files."""
    fakes: bool = False
    """Whether generated examples belong to it, for critics without a trained generator."""
    loader: str
    """The function that loads it, `module:function`, called with the spec: see `wganlib.datasets.loading`."""
    version: int = 1
    """Raise it when the numbers of its examples change: the runs on them, and no others, get another key."""
    train_count: int | None = None
    """Training examples of the official files, where they are images; a spec may ask for no more."""
    sources: tuple[Source, ...] = ()
    """Official files that can be downloaded."""
    by_hand: str | None = None
    """A file below DATA_ROOT of a data set that cannot be downloaded without an account."""
    reduced: str | None = None
    """A file of a smaller copy that is read where the official files are not there; a run's provenance names its folder."""
    examples: str
    format: str
    licence: str = ""
    address: str


_GAN_TOY = "WGAN-GP's code, gan_toy.py"
_LGAN_TOY = "Lipschitz GANs' code, gan_synthetic4.py"
_PAIRS = "Lipschitz GANs, Figure 3: the paper's images where CIFAR-10 has its official order, else the first of each class"


def _toy(
    loader: str, examples: str, address: str, *, channels: int = 2, fakes: bool = False, format: str = "drawn afresh"
) -> Description:
    return Description(
        kind="points",
        channels=channels,
        fakes=fakes,
        loader=f"wganlib.datasets.toys:{loader}",
        examples=examples + ("; real and generated points" if fakes else ""),
        format=format,
        address=address,
    )


DATASETS: dict[str, Description] = {
    "digits": Description(
        kind="images",
        channels=1,
        classes=10,
        loader="wganlib.datasets.digits:load_digits",
        train_count=1_437,
        examples="1,437 + 360 digits, 8×8 grey, 10 classes",
        format="inside scikit-learn",
        licence="CC BY 4.0 (UCI)",
        address="embedded",
    ),
    "gaussians8": _toy("load_gaussians8", "8 Gaussians on a circle", _GAN_TOY),
    "gaussians25": _toy("load_gaussians25", "25 Gaussians on a grid, 100,000 fixed points", _GAN_TOY, format="drawn once"),
    "swiss_roll": _toy("load_swiss_roll", "a rolled strip", _GAN_TOY),
    "lgan_case1": _toy("load_lgan_case1", "squares apart", _LGAN_TOY, fakes=True),
    "lgan_case2": _toy("load_lgan_case2", "squares that overlap", _LGAN_TOY, fakes=True),
    "lgan_case3": _toy("load_lgan_case3", "a Gaussian against two", _LGAN_TOY, fakes=True),
    "parallel_lines": _toy("load_parallel_lines", "(0, z) and (`offset`, z), z uniform", "WGAN, example 1", fakes=True),
    "two_gaussians": _toy(
        "load_two_gaussians",
        "N(0, 1) and N(5, 1) on the line",
        "WGAN, Figure 2, which leaves them open",
        channels=1,
        fakes=True,
    ),
    "two_points": _toy(
        "load_two_points", "(1, 0) and (−1, 0)", "closed forms of every penalised critic", fakes=True, format="one each"
    ),
    "digits_pairs": Description(
        kind="images",
        channels=1,
        fakes=True,
        loader="wganlib.datasets.pairs:load_digits_pairs",
        examples="ten real images, the first of each class, and ten of uniform noise",
        format="ten and ten",
        address="as `cifar10_pairs`",
    ),
    "cifar10_pairs": Description(
        kind="images",
        channels=3,
        side=32,
        fakes=True,
        loader="wganlib.datasets.pairs:load_cifar10_pairs",
        sources=sources.CIFAR10,
        examples="ten real images and ten of uniform noise",
        format="ten and ten, from CIFAR-10's files",
        address=_PAIRS,
    ),
    "mnist": Description(
        kind="images",
        channels=1,
        classes=10,
        side=28,
        scaling="unit",
        loader="wganlib.datasets.mnist:load_mnist",
        version=2,
        sources=sources.MNIST,
        train_count=50_000,
        examples="50,000 + 10,000 digits, 28×28 grey, 10 classes: the training files, as WGAN-GP's code splits them",
        format="IDX, gzipped or not, in `mnist/`",
        licence="CC BY-SA 3.0",
        address="ossci-datasets.s3.amazonaws.com/mnist (torchvision's mirror and checksums)",
    ),
    "cifar10": Description(
        kind="images",
        channels=3,
        classes=10,
        side=32,
        scaling="255",
        loader="wganlib.datasets.cifar10:load_cifar10",
        sources=sources.CIFAR10,
        train_count=50_000,
        examples="50,000 + 10,000 images, 32×32, 10 classes",
        format="binary version, in `cifar-10-batches-bin/`",
        licence="none stated; cite Krizhevsky 2009",
        address="cs.toronto.edu/~kriz (checksum from that page)",
    ),
    "tiny_imagenet": Description(
        kind="images",
        channels=3,
        classes=200,
        side=64,
        scaling="255",
        loader="wganlib.datasets.folders:load_tiny_imagenet",
        sources=sources.TINY_IMAGENET,
        train_count=100_000,
        examples="100,000 + 10,000 images, 64×64, 200 classes",
        format="JPEG, in `tiny-imagenet-200/`",
        licence="ImageNet's: research and education",
        address="cs231n.stanford.edu",
    ),
    "imagenet32": Description(
        kind="images",
        channels=3,
        classes=1000,
        side=32,
        scaling="255",
        loader="wganlib.datasets.imagenet32:load_imagenet32",
        by_hand="imagenet32/val_data.npz",
        train_count=1_281_167,
        examples="1,281,167 + 50,000 images, 32×32, 1,000 classes",
        format="npz, in `imagenet32/`: `train_data_batch_1.npz` to `10`, `val_data.npz`",
        licence="ImageNet's",
        address="image-net.org, with an account: put the files there by hand",
    ),
    "lsun_bedrooms": Description(
        kind="images",
        channels=3,
        scaling="255",
        loader="wganlib.datasets.lsun:load_lsun",
        sources=sources.LSUN_BEDROOMS,
        train_count=3_033_042,
        examples="3,033,042 + 300 photographs",
        format="LMDB, in `lsun/bedroom_{train,val}_lmdb/`",
        licence="none stated",
        address="dl.yf.io/lsun (43 GB; no published checksum)",
    ),
    "image_folder": Description(
        kind="images",
        channels=3,
        scaling="255",
        folder=True,
        loader="wganlib.datasets.folders:load_image_folder",
        examples="every image below a folder; each tenth, by name, is held out",
        format="JPEG, PNG, WebP, BMP",
        licence="yours",
        address="`dataset: {name: image_folder, folder: photos, image_size: 64}`",
    ),
    "flowers102": Description(
        kind="images",
        channels=3,
        classes=102,
        scaling="255",
        loader="wganlib.datasets.folders:load_flowers102",
        sources=sources.FLOWERS102,
        reduced="flowers102-64/labels.csv",
        examples="8,189 flowers, 102 classes; each tenth is held out",
        format="JPEG in `flowers102/jpg/` and `imagelabels.mat`; or a smaller copy in `flowers102-64/jpg/` with `labels.csv` "
        "(`image,class`)",
        licence="none stated; cite Nilsback and Zisserman 2008",
        address="robots.ox.ac.uk/~vgg/data/flowers/102 (torchvision's checksums)",
    ),
    "sklearn_texts": Description(
        kind="text",
        loader="wganlib.datasets.sklearn_texts:load_sklearn_texts",
        examples="3,871 + 1,205 lines of 32 bytes, one from each word on, of fourteen descriptions of data sets; the first "
        "document by name and each fifth after it are held out (22 % of the bytes)",
        format="inside scikit-learn 1.9.1",
        licence="BSD 3-clause",
        address="embedded",
    ),
    "billion_word": Description(
        kind="text",
        loader="wganlib.datasets.text:load_billion_word",
        sources=sources.BILLION_WORD,
        examples="up to 10 million lines, news.en-00001 to 00099; the first held-out file",
        format="tokenised text, in `1-billion-word-language-modeling-benchmark-r13output/`",
        licence="none stated (WMT 2011 News Crawl)",
        address="statmt.org/lm-benchmark (1.7 GB; no published checksum)",
    ),
    "text_folder": Description(
        kind="text",
        folder=True,
        loader="wganlib.datasets.text:load_text_folder",
        examples="the lines of the `.txt` files of a folder, the last file held out",
        format="text",
        licence="yours",
        address="`dataset: {name: text_folder, folder: lines, length: 32, vocabulary_size: 100}`",
    ),
}
"""To add one: a row here and the function that it names; docs/own-method.md tells what the tests then ask for."""


class DataShape(NamedTuple):
    """What a network must know of the data: `shape` of one example, channels first, classes of its labels, smallest value.

    `fakes`: whether the data set has generated examples of its own.
    """

    kind: Kind
    shape: tuple[int, ...]
    classes: int | None = None
    low: float = -1.0
    fakes: bool = False
