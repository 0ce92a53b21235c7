"""Data sets: what they are (no torch) and, in one file a family, how they are loaded."""

from typing import Literal, NamedTuple

Kind = Literal["images", "points", "text"]


class Description(NamedTuple):
    """What is known of a data set without loading it.

    `channels`: colour channels of images, coordinates of points; text has as many as its vocabulary. `classes`: of its labels,
    None without labels. `low`: the smallest value after preprocessing (the largest is 1; points have no range).
    """

    kind: Kind
    channels: int
    classes: int | None
    low: float = -1.0


DATASETS: dict[str, Description] = {
    "digits": Description("images", 1, 10),
    "mnist": Description("images", 1, 10, low=0.0),
    "cifar10": Description("images", 3, 10),
    "imagenet32": Description("images", 3, 1000),
    "lsun_bedrooms": Description("images", 3, None),
    "gaussians8": Description("points", 2, None),
    "billion_word": Description("text", 0, None, low=0.0),
}

LOADABLE = ("digits",)
"""Data sets that this version can load; the others can be planned."""


class DataShape(NamedTuple):
    """What a network must know of the data: `shape` of one example, channels first, classes of its labels, smallest value."""

    kind: Kind
    shape: tuple[int, ...]
    classes: int | None = None
    low: float = -1.0
