"""Networks as plain values: nodes in order, their shapes, parameters and operations. Importing this needs no torch.

A network is a list of nodes. Shapes leave the batch out and have channels first: (D,), (C, L) or (C, H, W).
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from wganlib.datasets import DataShape
from wganlib.fields import Nonlinearity, Normalization

Shape = tuple[int, ...]


class Init(NamedTuple):
    """How weights begin; biases begin at zero except where noted.

    `he`, `glorot`: uniform with variance value^2 * 4 (or 2) / (fan-in + fan-out), the official WGAN-GP code's rules; `fan_in`:
    uniform with variance value^2 * 2 / fan-in; `uniform`, `normal`: standard deviation `value`; `torch`: PyTorch's default,
    uniform up to 1 / sqrt(fan-in), biases too; `equalised_normal`, `equalised_uniform`: variance 1, multiplied by
    value / sqrt(fan-in) whenever the weights are used (Zhou et al. 2019, code).
    """

    rule: Literal["he", "glorot", "fan_in", "uniform", "normal", "torch", "equalised_normal", "equalised_uniform"]
    value: float = 1.0


HE, GLOROT, FAN_IN, TORCH = Init("he"), Init("glorot"), Init("fan_in"), Init("torch")


class Layer(NamedTuple):
    """A weight layer with the normalisation and nonlinearity that follow it.

    A linear layer flattens its input and reshapes its output to (outputs, *sides). Convolutions have TensorFlow's SAME padding.
    `norm_std`: the norm's scales begin normal around one with this standard deviation.
    """

    name: str
    kind: Literal["linear", "conv", "deconv"]
    outputs: int
    kernel: int = 1
    stride: int = 1
    sides: Shape = ()
    normalization: Normalization = "none"
    nonlinearity: Nonlinearity | None = None
    init: Init = GLOROT
    bias: bool = True
    norm_std: float = 0.0


def linear(name: str, outputs: int, sides: Shape = (), **options: Any) -> Layer:
    """A linear layer, Glorot unless told otherwise."""
    return Layer(name, "linear", outputs, sides=sides, **options)


def conv(name: str, outputs: int, kernel: int, stride: int = 1, *, init: Init = HE, **options: Any) -> Layer:
    """A convolution, "He" unless told otherwise."""
    return Layer(name, "conv", outputs, kernel, stride, init=init, **options)


def deconv(name: str, outputs: int, kernel: int = 5, *, init: Init = HE, **options: Any) -> Layer:
    """A transposed convolution of stride 2, "He" unless told otherwise."""
    return Layer(name, "deconv", outputs, kernel, 2, init=init, **options)


class Norm(NamedTuple):
    """A normalisation that stands alone, before a nonlinearity and a convolution."""

    name: str
    kind: Normalization


class Op(NamedTuple):
    """A node without parameters: a nonlinearity by its name, or one of those below.

    `upsample`: nearest neighbour, sides doubled; `mean_pool`: 2x2 means; `pixel_shuffle`: 4C channels to sides doubled;
    `global_mean`: mean over all sides; `crop`: the first `value` rows and columns; `scale`: multiplied by `value`;
    `reshape`: to the shape `value`.
    """

    kind: Literal["upsample", "mean_pool", "pixel_shuffle", "global_mean", "crop", "scale", "reshape"] | Nonlinearity
    value: Any = None


class Residual(NamedTuple):
    """shortcut(x) + scale * branch(x); an empty shortcut is the identity."""

    name: str
    branch: tuple["Node", ...]
    shortcut: tuple["Node", ...] = ()
    scale: float = 1.0


class Dense(NamedTuple):
    """The input followed by branch(input), channels side by side."""

    name: str
    branch: tuple["Node", ...]


class Heads(NamedTuple):
    """Several linear layers on one input, outputs side by side."""

    name: str
    heads: tuple[Layer, ...]


Node = Layer | Norm | Op | Residual | Dense | Heads
Nodes = Sequence[Node]


class Architecture(Protocol):
    """What every family's spec has."""

    @property
    def latent_size(self) -> int: ...

    def generator_nodes(self, data: DataShape) -> Nodes: ...

    def critic_nodes(self, data: DataShape) -> Nodes: ...


def output_shape(node: Node, shape: Shape) -> Shape:
    """The shape that a node makes of an input's shape."""
    if isinstance(node, Layer):
        if node.kind == "linear":
            made: Shape = (node.outputs, *node.sides)
        else:
            sides = (side * node.stride if node.kind == "deconv" else -(-side // node.stride) for side in shape[1:])
            made = (node.outputs, *sides)
        return (made[0] // 2, *made[1:]) if node.nonlinearity == "gated" else made
    if isinstance(node, Residual):
        return final_shape(node.branch, shape)
    if isinstance(node, Dense):
        return (shape[0] + final_shape(node.branch, shape)[0], *shape[1:])
    if isinstance(node, Heads):
        return (sum(head.outputs for head in node.heads),)
    if isinstance(node, Op):
        if node.kind == "upsample":
            return (shape[0], *(2 * side for side in shape[1:]))
        if node.kind == "mean_pool":
            return (shape[0], *(side // 2 for side in shape[1:]))
        if node.kind == "pixel_shuffle":
            return (shape[0] // 4, *(2 * side for side in shape[1:]))
        if node.kind == "global_mean":
            return shape[:1]
        if node.kind == "crop":
            return (shape[0], *(node.value for _ in shape[1:]))
        if node.kind == "reshape":
            return tuple(node.value)
    return shape


def final_shape(nodes: Nodes, shape: Shape) -> Shape:
    """The shape that a network makes of an input's shape."""
    for node in nodes:
        shape = output_shape(node, shape)
    return shape


def leaves(nodes: Nodes, shape: Shape) -> Iterator[tuple[Layer | Norm, Shape]]:
    """Every node that has parameters, in order, with the shape of its input."""
    for node in nodes:
        if isinstance(node, Layer | Norm):
            yield node, shape
        elif isinstance(node, Residual):
            yield from leaves(node.branch, shape)
            yield from leaves(node.shortcut, shape)
        elif isinstance(node, Dense):
            yield from leaves(node.branch, shape)
        elif isinstance(node, Heads):
            yield from ((head, shape) for head in node.heads)
        shape = output_shape(node, shape)


def weight_layers(nodes: Nodes, shape: Shape) -> list[tuple[Layer, Shape]]:
    """Every weight layer with the shape of its input."""
    return [(node, inputs) for node, inputs in leaves(nodes, shape) if isinstance(node, Layer)]


def layers_below_curvature(nodes: Nodes, shape: Shape) -> int:
    """How many weight layers, from the first, have after them a norm or a nonlinearity of theirs that has a second derivative.

    Single nonlinearities between layers are piecewise linear in every critic.
    """
    layers = below = 0
    for node, _ in leaves(nodes, shape):
        layers += isinstance(node, Layer)
        smooth = isinstance(node, Layer) and node.nonlinearity not in (None, "relu", "leaky_relu")
        if smooth or not isinstance(node, Layer) or node.normalization != "none":
            below = layers
    return below


def parameter_count(nodes: Nodes, shape: Shape, classes: int | None = None) -> int:
    """Number of trainable scalars: weights, biases, and two per normalised channel (and class, where conditional)."""
    total = 0
    for node, inputs in leaves(nodes, shape):
        if isinstance(node, Layer):
            outputs = node.outputs * (math.prod(node.sides) if node.kind == "linear" else 1)
            total += _fan_in(node, inputs) * outputs + (outputs if node.bias else 0)
            channels, kind = node.outputs, node.normalization
        else:
            channels, kind = inputs[0], node.kind
        if kind != "none":
            total += 2 * channels * ((classes or 1) if kind == "conditional_batch" else 1)
    return total


def forward_flops(layer: Layer, inputs: Shape) -> int:
    """Floating-point operations of one example's forward pass, two per multiply-add; biases, norms and nonlinearities left out.

    A strided convolution visits its kernel once per output position, a transposed one once per input position.
    """
    if layer.kind == "linear":
        return 2 * math.prod(inputs) * layer.outputs * math.prod(layer.sides)
    sides = inputs[1:] if layer.kind == "deconv" else output_shape(layer, inputs)[1:]
    return 2 * _fan_in(layer, inputs) * layer.outputs * math.prod(sides)


def _fan_in(layer: Layer, inputs: Shape) -> int:
    return math.prod(inputs) if layer.kind == "linear" else int(inputs[0] * layer.kernel ** len(inputs[1:]))


def scaled(width: float, count: int) -> int:
    """`count` channels or units times the width factor, rounded, at least one."""
    return max(1, round(width * count))


def start_side(family: str, data: DataShape, factor: int, minimum: int) -> int:
    """The side length of the first grid of a network whose layers double it to the image's: image side / factor.

    Raises:
        ValueError: the data are not images, or of a side that the layers cannot make.
    """
    if data.kind != "images":
        raise ValueError(f"{family} makes images, found a data set of {data.kind}: use another architecture family")
    side = data.shape[-1]
    if data.shape[-2] != side:
        raise ValueError(f"{family} makes square images, found {data.shape[-2]} x {side}")
    if side % factor or side < minimum:
        raise ValueError(
            f"{family} makes images whose side is a multiple of {factor}, at least {minimum}: found image_size {side}"
        )
    return side // factor
