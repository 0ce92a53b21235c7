"""What settings each experiment takes, and what it asks of its runs: checked when the plan is read. Needs no torch."""

import itertools
from collections.abc import Callable
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from wganlib.fields import Decay, Part, PositiveFloat, PositiveInt
from wganlib.planning.expansion import Experiment


def _increasing(values: tuple[float, ...]) -> tuple[float, ...]:
    if any(b <= a for a, b in itertools.pairwise(values)):
        raise ValueError(f"must increase, found {list(values)}")
    return values


Increasing = AfterValidator(_increasing)
Thresholds = Annotated[tuple[PositiveFloat, ...], Field(min_length=1), Increasing]
Range = Annotated[tuple[float, float], Increasing]
Grid = tuple[PositiveInt, PositiveInt]
Share = Annotated[float, Field(gt=0, lt=1)]
Several = Annotated[int, Field(ge=2)]


class CifarConvergence(Part):
    """A score whose first time is compared between methods."""

    common_score: PositiveFloat


class CifarSamples(Part):
    """Names of the data's classes, a column each."""

    classes: Annotated[tuple[str, ...], Field(min_length=1)]


class ClosedForms(Part):
    """What is drawn at random, and how generated points follow a critic.

    `masses`: points that a distribution lies on; `pairs`: of distributions, a seed; `lines`: places at which a critic's slope
    is looked at; `flow_points`: real and generated points; `weight`: of the penalty on k; `step`, `steps`: the longest step of
    a point, and the most steps.
    """

    masses: Several
    pairs: PositiveInt
    lines: PositiveInt
    flow_points: Several
    weight: PositiveFloat
    step: PositiveFloat
    steps: PositiveInt


class Descent(Part):
    """Gradient descent with one rate for critic and generator."""

    rate: PositiveFloat
    iterations: Annotated[int, Field(ge=10)]


class DiracAdam(Part):
    """Adam's decays and rates, critic steps, generator iterations."""

    beta1: Annotated[tuple[Decay, ...], Field(min_length=1)]
    beta2: Decay
    critic_rates: Thresholds
    generator_rate: PositiveFloat
    critic_steps: Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
    iterations: Annotated[int, Field(ge=10)]


class DiracThreshold(Part):
    """Settings of a search for the least weight that holds: critic's rate, generator's rate, critic steps.

    Random starts within `spread` of 0 in both coordinates; halvings of the weight's interval; generator iterations in units of
    the time in which the critic's slope turns; weights over the law's at which starts are counted.
    """

    settings: Annotated[tuple[tuple[PositiveFloat, PositiveFloat, PositiveInt], ...], Field(min_length=1)]
    starts: PositiveInt
    spread: PositiveFloat
    least_weight: PositiveFloat
    rounds: PositiveInt
    length: PositiveFloat
    ratios: Thresholds


class Dirac(Part):
    """Starts, a critic's slope and a generated point's place each; penalty weights, critic steps, the limit of clipping."""

    starts: Annotated[tuple[tuple[float, float], ...], Field(min_length=1)]
    weights: Thresholds
    critic_steps: Annotated[tuple[PositiveInt, ...], Field(min_length=1), Increasing]
    limit: PositiveFloat
    descent: Descent
    local: Descent
    zero_centred_weights: Thresholds
    adam: DiracAdam
    threshold: DiracThreshold


class GpFig1a(Part):
    """Points along a side of the maps, half their width, and samples for the transport between data and noise."""

    grid: PositiveInt
    limit: PositiveFloat
    samples: PositiveInt


class GpFig1b(Part):
    """Batches that gradient norms are means of, and bins of the histograms of weights."""

    batches: PositiveInt
    bins: PositiveInt


class GpToyTraining(Part):
    """Samples that are measured, and half the width of the panels."""

    samples: PositiveInt
    limit: PositiveFloat


class Version(Part):
    """Something that two versions of a paper say otherwise."""

    what: str
    v1: str
    v3: str


class GpV1(Part):
    """Where the versions differ."""

    versions: tuple[Version, ...]


class LganDual(Part):
    """Points of the real and generated supports and of the interval; the step and the share of the perturbations."""

    real: PositiveInt
    fake: PositiveInt
    interval: Several
    step: PositiveFloat
    share: Share


class LganMaps(Part):
    """Samples that are measured, ranges and points of the map, and arrows drawn.

    `apart`: how far from all real examples those lie whose directions count; `radius`: how near to one they must lead.
    """

    samples: PositiveInt
    x: Range
    y: Range
    grid: Grid
    arrows: PositiveInt
    apart: PositiveFloat
    radius: PositiveFloat


class LganFig3(Part):
    """Steps along a gradient that are drawn."""

    steps: PositiveInt


class LganFig12(Part):
    """Steps along a gradient that are drawn, and points on it where slopes are taken."""

    steps: PositiveInt
    along: Several


class LganFig13(Part):
    """Half the width and the points of the drawn functions, and of the check of their conditions."""

    limit: PositiveFloat
    points: Several
    condition_limit: PositiveFloat
    condition_points: Several


class LganStability(Part):
    """The penalty weight of the figure."""

    figure_weight: str


class LganTable1(Part):
    """Points of the supports, apart and overlapping; starts of the optimiser; bounds of values; weight; tolerance."""

    real: PositiveInt
    fake: PositiveInt
    overlapping: PositiveInt
    starts: PositiveInt
    boxes: Thresholds
    weight: PositiveFloat
    tolerance: PositiveFloat


class LsunMatrix(Part):
    """The share of the way from the untrained generator to real images that counts as success."""

    success: Share


class Pilot(Part):
    """Minimum scores from which the primary one is chosen."""

    thresholds: Thresholds


class Table2(Part):
    """Minimum scores that count as success, and the one that was fixed beforehand.

    `seen_architectures`: how many were trained before the tests were fixed, the first ones.
    """

    thresholds: Thresholds
    primary_threshold: PositiveFloat
    seen_architectures: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _among(self) -> Self:
        if self.primary_threshold not in self.thresholds:
            raise ValueError(f"primary_threshold must be one of thresholds, found {self.primary_threshold}")
        return self


class WganFig1(Part):
    """Samples that are shown, and those that an estimate is evaluated on."""

    samples: PositiveInt
    evaluation: PositiveInt


class WganFig2(Part):
    """Points and half the width of the drawn line."""

    points: Several
    limit: PositiveFloat


class WganMomentum(Part):
    """A blow-up: a loss above this factor times the largest of RMSProp's, after the beginning, a share of training."""

    blow_up_factor: PositiveFloat
    beginning: Share


SETTINGS: dict[str, type[Part]] = {
    "cifar_convergence": CifarConvergence,
    "cifar_samples": CifarSamples,
    "closed_forms": ClosedForms,
    "dirac": Dirac,
    "gp_fig1a": GpFig1a,
    "gp_fig1b": GpFig1b,
    "gp_toy_training": GpToyTraining,
    "gp_v1": GpV1,
    "lgan_dual": LganDual,
    "lgan_fig1": LganMaps,
    "lgan_fig12": LganFig12,
    "lgan_fig13": LganFig13,
    "lgan_fig2": LganMaps,
    "lgan_fig3": LganFig3,
    "lgan_stability": LganStability,
    "lgan_table1": LganTable1,
    "lsun_matrix": LsunMatrix,
    "pilot": Pilot,
    "table2": Table2,
    "wgan_fig1": WganFig1,
    "wgan_fig2": WganFig2,
    "wgan_momentum": WganMomentum,
}
"""Settings by experiment; one that is not here takes none."""


def _pairs_of_methods(experiment: Experiment) -> None:
    """More seeds would count one architecture several times in the tests."""
    scale, methods = experiment.scale, len(experiment.methods)
    if methods != 2:
        raise ValueError(f"compares exactly two methods, found {methods}")
    if len(experiment.seeds) != 1 or not isinstance(scale.architectures, int) or scale.grid:
        raise ValueError("needs a number of architectures, exactly one seed, and no grid")


def _grid(experiment: Experiment) -> None:
    if experiment.scale.grid is None or not all(entry.spec.snapshots for entry in experiment.entries):
        raise ValueError("needs a grid, and snapshots of every run")


def _classes(experiment: Experiment) -> None:
    classes, names = experiment.entries[0].spec.dataset.shape.classes, experiment.settings["classes"]
    if len(names) != classes:
        raise ValueError(f"needs a name for each of the data's {classes} classes in settings.classes, found {len(names)}")


def _option(axis: str, setting: str) -> Callable[[Experiment], None]:
    def rule(experiment: Experiment) -> None:
        value, options = experiment.settings[setting], experiment.axes.get(axis, [])
        if value not in options:
            raise ValueError(f"needs one of its axis {axis!r} as settings.{setting}: {', '.join(options)}; found {value!r}")

    return rule


def _measure(name: str) -> Callable[[Experiment], None]:
    def rule(experiment: Experiment) -> None:
        measures = experiment.scoring.measures or ()
        if name not in measures:
            raise ValueError(f"needs the measure {name!r} in scoring.measures, found {list(measures)}")

    return rule


def _untrained(experiment: Experiment) -> None:
    if not experiment.scoring.snapshot_measures:
        raise ValueError("needs scoring.snapshot_measures, with which the untrained generator has a distance")


def _medians(experiment: Experiment) -> None:
    if experiment.scale.median_iterations is None:
        raise ValueError("needs median_iterations, the window of the losses that it shows")


RULES: dict[str, tuple[Callable[[Experiment], None], ...]] = {
    "cifar_samples": (_classes,),
    "language_model": (_measure("ngrams"),),
    "lgan_stability": (_option("weight", "figure_weight"),),
    "lsun_matrix": (_measure("similarity"), _untrained),
    "pilot": (_grid,),
    "table2": (_pairs_of_methods,),
    "wgan_generators": (_measure("similarity"),),
    "wgan_loss_quality": (_medians,),
}
"""What an experiment asks of its runs at a scale; each rule raises a ValueError that says what is needed."""
