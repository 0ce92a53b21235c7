"""What a claim is: a paper's statement, the quantity that measures it, and the rule, controls and gates by which it is judged.

Claims stand with their experiments in `params/experiments/`; docs/claims.md says how to write one. Needs no torch.
"""

import math
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, FiniteFloat, model_validator

from wganlib.fields import Part
from wganlib.judging.region import Region

Label = str | int | float | bool
Words = Annotated[str, Field(min_length=1)]


def _several(value: object) -> object:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


Labels = Annotated[tuple[Label, ...], BeforeValidator(_several), Field(min_length=1)]
Where = dict[str, Labels]
"""Rows whose labels are among the given ones; `quantity` stands for the rows' quantity where it is not the sample's own."""
Wheres = Annotated[tuple[Where, ...], BeforeValidator(_several)]
Within = Literal["mean", "median", "least", "most", "spread", "range", "sum"]
Unit = Annotated[tuple[str, ...], BeforeValidator(_several)]

PAPERS = {
    "w": "Wasserstein GAN",
    "gp": "WGAN-GP",
    "l": "Lipschitz GANs",
    "mes": "Mescheder et al. 2018",
    "pet": "Petzka et al. 2018",
    "luc": "Lucic et al. 2018",
    "fed": "Fedus et al. 2018",
    "qin": "Qin et al. 2018",
    "r3": "Huang et al. 2024",
    "sta": "Stanczuk et al. 2021",
}
"""By the first part of a claim's id; from the fourth on those whose claims contradict or extend the three papers'."""


class Rule(Part):
    """How values, one a unit, are judged; see `wganlib.judging.rules`.

    interval: the 95 % interval of the mean inside or outside the region; with `against` that of the difference of means.
    equivalence: the same, inside `margin` of 0 by the 90 % interval.
    share: exact interval of the share of units whose value is above `success`; with `against` Fisher's test.
    sign_test: the share of units above 0, ties left out, against one half.
    exact: every value inside the region. counter_example: the same of chance values, of which enough are needed to hold.
    variance_ratio: Fisher's F of the values' variance over that of `against`.
    """

    kind: Literal["interval", "equivalence", "share", "sign_test", "exact", "counter_example", "variance_ratio"]
    above: FiniteFloat | None = None
    below: FiniteFloat | None = None
    between: tuple[FiniteFloat, FiniteFloat] | None = None
    margin: FiniteFloat | None = None
    """Half the width of a region about 0."""
    success: FiniteFloat | None = None

    @model_validator(mode="after")
    def _one_region(self) -> Self:
        edges = [name for name in ("between", "margin") if getattr(self, name) is not None]
        edges += ["above or below"] * (self.above is not None or self.below is not None)
        if self.kind == "sign_test":
            if edges:
                raise ValueError(f"a sign test has one half as its edge: remove {edges[0]}")
        elif len(edges) != 1:
            raise ValueError(
                f"needs one region: above, below or both, or between, or margin; found {' and '.join(edges) or 'none'}"
            )
        if self.kind == "equivalence" and self.margin is None and self.between is None:
            raise ValueError("an equivalence needs a margin, or between")
        if (self.success is not None) != (self.kind == "share"):
            raise ValueError("success is for a share, which needs it: the value above which a unit counts")
        low, high = self.region
        if low >= high:
            raise ValueError(f"a region's low edge is below its high one, found {low:g} and {high:g}")
        if self.kind == "share" and not all(0 <= edge <= 1 for edge in self.region.edges):
            raise ValueError("the region of a share lies between 0 and 1")
        if self.kind == "variance_ratio" and not all(edge > 0 for edge in self.region.edges):
            raise ValueError("the region of a ratio of variances lies above 0")
        return self

    @property
    def region(self) -> Region:
        """The effects for which the claim is true."""
        if self.kind == "sign_test":
            return Region(low=0.5)
        if self.margin is not None:
            return Region(-self.margin, self.margin)
        if self.between is not None:
            return Region(*self.between)
        return Region(-math.inf if self.above is None else self.above, math.inf if self.below is None else self.below)


EVERY = ("exact", "counter_example")
"""Rules that ask for every single value."""
WITH_AGAINST = ("interval", "equivalence", "share", "variance_ratio")
"""Rules that compare two independent samples."""
ROW = ("row",)


class Sample(Part):
    """Which values are judged: a quantity of the rows with some labels, one value a unit, less and plus those of other rows."""

    quantity: str | None = None
    where: Where = {}
    minus: Wheres = ()
    """Rows whose value in the same unit is taken away; labels not given are those of `where`."""
    plus: Wheres = ()
    against: Where | None = None
    """Rows of an independent second sample; labels not given are those of `where`."""
    within: Within = "mean"
    """What several rows of a unit become."""
    minus_within: Within | None = None
    """The same of the rows that are taken away or added, where it is another."""
    less_expected: bool = False
    """Whether a row's expected value is taken away from it."""
    unit: Unit = ()
    """Labels whose values are one unit of replication; `row`: every row is one. Left out: seeds, of rules that ask for every
    single value rows."""

    def unit_by(self, rule: Rule) -> Unit:
        """The unit under a rule."""
        return self.unit or (ROW if rule.kind in EVERY else ("seed",))

    def fits(self, rule: Rule) -> None:
        """Refuse a rule that does not go with the sample.

        Raises:
            ValueError: the rule needs another sample.
        """
        unit, changed = self.unit_by(rule), {axis for where in (*self.minus, *self.plus) for axis in where}
        if rule.kind == "variance_ratio" and self.against is None:
            raise ValueError("a ratio of variances needs `against`, the rows of the second sample")
        if self.against is not None and rule.kind not in WITH_AGAINST:
            raise ValueError(f"against is for {', '.join(WITH_AGAINST)}, found {rule.kind}")
        if self.against is not None and rule.kind == "share" and rule.region != Region(low=0.0):
            raise ValueError("a share against another is tested for a difference above 0: its region is `above: 0`")
        if unit == ROW and changed:
            raise ValueError("a row by itself has nothing to take away or add: name the labels that are one unit")
        if several := sorted(changed & set(unit)):
            raise ValueError(f"{several[0]} differs within a unit: leave it out of unit, or of minus and plus")
        if self.minus_within is not None and not changed:
            raise ValueError("minus_within is not read without minus or plus; remove it")


class Control(Sample):
    """What must fail the claim's rule: what it says here is laid over the claim's sample."""

    says: Words
    """What it is, in words."""


class Condition(Sample):
    """Something that must hold by a rule of its own."""

    says: Words
    rule: Rule

    @model_validator(mode="after")
    def _fits(self) -> Self:
        self.fits(self.rule)
        return self


class Claim(Sample):
    """A statement and how it is judged."""

    statement: Words
    source: Words
    """Where the paper says it, or that it does not."""
    rule: Rule | None = None
    control: Annotated[tuple[Control, ...], BeforeValidator(_several)] = ()
    no_control: Words | None = None
    """Why there can be none."""
    gates: tuple[str, ...] = ()
    """Conditions of the experiment's `gates` without which the claim means nothing."""
    also: tuple[Condition, ...] = ()
    """What must hold besides for the claim to hold; where one of them fails, so does the claim."""
    for_each: dict[str, Labels] = {}
    """An axis and options of it: the claim must hold for each by itself."""
    not_testable: dict[str, str] = {}
    """By scale, why the claim cannot be judged there; `all`: at no scale."""
    primary: bool = False
    """Whether it is one of the few that were chosen beforehand and are corrected for their number by Holm's method."""
    remembered: bool = False
    """Whether the source was quoted from memory, its text not being at hand."""
    note: str = ""
    """A sentence for the reader of the verdict."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.quantity is None) != (self.rule is None):
            raise ValueError("quantity and rule stand together")
        if self.quantity is None and not self.not_testable:
            raise ValueError("needs a quantity with a rule, or not_testable")
        if self.quantity is not None and bool(self.control) == bool(self.no_control):
            raise ValueError("needs a control, or no_control with the reason why there can be none; not both")
        if len(self.for_each) > 1:
            raise ValueError(f"for_each takes one axis, found {', '.join(self.for_each)}")
        if self.rule is not None:
            self.fits(self.rule)
            for control in self.control:
                self.controlled(control).fits(self.rule)
        return self

    @property
    def whole(self) -> "Claim":
        """The claim on all options of `for_each` together."""
        return self.model_copy(update={"where": {**self.where, **self.for_each}})

    def controlled(self, control: Control) -> "Claim":
        """The claim on a control's sample."""
        given = {name: getattr(control, name) for name in control.model_fields_set if name != "says"}
        return self.whole.model_copy(update=given | {"where": {**self.whole.where, **control.where}})

    def reason(self, scale: str) -> str | None:
        """Why the claim cannot be judged at a scale; none where it can."""
        return self.not_testable.get(scale, self.not_testable.get("all"))


def paper(claim: str) -> str:
    """The paper of a claim's id.

    >>> paper("gp.t2.score")
    'WGAN-GP'
    """
    return PAPERS[claim.partition(".")[0]]
