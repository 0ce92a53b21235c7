"""A network with Inception's interface: the real weights are not part of the project."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from wganlib.datasets.fetch import checksum
from wganlib.scoring import inception

KEPT = 64
"""Features on which distances are taken: it takes ten seconds to find the root of a covariance of all 2,048."""


class Layers(nn.Module):
    """The part of the stand-in that clean-fid calls `layers`."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class StandIn(nn.Module):
    """Same interface as the translated Inception: 2,048 features, 1,008 classes, an output bias that can be left out."""

    def __init__(self, features: int = 2048):
        super().__init__()
        stream = torch.Generator().manual_seed(0)
        self.layers = Layers()
        self.register_buffer("project", torch.randn(features, 48, generator=stream))
        self.register_buffer("weight", torch.randn(1008, features, generator=stream) / 40)
        self.register_buffer("bias", torch.randn(1008, generator=stream))

    def forward(self, x: torch.Tensor, return_features: bool = False, use_fp16: bool = False, no_output_bias: bool = False):
        pooled = F.adaptive_avg_pool2d(x.float() / 128 - 1, [4, 4]).flatten(1)
        features = torch.tanh(F.linear(pooled, self.project))
        if return_features:
            return features
        logits = F.linear(features, self.weight) if no_output_bias else F.linear(features, self.weight, self.bias)
        return F.softmax(logits, dim=1)


def save_stand_in(path: Path, features: int = 2048) -> str:
    """Write the stand-in to a file, whose sha256 is returned."""
    torch.jit.script(StandIn(features)).save(str(path))
    return checksum(path, "sha256")


def install_stand_in(path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the stand-in be the network that scores as Inception, with its first features; returns its sha256."""
    original = inception.outputs

    def outputs(*arguments):
        probabilities, features = original(*arguments)
        return probabilities, features[:, :KEPT]

    monkeypatch.setenv("INCEPTION_WEIGHTS", str(path))
    monkeypatch.setattr(inception, "outputs", outputs)
    return save_stand_in(path)
