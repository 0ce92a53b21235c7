"""Batches of rows, shuffled anew every epoch."""

import torch
from torch import Tensor

from wganlib.errors import WganlibError


class Batches:
    """Endless batches of a tensor's rows: shuffled anew every epoch, the incomplete last batch dropped."""

    def __init__(self, count: int, batch_size: int, stream: torch.Generator):
        if batch_size > count:
            raise WganlibError(
                f"batch_size {batch_size} is larger than the data set's {count} examples: use {count} or less, or more data"
            )
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
