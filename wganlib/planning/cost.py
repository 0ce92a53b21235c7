"""What a run costs, by formula: operations and seconds. Importing this needs no torch."""

from wganlib import architectures
from wganlib.architectures.nodes import Layer, Shape, forward_flops, layers_below_curvature, weight_layers
from wganlib.planning.params import StackThroughput, Throughput
from wganlib.spec.run import Spec
from wganlib.spec.stack import StackSpec

WeightLayers = list[tuple[Layer, Shape]]


def run_flops(spec: Spec, stacked: bool = False) -> int:
    """Floating-point operations of a run's training.

    Counted as automatic differentiation runs it. Backward costs a product for the weights and one for the input of each layer,
    the latter not where the input needs no gradient. The penalty adds a forward pass, the gradient with respect to the input,
    and its backward pass: two products a layer through the gradient, and two more through the forward pass (one at the first
    layer, whose input needs none) of the layers that a second derivative reaches; in a stack, which computes those that are
    zero, of all but the last.
    """
    method, iterations = spec.method, spec.generator_iterations
    generator, critic = _layers(spec)
    g, d = sum(forward_flops(*layer) for layer in generator), sum(forward_flops(*layer) for layer in critic)
    d_first = forward_flops(*critic[0])
    critic_pass = 3 * d - d_first
    critic_step = method.batch_size * (g + 2 * critic_pass)
    if method.constraint.kind == "gradient_penalty":
        buffer = method.constraint.buffer
        points = method.batch_size + (buffer.size if buffer and buffer.mode == "extend" else 0)
        reached = [forward_flops(*layer) for layer in critic[: _reached(spec, stacked)]]
        critic_step += points * (4 * d + (2 * sum(reached) - d_first if reached else 0))
    total = method.total_critic_steps(iterations) * critic_step
    if generator:
        g_first = forward_flops(*generator[0])
        total += iterations * method.generator_batch_size * (3 * g - g_first + 2 * d)
    return total


def run_seconds(spec: Spec, throughput: Throughput) -> float:
    """Estimated seconds of a run's training on one device (one core where the device is a CPU)."""
    return run_flops(spec) / throughput.flops_per_second + _layer_calls(spec) * throughput.seconds_per_layer_call


def _reached(spec: Spec, stacked: bool) -> int:
    """How many of the critic's weight layers, from the first, the penalty's backward pass reaches through the forward pass."""
    nodes, shape = architectures.nodes(spec.architecture, spec.dataset.shape, "critic")
    return len(weight_layers(nodes, shape)) - 1 if stacked else layers_below_curvature(nodes, shape)


def _layer_calls(spec: Spec, stacked: bool = False) -> int:
    """Calls of a layer: a forward pass and its backward one count as three products, the penalty adds four to six."""
    generator, critic = _layers(spec)
    per_critic_step = len(generator) + 6 * len(critic)
    if spec.method.constraint.kind == "gradient_penalty":
        per_critic_step += 4 * len(critic) + 2 * _reached(spec, stacked)
    per_generator_step = 3 * len(generator) + 2 * len(critic) if generator else 0
    iterations = spec.generator_iterations
    return spec.method.total_critic_steps(iterations) * per_critic_step + iterations * per_generator_step


def stack_seconds(stack: StackSpec, throughput: StackThroughput) -> float:
    """Estimated seconds of a stack's training on one core."""
    run = stack.runs[0]
    steps = run.method.total_critic_steps(run.generator_iterations)
    weights = architectures.parameters(run.architecture, run.dataset.shape, "critic")
    # Spectral norm writes in place, so that its networks are called one after the other.
    called = len(stack.runs) if run.method.constraint.kind == "spectral_normalization" else 1
    return (
        sum(run_flops(one, stacked=True) for one in stack.runs) / throughput.flops_per_second
        + called * _layer_calls(run, stacked=True) * throughput.seconds_per_layer_call
        + steps * throughput.seconds_per_step
        + steps * len(stack.runs) * (throughput.seconds_per_draw + weights * throughput.seconds_per_weight)
    )


def _layers(spec: Spec) -> tuple[WeightLayers, WeightLayers]:
    data = spec.dataset.shape
    generator, critic = (weight_layers(*architectures.nodes(spec.architecture, data, n)) for n in ("generator", "critic"))
    return generator, critic
