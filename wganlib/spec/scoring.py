"""How samples of a run are scored, and by which classifier. Importing this needs no torch."""

from typing import Annotated, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from wganlib.datasets import DATASETS
from wganlib.datasets.spec import DatasetSpec
from wganlib.fields import Part, PositiveInt
from wganlib.judging.score_names import COLUMNS, ScoreColumns

Pixels = Literal["127.5", "127.995", "float"]
Network = Literal["classifier", "inception", "none"]
Measure = Literal["kernel_distance", "similarity", "coverage", "class_accuracy", "ngrams", "transport"]

SCORE_VERSIONS: dict[Network | Measure, int] = {
    "classifier": 2,
    "inception": 2,
    "none": 1,
    "kernel_distance": 1,
    "similarity": 2,
    "coverage": 2,
    "class_accuracy": 1,
    "ngrams": 2,
    "transport": 1,
}
"""Raise a version when the numbers of that score change: what it scored, and nothing else, is scored again."""


SSIM_WINDOW = 11
"""Side of the window of structural similarity, in pixels."""


class Needs(NamedTuple):
    """What a measure asks for: kinds of data, samples, pixels of an image's side, and whether labels."""

    kinds: tuple[str, ...]
    samples: int = 1
    side: int = 1
    labels: bool = False


NEEDS: dict[str, Needs] = {
    "kernel_distance": Needs(("images",), samples=20),
    "similarity": Needs(("images",), samples=4, side=SSIM_WINDOW),
    "coverage": Needs(("images",), labels=True),
    "class_accuracy": Needs(("images",), labels=True),
    "ngrams": Needs(("text",)),
    "transport": Needs(("points", "images"), samples=10),
}


def check_measure(name: str, data: DatasetSpec, samples: int) -> None:
    """Refuse a measure that this many samples of such data cannot have.

    Raises:
        ValueError: another kind of data, no labels, or images or samples too small or too few.
    """
    needs, kind, side = NEEDS[name], data.shape.kind, data.image_size or 0
    if kind not in needs.kinds:
        raise ValueError(f"measure {name!r} is for {' and '.join(needs.kinds)}, found a data set of {kind}: leave it out")
    if needs.labels and data.shape.classes is None:
        raise ValueError(f"measure {name!r} asks for labels, which data set {data.name!r} does not have: leave it out")
    if kind == "images" and side < needs.side:
        raise ValueError(
            f"measure {name!r} needs images of at least {needs.side} x {needs.side} pixels, found image_size {side}: leave it "
            "out, or take larger images"
        )
    if samples < needs.samples:
        raise ValueError(f"measure {name!r} needs at least {needs.samples} samples, found {samples}: raise scoring.num_samples")


class ClassifierSpec(Part):
    """The classifier whose outputs and features stand for Inception's on a data set.

    `version`, `resnet_version`: of the small and of the residual network; raise it when its numbers change.
    """

    version: ClassVar[int] = 2
    resnet_version: ClassVar[int] = 2
    dataset: DatasetSpec
    epochs: PositiveInt
    seed: Annotated[int, Field(ge=0)]
    judged: DatasetSpec | None = None
    """The data set whose images it judges, where that is not the one on whose labels it is trained."""
    resnet_width: PositiveInt | None = None
    """Channels of the first layer of a residual network; a small convolutional network when left out."""
    threads: PositiveInt = 1
    """CPU threads that its training takes: sums over threads have other last digits."""
    numerics: dict[str, int] = {}

    @model_validator(mode="after")
    def _filled(self) -> Self:
        self._check_learnt()
        self._check_judged()
        if not self.numerics:
            small = self.resnet_width is None
            network = {"classifier": self.version} if small else {"classifier_resnet": self.resnet_version}
            data = {f"dataset:{data.name}": DATASETS[data.name].version for data in (self.dataset, self.judged) if data}
            object.__setattr__(self, "numerics", network | data)
        return self

    def _check_learnt(self) -> None:
        kind, shape, classes, *_ = self.dataset.shape
        if kind != "images" or classes is None:
            raise ValueError(
                f"data set {self.dataset.name!r} has no labelled images: a classifier cannot be trained on it; name another "
                "data set that judges (an experiment's `judge`)"
            )
        # Each pooling halves the side.
        least = 4 if self.resnet_width is None else 8
        if shape[1] < least:
            raise ValueError(f"the classifier needs images of at least {least} x {least} pixels, found image_size {shape[1]}")

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

    network: Network
    """`inception` comes beside the classifier; `none` is for data without images, which have measures alone."""
    num_samples: Annotated[int, Field(ge=2)]
    splits: PositiveInt
    batch_size: Annotated[int, Field(ge=2)] = 100
    """Samples are generated in batches of this size, whose statistics batch norm uses."""
    numerics: dict[str, int] = {}
    measures: tuple[Measure, ...] | None = None
    """Further scores: see `wganlib.scoring.measures`."""
    snapshot_measures: Literal[True] | None = None
    """Snapshots and the untrained generator get every measure that the trained generator gets, not the scores alone."""
    weights: Literal["last"] | None = None
    """`last`: samples are made with the last weights though the run keeps their moving average."""
    pixels: Pixels | None = None
    """How images become Inception's input: see `wganlib.scoring.inception.to_pixels`; 127.995 when left out."""
    inception_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """Expected sha256 of the Inception weights, where it is not the usual one."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.numerics:
            used = {f"score:{name}": SCORE_VERSIONS[name] for name in (self.network, *(self.measures or ()))}
            object.__setattr__(self, "numerics", used)
        if self.network == "none" and not self.measures:
            raise ValueError("network 'none' scores nothing by itself: choose measures (ngrams for text, transport for points)")
        if self.num_samples % self.splits or self.num_samples // self.splits < 2:
            raise ValueError(
                f"num_samples ({self.num_samples}) must be a multiple of splits ({self.splits}), at least twice it"
            )
        return self

    def check(self, data: DatasetSpec, judge: DatasetSpec | None = None) -> None:
        """Refuse data whose runs cannot be scored so, before any is trained; `judge`: whose classifier is not the data's own.

        Raises:
            ValueError: the network or a measure does not suit the data.
        """
        kind = data.shape.kind
        if (self.network == "none") != (kind != "images"):
            raise ValueError(
                f"scoring.network: found {self.network!r} for a data set of {kind}; images are scored by 'classifier' or "
                "'inception', other data by 'none' and measures"
            )
        for name in self.measures or ():
            check_measure(name, data, self.num_samples)
            if judge and NEEDS[name].labels:
                raise ValueError(
                    f"measure {name!r} asks for classes of {data.name!r}, but the classifier of {judge.name!r} tells its own: "
                    "leave it out"
                )

    @property
    def columns(self) -> ScoreColumns:
        """The columns of the score that heads every report, count, rank and figure of the runs scored so."""
        return COLUMNS["inception" if self.network == "inception" else "classifier"]
