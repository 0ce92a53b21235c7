"""What a run is: a frozen, validated value, its canonical form and its key. Importing this needs no torch."""

import hashlib
import json
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from wganlib.errors import WganlibError, unknown
from wganlib.numerics import NUMERICS, names

Nonlinearity = Literal["relu", "leaky_relu", "smooth_elu", "tanh"]
Normalization = Literal["none", "batch", "layer"]
PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Decay = Annotated[float, Field(ge=0, lt=1)]


class Part(BaseModel):
    """Base of all specs: frozen, no unknown keys, no silent conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def canonical(self) -> str:
        """JSON with sorted keys and no blanks: equal values have equal text."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    def digest(self) -> str:
        """First ten hexadecimal digits of the sha256 of the canonical form."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()[:10]


class DatasetSpec(Part):
    """Which images, at which side length in pixels."""

    name: str
    image_size: PositiveInt

    @field_validator("name")
    @classmethod
    def _known(cls, value: str) -> str:
        return _one_of("data set", value, names("dataset"))


class RandomSetSpec(Part):
    """One architecture of the set in Gulrajani et al. 2017, Table 1.

    Filter counts are the paper's; the networks have `round(width * filters)`, so that small scales keep the factor's name.
    """

    family: Literal["random_set"]
    generator_nonlinearity: Nonlinearity
    critic_nonlinearity: Nonlinearity
    generator_depth: Literal[4, 8, 12, 20]
    critic_depth: Literal[4, 8, 12, 20]
    generator_normalization: Literal["none", "batch"]
    critic_normalization: Normalization
    generator_filters: Literal[32, 64, 128]
    critic_filters: Literal[32, 64, 128]
    width: Annotated[float, Field(gt=0, le=4)] = 1.0
    latent_size: PositiveInt = 128


ArchitectureSpec = RandomSetSpec


class OptimizerSpec(Part):
    """Adam, Kingma and Ba 2015."""

    name: Literal["adam"]
    learning_rate: NonNegativeFloat
    beta1: Decay
    beta2: Decay


class NoConstraint(Part):
    kind: Literal["none"]


class Clipping(Part):
    """Every critic parameter is clamped to [-limit, limit] after each critic step (Arjovsky et al. 2017, Algorithm 1)."""

    kind: Literal["clipping"]
    limit: PositiveFloat


class GradientPenalty(Part):
    """A penalty on the norm of the critic's input gradient on lines between real and generated points.

    `two_sided` and `one_sided`: Gulrajani et al. 2017, eq. 3 and appendix C; `max`: Zhou et al. 2019, eq. 12.
    """

    kind: Literal["gradient_penalty"]
    form: Literal["two_sided", "one_sided", "max"]
    weight: NonNegativeFloat


ConstraintSpec = Annotated[NoConstraint | Clipping | GradientPenalty, Field(discriminator="kind")]


class MethodSpec(Part):
    """Objective, constraint, optimisers and critic steps, as a paper recommends them."""

    objective: str
    constraint: ConstraintSpec
    generator_optimizer: OptimizerSpec
    critic_optimizer: OptimizerSpec
    critic_steps: PositiveInt
    batch_size: Annotated[int, Field(ge=2)]
    generator_batch_size: Annotated[int, Field(ge=2)]
    critic_l2: NonNegativeFloat = 0.0
    """Rate of the L2 term added to the critic's loss: rate times half the squared weights, linear biases left out."""

    @field_validator("objective")
    @classmethod
    def _known(cls, value: str) -> str:
        return _one_of("objective", value, names("objective"))


class Spec(Part):
    """One training: data set x architecture x method x budget x seed."""

    dataset: DatasetSpec
    architecture: ArchitectureSpec
    method: MethodSpec
    generator_iterations: PositiveInt
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    log_every: PositiveInt = 10
    snapshots: tuple[PositiveInt, ...] = ()
    numerics: dict[str, int] = {}
    """The entries of NUMERICS that this run uses; filled in when left out."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.method.constraint.kind == "gradient_penalty" and self.architecture.critic_normalization == "batch":
            raise ValueError(
                "gradient_penalty does not allow critic_normalization 'batch', which ties the examples of a batch together: "
                "use 'layer'"
            )
        if list(self.snapshots) != sorted(set(self.snapshots)) or any(s > self.generator_iterations for s in self.snapshots):
            raise ValueError("snapshots must increase and not exceed generator_iterations")
        if not self.numerics:
            object.__setattr__(self, "numerics", self._current_numerics())
        return self

    def _current_numerics(self) -> dict[str, int]:
        used = (
            "training",
            f"objective:{self.method.objective}",
            f"constraint:{self.method.constraint.kind}",
            f"architecture:{self.architecture.family}",
            f"dataset:{self.dataset.name}",
        )
        return {key: NUMERICS[key] for key in used}

    def check_current(self, where: str) -> None:
        """Refuse a spec whose numbers this version of the library cannot make.

        Raises:
            WganlibError: `numerics` differs from the table in `wganlib.numerics`.
        """
        current = self._current_numerics()
        if self.numerics != current:
            differing = sorted(k for k in {*current, *self.numerics} if current.get(k) != self.numerics.get(k))
            raise WganlibError(
                f"{where}: made for another version of the library ({', '.join(differing)} differ); "
                "take the spec from `wganlib plan --write` of this version"
            )

    def settings_digest(self, *others: "Part") -> str:
        """Digest of everything but the seed, and of other parts that decide the scores: rows that share it are repetitions."""
        text = "".join(part.canonical() for part in (self.model_copy(update={"seed": 0}), *others))
        return hashlib.sha256(text.encode()).hexdigest()[:10]

    @property
    def key(self) -> str:
        """Readable prefix and digest; the name of the run's folder."""
        data = f"{self.dataset.name}{self.dataset.image_size}"
        return f"{data}-{self.architecture.family}-{self.method.objective}-s{self.seed}-{self.digest()}"


class ClassifierSpec(Part):
    """The classifier whose outputs and features stand for Inception's on a data set."""

    dataset: DatasetSpec
    epochs: PositiveInt
    seed: Annotated[int, Field(ge=0)]
    numerics: dict[str, int] = {}

    @model_validator(mode="after")
    def _filled(self) -> Self:
        if not self.numerics:
            used = ("classifier", f"dataset:{self.dataset.name}")
            object.__setattr__(self, "numerics", {key: NUMERICS[key] for key in used})
        return self

    @property
    def key(self) -> str:
        return f"{self.dataset.name}{self.dataset.image_size}-{self.digest()}"


class ScoringSpec(Part):
    """How samples of a run are scored."""

    network: Literal["classifier", "inception"]
    num_samples: Annotated[int, Field(ge=2)]
    splits: PositiveInt
    batch_size: Annotated[int, Field(ge=2)] = 100
    """Samples are generated in batches of this size, whose statistics batch norm uses."""
    numerics: dict[str, int] = {}

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.numerics:
            key = f"score:{self.network}"
            object.__setattr__(self, "numerics", {key: NUMERICS[key]})
        if self.num_samples % self.splits or self.num_samples // self.splits < 2:
            raise ValueError(
                f"num_samples ({self.num_samples}) must be a multiple of splits ({self.splits}), at least twice it"
            )
        return self


def _one_of(thing: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(str(unknown(thing, value, allowed)))
    return value
