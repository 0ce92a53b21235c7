"""The networks of a run with their initial weights."""

import torch

from wganlib.architectures import build
from wganlib.architectures.modules import Stack
from wganlib.spec.run import Spec


def build_generator(spec: Spec, stream: torch.Generator) -> Stack | None:
    """See `wganlib.architectures.build.build_generator`."""
    return build.build_generator(spec.architecture, spec.dataset.shape, stream)


def build_critic(spec: Spec, stream: torch.Generator) -> Stack:
    """See `wganlib.architectures.build.build_critic`; spectrally normalised where the method's constraint is that."""
    critic = build.build_critic(spec.architecture, spec.dataset.shape, stream)
    if spec.method.constraint.kind == "spectral_normalization":
        build.spectrally_normalize(critic, stream)
    return critic
