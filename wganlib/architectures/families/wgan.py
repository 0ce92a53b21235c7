"""The networks of Wasserstein GAN's image experiments (Arjovsky et al. 2017, section 4). Importing this needs no torch.

Kernels are 4x4 and weights begin normal with standard deviation 0.02, unlike in the networks of the WGAN-GP paper.
"""

from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from wganlib.architectures.nodes import TORCH, Init, Node, Op, conv, deconv, linear, scaled, start_side
from wganlib.datasets import DataShape
from wganlib.fields import Part, PositiveInt, Width

CODE: dict[str, Any] = {"init": Init("normal", 0.02), "bias": False}
NORMALIZED: dict[str, Any] = {"normalization": "batch", "norm_std": 0.02}


class WganSpec(Part):
    """Generator and critic of Arjovsky et al. 2017, Figures 3 to 7.

    Generators: `dcgan`; `constant_filters`, without batch norm and with the base's filter count everywhere (the reading that
    fits the paper's ten times fewer parameters); `no_batch_norm`, the DCGAN without it (the code); `mlp`. The paper's MLP has
    "4 layers" or "4 hidden layers" of 512 units: `mlp_hidden_layers` 3 is the code, without nonlinearity at the end; 4, with
    tanh there, is WGAN-GP's.
    """

    version: ClassVar[int] = 1
    family: Literal["wgan"]
    generator: Literal["dcgan", "constant_filters", "no_batch_norm", "mlp"] = "dcgan"
    critic: Literal["dcgan", "mlp"] = "dcgan"
    critic_normalization: Literal["none", "batch", "layer"] = "batch"
    """Of the DCGAN critic; the code has batch norm, the others are for constraints that batch norm does not allow."""
    mlp_hidden_layers: Literal[3, 4] = 3
    width: Width = 1.0
    critic_width: Width | None = None
    """The critic's own, where it is not the generator's."""
    latent_size: PositiveInt = 100

    @model_validator(mode="after")
    def _used(self) -> Self:
        if self.critic == "mlp" and self.critic_normalization != "batch":
            raise ValueError(
                f"critic_normalization is for critic 'dcgan' alone, found {self.critic_normalization!r}: remove it"
            )
        if "mlp" not in (self.generator, self.critic) and self.mlp_hidden_layers != 3:
            raise ValueError(f"mlp_hidden_layers is for generator or critic 'mlp', found {self.mlp_hidden_layers}: remove it")
        return self

    def generator_nodes(self, data: DataShape) -> list[Node]:
        """From a 4x4 grid by doubling to the image's side."""
        doublings, channels = self._doublings(data), data.shape[0]
        if self.generator == "mlp":
            outputs = data.shape[0] * data.shape[1] * data.shape[2]
            shaped: list[Node] = [linear("output", outputs, init=TORCH), Op("reshape", data.shape)]
            return [*self._hidden("relu", self.width), *shaped, *([Op("tanh")] if self.mlp_hidden_layers == 4 else [])]
        norm = NORMALIZED if self.generator == "dcgan" else {}
        constant = self.generator == "constant_filters"
        filters = [scaled(self.width, 64 if constant else 64 * 2**i) for i in reversed(range(doublings))]
        return [
            linear("input", filters[0], (4, 4), nonlinearity="relu", **CODE, **norm),
            *(deconv(f"up{i}", f, 4, nonlinearity="relu", **CODE, **norm) for i, f in enumerate(filters[1:], 1)),
            deconv(f"up{doublings}", channels, 4, nonlinearity="tanh", **CODE),
        ]

    def critic_nodes(self, data: DataShape) -> list[Node]:
        """By halving to a 4x4 grid and a linear layer; the first convolution is not normalised."""
        doublings, width = self._doublings(data), self.critic_width or self.width
        if self.critic == "mlp":
            return [*self._hidden("relu", width), linear("output", 1, init=TORCH)]
        norm = {"none": {}, "batch": NORMALIZED, "layer": {"normalization": "layer"}}[self.critic_normalization]
        filters = [scaled(width, 64 * 2**i) for i in range(doublings)]
        return [
            conv("down1", filters[0], 4, 2, nonlinearity="leaky_relu", **CODE),
            *(conv(f"down{i}", f, 4, 2, nonlinearity="leaky_relu", **CODE, **norm) for i, f in enumerate(filters[1:], 2)),
            linear("output", 1, **CODE),
        ]

    def _hidden(self, nonlinearity: Literal["relu"], width: float) -> list[Node]:
        units = scaled(width, 512)
        return [linear(f"hidden{i + 1}", units, nonlinearity=nonlinearity, init=TORCH) for i in range(self.mlp_hidden_layers)]

    def _doublings(self, data: DataShape) -> int:
        """How often 4 is doubled to the image's side: the code's rule, four times for 64 pixels."""
        side = start_side(self.family, data, 4, 8) * 4
        if side & (side - 1):
            raise ValueError(f"wgan makes images whose side is 4 doubled one or more times: found image_size {side}")
        return (side // 4).bit_length() - 1
