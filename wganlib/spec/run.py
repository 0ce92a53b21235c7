"""What a run is: a frozen, validated value, its canonical form and its key. Importing this needs no torch."""

import hashlib
import re
from pathlib import Path
from typing import Annotated, ClassVar, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from wganlib import layout
from wganlib.architectures import ArchitectureSpec, check, normalizations
from wganlib.datasets import DATASETS
from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import WganlibError
from wganlib.fields import Part, PositiveInt, one_of
from wganlib.methods.method import GradientPenalty, MethodSpec, SpectralNormalization


class Record(NamedTuple):
    """What a training may record beside its losses: the columns of its history, and how docs/parts.md explains them.

    `version`: raise it when the numbers in the columns change; the runs that record them get another key.
    """

    columns: tuple[str, ...]
    meaning: str
    source: str
    version: int = 1


RECORDS: dict[str, Record] = {
    "critic_step_cosine": Record(
        ("critic_step_cosine",),
        "cosine between the last critic step, before clipping, and the negative gradient of the critic's loss, all parameters "
        "as one vector: 1 for gradient descent, below 0 uphill",
        "WGAN, section 4.2",
    ),
    "critic_values": Record(
        ("critic_real_mean", "critic_fake_mean"),
        "means of the critic over the real and the generated batch of the last critic step, before its update",
        "LGAN, Figure 6",
    ),
    "held_out_loss": Record(
        ("training_critic_loss", "held_out_critic_loss"),
        "the critic's loss after the iteration, penalty included, on the held-out examples, at most 10,000, and on the first "
        "training examples, no more than of those; whole batches alone",
        "WGAN-GP, Figure 5 (which plots the negative)",
        2,
    ),
}
"""In alphabetical order; `wganlib.training.records` and the trainer compute them."""


class Spec(Part):
    """One training: data set x architecture x method x budget x seed."""

    version: ClassVar[int] = 2
    """Of the training itself. Raise it when a change in the code changes the numbers of every run; see `numerics`."""
    files: ClassVar[tuple[str, ...]] = layout.RUN_FILES
    """What its training makes; the spec's own first."""
    dataset: DatasetSpec
    architecture: ArchitectureSpec
    method: MethodSpec
    generator_iterations: PositiveInt
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    log_every: PositiveInt = 10
    snapshots: tuple[PositiveInt, ...] = ()
    numerics: dict[str, int] = {}
    """The versions of the parts that this run uses; filled in when left out.

    Each part has its own (`version`, beside its definition) and raises it when its numbers change: the runs that use it, and no
    others, get another key and are trained again. Golden trajectories guard it (tests/methods/test_numerics.py).
    """
    record: tuple[str, ...] | None = None
    """What the history holds beside losses, rows of `RECORDS` in alphabetical order. The training stays as it is."""
    threads: PositiveInt = 1
    """CPU threads that its training takes: sums over threads have other last digits."""

    @field_validator("record")
    @classmethod
    def _distinct(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is None:
            return None
        if not value or len(set(value)) < len(value):
            raise ValueError(f"found {list(value)}, allowed are {', '.join(RECORDS)}, each once: or leave record out")
        return tuple(sorted(one_of("record", name, RECORDS) for name in value))

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
        penalty = method.constraint if isinstance(method.constraint, GradientPenalty) else None
        if penalty and not penalty.with_batch_norm and "batch" in used:
            raise ValueError(
                "gradient_penalty does not allow batch norm in the critic (found critic_normalization 'batch'): it ties the "
                "examples of a batch together, and the penalty is on the gradient of each example alone; use 'layer', or "
                "with_batch_norm: true in the constraint to see what it does"
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
        if method.critic_sub_batches and "batch" not in used:
            raise ValueError(
                f"critic_sub_batches ({method.critic_sub_batches}) is for critics with batch norm, found one without: remove it"
            )
        self._check_count()
        conditional = getattr(architecture, "conditional", False)
        if method.auxiliary and not conditional:
            raise ValueError(
                "auxiliary asks for labels, but the networks are unconditional: use an architecture with 'conditional: true' "
                "(cifar_resnet), or leave auxiliary out"
            )
        if conditional and not method.auxiliary:
            raise ValueError("the critic of a conditional architecture classifies: set method.auxiliary, found none")

    def _check_count(self) -> None:
        """Refuse more training examples than there are, where that is known without reading them."""
        count, limit, batch = DATASETS[self.dataset.name].train_count, self.dataset.train_limit, self.method.batch_size
        if limit and count and limit > count:
            known = f"{self.dataset.name} has {count} training examples"
            raise ValueError(f"dataset.train_limit: found {limit}, but {known}: use {count} or less")
        if (least := limit or count) and batch > least:
            raise ValueError(f"method.batch_size: found {batch}, but there are {least} training examples: use {least} or less")

    def _current_numerics(self) -> dict[str, int]:
        return {
            "training": self.version,
            **self.method.numerics(),
            f"architecture:{self.architecture.family}": self.architecture.version,
            f"dataset:{self.dataset.name}": DATASETS[self.dataset.name].version,
            **{f"record:{name}": RECORDS[name].version for name in self.record or ()},
        }

    def check_current(self, where: str) -> None:
        """Refuse a spec whose numbers this version of the library cannot make.

        Raises:
            WganlibError: `numerics` differs from the versions of the parts.
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

    @property
    def runs(self) -> "tuple[Spec, ...]":
        """Itself: a run alone is trained and stored as a stack of one would be."""
        return (self,)

    def folder(self, results: Path) -> Path:
        """Where it lies when it is trained."""
        return layout.run_folder(results, self.key)
