"""Which data a run is trained on. Importing this needs no torch."""

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from wganlib.datasets import DATASETS, DataShape, Scaling
from wganlib.fields import Part, PositiveInt, one_of


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
    """How grey levels become numbers, where it is not the data set's usual way; see `wganlib.datasets.dataset.scaled`."""
    train_limit: PositiveInt | None = None
    """Training examples that are used, the first of a fixed shuffle (Gulrajani et al. 2017, Figure 5b: 1,000 digits)."""
    offset: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """theta of `parallel_lines`: how far the generated line lies from the real one (Arjovsky et al. 2017, example 1)."""

    @field_validator("name")
    @classmethod
    def _known(cls, value: str) -> str:
        return one_of("data set", value, DATASETS)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        row = DATASETS[self.name]
        needed = {"images": ["image_size"], "points": [], "text": ["length", "vocabulary_size"]}[row.kind]
        needed += ["folder"] if row.folder else []
        for key in ("image_size", "length", "vocabulary_size", "folder"):
            if (getattr(self, key) is None) == (key in needed):
                advice = f"the key {key!r} is missing" if key in needed else f"found {key}, which it does not have: remove it"
                raise ValueError(f"data set {self.name!r} consists of {row.kind}: {advice}")
        side = row.side
        if self.image_size and side and side % self.image_size:
            sizes = ", ".join(str(side // n) for n in range(1, side + 1) if side % n == 0)
            result = f"found image_size {self.image_size}, allowed are {sizes}"
            raise ValueError(f"data set {self.name!r} has images of {side}x{side}: {result}")
        if self.folder and (self.folder.startswith("/") or ".." in self.folder.split("/")):
            raise ValueError(f"folder: found {self.folder!r}, allowed is a name below DATA_ROOT")
        if (self.offset is None) == (self.name == "parallel_lines"):
            advice = "the key 'offset' is missing" if self.offset is None else f"found offset {self.offset}: remove it"
            raise ValueError(f"offset is the distance of parallel_lines, and theirs alone: {advice}")
        if self.scaling and row.scaling is None:
            raise ValueError(f"data set {self.name!r} has its own scaling: found {self.scaling!r}, remove it")
        return self

    @property
    def scaling_used(self) -> Scaling:
        """The spec's scaling, or the data set's usual one."""
        return self.scaling or DATASETS[self.name].scaling or "255"

    @property
    def shape(self) -> DataShape:
        """What a network must know of the data."""
        row = DATASETS[self.name]
        if self.image_size is not None:
            low = 0.0 if self.scaling_used == "unit" else -1.0
            return DataShape(row.kind, (row.channels, self.image_size, self.image_size), row.classes, low, row.fakes)
        if self.length is not None and self.vocabulary_size is not None:
            return DataShape(row.kind, (self.vocabulary_size, self.length), row.classes, 0.0)
        return DataShape(row.kind, (row.channels,), row.classes, fakes=row.fakes)
