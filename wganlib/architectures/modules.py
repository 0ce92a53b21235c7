"""Layers of the official WGAN-GP code, restated for PyTorch (Gulrajani et al. 2017, public code).

What differs from PyTorch's own layers: TensorFlow's SAME padding, which is asymmetric at stride 2; uniform initialisation
from an explicit random stream; layer norm with one scale and offset per channel; batch norm that always uses the batch.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wganlib.architectures.layers import Layer

NONLINEARITIES: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
    # The smooth stand-in for ELU of Gulrajani et al. 2017, Table 1 and appendix D.
    "smooth_elu": lambda x: F.softplus(2 * x + 2) / 2 - 1,
    "tanh": torch.tanh,
}


def uniform(shape: tuple[int, ...], fan_in: float, fan_out: float, gain: float, stream: torch.Generator) -> nn.Parameter:
    """Weights uniform with variance gain / mean(fan_in, fan_out): gain 1 is Glorot's, gain 2 the official code's "He"."""
    limit = math.sqrt(3.0) * math.sqrt(2.0 * gain / (fan_in + fan_out))
    return nn.Parameter((torch.rand(shape, generator=stream) * 2 - 1) * limit)


class Linear(nn.Module):
    """Affine map, Glorot uniform weights, zero bias."""

    def __init__(self, inputs: int, outputs: int, stream: torch.Generator):
        super().__init__()
        self.weight = uniform((outputs, inputs), inputs, outputs, 1.0, stream)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class SameConv2d(nn.Module):
    """Convolution with TensorFlow's SAME padding: the output side is ceil(input side / stride).

    Where the padding is odd the extra row and column come after the image. x: [N, inputs, H, W] with H = W.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, stream: torch.Generator):
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.weight = uniform(
            (outputs, inputs, kernel, kernel), inputs * kernel**2, outputs * kernel**2 / stride**2, 2.0, stream
        )
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        side = x.shape[-1]
        total = max((-(-side // self.stride) - 1) * self.stride + self.kernel - side, 0)
        before, after = total // 2, total - total // 2
        if before == after:
            return F.conv2d(x, self.weight, self.bias, stride=self.stride, padding=before)
        return F.conv2d(F.pad(x, (before, after, before, after)), self.weight, self.bias, stride=self.stride)


class SameConvTranspose2d(nn.Module):
    """Gradient of `SameConv2d` with respect to its input: the output side is input side * stride.

    The full output is cropped by (kernel - stride) in all, the smaller half before the image.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, stream: torch.Generator):
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.weight = uniform(
            (inputs, outputs, kernel, kernel), inputs * kernel**2 / stride**2, outputs * kernel**2, 2.0, stream
        )
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        side = x.shape[-1] * self.stride
        before = (self.kernel - self.stride) // 2
        full = F.conv_transpose2d(x, self.weight, self.bias, stride=self.stride, padding=before)
        return full[..., :side, :side]


class BatchNorm(nn.Module):
    """Batch normalisation by the statistics of the present batch, at sampling too; biased variance, epsilon 1e-5."""

    def __init__(self, channels: int):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))
        self.offset = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(x, None, None, self.scale, self.offset, training=True, eps=1e-5)


class LayerNorm(nn.Module):
    """Layer normalisation over channels and pixels of each example, one scale and offset per channel, epsilon 1e-5."""

    def __init__(self, channels: int):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))
        self.offset = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.group_norm(x, 1, self.scale, self.offset, eps=1e-5)


class WeightLayer(nn.Module):
    """A described weight layer followed by its normalisation and nonlinearity."""

    def __init__(self, layer: Layer, stream: torch.Generator):
        super().__init__()
        self.layer = layer
        self.weight: nn.Module
        if layer.kind == "linear":
            self.weight = Linear(layer.inputs * layer.kernel**2, layer.outputs * layer.size**2, stream)
        elif layer.kind == "conv":
            self.weight = SameConv2d(layer.inputs, layer.outputs, layer.kernel, layer.stride, stream)
        else:
            self.weight = SameConvTranspose2d(layer.inputs, layer.outputs, layer.kernel, layer.stride, stream)
        self.norm: nn.Module = nn.Identity()
        if layer.normalization == "batch":
            self.norm = BatchNorm(layer.outputs)
        elif layer.normalization == "layer":
            self.norm = LayerNorm(layer.outputs)

    def forward(self, x: Tensor) -> Tensor:
        layer = self.layer
        if layer.kind == "linear":
            x = self.weight(x.flatten(1))
            if layer.size > 1:
                x = x.view(-1, layer.outputs, layer.size, layer.size)
        else:
            x = self.weight(x)
        x = self.norm(x)
        return x if layer.nonlinearity is None else NONLINEARITIES[layer.nonlinearity](x)


class Stack(nn.Sequential):
    """Weight layers in order, named as described."""

    def __init__(self, layers: list[Layer], stream: torch.Generator):
        super().__init__()
        for layer in layers:
            self.add_module(layer.name, WeightLayer(layer, stream))
