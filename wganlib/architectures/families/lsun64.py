"""The seven pairs of WGAN-GP's robustness experiment (Gulrajani et al. 2017, Figure 2). Importing this needs no torch.

From the official code's 64x64 script: 5x5 kernels with SAME padding, a grid of a sixteenth of the image.
"""

from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from wganlib.architectures.families.resnet import Style, block
from wganlib.architectures.nodes import FAN_IN, GLOROT, Init, Node, Op, Residual, conv, deconv, linear, scaled, start_side
from wganlib.datasets import DataShape
from wganlib.fields import Nonlinearity, Normalization, Part, PositiveInt, Width

Variant = Literal["dcgan", "constant_filters", "mlp", "no_normalization", "gated", "tanh", "resnet101", "resnet"]


class Lsun64Spec(Part):
    """One row of Gulrajani et al. 2017, Figure 2, and `resnet`, which the official 64x64 script has as its default.

    The critic has batch norm, under a gradient penalty layer norm. `mlp_init`: "he" is the official code (uniform,
    variance 2 / fan-in), "glorot" the development code.
    """

    version: ClassVar[int] = 1
    family: Literal["lsun64"]
    variant: Variant
    critic_normalization: Literal["none", "batch", "layer"]
    mlp_init: Literal["he", "glorot"] = "he"
    width: Width = 1.0
    latent_size: PositiveInt = 128

    @model_validator(mode="after")
    def _unnormalised(self) -> Self:
        if self.variant == "no_normalization" and self.critic_normalization != "none":
            raise ValueError(f"variant 'no_normalization' has critic_normalization 'none', found {self.critic_normalization!r}")
        if self.variant != "mlp" and self.mlp_init != "he":
            raise ValueError(f"mlp_init is for variant 'mlp' alone, found it with {self.variant!r}: remove it")
        return self

    def generator_nodes(self, data: DataShape) -> list[Node]:
        """Noise to an image in [-1, 1]."""
        start, channels = start_side(self.family, data, 16, 16), data.shape[0]
        norm: Normalization = "none" if self.variant in ("no_normalization", "constant_filters") else "batch"
        if self.variant == "mlp":
            init = FAN_IN if self.mlp_init == "he" else GLOROT
            hidden = [linear(f"hidden{i}", self._dim(8), nonlinearity="relu", init=init) for i in range(1, 5)]
            return [*hidden, linear("output", channels * data.shape[1] * data.shape[2]), Op("reshape", data.shape), Op("tanh")]
        if self.variant == "resnet101":
            return self._resnet101_generator(start, channels)
        if self.variant == "resnet":
            style = Style(norm="batch", first_bias=False)
            dims = [self._dim(m) for m in (8, 8, 4, 2, 1)]
            blocks = [block(f"up{i}", dims[i - 1], dims[i], "up", style) for i in range(1, 5)]
            last = conv("output", channels, 3, nonlinearity="tanh")
            return [linear("input", dims[0], (start, start)), *blocks, *style.before("output_norm"), last]
        filters = [1, 1, 1, 1] if self.variant == "constant_filters" else [8, 4, 2, 1]
        act: Nonlinearity = {"gated": "gated", "tanh": "tanh"}.get(self.variant, "relu")  # type: ignore[assignment]
        gate = 2 if act == "gated" else 1
        after: dict[str, Any] = {"normalization": norm, "nonlinearity": act}
        dims = [gate * self._dim(m) for m in filters]
        return [
            linear("input", dims[0], (start, start), **after, **self._init()),
            *(deconv(f"up{i}", dim, **after, **self._init()) for i, dim in enumerate(dims[1:], 1)),
            deconv("up4", channels, nonlinearity="tanh", **self._init()),
        ]

    def critic_nodes(self, data: DataShape) -> list[Node]:
        """Image to value; the first convolution is not normalised."""
        start_side(self.family, data, 16, 16)
        norm = self.critic_normalization
        if self.variant == "resnet101":
            return self._resnet101_critic(norm)
        if self.variant == "resnet":
            style = Style(norm=norm, first_bias=False, pool_first=True)
            dims = [self._dim(m) for m in (1, 2, 4, 8, 8)]
            blocks = [block(f"down{i}", dims[i - 1], dims[i], "down", style) for i in range(1, 5)]
            return [conv("input", dims[0], 3, init=GLOROT), *blocks, linear("output", 1)]
        gated = self.variant == "gated"
        act: Nonlinearity = "gated" if gated else "tanh" if self.variant == "tanh" else "leaky_relu"
        dims = [(2 if gated else 1) * self._dim(m) for m in (1, 2, 4, 8)]
        # Rows 1 and 2 keep row 0's critic, initialisation included.
        return [
            conv("down1", dims[0], 5, 2, nonlinearity=act, **self._init(critic=True)),
            *(
                conv(f"down{i}", dim, 5, 2, normalization=norm, nonlinearity=act, **self._init(critic=True))
                for i, dim in enumerate(dims[1:], 2)
            ),
            linear("output", 1, **self._init(critic=True)),
        ]

    def _dim(self, multiple: int) -> int:
        return scaled(self.width, 64 * multiple)

    def _init(self, critic: bool = False) -> dict[str, Any]:
        """Uniform with standard deviation 0.02 in the DCGAN nets, the layers' own defaults elsewhere."""
        own = self.variant == "gated" or (self.variant == "constant_filters" and not critic)
        return {} if own else {"init": Init("uniform", 0.02)}

    def _resnet101_generator(self, start: int, channels: int) -> list[Node]:
        dims = [self._dim(8), self._dim(4), self._dim(2), self._dim(1), scaled(self.width, 32)]
        nodes: list[Node] = [linear("input", dims[0], (start, start))]
        for stage, dim in enumerate(dims):
            if stage:
                nodes.append(_bottleneck(f"up{stage}", dims[stage - 1], dim, "up", "batch"))
            nodes += [_bottleneck(f"stage{stage}_{i}", dim, dim, None, "batch") for i in range(5 if stage == 4 else 6)]
        return [*nodes, conv("output", channels, 1, init=GLOROT), Op("scale", 0.2), Op("tanh")]

    def _resnet101_critic(self, norm: Normalization) -> list[Node]:
        dims = [scaled(self.width, 32), self._dim(1), self._dim(2), self._dim(4), self._dim(8)]
        nodes: list[Node] = [conv("input", dims[0], 1, init=GLOROT)]
        for stage, dim in enumerate(dims):
            if stage:
                nodes.append(_bottleneck(f"down{stage}", dims[stage - 1], dim, "down", norm))
            nodes += [_bottleneck(f"stage{stage}_{i}", dim, dim, None, norm) for i in range(6 if stage else 5)]
        return [*nodes, linear("output", 1), Op("scale", 0.2)]


def _bottleneck(name: str, inputs: int, outputs: int, resample: Literal["up", "down"] | None, norm: Normalization) -> Residual:
    """ReLU, 1x1, ReLU, 3x3, ReLU, 1x1 without bias, one norm at the end; added at three tenths (official code)."""
    half = max(1, outputs // 2)
    middle = deconv("conv2", half, 3) if resample == "up" else conv("conv2", half, 3, 2 if resample == "down" else 1)
    shortcut: tuple[Node, ...] = ()
    if resample == "up":
        shortcut = (conv("shortcut", 4 * outputs, 1, init=GLOROT), Op("pixel_shuffle"))
    elif resample == "down":
        shortcut = (conv("shortcut", outputs, 1, 2, init=GLOROT),)
    branch = (
        Op("relu"),
        conv("conv1", max(1, inputs // 2), 1),
        Op("relu"),
        middle,
        Op("relu"),
        conv("conv3", outputs, 1, bias=False, normalization=norm),
    )
    return Residual(name, branch, shortcut, 0.3)
