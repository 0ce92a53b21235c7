"""Weight layers as plain values, and what they cost. Importing this needs no torch."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from wganlib.spec import Nonlinearity, Normalization


class Layer(NamedTuple):
    """A weight layer with the normalisation and nonlinearity that follow it.

    `size` is the side length of the output in pixels (1 for a linear layer whose output is not reshaped); a linear layer
    with `size` > 1 is reshaped to `outputs` channels of that size, one whose input has `kernel` > 1 flattens
    `inputs` channels of that size.
    """

    name: str
    kind: Literal["linear", "conv", "deconv"]
    inputs: int
    outputs: int
    size: int
    kernel: int = 1
    stride: int = 1
    normalization: Normalization = "none"
    nonlinearity: Nonlinearity | None = None


def parameter_count(layers: Iterable[Layer]) -> int:
    """Number of trainable scalars: weights, biases, and two per channel where a layer is normalised."""
    total = 0
    for layer in layers:
        norm = 2 * layer.outputs if layer.normalization != "none" else 0
        if layer.kind == "linear":
            inputs, outputs = layer.inputs * layer.kernel**2, layer.outputs * layer.size**2
            total += inputs * outputs + outputs + norm
        else:
            total += layer.inputs * layer.outputs * layer.kernel**2 + layer.outputs + norm
    return total


def forward_flops(layer: Layer) -> int:
    """Floating-point operations of one example's forward pass, two per multiply-add; biases, norms and nonlinearities left out.

    A strided convolution visits its kernel once per output pixel, a transposed one once per input pixel.
    """
    if layer.kind == "linear":
        return 2 * layer.inputs * layer.kernel**2 * layer.outputs * layer.size**2
    visited = layer.size // layer.stride if layer.kind == "deconv" else layer.size
    return 2 * layer.inputs * layer.outputs * layer.kernel**2 * visited**2


def training_flops(
    generator: list[Layer],
    critic: list[Layer],
    *,
    batch_size: int,
    generator_batch_size: int,
    critic_steps: int,
    gradient_penalty: bool,
) -> int:
    """Floating-point operations of one generator iteration, its critic steps included.

    Counted as automatic differentiation runs it. Backward costs a product for the weights and one for the input of each layer,
    the latter not where the input needs no gradient. The penalty adds a forward pass, the gradient with respect to the input,
    and its backward pass: two products a layer through the gradient, and for all layers but the last, which is linear, two more
    through the forward pass (one at the first layer, whose input needs none).
    """
    g, d = sum(map(forward_flops, generator)), sum(map(forward_flops, critic))
    d_first, d_last, g_first = forward_flops(critic[0]), forward_flops(critic[-1]), forward_flops(generator[0])
    critic_pass = 3 * d - d_first
    penalty = 2 * d + 2 * d + 2 * (d - d_last) - d_first if gradient_penalty else 0
    critic_step = batch_size * (g + 2 * critic_pass + penalty)
    generator_step = generator_batch_size * (3 * g - g_first + 2 * d)
    return critic_steps * critic_step + generator_step
