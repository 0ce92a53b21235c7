"""How a pair of networks is trained: objective, constraint, optimisers, steps. Importing this needs no torch."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from wganlib.fields import Decay, NonNegativeFloat, Part, PositiveFloat, PositiveInt, one_of
from wganlib.methods.constraints import FORMS
from wganlib.methods.objectives import OBJECTIVES, objective_terms

Fraction = Annotated[float, Field(gt=0, le=1)]


class LinearDecay(Part):
    """The learning rate falls linearly from its value to zero over the run (Gulrajani et al. 2017, appendix F)."""

    kind: Literal["linear"]

    def factor(self, iteration: int, total: int) -> float:
        """Factor on the learning rate in generator iteration `iteration`, counted from 0, of `total`."""
        return max(0.0, 1.0 - iteration / total)


class ExponentialDecay(Part):
    """The learning rate is multiplied by `factor_per_period` over every `period` generator iterations, continuously."""

    kind: Literal["exponential"]
    factor_per_period: Fraction
    period: PositiveInt

    def factor(self, iteration: int, total: int) -> float:
        """Factor on the learning rate in generator iteration `iteration`, counted from 0."""
        return float(self.factor_per_period ** (iteration / self.period))


DecaySpec = Annotated[LinearDecay | ExponentialDecay, Field(discriminator="kind")]


class Adam(Part):
    """Adam (Kingma and Ba 2015), epsilon 1e-8. It has no version of its own: that of every training covers it."""

    version: ClassVar[None] = None
    name: Literal["adam"]
    learning_rate: NonNegativeFloat
    beta1: Decay
    beta2: Decay
    decay: DecaySpec | None = None


class RMSProp(Part):
    """RMSProp with PyTorch's defaults: epsilon added to the root, accumulator from zero (Arjovsky et al., code)."""

    version: ClassVar[int] = 1
    name: Literal["rmsprop"]
    learning_rate: NonNegativeFloat
    alpha: Decay = 0.99
    epsilon: PositiveFloat = 1e-8
    decay: DecaySpec | None = None


class RMSPropTF(Part):
    """RMSProp with TensorFlow 1's defaults: epsilon inside the root, accumulator from one (Gulrajani et al., code)."""

    version: ClassVar[int] = 1
    name: Literal["rmsprop_tf"]
    learning_rate: NonNegativeFloat
    alpha: Decay = 0.9
    epsilon: PositiveFloat = 1e-10
    decay: DecaySpec | None = None


class SGD(Part):
    """Gradient descent without momentum."""

    version: ClassVar[int] = 1
    name: Literal["sgd"]
    learning_rate: NonNegativeFloat
    decay: DecaySpec | None = None


OptimizerSpec = Annotated[Adam | RMSProp | RMSPropTF | SGD, Field(discriminator="name")]


class NoConstraint(Part):
    """The critic is free."""

    version: ClassVar[int] = 1
    kind: Literal["none"]


class Clipping(Part):
    """Every critic parameter, norms' scales and offsets and biases too, is clamped to [-limit, limit].

    `after` each critic step (Arjovsky et al. 2017, Algorithm 1), or `before` it, as the paper's code does: the generator then
    meets a critic that its last step took out of the box.
    """

    version: ClassVar[int] = 1
    kind: Literal["clipping"]
    limit: PositiveFloat
    order: Literal["after", "before"] = "after"


class TopKBuffer(Part):
    """The points of steepest gradient of a critic step are among the penalty's points of the next (Zhou et al. 2019, app. C).

    `replace`: they stand in place of as many new points; `extend`: beside them.
    """

    version: ClassVar[int] = 1
    size: PositiveInt
    mode: Literal["replace", "extend"]


class GradientPenalty(Part):
    """A penalty on the norm of the critic's input gradient, at points on lines between real and generated examples.

    `form`: a row of `wganlib.methods.constraints.FORMS`. Lines join row i of the real batch with row i of the generated one,
    which are independent where a generator is trained and belong together where the generator is `data_plus_noise`; `pairs:
    independent` permutes the rows first. `at`: other points, those of `wganlib.methods.constraints.PLACES`.
    `with_batch_norm` allows a critic with batch norm, which ties the examples of a batch together: the gradient with respect to
    one example is then not that of its own value alone.
    """

    version: ClassVar[int] = 1
    kind: Literal["gradient_penalty"]
    form: str
    weight: NonNegativeFloat
    pairs: Literal["independent"] | None = None
    at: Literal["real", "generated", "around_real"] | None = None
    with_batch_norm: Literal[True] | None = None
    buffer: TopKBuffer | None = None

    @field_validator("form")
    @classmethod
    def _known(cls, value: str) -> str:
        return one_of("form", value, FORMS)

    @model_validator(mode="after")
    def _buffer_of_max(self) -> Self:
        if self.at is not None and (self.pairs is not None or self.buffer is not None):
            raise ValueError(f"at: {self.at!r} is no place on lines, which pairs and buffer are of; leave these out")
        if self.buffer is not None and self.form != "max":
            raise ValueError(f"buffer: only form 'max' has one, found form {self.form!r}; leave buffer out")
        return self


class SpectralNormalization(Part):
    """Every weight matrix of the critic is divided by its largest singular value (Miyato et al. 2018), by torch's own code."""

    version: ClassVar[int] = 1
    kind: Literal["spectral_normalization"]


ConstraintSpec = Annotated[
    NoConstraint | Clipping | GradientPenalty | SpectralNormalization,
    Field(discriminator="kind"),
]


class CriticWarmup(Part):
    """More critic steps in the first generator iterations and in every so-manyth (Arjovsky et al., code; not in the paper)."""

    critic_steps: PositiveInt
    first_iterations: PositiveInt
    every: PositiveInt


class Auxiliary(Part):
    """AC-GAN's classification losses (Odena et al. 2017): weights of the critic's, on real examples, and the generator's."""

    critic_weight: NonNegativeFloat
    generator_weight: NonNegativeFloat


class MethodSpec(Part):
    """Objective, constraint, optimisers and steps, as a paper recommends them."""

    objective: str
    """A row of `wganlib.methods.objectives`, or a weighted sum of rows such as "exp+0.5*sqrt"."""
    constraint: ConstraintSpec
    generator_optimizer: OptimizerSpec
    critic_optimizer: OptimizerSpec
    critic_steps: PositiveInt
    batch_size: Annotated[int, Field(ge=2)]
    generator_batch_size: Annotated[int, Field(ge=2)]
    critic_l2: NonNegativeFloat = 0.0
    """Rate of the L2 term added to the critic's loss: rate times half the squared weights, without biases and offsets."""
    critic_warmup: CriticWarmup | None = None
    generator_ema: Decay | None = None
    """Decay of the exponential moving average of the generator's weights, with which samples are made."""
    generator_sub_batches: PositiveInt | None = None
    """Generated batches are made in so many equal parts, over each of which batch norm averages."""
    critic_sub_batches: PositiveInt | None = None
    """The critic sees real and generated batches in so many equal parts, over each of which its batch norm averages."""
    auxiliary: Auxiliary | None = None

    @field_validator("objective")
    @classmethod
    def _known(cls, value: str) -> str:
        return "+".join(name if weight == 1 else f"{weight!r}*{name}" for weight, name in objective_terms(value))

    @model_validator(mode="after")
    def _divisible(self) -> Self:
        for option in ("generator_sub_batches", "critic_sub_batches"):
            parts = getattr(self, option) or 1
            for name in ("batch_size", "generator_batch_size"):
                size = getattr(self, name)
                if size % parts or size // parts < 2:
                    raise ValueError(f"{name} ({size}) must be a multiple of {option} ({parts}), at least twice it")
        buffer = self.constraint.buffer if isinstance(self.constraint, GradientPenalty) else None
        if buffer and buffer.size >= self.batch_size:
            raise ValueError(
                f"constraint.buffer.size: found {buffer.size}, allowed is less than batch_size ({self.batch_size}): "
                "the penalty needs new points too"
            )
        return self

    def critic_steps_at(self, iteration: int) -> int:
        """Critic steps of generator iteration `iteration`, counted from 0."""
        warmup = self.critic_warmup
        if warmup and (iteration < warmup.first_iterations or iteration % warmup.every == 0):
            return warmup.critic_steps
        return self.critic_steps

    def total_critic_steps(self, generator_iterations: int) -> int:
        """Critic steps of a whole run."""
        if self.critic_warmup is None:
            return self.critic_steps * generator_iterations
        return sum(map(self.critic_steps_at, range(generator_iterations)))

    def numerics(self) -> dict[str, int]:
        """The versions of the parts that a run of this method uses."""
        rule = self.constraint
        used = {f"objective:{name}": OBJECTIVES[name].version for _, name in objective_terms(self.objective)}
        used[f"constraint:{rule.kind}"] = rule.version
        if isinstance(rule, GradientPenalty):
            if (version := FORMS[rule.form].version) is not None:
                used[f"penalty:{rule.form}"] = version
            if rule.buffer:
                used["penalty:buffer"] = rule.buffer.version
        for optimizer in (self.generator_optimizer, self.critic_optimizer):
            if optimizer.version is not None:
                used[f"optimizer:{optimizer.name}"] = optimizer.version
        return used
