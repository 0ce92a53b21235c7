"""Data sets: what they are (no torch) and, in one file a family, how they are loaded."""

from typing import Literal, NamedTuple

Kind = Literal["images", "points", "text"]
Scaling = Literal["255", "256_dequantised", "128", "unit"]


class Description(NamedTuple):
    """What is known of a data set without loading it.

    `channels`: colour channels of images, coordinates of points; text has as many as its vocabulary. `classes`: of its labels,
    None without labels. `side`: pixels of the stored images; None where images are resized when they are read. `scaling`: how
    grey levels become numbers unless a spec says otherwise, None where the data set has its own way.
    """

    kind: Kind
    channels: int
    classes: int | None = None
    side: int | None = None
    scaling: Scaling | None = None
    folder: bool = False
    """Whether a spec must name the folder that holds the files."""
    fakes: bool = False
    """Whether generated examples belong to it, for critics without a trained generator."""


DATASETS: dict[str, Description] = {
    "digits": Description("images", 1, 10),
    "gaussians8": Description("points", 2),
    "gaussians25": Description("points", 2),
    "swiss_roll": Description("points", 2),
    "lgan_case1": Description("points", 2, fakes=True),
    "lgan_case2": Description("points", 2, fakes=True),
    "lgan_case3": Description("points", 2, fakes=True),
    "parallel_lines": Description("points", 2, fakes=True),
    "two_gaussians": Description("points", 1, fakes=True),
    "two_points": Description("points", 2, fakes=True),
    "digits_pairs": Description("images", 1, fakes=True),
    "cifar10_pairs": Description("images", 3, side=32, fakes=True),
    "mnist": Description("images", 1, 10, 28, "unit"),
    "cifar10": Description("images", 3, 10, 32, "255"),
    "tiny_imagenet": Description("images", 3, 200, 64, "255"),
    "imagenet32": Description("images", 3, 1000, 32, "255"),
    "lsun_bedrooms": Description("images", 3, None, None, "255"),
    "image_folder": Description("images", 3, None, None, "255", folder=True),
    "flowers102": Description("images", 3, 102, None, "255"),
    "sklearn_texts": Description("text", 0),
    "billion_word": Description("text", 0),
    "text_folder": Description("text", 0, folder=True),
}
"""In the order of docs/data.md. To add one: a row here, its entry in `wganlib.numerics`, a loader in `images.LOADERS`."""


class DataShape(NamedTuple):
    """What a network must know of the data: `shape` of one example, channels first, classes of its labels, smallest value.

    `fakes`: whether the data set has generated examples of its own.
    """

    kind: Kind
    shape: tuple[int, ...]
    classes: int | None = None
    low: float = -1.0
    fakes: bool = False
