"""What a run is: a frozen, validated value, its canonical form and its key. Importing this needs no torch."""

import hashlib
import re
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from wganlib.architectures import ArchitectureSpec, check, normalizations
from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import WganlibError
from wganlib.fields import Part, PositiveInt
from wganlib.methods.method import GradientPenalty, MethodSpec, SpectralNormalization
from wganlib.numerics import NUMERICS

Record = Literal["critic_step_cosine", "critic_values", "held_out_loss"]


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
    record: tuple[Record, ...] | None = None
    """What the history holds beside losses, in alphabetical order: see `training.records`. The training stays as it is."""

    @field_validator("record")
    @classmethod
    def _distinct(cls, value: tuple[Record, ...] | None) -> tuple[Record, ...] | None:
        if value is None:
            return None
        if not value or len(set(value)) < len(value):
            raise ValueError(f"found {list(value)}, allowed are {', '.join(get_args(Record))}, each once: or leave record out")
        return tuple(sorted(value))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        self._check_parts()
        if list(self.snapshots) != sorted(set(self.snapshots)) or any(s > self.generator_iterations for s in self.snapshots):
            raise ValueError("snapshots must increase and not exceed generator_iterations")
        if not self.numerics:
            object.__setattr__(self, "numerics", self._current_numerics())
        return self

    def _check_parts(self) -> None:
        """Refuse a network that does not fit the data, and a constraint or a loss that the networks do not allow."""
        data, architecture, method = self.dataset.shape, self.architecture, self.method
        check(architecture, data)
        used = normalizations(architecture, data, "critic")
        if isinstance(method.constraint, GradientPenalty) and "batch" in used:
            raise ValueError(
                "gradient_penalty does not allow batch norm in the critic (found critic_normalization 'batch'): it ties the "
                "examples of a batch together, and the penalty is on the gradient of each example alone; use 'layer'"
            )
        if isinstance(method.constraint, SpectralNormalization) and used:
            raise ValueError(
                f"spectral_normalization does not allow a normalised critic (found critic_normalization {min(used)!r}): its "
                "scales undo the bound on the weights; use 'none'"
            )
        if not architecture.generator_nodes(data):
            for option in ("generator_ema", "generator_sub_batches"):
                if getattr(method, option) is not None:
                    raise ValueError(f"{option} is for generators with a network, found {getattr(method, option)}: remove it")
        conditional = getattr(architecture, "conditional", False)
        if method.auxiliary and not conditional:
            raise ValueError(
                "auxiliary asks for labels, but the networks are unconditional: use an architecture with 'conditional: true' "
                "(cifar_resnet), or leave auxiliary out"
            )
        if conditional and not method.auxiliary:
            raise ValueError("the critic of a conditional architecture classifies: set method.auxiliary, found none")

    def _current_numerics(self) -> dict[str, int]:
        used = (
            "training",
            *self.method.numerics(),
            f"architecture:{self.architecture.family}",
            f"dataset:{self.dataset.name}",
            *(f"record:{name}" for name in self.record or ()),
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
        objective = re.sub(r"[^a-z0-9_]+", "_", self.method.objective)
        data = f"{self.dataset.name}{self.dataset.image_size or ''}"
        return f"{data}-{self.architecture.family}-{objective}-s{self.seed}-{self.digest()}"
