"""The character language model's networks (Gulrajani et al. 2017, section 5.5). Importing this needs no torch."""

from typing import ClassVar, Literal

from wganlib.architectures.nodes import Node, Op, Residual, conv, linear, scaled
from wganlib.datasets import DataShape
from wganlib.fields import Part, PositiveInt, Width


class LanguageSpec(Part):
    """One-dimensional residual networks on one-hot characters; the generator ends in a softmax at each position."""

    version: ClassVar[int] = 1
    family: Literal["language"]
    width: Width = 1.0
    latent_size: PositiveInt = 128

    def generator_nodes(self, data: DataShape) -> list[Node]:
        """Linear to the text's length, five blocks, 1x1 convolution to the vocabulary, softmax over it."""
        vocabulary, length = _text(data)
        dim = scaled(self.width, 512)
        return [linear("input", dim, (length,)), *_blocks(dim), conv("output", vocabulary, 1, nonlinearity="softmax")]

    def critic_nodes(self, data: DataShape) -> list[Node]:
        """1x1 convolution, five blocks, a linear layer on all positions."""
        _text(data)
        dim = scaled(self.width, 512)
        return [conv("input", dim, 1), *_blocks(dim), linear("output", 1)]


def _blocks(dim: int) -> list[Node]:
    """x + 0.3 conv(ReLU(conv(ReLU(x)))), kernels of five characters."""
    branch = (Op("relu"), conv("conv1", dim, 5), Op("relu"), conv("conv2", dim, 5))
    return [Residual(f"block{i}", branch, (), 0.3) for i in range(1, 6)]


def _text(data: DataShape) -> tuple[int, int]:
    if data.kind != "text":
        raise ValueError(f"language makes text, found a data set of {data.kind}: use another architecture family")
    vocabulary, length = data.shape
    return vocabulary, length
