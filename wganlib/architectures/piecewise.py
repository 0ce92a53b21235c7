"""ReLU, leaky ReLU and mean pooling, also for a pass that is differentiated twice, as that of a gradient penalty.

They have no second derivative. Torch's own hand zeros of it back to the layers below, which compute a whole backward pass of
zeros: a sixth of the convolutions of a critic step. Within `differentiated_twice` values and gradients are torch's, bit for
bit, and nothing is handed back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_twice = False


@contextmanager
def differentiated_twice() -> Iterator[None]:
    """Let what is called within leave out second derivatives of zero. Not for vmap, which calls Python functions slowly."""
    global _twice
    before, _twice = _twice, True
    try:
        yield
    finally:
        _twice = before


def leaky_relu(x: Tensor, slope: float) -> Tensor:
    """max(x, slope x); ReLU where the slope is 0."""
    if _twice:
        return _LeakyReLU.apply(x, slope)  # type: ignore[no-untyped-call, no-any-return]
    return F.leaky_relu(x, slope) if slope else F.relu(x)


def mean_pool(x: Tensor) -> Tensor:
    """Means over 2 x 2 pixels: [N, channels, H, W] -> [N, channels, H/2, W/2]."""
    return _MeanPool.apply(x) if _twice else F.avg_pool2d(x, 2)  # type: ignore[no-untyped-call]


class _LeakyReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: float) -> Tensor:
        y = F.leaky_relu(x, slope) if slope else F.relu(x)
        ctx.save_for_backward(y)
        ctx.slope = slope
        ctx.set_materialize_grads(False)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None) -> tuple[Tensor | None, None]:
        if gradient is None:
            return None, None
        y = ctx.saved_tensors[0].detach()  # cuts what torch's own would hand back
        if ctx.slope:
            return torch.ops.aten.leaky_relu_backward(gradient, y, ctx.slope, True), None
        return torch.ops.aten.threshold_backward(gradient, y, 0), None


class _MeanPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        ctx.set_materialize_grads(False)
        return F.avg_pool2d(x, 2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None) -> Tensor | None:
        if gradient is None:
            return None
        x = ctx.saved_tensors[0].detach()
        of_x: Tensor = torch.ops.aten.avg_pool2d_backward(gradient, x, [2, 2], [2, 2], [0, 0], False, True, None)
        return of_x
