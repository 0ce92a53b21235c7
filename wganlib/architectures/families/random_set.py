"""The 9,216 architectures of Gulrajani et al. 2017, Table 1. Importing this needs no torch.

The paper gives the factors; the networks are those of the first author's development code of the same month
(igul222/nn, experiments/wgan/wgan_imagenet32.py): four weight layers each, extra 3x3 convolutions at the middle
resolution. Depth 4 is the base, so depth d has d - 4 extra ones.
"""

import itertools
from typing import Any, ClassVar, Literal

import numpy as np

from wganlib.architectures.nodes import Node, conv, deconv, linear, scaled, start_side
from wganlib.datasets import DataShape
from wganlib.errors import WganlibError
from wganlib.fields import Part, PositiveInt, Width

Activation = Literal["relu", "leaky_relu", "smooth_elu", "tanh", "elu", "elu_first_order"]
"""Table 1's nonlinearities, and ELU for appendix D."""


class RandomSetSpec(Part):
    """One architecture of the set in Gulrajani et al. 2017, Table 1.

    Filter counts are the paper's; the networks have `round(width * filters)`, so that small scales keep the factor's name.
    """

    version: ClassVar[int] = 1
    family: Literal["random_set"]
    generator_nonlinearity: Activation
    critic_nonlinearity: Activation
    generator_depth: Literal[4, 8, 12, 20]
    critic_depth: Literal[4, 8, 12, 20]
    generator_normalization: Literal["none", "batch"]
    critic_normalization: Literal["none", "batch", "layer"]
    generator_filters: Literal[32, 64, 128]
    critic_filters: Literal[32, 64, 128]
    width: Width = 1.0
    latent_size: PositiveInt = 128

    def generator_nodes(self, data: DataShape) -> list[Node]:
        """Linear to a grid of an eighth of the image, three stride-2 transposed convolutions, extras after the first; tanh."""
        start, f = start_side(self.family, data, 8, 16), scaled(self.width, self.generator_filters)
        after: dict[str, Any] = {"normalization": self.generator_normalization, "nonlinearity": self.generator_nonlinearity}
        return [
            linear("input", 4 * f, (start, start), **after),
            deconv("up1", 2 * f, **after),
            *(conv(f"extra{i}", 2 * f, 3, **after) for i in range(self.generator_depth - 4)),
            deconv("up2", f, **after),
            deconv("up3", data.shape[0], nonlinearity="tanh"),
        ]

    def critic_nodes(self, data: DataShape) -> list[Node]:
        """The generator's mirror; its first convolution is never normalised."""
        f, act = scaled(self.width, self.critic_filters), self.critic_nonlinearity
        after: dict[str, Any] = {"normalization": self.critic_normalization, "nonlinearity": act}
        return [
            conv("down1", f, 5, 2, nonlinearity=act),
            conv("down2", 2 * f, 5, 2, **after),
            *(conv(f"extra{i}", 2 * f, 3, **after) for i in range(self.critic_depth - 4)),
            conv("down3", 4 * f, 5, 2, **after),
            linear("output", 1),
        ]


FACTORS: dict[str, tuple[Any, ...]] = {
    "generator_nonlinearity": ("relu", "leaky_relu", "smooth_elu", "tanh"),
    "critic_nonlinearity": ("relu", "leaky_relu", "smooth_elu", "tanh"),
    "generator_depth": (4, 8, 12, 20),
    "critic_depth": (4, 8, 12, 20),
    "generator_normalized": (True, False),
    "critic_normalized": (True, False),
    "generator_filters": (32, 64, 128),
    "critic_filters": (32, 64, 128),
}
"""Table 1's factors and values in its order."""

BASE: dict[str, Any] = {
    "generator_nonlinearity": "relu",
    "critic_nonlinearity": "leaky_relu",
    "generator_depth": 4,
    "critic_depth": 4,
    "generator_normalized": True,
    "critic_normalized": True,
    "generator_filters": 64,
    "critic_filters": 64,
}
"""The standard DCGAN of the set, on which the demo's settings are chosen."""


def sample(count: int) -> list[dict[str, Any]]:
    """The first `count` architectures of the shuffled set, as factor values.

    The product runs with the last factor fastest and is shuffled by NumPy's RandomState(42), as igul222/nn does.

    Raises:
        WganlibError: more architectures are asked for than the set has.
    """
    product = list(itertools.product(*FACTORS.values()))
    if not 1 <= count <= len(product):
        raise WganlibError(f"architectures: found {count}, allowed are 1 to {len(product)}")
    order = np.random.RandomState(42).permutation(len(product))
    return [dict(zip(FACTORS, product[i], strict=True)) for i in order[:count]]


def architecture(factors: dict[str, Any], *, width: float, critic_norm: Literal["none", "batch", "layer"]) -> RandomSetSpec:
    """The spec of one architecture. `critic_norm`: the norm of a normalised critic, layer norm under a gradient penalty.

    Raises:
        WganlibError: an unknown factor, or a value that Table 1 does not list.
    """
    for name, value in factors.items():
        if name not in FACTORS:
            raise WganlibError(f"architecture factor {name!r}: allowed are {', '.join(FACTORS)}")
        if value not in FACTORS[name]:
            raise WganlibError(f"architecture factor {name}: found {value!r}, allowed are {', '.join(map(str, FACTORS[name]))}")
    missing = [name for name in FACTORS if name not in factors]
    if missing:
        raise WganlibError(f"architecture factor {missing[0]!r} is missing")
    return RandomSetSpec(
        family="random_set",
        generator_nonlinearity=factors["generator_nonlinearity"],
        critic_nonlinearity=factors["critic_nonlinearity"],
        generator_depth=factors["generator_depth"],
        critic_depth=factors["critic_depth"],
        generator_normalization="batch" if factors["generator_normalized"] else "none",
        critic_normalization=critic_norm if factors["critic_normalized"] else "none",
        generator_filters=factors["generator_filters"],
        critic_filters=factors["critic_filters"],
        width=width,
    )
