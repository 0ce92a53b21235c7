"""What a run costs, by formula: operations and seconds. Importing this needs no torch."""

from wganlib.architectures import random_set
from wganlib.architectures.layers import Layer, training_flops
from wganlib.datasets import CHANNELS
from wganlib.params import Throughput
from wganlib.spec import Spec


def run_flops(spec: Spec) -> int:
    """Floating-point operations of a run's training."""
    generator, critic = _layers(spec)
    method = spec.method
    per_iteration = training_flops(
        generator,
        critic,
        batch_size=method.batch_size,
        generator_batch_size=method.generator_batch_size,
        critic_steps=method.critic_steps,
        gradient_penalty=method.constraint.kind == "gradient_penalty",
    )
    return per_iteration * spec.generator_iterations


def run_seconds(spec: Spec, throughput: Throughput) -> float:
    """Estimated seconds of a run's training on one device (one core where the device is a CPU)."""
    generator, critic = _layers(spec)
    penalised = spec.method.constraint.kind == "gradient_penalty"
    # Calls of a layer: a forward pass and its backward one count as three products, the penalty adds six.
    per_critic_step = len(generator) + (12 if penalised else 6) * len(critic)
    per_generator_step = 3 * len(generator) + 2 * len(critic)
    calls = spec.generator_iterations * (spec.method.critic_steps * per_critic_step + per_generator_step)
    return run_flops(spec) / throughput.flops_per_second + calls * throughput.seconds_per_layer_call


def _layers(spec: Spec) -> tuple[list[Layer], list[Layer]]:
    size, channels = spec.dataset.image_size, CHANNELS[spec.dataset.name]
    return (
        random_set.generator_layers(spec.architecture, size, channels),
        random_set.critic_layers(spec.architecture, size, channels),
    )
