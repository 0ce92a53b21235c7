"""The 9,216 architectures of Gulrajani et al. 2017, Table 1. Importing this needs no torch.

The paper gives the factors; the networks are those of the first author's development code of the same month
(igul222/nn, experiments/wgan/wgan_imagenet32.py): four weight layers each, extra 3x3 convolutions at the middle
resolution. Depth 4 is the base, so depth d has d - 4 extra ones.
"""

import itertools
from typing import Any, Literal

import numpy as np

from wganlib.architectures.layers import Layer
from wganlib.errors import WganlibError
from wganlib.spec import Normalization, RandomSetSpec

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


def architecture(factors: dict[str, Any], *, width: float, layer_norm: bool) -> RandomSetSpec:
    """The spec of one architecture. `layer_norm`: a normalised critic uses layer norm (WGAN-GP), else batch norm.

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
    normalization: Normalization = ("layer" if layer_norm else "batch") if factors["critic_normalized"] else "none"
    return RandomSetSpec(
        family="random_set",
        generator_nonlinearity=factors["generator_nonlinearity"],
        critic_nonlinearity=factors["critic_nonlinearity"],
        generator_depth=factors["generator_depth"],
        critic_depth=factors["critic_depth"],
        generator_normalization="batch" if factors["generator_normalized"] else "none",
        critic_normalization=normalization,
        generator_filters=factors["generator_filters"],
        critic_filters=factors["critic_filters"],
        width=width,
    )


def generator_layers(spec: RandomSetSpec, image_size: int, channels: int) -> list[Layer]:
    """Linear to a grid of an eighth of the image, three stride-2 transposed convolutions, extras after the first; tanh."""
    start, f = _start(image_size), _filters(spec, "generator")
    norm, act = spec.generator_normalization, spec.generator_nonlinearity
    return [
        Layer("input", "linear", spec.latent_size, 4 * f, start, normalization=norm, nonlinearity=act),
        Layer("up1", "deconv", 4 * f, 2 * f, 2 * start, 5, 2, norm, act),
        *(Layer(f"extra{i}", "conv", 2 * f, 2 * f, 2 * start, 3, 1, norm, act) for i in range(spec.generator_depth - 4)),
        Layer("up2", "deconv", 2 * f, f, 4 * start, 5, 2, norm, act),
        Layer("up3", "deconv", f, channels, 8 * start, 5, 2, "none", "tanh"),
    ]


def critic_layers(spec: RandomSetSpec, image_size: int, channels: int) -> list[Layer]:
    """The generator's mirror; its first convolution is never normalised."""
    start, f = _start(image_size), _filters(spec, "critic")
    norm, act = spec.critic_normalization, spec.critic_nonlinearity
    return [
        Layer("down1", "conv", channels, f, 4 * start, 5, 2, "none", act),
        Layer("down2", "conv", f, 2 * f, 2 * start, 5, 2, norm, act),
        *(Layer(f"extra{i}", "conv", 2 * f, 2 * f, 2 * start, 3, 1, norm, act) for i in range(spec.critic_depth - 4)),
        Layer("down3", "conv", 2 * f, 4 * f, start, 5, 2, norm, act),
        Layer("output", "linear", 4 * f, 1, 1, kernel=start),
    ]


def check_image_size(image_size: int) -> None:
    """Refuse a side length that three stride-2 layers cannot make.

    Raises:
        WganlibError: it is no multiple of 8, or less than 16.
    """
    if image_size % 8 or image_size < 16:
        raise WganlibError(f"random_set makes images whose side is a multiple of 8, at least 16: found image_size {image_size}")


def _start(image_size: int) -> int:
    check_image_size(image_size)
    return image_size // 8


def _filters(spec: RandomSetSpec, net: Literal["generator", "critic"]) -> int:
    filters = spec.generator_filters if net == "generator" else spec.critic_filters
    return max(1, round(spec.width * filters))
