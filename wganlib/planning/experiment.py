"""What an experiment is: its file in `params/experiments/`, and its expansion into runs. Needs no torch."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import unknown
from wganlib.fields import NonNegativeFloat, Part, PositiveFloat, PositiveInt
from wganlib.judging.claims import PAPERS, Claim, Condition, Sample

Partial = dict[str, Any]
Label = str | int | float | bool
Options = Annotated[tuple[str, ...], Field(min_length=1)]
Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]

KINDS = ("kind", "family", "name")
"""Keys that say what the other keys of a mapping mean."""


GRID_LABELS = ("learning_rate", "critic_factor")


class RandomSet(Part):
    """The group's runs are of as many of Table 1's architectures as the scale says (Gulrajani et al. 2017)."""

    critic_l2_when_normalized: NonNegativeFloat = 0.0
    sub_batches: PositiveInt = 1
    """Equal parts of a batch over each of which batch norm averages: the development code always splits over two devices."""


class Grid(Part):
    """Learning rates that a pilot tries, the same for every method; the critic's rate is a factor times the generator's."""

    learning_rates: tuple[PositiveFloat, ...]
    critic_factors: tuple[PositiveFloat, ...]


class Group(Part):
    """Runs that are one run's spec but for the options of some axes, each option a part of a spec, and the seed.

    In a part `method: {use: NAME}` stands for the settings of `params/methods/NAME.yaml`; keys beside `use` change them.
    """

    spec: Partial = {}
    methods: tuple[str, ...] = ()
    """An axis `method` whose options are files of `params/methods/`; the first axis."""
    axes: dict[str, dict[str, Partial]] = {}
    random_set: RandomSet | None = None

    def all_axes(self) -> dict[str, dict[str, Partial]]:
        """Every axis with its options."""
        named: dict[str, dict[str, Partial]] = {"method": {name: {"method": {"use": name}} for name in self.methods}}
        return (named if self.methods else {}) | self.axes


class ExperimentScale(Part):
    """What an experiment asks for at one scale. What it says goes above what groups and options say."""

    seeds: Seeds | None = None
    """Of its own runs; of its measurements where it has no runs."""
    spec: Partial = {}
    """Parts of the spec of every run."""
    options: dict[str, dict[str, Partial]] = {}
    """Parts of the specs of the runs with an option: axis, option, part."""
    groups: dict[str, Partial] = {}
    """Parts of the specs of one group's runs."""
    group_seeds: dict[str, Seeds] = {}
    """The seeds of a group that has not those of all."""
    only: dict[str, Options] = {}
    """The options of an axis that this scale has; all when left out."""
    architectures: PositiveInt | Literal["base"] | None = None
    """How many of Table 1's architectures groups of a `random_set` have, or its base alone."""
    grid: Grid | None = None
    scoring: Partial = {}
    """Keys of the scale's scoring that this experiment's runs have otherwise."""
    judge: DatasetSpec | None = None
    """The data set whose classifier judges images of one without labels."""
    curve_points: PositiveInt = 30
    """Most rows kept of a run's history."""
    median_iterations: PositiveInt | None = None
    """Window of the running medians of losses, in generator iterations."""
    runs_per_stack: PositiveInt | None = None
    """Most runs of a stack; 64 when left out."""
    settings: Partial = {}
    """Settings of the measurements and figures that this scale has otherwise."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for seeds in (self.seeds or (), *self.group_seeds.values()):
            if len(set(seeds)) != len(seeds):
                raise ValueError(f"seeds must be distinct, found {list(seeds)}")
        return self


class ExperimentParams(Part):
    """A named set of runs, what is measured on them, and the reports that show it."""

    title: str
    source: str
    claim: str = ""
    """What the paper says that its table or figure shows."""
    unspecified: tuple[str, ...] = ()
    """What the paper leaves open, and what stands here instead; the report lists it."""
    report: bool = True
    """Whether it has a report, made by the module of its name in `wganlib.experiments`."""
    on_request: bool = False
    """Whether it is made when asked for by name alone, and not with all reports."""
    trained: bool = True
    """Whether its runs must be trained for its report; else it shows what is planned."""
    stacked: bool = False
    """Whether its runs, which are of toy networks, are trained many at once, in stacks, and measured by its own module."""
    groups: dict[str, Group] = {}
    runs_of: dict[str, dict[str, Options]] = {}
    """Other experiments whose runs belong to this one too, those alone that have one of the given options of each axis."""
    settings: Partial = {}
    gates: dict[str, Condition] = {}
    """What must be true before claims that name it mean anything."""
    claims: dict[str, Claim] = {}
    """By id: what the papers say that its runs can show."""
    scales: dict[str, ExperimentScale]

    @model_validator(mode="after")
    def _known(self) -> Self:
        if not self.groups and not self.runs_of and any(scale.spec for scale in self.scales.values()):
            raise ValueError("an experiment without groups trains nothing: leave spec out of its scales")
        axes: dict[str, set[str]] = {}
        for group in self.groups.values():
            if len(set(group.methods)) != len(group.methods):
                raise ValueError("methods must be distinct")
            for axis, options in group.all_axes().items():
                axes.setdefault(axis, set()).update(options)
        for name, scale in self.scales.items():
            self._check(scale, axes, f"scales.{name}")
        self._check_claims(axes)
        return self

    def _check_claims(self, axes: dict[str, set[str]]) -> None:
        """Refuse unknown papers, gates, and options of the groups' axes; other labels are the measuring module's."""
        for name, claim in self.claims.items():
            if name.partition(".")[0] not in PAPERS:
                raise ValueError(f"claims: {unknown('paper', name.partition('.')[0], PAPERS)}")
            for gate in claim.gates:
                if gate not in self.gates:
                    raise ValueError(f"claims.{name}: {unknown('gate', gate, self.gates)}")
        if self.runs_of:
            return  # their axes are other experiments'
        samples: dict[str, Sample] = {f"gates.{name}": gate for name, gate in self.gates.items()}
        samples |= {f"claims.{name}": claim for name, claim in self.claims.items()}
        for where, sample in samples.items():
            for labels in (sample.where, *sample.minus, *sample.plus, sample.against or {}):
                for axis, options in labels.items():
                    for option in (str(option) for option in options if axis in axes):
                        if option not in axes[axis]:
                            raise ValueError(f"{where}: {unknown(f'option of {axis}', option, axes[axis])}")

    @property
    def scored(self) -> bool:
        """Whether its runs are trained one by one and scored."""
        return self.trained and not self.stacked and bool(self.groups or self.runs_of)

    def _check(self, scale: ExperimentScale, axes: dict[str, set[str]], where: str) -> None:
        if (scale.seeds is None) != bool(self.runs_of and not self.groups):
            place = "is missing" if scale.seeds is None else "is not read: the runs are other experiments'; remove it"
            raise ValueError(f"{where}.seeds {place}")
        unread = {"scoring", "judge", "median_iterations"} if not self.scored else set()
        unread |= {"runs_per_stack"} if not (self.stacked and self.groups) else set()
        for key in sorted(unread & scale.model_fields_set):
            kind = "stacked" if self.stacked else "scored" if self.scored else "neither trained nor scored"
            raise ValueError(f"{where}.{key} is not read: the experiment's runs are {kind}; remove it")
        for key, names in (("groups", scale.groups), ("group_seeds", scale.group_seeds)):
            for chosen in names:
                if chosen not in self.groups:
                    raise ValueError(f"{where}.{key}: {unknown('group', chosen, self.groups)}")
        for key, chosen_of in (("only", scale.only), ("options", scale.options)):
            for axis, given in chosen_of.items():
                if axis not in axes:
                    raise ValueError(f"{where}.{key}: {unknown('axis', axis, axes)}")
                for option in given:
                    if option not in axes[axis]:
                        raise ValueError(f"{where}.{key}.{axis}: {unknown('option', option, axes[axis])}")
        drawn = any(group.random_set for group in self.groups.values())
        if drawn != (scale.architectures is not None):
            result = "is missing: a number, or base" if drawn else "is for groups with random_set alone: remove it"
            raise ValueError(f"{where}.architectures {result}")
