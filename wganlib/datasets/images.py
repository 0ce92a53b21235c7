"""Image data sets in memory: raw grey levels, and the preprocessing that makes training images of them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from wganlib.datasets import LOADABLE
from wganlib.datasets.digits import load_digits
from wganlib.errors import WganlibError
from wganlib.spec import DatasetSpec

Preprocess = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class Images:
    """Raw images [N, C, H, W] with labels [N] of the training and held-out parts.

    `preprocess(raw, stream)` gives float images [n, C, image_size, image_size] in [-1, 1]; where a data set is dequantised it
    draws the noise from the stream, afresh for every batch.
    """

    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor
    preprocess: Preprocess
    sha256: str


def load(spec: DatasetSpec) -> Images:
    """Load a data set.

    Raises:
        WganlibError: this version has no loader for it, or its content is not what it should be.
    """
    if spec.name == "digits" and spec.image_size is not None:
        return Images(*load_digits(spec.image_size))
    raise WganlibError(
        f"data set {spec.name!r} can be planned but not loaded: this version has no loader for it; "
        f"loadable are: {', '.join(LOADABLE)}"
    )


class Batches:
    """Endless batches of a tensor's rows: shuffled anew every epoch, the incomplete last batch dropped."""

    def __init__(self, count: int, batch_size: int, stream: torch.Generator):
        if batch_size > count:
            raise WganlibError(f"batch_size {batch_size} is larger than the data set's {count} examples")
        self.count, self.batch_size, self.stream = count, batch_size, stream
        self.order = torch.randperm(count, generator=stream)
        self.position = 0

    def next(self) -> Tensor:
        """Row numbers [batch_size] of the next batch."""
        if self.position + self.batch_size > self.count:
            self.order = torch.randperm(self.count, generator=self.stream)
            self.position = 0
        rows = self.order[self.position : self.position + self.batch_size]
        self.position += self.batch_size
        return rows
