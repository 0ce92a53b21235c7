"""Fully connected networks of the papers' toy experiments. Importing this needs no torch."""

import math
from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from wganlib.architectures.nodes import FAN_IN, GLOROT, Dense, Init, Node, Op, linear, scaled
from wganlib.datasets import DataShape
from wganlib.fields import Part, PositiveInt, Width

INITIALIZATIONS = {
    "he": FAN_IN,
    "glorot": GLOROT,
    "equalised_normal": Init("equalised_normal", 1.0),
    "equalised_uniform": Init("equalised_uniform", 2.0),
}


class ToySpec(Part):
    """A critic of equal hidden layers, and a generator of the same form.

    WGAN-GP's toys: 3 x 512 ReLU, `he` (uniform, variance 2 / fan-in), Glorot output; its Figure 1b: 12 x 512, `glorot`.
    Lipschitz GANs' toys: 64 x 128 SELU or 4 x 1024 ReLU, `equalised_normal` (gain 1), and `dense` 8 x 256 ReLU,
    `equalised_uniform` (gain 2), in which every layer is appended to its input. Two generators have no network: with
    `data_plus_noise` examples are the real ones plus standard normal noise (official code, gan_toy.py with a fixed
    generator), with `given` they are the data set's own (Lipschitz GANs' three cases).
    """

    version: ClassVar[int] = 1
    family: Literal["toy"]
    generator: Literal["mlp", "data_plus_noise", "given"] = "mlp"
    hidden_layers: PositiveInt = 3
    hidden_units: PositiveInt = 512
    nonlinearity: Literal["relu", "leaky_relu", "smooth_elu", "tanh", "elu", "selu"] = "relu"
    initialization: Literal["he", "glorot", "equalised_normal", "equalised_uniform"] = "he"
    dense: bool = False
    width: Width = 1.0
    latent_size: PositiveInt = 2

    @model_validator(mode="after")
    def _dense_critic(self) -> Self:
        if self.dense and self.generator == "mlp":
            raise ValueError("dense has no generator of its form: use 'data_plus_noise' or 'given', found generator 'mlp'")
        return self

    def generator_nodes(self, data: DataShape) -> list[Node]:
        """Noise to an example of the data's shape, without output nonlinearity; empty if the generator has no network."""
        if self.generator == "given" and not data.fakes:
            raise ValueError(
                "generator 'given' needs a data set with generated examples of its own, such as lgan_case1 (docs/data.md)"
            )
        if self.generator != "mlp":
            return []
        output = linear("output", math.prod(data.shape), init=self._output())
        return [*self._hidden(), output, Op("reshape", data.shape)]

    def critic_nodes(self, data: DataShape) -> list[Node]:
        """Example, flattened, to value."""
        return [Op("reshape", (math.prod(data.shape),)), *self._hidden(), linear("output", 1, init=self._output())]

    def _hidden(self) -> list[Node]:
        options: dict[str, Any] = {"nonlinearity": self.nonlinearity, "init": INITIALIZATIONS[self.initialization]}
        layers = [linear(f"hidden{i + 1}", scaled(self.width, self.hidden_units), **options) for i in range(self.hidden_layers)]
        return [Dense(f"dense{i + 1}", (layer,)) for i, layer in enumerate(layers)] if self.dense else list(layers)

    def _output(self) -> Init:
        """Equalised networks have it in every layer; the official WGAN-GP toys end in a Glorot layer."""
        equalised = self.initialization.startswith("equalised")
        return INITIALIZATIONS[self.initialization] if equalised else GLOROT
