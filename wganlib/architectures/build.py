"""From an architecture and a shape of data to modules with initial weights."""

from typing import Any, NamedTuple

import torch
from torch import nn

from wganlib.architectures.modules import Stack, Weights
from wganlib.architectures.nodes import Architecture
from wganlib.datasets import DataShape
from wganlib.streams import stream as random_stream


class Pair(NamedTuple):
    """A generator, noise [N, latent_size] -> examples [N, ...], and its critic, examples -> values [N, 1]."""

    generator: Stack | None
    critic: Stack
    latent_size: int


def build_pair(architecture: Architecture, data: DataShape, seed: int) -> Pair:
    """Both networks with the initial weights of a run of this seed."""
    stream = random_stream(seed, "init")
    generator = build_generator(architecture, data, stream)
    return Pair(generator, build_critic(architecture, data, stream), architecture.latent_size)


def build_generator(architecture: Architecture, data: DataShape, stream: torch.Generator) -> Stack | None:
    """The generator with initial weights drawn from `stream`: noise [N, latent_size] -> examples [N, ...] of the data's shape.

    None for the toys' generators that have no network. A conditional generator takes labels [N] as its second argument.
    """
    nodes = architecture.generator_nodes(data)
    return Stack(nodes, (architecture.latent_size,), stream, data.classes) if nodes else None


def build_critic(architecture: Architecture, data: DataShape, stream: torch.Generator) -> Stack:
    """The critic with initial weights drawn from `stream`: examples [N, ...] -> values [N, 1].

    A conditional critic gives [N, 1 + classes]: the value, then the class logits.
    """
    return Stack(architecture.critic_nodes(data), data.shape, stream, data.classes)


def spectrally_normalize(critic: nn.Module, stream: torch.Generator) -> None:
    """Register torch's spectral norm on every weight layer; its power iteration begins at vectors drawn from the stream."""
    seed = int(torch.randint(2**62, (), generator=stream))
    with torch.random.fork_rng(devices=[]):  # torch draws them from the CPU's global generator, which is put back
        torch.default_generator.manual_seed(seed)
        for module in list(critic.modules()):
            if isinstance(module, Weights):
                module.factor = 1.0  # a constant factor on the weights does not change them once normalised
                nn.utils.parametrizations.spectral_norm(module, "weight")


def critic_parameter_groups(critic: nn.Module, l2: float) -> list[dict[str, Any]]:
    """Optimiser groups that add the gradient of l2/2 * |w|^2 to weights and norms' scales: not to biases and norms' offsets.

    igul222/nn means to leave out the variables whose name ends in ".b": the biases of all layers and the offsets of norms. Read
    to the letter it leaves out none, as TensorFlow's names end in ":0" (protocol of the random architectures).
    """
    named = list(critic.named_parameters())
    decayed = [p for name, p in named if not name.endswith((".bias", ".offset"))]
    exempt = [p for name, p in named if name.endswith((".bias", ".offset"))]
    return [{"params": decayed, "weight_decay": l2}, {"params": exempt, "weight_decay": 0.0}]
