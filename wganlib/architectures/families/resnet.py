"""Pre-activation residual networks of WGAN-GP and Lipschitz GANs on CIFAR-10 and LSUN. Importing this needs no torch."""

from typing import ClassVar, Literal, NamedTuple, Self

from pydantic import model_validator

from wganlib.architectures.nodes import (
    FAN_IN,
    GLOROT,
    HE,
    Heads,
    Init,
    Node,
    Norm,
    Op,
    Residual,
    conv,
    linear,
    scaled,
    start_side,
)
from wganlib.datasets import DataShape
from wganlib.fields import Normalization, Part, PositiveInt, Width


class Style(NamedTuple):
    """What a paper's residual blocks have of their own.

    `gain` multiplies the initial weights of convolutions after upsampling; `pool_first`: the shortcut of a halving block pools,
    then convolves; `strided`: the second convolution of a halving block has stride 2 instead of a mean pool;
    `upsample_second`: a doubling block upsamples before its second convolution instead of its first.
    """

    norm: Normalization = "none"
    init: Init = HE
    first_bias: bool = True
    gain: float = 1.0
    pool_first: bool = False
    strided: bool = False
    upsample_second: bool = False

    def before(self, name: str) -> tuple[Node, ...]:
        """What stands before a convolution: the norm, if any, and ReLU."""
        return (*(() if self.norm == "none" else (Norm(name, self.norm),)), Op("relu"))


def block(name: str, inputs: int, outputs: int, resample: Literal["up", "down"] | None, style: Style) -> Residual:
    """Two 3x3 convolutions, each after norm and ReLU. Upsampling comes before the first, pooling after the second."""
    first, second = style.before("norm1"), style.before("norm2")
    gained = Init(style.init.rule, style.gain)
    if resample == "up":
        late = style.upsample_second
        branch = (
            *first,
            *(() if late else (Op("upsample"),)),
            conv("conv1", outputs, 3, init=gained, bias=style.first_bias),
            *second,
            *((Op("upsample"),) if late else ()),
            conv("conv2", outputs, 3, init=style.init),
        )
        return Residual(name, branch, (Op("upsample"), conv("shortcut", outputs, 1, init=Init("glorot", style.gain))))
    conv1 = conv("conv1", inputs, 3, init=style.init, bias=style.first_bias)
    conv2 = conv("conv2", outputs, 3, 2 if resample and style.strided else 1, init=style.init)
    if resample is None:
        return Residual(name, (*first, conv1, *second, conv2))
    pool: tuple[Node, ...] = () if style.strided else (Op("mean_pool"),)
    shortcut = conv("shortcut", outputs, 1, init=GLOROT)
    pooled = (Op("mean_pool"), shortcut) if style.pool_first else (shortcut, Op("mean_pool"))
    return Residual(name, (*first, conv1, *second, conv2, *pool), pooled)


class CifarResnetSpec(Part):
    """CIFAR-10's residual networks (Gulrajani et al. 2017, appendix F; Zhou et al. 2019, Table 3).

    `conditional`: the generator's blocks have class-conditional batch norm, its output norm has not, and the critic ends in a
    second head of class logits (AC-GAN). Lipschitz GANs' code has `fan_in` and `moving_batch`. `upsampling`: in the generator's
    blocks, before the first convolution (all code) or before the second (Gulrajani et al. 2017, appendix F).
    """

    version: ClassVar[int] = 1
    family: Literal["cifar_resnet"]
    conditional: bool = False
    initialization: Literal["averaged_fans", "fan_in"] = "averaged_fans"
    generator_normalization: Literal["batch", "moving_batch"] = "batch"
    upsampling: Literal["before_first", "before_second"] = "before_first"
    width: Width = 1.0
    latent_size: PositiveInt = 128

    @model_validator(mode="after")
    def _conditional_norm(self) -> Self:
        if self.conditional and self.generator_normalization != "batch":
            raise ValueError(
                f"a conditional generator has generator_normalization 'batch', found {self.generator_normalization!r}"
            )
        return self

    def generator_nodes(self, data: DataShape) -> list[Node]:
        """Three upsampling blocks, norm, ReLU, 3x3 convolution, tanh."""
        start, dim = start_side(self.family, data, 8, 16), scaled(self.width, 128)
        norm: Normalization = "conditional_batch" if self.conditional else self.generator_normalization
        style = Style(norm=norm, init=self._init(), upsample_second=self.upsampling == "before_second")
        return [
            linear("input", dim, (start, start)),
            *(block(f"up{i}", dim, dim, "up", style) for i in range(1, 4)),
            Norm("output_norm", self.generator_normalization),
            Op("relu"),
            conv("output", data.shape[0], 3, init=GLOROT, nonlinearity="tanh"),
        ]

    def critic_nodes(self, data: DataShape) -> list[Node]:
        """A first block without leading ReLU whose shortcut pools first, a halving block, two plain ones, ReLU, global mean."""
        start_side(self.family, data, 8, 16)
        if self.conditional and data.classes is None:
            raise ValueError("conditional asks for labels, which the data set does not have: use 'conditional: false'")
        dim, init = scaled(self.width, 128), self._init()
        style = Style(init=init)
        first = (conv("conv1", dim, 3, init=init), Op("relu"), conv("conv2", dim, 3, init=init), Op("mean_pool"))
        output = linear("output", 1)
        return [
            Residual("down1", first, (Op("mean_pool"), conv("shortcut", dim, 1, init=GLOROT))),
            block("down2", dim, dim, "down", style),
            block("plain1", dim, dim, None, style),
            block("plain2", dim, dim, None, style),
            Op("relu"),
            Op("global_mean"),
            Heads("heads", (output, linear("classes", data.classes or 0))) if self.conditional else output,
        ]

    def _init(self) -> Init:
        return FAN_IN if self.initialization == "fan_in" else HE


class LsunResnetSpec(Part):
    """The 128x128 residual networks of Gulrajani et al. 2017, Figure 4, from the first author's development code."""

    version: ClassVar[int] = 1
    family: Literal["lsun_resnet"]
    critic_normalization: Literal["none", "batch", "layer"] = "layer"
    width: Width = 1.0
    latent_size: PositiveInt = 128

    def generator_nodes(self, data: DataShape) -> list[Node]:
        """Four upsampling blocks, then norm, ReLU, upsampling, 5x5 convolution, tanh."""
        start = start_side(self.family, data, 32, 32)
        style, dims = Style(norm="batch", gain=0.5), [scaled(self.width, d) for d in (512, 512, 256, 128, 64)]
        return [
            linear("input", dims[0], (start, start)),
            *(block(f"up{i}", dims[i - 1], dims[i], "up", style) for i in range(1, 5)),
            *style.before("output_norm"),
            Op("upsample"),
            conv("output", data.shape[0], 5, init=Init("glorot", 0.5), nonlinearity="tanh"),
        ]

    def critic_nodes(self, data: DataShape) -> list[Node]:
        """5x5 convolution of stride 2, three halving blocks, two plain ones, global mean; no norm or ReLU at the end."""
        start_side(self.family, data, 32, 32)
        style = Style(norm=self.critic_normalization, pool_first=True, strided=True)
        dims = [scaled(self.width, d) for d in (128, 256, 512, 1024)]
        return [
            conv("input", dims[0], 5, 2),
            *(block(f"down{i}", dims[i - 1], dims[i], "down", style) for i in range(1, 4)),
            block("plain1", dims[3], dims[3], None, style),
            block("plain2", dims[3], dims[3], None, style),
            Op("global_mean"),
            linear("output", 1),
        ]
