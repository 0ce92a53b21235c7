"""The small convolutional networks of WGAN-GP's CIFAR-10 and MNIST experiments. Importing this needs no torch."""

from typing import Any, ClassVar, Literal

from wganlib.architectures.nodes import Node, Op, conv, deconv, linear, scaled, start_side
from wganlib.datasets import DataShape
from wganlib.fields import Part, PositiveInt, Width


class CifarDcganSpec(Part):
    """The convergence experiment's networks (Gulrajani et al. 2017, Figure 3; official code, gan_cifar.py).

    The generator's first batch norm is over units, not channels. Under a gradient penalty the critic has no norm at all.
    """

    version: ClassVar[int] = 1
    family: Literal["cifar_dcgan"]
    critic_normalization: Literal["none", "batch", "layer"]
    width: Width = 1.0
    latent_size: PositiveInt = 128

    def generator_nodes(self, data: DataShape) -> list[Node]:
        """Linear, three transposed 5x5 convolutions, tanh."""
        start, dim = start_side(self.family, data, 8, 16), scaled(self.width, 128)
        after: dict[str, Any] = {"normalization": "batch", "nonlinearity": "relu"}
        return [
            linear("input", 4 * dim * start**2, **after),
            Op("reshape", (4 * dim, start, start)),
            deconv("up1", 2 * dim, **after),
            deconv("up2", dim, **after),
            deconv("up3", data.shape[0], nonlinearity="tanh"),
        ]

    def critic_nodes(self, data: DataShape) -> list[Node]:
        """Three strided 5x5 convolutions and a linear layer."""
        start_side(self.family, data, 8, 16)
        return _critic(scaled(self.width, 128), self.critic_normalization)


class MnistSpec(Part):
    """The MNIST overfitting experiment's networks (Gulrajani et al. 2017, Figure 5b; official code, gan_mnist.py).

    Batch norm stands in both networks under clipping and in neither under a gradient penalty. The output is a sigmoid, as the
    official MNIST pixels are in [0, 1]; `tanh` is for data in [-1, 1].
    """

    version: ClassVar[int] = 1
    family: Literal["mnist"]
    generator_normalization: Literal["none", "batch"] = "none"
    critic_normalization: Literal["none", "batch", "layer"] = "none"
    output: Literal["sigmoid", "tanh"] = "sigmoid"
    width: Width = 1.0
    latent_size: PositiveInt = 128

    def generator_nodes(self, data: DataShape) -> list[Node]:
        """Linear, a transposed 5x5 convolution, a crop to a quarter of the image's side (8 to 7 for 28), two more."""
        quarter, dim = start_side(self.family, data, 4, 8), scaled(self.width, 64)
        start = -(-quarter // 2)
        after: dict[str, Any] = {"normalization": self.generator_normalization, "nonlinearity": "relu"}
        return [
            linear("input", 4 * dim * start**2, **after),
            Op("reshape", (4 * dim, start, start)),
            deconv("up1", 2 * dim, **after),
            Op("crop", quarter),
            deconv("up2", dim, **after),
            deconv("up3", data.shape[0], nonlinearity=self.output),
        ]

    def critic_nodes(self, data: DataShape) -> list[Node]:
        """Three strided 5x5 convolutions and a linear layer; sides are rounded up when halved."""
        start_side(self.family, data, 4, 8)
        return _critic(scaled(self.width, 64), self.critic_normalization)


def _critic(dim: int, norm: Literal["none", "batch", "layer"]) -> list[Node]:
    after: dict[str, Any] = {"normalization": norm, "nonlinearity": "leaky_relu"}
    return [
        conv("down1", dim, 5, 2, nonlinearity="leaky_relu"),
        conv("down2", 2 * dim, 5, 2, **after),
        conv("down3", 4 * dim, 5, 2, **after),
        linear("output", 1),
    ]
