"""Nodes as modules: the layers of the papers' official code, restated for PyTorch.

What differs from PyTorch's own layers: TensorFlow's SAME padding, which is asymmetric at stride 2; initialisation from an
explicit random stream; layer norm with one scale and offset per channel; batch norm that always uses the batch. Every module
takes (x, labels); only class-conditional norms look at the labels.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wganlib.architectures.nodes import (
    GLOROT,
    HE,
    Dense,
    Heads,
    Init,
    Layer,
    Node,
    Nodes,
    Norm,
    Op,
    Residual,
    Shape,
    output_shape,
)
from wganlib.architectures.piecewise import leaky_relu, mean_pool
from wganlib.fields import Normalization


def gated(x: Tensor) -> Tensor:
    """sigmoid of the even channels times tanh of the odd ones, half as many channels (Gulrajani et al. 2017, code)."""
    return torch.sigmoid(x[:, ::2]) * torch.tanh(x[:, 1::2])


class FirstOrderELU(torch.autograd.Function):
    """ELU whose second derivative software leaves out: the slope in the backward pass is a constant."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        context.save_for_backward(x)
        return F.elu(x)

    @staticmethod
    def backward(context: Any, slopes: Tensor) -> Tensor:
        (x,) = context.saved_tensors
        slope: Tensor = x.detach().clamp(max=0).exp()
        return slopes * slope


NONLINEARITIES: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": lambda x: leaky_relu(x, 0.0),
    "leaky_relu": lambda x: leaky_relu(x, 0.2),
    # softplus(2x + 2)/2 - 1, the smooth stand-in for ELU of Gulrajani et al. 2017, Table 1 and appendix D, in fewer passes.
    "smooth_elu": lambda x: F.softplus(x + 1, beta=2) - 1,
    "tanh": torch.tanh,
    "elu": F.elu,
    "elu_first_order": FirstOrderELU.apply,
    "selu": F.selu,
    "gated": gated,
    "sigmoid": torch.sigmoid,
    "softmax": lambda x: torch.softmax(x, dim=1),
}


def draw(init: Init, shape: Shape, fan_in: float, fan_out: float, stream: torch.Generator) -> tuple[nn.Parameter, float]:
    """Initial weights, and the factor by which they are multiplied whenever they are used (1 unless equalised)."""
    if init.rule == "normal":
        return nn.Parameter(torch.randn(shape, generator=stream) * init.value), 1.0
    if init.rule == "equalised_normal":
        return nn.Parameter(torch.randn(shape, generator=stream)), init.value / math.sqrt(fan_in)
    variance = {
        "he": 4.0 * init.value**2 / (fan_in + fan_out),
        "glorot": 2.0 * init.value**2 / (fan_in + fan_out),
        "fan_in": 2.0 * init.value**2 / fan_in,
        "uniform": init.value**2,
        "torch": 1 / (3 * fan_in),
        "equalised_uniform": 1.0,
    }[init.rule]
    scale = init.value / math.sqrt(fan_in) if init.rule == "equalised_uniform" else 1.0
    return nn.Parameter((torch.rand(shape, generator=stream) * 2 - 1) * (math.sqrt(3.0) * math.sqrt(variance))), scale


class Weights(nn.Module):
    """Weight, bias (None without one) and runtime factor of a layer with the given fans."""

    bias: nn.Parameter | None

    def __init__(self, shape: Shape, outputs: int, fans: tuple[float, float], init: Init, bias: bool, stream: torch.Generator):
        super().__init__()
        self.weight, self.factor = draw(init, shape, *fans, stream)
        if not bias:
            self.bias = None
        elif init.rule == "torch":
            self.bias = nn.Parameter((torch.rand(outputs, generator=stream) * 2 - 1) / math.sqrt(fans[0]))
        else:
            self.bias = nn.Parameter(torch.zeros(outputs))

    def effective(self) -> Tensor:
        """The weight as it is used."""
        return self.weight if self.factor == 1.0 else self.weight * self.factor


class Linear(Weights):
    """Affine map of [N, inputs]."""

    def __init__(self, inputs: int, outputs: int, stream: torch.Generator, init: Init = GLOROT, bias: bool = True):
        super().__init__((outputs, inputs), outputs, (inputs, outputs), init, bias, stream)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.effective(), self.bias)


class SameConv(Weights):
    """Convolution with TensorFlow's SAME padding over 1 or 2 equal sides: the output side is ceil(input side / stride).

    Where the padding is odd the extra position comes at the end. x: [N, inputs, L] or [N, inputs, H, W] with H = W.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int,
        stream: torch.Generator,
        init: Init = HE,
        bias: bool = True,
        dims: int = 2,
    ):
        fans = inputs * kernel**dims, outputs * kernel**dims / stride**dims
        super().__init__((outputs, inputs, *[kernel] * dims), outputs, fans, init, bias, stream)
        self.kernel, self.stride, self.dims = kernel, stride, dims

    def forward(self, x: Tensor) -> Tensor:
        side = x.shape[-1]
        total = max((-(-side // self.stride) - 1) * self.stride + self.kernel - side, 0)
        before, after = total // 2, total - total // 2
        convolve = F.conv2d if self.dims == 2 else F.conv1d
        if before == after:
            return convolve(x, self.effective(), self.bias, stride=self.stride, padding=before)
        return convolve(F.pad(x, (before, after) * self.dims), self.effective(), self.bias, stride=self.stride)


class SameConvTranspose2d(Weights):
    """Gradient of a two-dimensional `SameConv` with respect to its input: the output side is input side * stride.

    The full output is cropped by (kernel - stride) in all, the smaller half before the image.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int,
        stream: torch.Generator,
        init: Init = HE,
        bias: bool = True,
    ):
        fans = inputs * kernel**2 / stride**2, outputs * kernel**2
        super().__init__((inputs, outputs, kernel, kernel), outputs, fans, init, bias, stream)
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        side = x.shape[-1] * self.stride
        before = (self.kernel - self.stride) // 2
        full = F.conv_transpose2d(x, self.effective(), self.bias, stride=self.stride, padding=before)
        return full[..., :side, :side]


class OverParts(nn.Module):
    """A norm whose statistics are those of each of `parts` equal parts of the batch, which `parts_of` sets."""

    parts = 1

    def over_parts(self, normalise: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """Each part of x [N, ...] normalised by itself."""
        return normalise(x) if self.parts == 1 else torch.cat([normalise(part) for part in x.chunk(self.parts)])


@contextmanager
def parts_of(network: nn.Module, parts: int) -> Iterator[None]:
    """Let the batch norms of a network take each of so many equal parts of a batch by itself, in one pass over all of it."""
    norms = [module for module in network.modules() if isinstance(module, OverParts)] if parts > 1 else []
    for norm in norms:
        norm.parts = parts
    try:
        yield
    finally:
        for norm in norms:
            norm.parts = 1


class BatchNorm(OverParts):
    """Batch normalisation by the statistics of the present batch, at sampling too; biased variance, epsilon 1e-5."""

    def __init__(self, channels: int):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))
        self.offset = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.over_parts(lambda part: F.batch_norm(part, None, None, self.scale, self.offset, True, eps=1e-5), x)


class ConditionalBatchNorm(OverParts):
    """Batch norm whose scale and offset are rows of tables [classes, channels]; the statistics are shared by all classes."""

    def __init__(self, channels: int, classes: int):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(classes, channels))
        self.offset = nn.Parameter(torch.zeros(classes, channels))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        shape = (*x.shape[:2], *[1] * (x.ndim - 2))
        normalised = self.over_parts(lambda part: F.batch_norm(part, None, None, training=True, eps=1e-5), x)
        return normalised * self.scale[labels].view(shape) + self.offset[labels].view(shape)


class MovingBatchNorm(OverParts):
    """Batch norm by the batch while training and by moving averages in `eval` mode; epsilon 1e-3, momentum 0.99.

    The defaults of tf.layers in Lipschitz GANs' code, which updates the averages in the generator's steps alone: they are
    updated where `recording` is set.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, channels: int):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))
        self.offset = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))
        self.recording = False

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        mean, variance = (None, None) if self.training and not self.recording else (self.mean, self.variance)

        def normalise(part: Tensor) -> Tensor:
            return F.batch_norm(part, mean, variance, self.scale, self.offset, self.training, momentum=0.01, eps=1e-3)

        return self.over_parts(normalise, x)


class LayerNorm(nn.Module):
    """Layer normalisation over channels and pixels of each example, one scale and offset per channel, epsilon 1e-5."""

    def __init__(self, channels: int):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))
        self.offset = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        return F.group_norm(x, 1, self.scale, self.offset, eps=1e-5)


def _norm(kind: Normalization, channels: int, classes: int | None) -> nn.Module:
    if kind == "conditional_batch":
        if classes is None:
            raise ValueError("conditional_batch needs the number of classes, found none")
        return ConditionalBatchNorm(channels, classes)
    return {"batch": BatchNorm, "moving_batch": MovingBatchNorm, "layer": LayerNorm}[kind](channels)


class WeightLayer(nn.Module):
    """A described weight layer followed by its normalisation and nonlinearity."""

    def __init__(self, layer: Layer, inputs: Shape, stream: torch.Generator, classes: int | None):
        super().__init__()
        self.layer = layer
        self.weight: Weights
        if layer.kind == "linear":
            size = layer.outputs * math.prod(layer.sides)
            self.weight = Linear(math.prod(inputs), size, stream, layer.init, layer.bias)
        elif layer.kind == "conv":
            arguments = inputs[0], layer.outputs, layer.kernel, layer.stride, stream, layer.init, layer.bias
            self.weight = SameConv(*arguments, dims=len(inputs) - 1)
        else:
            arguments = inputs[0], layer.outputs, layer.kernel, layer.stride, stream, layer.init, layer.bias
            self.weight = SameConvTranspose2d(*arguments)
        self.norm: nn.Module | None = None
        if layer.normalization != "none":
            self.norm = _norm(layer.normalization, layer.outputs, classes)
            if layer.norm_std:
                scales = 1 + layer.norm_std * torch.randn(layer.outputs, generator=stream)
                self.norm.load_state_dict({"scale": scales}, strict=False)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        layer = self.layer
        if layer.kind == "linear":
            x = self.weight(x.flatten(1))
            if layer.sides:
                x = x.view(-1, layer.outputs, *layer.sides)
        else:
            x = self.weight(x)
        if self.norm is not None:
            x = self.norm(x, labels)
        return x if layer.nonlinearity is None else NONLINEARITIES[layer.nonlinearity](x)


class Operation(nn.Module):
    """An `Op` node."""

    def __init__(self, op: Op):
        super().__init__()
        self.op = op

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        kind, value = self.op
        if kind == "upsample":
            return F.interpolate(x, scale_factor=2, mode="nearest")
        if kind == "mean_pool":
            return mean_pool(x)
        if kind == "pixel_shuffle":
            return F.pixel_shuffle(x, 2)
        if kind == "global_mean":
            return x.flatten(2).mean(dim=2)
        if kind == "crop":
            return x[..., :value, :value]
        if kind == "scale":
            return x * float(value)
        if kind == "reshape":
            return x.reshape(-1, *value)
        return NONLINEARITIES[kind](x)


class ResidualBlock(nn.Module):
    """A `Residual` node."""

    def __init__(self, node: Residual, inputs: Shape, stream: torch.Generator, classes: int | None):
        super().__init__()
        self.branch = Stack(node.branch, inputs, stream, classes)
        self.shortcut = Stack(node.shortcut, inputs, stream, classes)
        self.scale = node.scale

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        branch: Tensor = self.branch(x, labels)
        shortcut: Tensor = self.shortcut(x, labels)
        return shortcut + (branch if self.scale == 1.0 else self.scale * branch)


class DenseBlock(nn.Module):
    """A `Dense` node."""

    def __init__(self, node: Dense, inputs: Shape, stream: torch.Generator, classes: int | None):
        super().__init__()
        self.branch = Stack(node.branch, inputs, stream, classes)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        return torch.cat([x, self.branch(x, labels)], dim=1)


class HeadsBlock(nn.Module):
    """A `Heads` node."""

    def __init__(self, node: Heads, inputs: Shape, stream: torch.Generator, classes: int | None):
        super().__init__()
        self.heads = nn.ModuleDict({head.name: WeightLayer(head, inputs, stream, classes) for head in node.heads})

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        return torch.cat([head(x, labels) for head in self.heads.values()], dim=1)


class Stack(nn.Module):
    """Nodes in order, those with parameters named as described. x: [N, *inputs]; labels: [N], for conditional norms alone."""

    def __init__(self, nodes: Nodes, inputs: Shape, stream: torch.Generator, classes: int | None = None):
        super().__init__()
        self.inputs = inputs
        for index, node in enumerate(nodes):
            name = f"op{index}" if isinstance(node, Op) else node.name
            self.add_module(name, _module(node, inputs, stream, classes))
            inputs = output_shape(node, inputs)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        for module in self.children():
            x = module(x, labels)
        return x


def _module(node: Node, inputs: Shape, stream: torch.Generator, classes: int | None) -> nn.Module:
    if isinstance(node, Layer):
        return WeightLayer(node, inputs, stream, classes)
    if isinstance(node, Norm):
        return _norm(node.kind, inputs[0], classes)
    if isinstance(node, Op):
        return Operation(node)
    if isinstance(node, Residual):
        return ResidualBlock(node, inputs, stream, classes)
    if isinstance(node, Dense):
        return DenseBlock(node, inputs, stream, classes)
    return HeadsBlock(node, inputs, stream, classes)
