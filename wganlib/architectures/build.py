"""From a spec's architecture to modules with initial weights."""

from typing import Any

import torch
from torch import nn

from wganlib.architectures import random_set
from wganlib.architectures.modules import Linear, Stack
from wganlib.datasets import CHANNELS
from wganlib.spec import Spec


def build_generator(spec: Spec, stream: torch.Generator) -> nn.Module:
    """The generator with initial weights drawn from `stream`: noise [N, latent_size] -> images [N, C, H, W] in [-1, 1]."""
    dataset = spec.dataset
    return Stack(random_set.generator_layers(spec.architecture, dataset.image_size, CHANNELS[dataset.name]), stream)


def build_critic(spec: Spec, stream: torch.Generator) -> nn.Module:
    """The critic with initial weights drawn from `stream`: images [N, C, H, W] -> values [N, 1]."""
    dataset = spec.dataset
    return Stack(random_set.critic_layers(spec.architecture, dataset.image_size, CHANNELS[dataset.name]), stream)


def critic_parameter_groups(critic: nn.Module, l2: float) -> list[dict[str, Any]]:
    """Optimiser groups that add the gradient of l2/2 * |w|^2 to all parameters but the biases of linear layers.

    igul222/nn leaves out the variables whose name ends in ".b", which are those; biases of convolutions, scales and
    offsets of norms are included (protocol of the random architectures).
    """
    exempt = {id(m.bias) for m in critic.modules() if isinstance(m, Linear)}
    parameters = list(critic.parameters())
    return [
        {"params": [p for p in parameters if id(p) not in exempt], "weight_decay": l2},
        {"params": [p for p in parameters if id(p) in exempt], "weight_decay": 0.0},
    ]
