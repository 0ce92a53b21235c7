"""What a run is: a frozen, validated value, its canonical form and its key. Importing this needs no torch."""

import hashlib
import re
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from wganlib.architectures import ArchitectureSpec, check, normalizations
from wganlib.datasets import DATASETS, DataShape, Scaling
from wganlib.errors import WganlibError
from wganlib.method import GradientPenalty, MethodSpec, SpectralNormalization
from wganlib.numerics import NUMERICS, names
from wganlib.parts import Part, PositiveInt, one_of

Pixels = Literal["127.5", "127.995", "float"]
Record = Literal["critic_step_cosine", "critic_values", "held_out_loss"]


class DatasetSpec(Part):
    """Which data: images at a side length in pixels, points, or text of a length over a vocabulary."""

    name: str
    image_size: PositiveInt | None = None
    length: PositiveInt | None = None
    """Symbols of a line of text."""
    vocabulary_size: PositiveInt | None = None
    folder: str | None = None
    """Name of the folder below DATA_ROOT, for data sets that are any folder."""
    scaling: Scaling | None = None
    """How grey levels become numbers, where it is not the data set's usual way; see `wganlib.datasets.images.scaled`."""
    train_limit: PositiveInt | None = None
    """Training examples that are used, the first of a fixed shuffle (Gulrajani et al. 2017, Figure 5b: 1,000 digits)."""
    offset: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """theta of `parallel_lines`: how far the generated line lies from the real one (Arjovsky et al. 2017, example 1)."""

    @field_validator("name")
    @classmethod
    def _known(cls, value: str) -> str:
        return one_of("data set", value, names("dataset"))

    @model_validator(mode="after")
    def _complete(self) -> Self:
        kind, _, _, side, scaling, folder, _ = DATASETS[self.name]
        needed = {"images": ["image_size"], "points": [], "text": ["length", "vocabulary_size"]}[kind]
        needed += ["folder"] if folder else []
        for key in ("image_size", "length", "vocabulary_size", "folder"):
            if (getattr(self, key) is None) == (key in needed):
                advice = f"the key {key!r} is missing" if key in needed else f"found {key}, which it does not have: remove it"
                raise ValueError(f"data set {self.name!r} consists of {kind}: {advice}")
        if self.image_size and side and side % self.image_size:
            sizes = ", ".join(str(side // n) for n in range(1, side + 1) if side % n == 0)
            found = f"found image_size {self.image_size}, allowed are {sizes}"
            raise ValueError(f"data set {self.name!r} has images of {side}x{side}: {found}")
        if self.folder and (self.folder.startswith("/") or ".." in self.folder.split("/")):
            raise ValueError(f"folder: found {self.folder!r}, allowed is a name below DATA_ROOT")
        if (self.offset is None) == (self.name == "parallel_lines"):
            advice = "the key 'offset' is missing" if self.offset is None else f"found offset {self.offset}: remove it"
            raise ValueError(f"offset is the distance of parallel_lines, and theirs alone: {advice}")
        if self.scaling and scaling is None:
            raise ValueError(f"data set {self.name!r} has its own scaling: found {self.scaling!r}, remove it")
        return self

    @property
    def scaling_used(self) -> Scaling:
        """The spec's scaling, or the data set's usual one."""
        return self.scaling or DATASETS[self.name].scaling or "255"

    @property
    def shape(self) -> DataShape:
        """What a network must know of the data."""
        kind, channels, classes, *_, fakes = DATASETS[self.name]
        if self.image_size is not None:
            low = 0.0 if self.scaling_used == "unit" else -1.0
            return DataShape(kind, (channels, self.image_size, self.image_size), classes, low, fakes)
        if self.length is not None and self.vocabulary_size is not None:
            return DataShape(kind, (self.vocabulary_size, self.length), classes, 0.0)
        return DataShape(kind, (channels,), classes, fakes=fakes)


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
    """What the history holds beside losses, in alphabetical order: see `wganlib.records`. The training stays as it is."""

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


class ClassifierSpec(Part):
    """The classifier whose outputs and features stand for Inception's on a data set."""

    dataset: DatasetSpec
    epochs: PositiveInt
    seed: Annotated[int, Field(ge=0)]
    judged: DatasetSpec | None = None
    """The data set whose images it judges, where that is not the one on whose labels it is trained."""
    resnet_width: PositiveInt | None = None
    """Channels of the first layer of a residual network; a small convolutional network when left out."""
    numerics: dict[str, int] = {}

    @model_validator(mode="after")
    def _filled(self) -> Self:
        self._check_judged()
        if not self.numerics:
            network = "classifier" if self.resnet_width is None else "classifier_resnet"
            used = (network, *(f"dataset:{data.name}" for data in (self.dataset, self.judged) if data))
            object.__setattr__(self, "numerics", {key: NUMERICS[key] for key in used})
        return self

    def _check_judged(self) -> None:
        if self.judged is None:
            return
        of, by = self.judged.shape, self.dataset.shape
        if (of.kind, of.shape, of.low) != (by.kind, by.shape, by.low):
            ours, theirs = (f"{s.kind} of shape {s.shape} in [{s.low:g}, 1]" for s in (of, by))
            raise ValueError(
                f"judged: {self.judged.name!r} has {ours}, but the classifier learns from {self.dataset.name!r}, {theirs}: "
                "size, channels and value range must agree"
            )
        if self.judged == self.dataset:
            raise ValueError(f"judged: found {self.judged.name!r}, the classifier's own data set: leave it out")
        if self.judged.train_limit is not None:
            raise ValueError(
                f"judged: found train_limit {self.judged.train_limit}, but all training images are the reference: leave it out"
            )

    @property
    def scored(self) -> DatasetSpec:
        """The data set whose runs it scores, and whose training images are the reference."""
        return self.judged or self.dataset

    @property
    def key(self) -> str:
        name = f"{self.scored.name}{self.scored.image_size or ''}"
        by = f"-by-{self.dataset.name}" if self.judged else ""
        return f"{name}{by}-{self.digest()}"


class ScoringSpec(Part):
    """How samples of a run are scored."""

    network: Literal["classifier", "inception", "none"]
    """`inception` comes beside the classifier; `none` is for data without images, which have measures alone."""
    num_samples: Annotated[int, Field(ge=2)]
    splits: PositiveInt
    batch_size: Annotated[int, Field(ge=2)] = 100
    """Samples are generated in batches of this size, whose statistics batch norm uses."""
    numerics: dict[str, int] = {}
    measures: tuple[Literal["kernel_distance", "similarity", "coverage", "ngrams", "transport"], ...] | None = None
    """Further scores: see `wganlib.scores.measures`."""
    snapshot_measures: Literal[True] | None = None
    """Snapshots and the untrained generator get every score and measure that the trained generator gets."""
    weights: Literal["last"] | None = None
    """`last`: samples are made with the last weights though the run keeps their moving average."""
    pixels: Pixels | None = None
    """How images become Inception's input: see `wganlib.scores.inception.to_pixels`; 127.995 when left out."""
    inception_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """Expected sha256 of the Inception weights, where it is not the usual one."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.numerics:
            used = [f"score:{self.network}", *(f"score:{name}" for name in self.measures or ())]
            object.__setattr__(self, "numerics", {key: NUMERICS[key] for key in used})
        if self.network == "none" and not self.measures:
            raise ValueError("network 'none' scores nothing by itself: choose measures (ngrams for text, transport for points)")
        if self.num_samples % self.splits or self.num_samples // self.splits < 2:
            raise ValueError(
                f"num_samples ({self.num_samples}) must be a multiple of splits ({self.splits}), at least twice it"
            )
        return self
