"""From claims and measured values to verdicts."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from wganlib.errors import WganlibError, unknown
from wganlib.judging import rules
from wganlib.judging.claims import ROW, Claim, Condition, Rule, Sample, Unit, Where, Within
from wganlib.judging.region import Region
from wganlib.judging.rules import Array, Judged

VERDICTS = ("holds", "fails", "undecided", "not testable here", "not run")
Word = Literal["holds", "fails", "undecided", "not testable here", "not run"]

WITHIN: dict[Within, str] = {
    "mean": "mean",
    "median": "median",
    "least": "min",
    "most": "max",
    "spread": "std",
    "range": "range",
    "sum": "sum",
}


class Part(NamedTuple):
    """How something beside the claim was judged: a control, a gate, a further condition, one option of several."""

    says: str
    verdict: Word
    effect: float
    low: float
    high: float
    n: int
    why: str = ""
    """Why it is undecided, where that is not for want of units alone."""


class Asked(NamedTuple):
    """One of the things that a claim asks: the claim as it stands, one option of several, a further condition."""

    says: str
    """The option or the condition; empty for the claim as it stands."""
    sample: Sample
    rule: Rule


class Verdict(NamedTuple):
    """A claim's verdict with all that it rests on. Effects that are not numbers were not measured."""

    verdict: Word
    reason: str
    """Why it is not what the rule alone says, or why there is none; empty where nothing is to be said."""
    by_rule: Judged | None
    """Effect, interval and units are those of what decides; the rest has every option and further condition counted in."""
    decides: Asked | None
    """What effect and interval belong to: what fails, else what is undecided, else of several options the one nearest to its
    edge."""
    parts: tuple[Part, ...]
    """Options of which each must hold, further conditions."""
    controls: tuple[Part, ...]
    gates: tuple[Part, ...]
    unit: tuple[str, ...]
    seconds: float
    """Seconds of training of one unit; not a number where they are not known."""


def judge(claim: Claim, gates: Mapping[str, Condition], table: pd.DataFrame, scale: str) -> Verdict:
    """The verdict on a claim from a table of quantities: a row a value, with labels.

    A gate that fails makes a claim not testable here. One that holds needs controls that fail: one that holds too makes it
    not testable here, one without a verdict leaves it undecided.

    Raises:
        WganlibError: rows of the claim's quantity lack a label that its unit names.
    """
    if (reason := claim.reason(scale)) is not None:
        return Verdict("not testable here", reason, None, None, (), (), (), claim.unit, math.nan)
    if claim.rule is None:
        return Verdict("not run", "nothing measures it at this scale", None, None, (), (), (), claim.unit, math.nan)
    by_gate = tuple(_part(gates[name].says, judged(gates[name], gates[name].rule, table)) for name in claim.gates)
    by_rule, decides, parts = _by_rule(claim, claim.rule, table)
    by_control = tuple(_part(control.says, judged(claim.controlled(control), claim.rule, table)) for control in claim.control)
    word, reason = _word(by_rule, parts, by_control, by_gate)
    unit = decides.sample.unit_by(decides.rule)
    seconds = _seconds(claim.whole, claim.unit_by(claim.rule), table)
    return Verdict(word, reason, by_rule, decides, parts, by_control, by_gate, unit, seconds)


def _word(
    by_rule: Judged | None, parts: tuple[Part, ...], controls: tuple[Part, ...], gates: tuple[Part, ...]
) -> tuple[Word, str]:
    if (closed := _those(gates, "fails")) is not None:
        return "not testable here", f"without what must be true first: not so: {closed}"
    if (silent := _those(gates, "not run")) is not None:
        return "not run", f"what must be true first was not measured: {silent}"
    if by_rule is None:
        return "not run", "no value of it was measured"
    if (unsure := _those(gates, "undecided")) is not None:
        return "undecided", f"what must be true first is undecided: {unsure}"
    if by_rule.verdict == "fails":
        return "fails", ""
    if by_rule.verdict == "undecided":
        missing = _those(parts, "not run")
        return "undecided", f"not measured: {missing}" if missing is not None else by_rule.why
    if (blind := _those(controls, "holds")) is not None:
        return "not testable here", f"the same rule is met by what must fail it: {blind}"
    if (silent := _those(controls, "not run")) is not None:
        return "undecided", f"the rule is met, but what must fail it was not measured: {silent}"
    if (unsure := _those(controls, "undecided")) is not None:
        return "undecided", f"the rule is met, but what must fail it is undecided: {unsure}"
    return "holds", ""


def _those(parts: tuple[Part, ...], verdict: Word) -> str | None:
    """The parts of a verdict, in words; none where none has it."""
    those = [part.says + (f" ({part.why})" if part.why else "") for part in parts if part.verdict == verdict]
    return "; ".join(those) if those else None


def _by_rule(claim: Claim, rule: Rule, table: pd.DataFrame) -> tuple[Judged | None, Asked, tuple[Part, ...]]:
    """The rule's word on all that the claim asks, and on each option and further condition by itself.

    It holds where all hold; it fails by one that lies outside by a level divided among them.
    """
    named = [
        Asked(str(one), claim.model_copy(update={"where": {**claim.where, axis: (one,)}}), rule)
        for axis, options in claim.for_each.items()
        for one in options
    ]
    named += [Asked(condition.says, condition, condition.rule) for condition in claim.also]
    itself = Asked("", claim.whole, rule)
    asked = named if claim.for_each else [itself, *named]
    ones = [judged(one.sample, one.rule, table, len(asked)) for one in asked]
    parts = tuple(_part(one.says, said) for one, said in zip(asked, ones, strict=True) if one.says)
    whole = judged(itself.sample, rule, table, len(asked))
    if whole is None or len(asked) == 1:
        return whole, itself, parts
    together = _together(whole, ones)
    place = _decisive(together.verdict, ones, bool(claim.for_each))
    if place is None:
        return together, itself, parts
    one = ones[place]
    assert one is not None
    needed = None if together.needed is None else together.needed - together.n + one.n
    return together._replace(effect=one.effect, low=one.low, high=one.high, n=one.n, needed=needed), asked[place], parts


def _decisive(verdict: rules.Said, ones: list[Judged | None], options: bool) -> int | None:
    """Which of the things asked shows why; none where that is the claim as it stands.

    What fails surest, what needs most units, of options that all hold the least sure.
    """
    order: dict[rules.Said, Callable[[Judged], float]] = {
        "fails": lambda one: -np.nan_to_num(one.p_value, nan=1.0),
        "undecided": lambda one: math.inf if one.needed is None else one.needed - one.n,
        "holds": lambda one: np.nan_to_num(one.p_value, nan=1.0),
    }
    places = {place: order[verdict](one) for place, one in enumerate(ones) if one is not None and one.verdict == verdict}
    return None if not places or (verdict == "holds" and not options) else max(places, key=places.__getitem__)


def _together(whole: Judged, ones: list[Judged | None]) -> Judged:
    """All that must hold as one: each holds, or one fails; units are needed until the last undecided one is decided."""
    run = [one for one in ones if one is not None]
    verdicts = {one.verdict if one is not None else "undecided" for one in ones}
    if "fails" in verdicts:
        p = min(1.0, len(ones) * min(one.p_value for one in run if one.verdict == "fails"))
        return whole._replace(verdict="fails", p_value=p, needed=whole.n, why="")
    unsure = [one for one in run if one.verdict == "undecided"]
    more = [None if one.needed is None else one.needed - one.n for one in unsure]
    needed = None if len(run) < len(ones) or None in more else whole.n + max((m for m in more if m is not None), default=0)
    p = max((one.p_value for one in run), default=math.nan)
    why = "; ".join(dict.fromkeys(one.why for one in unsure if one.why))
    verdict: rules.Said = "holds" if verdicts == {"holds"} else "undecided"
    return whole._replace(verdict=verdict, p_value=p, needed=needed, why=why)


def _part(says: str, by_rule: Judged | None) -> Part:
    if by_rule is None:
        return Part(says, "not run", math.nan, math.nan, math.nan, 0)
    return Part(says, *by_rule[:5], by_rule.why)


def judged(sample: Sample, rule: Rule, table: pd.DataFrame, among: int = 1) -> Judged | None:
    """The rule's word on a sample, one of so many that a claim asks for together; none where a part of it has no value at all.

    Where a unit has no value, because one of its parts has none or one that is not a number, the word is undecided.
    """
    first, second = values(sample, rule, table), None
    if sample.against is not None:
        other = sample.model_copy(update={"where": {**sample.where, **sample.against}})
        second = values(other, rule, table)
    if first is None or (sample.against is not None and second is None):
        return None
    x = first.to_numpy(dtype=np.float64)
    others = None if second is None else second.to_numpy(dtype=np.float64)
    every = x if others is None else np.concatenate([x, others])
    if lacking := int(np.isnan(every).sum()):
        n = len(x) if others is None else min(len(x), len(others))
        return Judged("undecided", math.nan, math.nan, math.nan, n, why=f"{lacking} of {len(every)} units lack a value")
    return _apply(rule, x, others, among)


def _apply(rule: Rule, x: Array, others: Array | None, among: int) -> Judged:
    region, equivalence = rule.region, rule.kind == "equivalence"
    if rule.kind in ("interval", "equivalence"):
        if others is not None:
            return rules.difference(x, others, region, equivalence=equivalence, among=among)
        return rules.interval(x, region, equivalence=equivalence, among=among)
    if rule.kind == "exact":
        return rules.exact(x, region)
    if rule.kind == "counter_example":
        return rules.counter_example(x, region)
    if rule.kind == "variance_ratio":
        assert others is not None
        return rules.variance_ratio(x, others, region, among=among)
    if rule.kind == "sign_test":
        x = x[np.abs(x) > rules.TIE]
    above = rule.success or 0.0
    if others is not None:
        counts = ((int((sample > above).sum()), len(sample)) for sample in (x, others))
        return rules.share_difference(*counts, among=among)
    return rules.share(int((x > above).sum()), len(x), region, among=among)


def values(sample: Sample, rule: Rule, table: pd.DataFrame) -> "pd.Series[float] | None":
    """The sample's value by unit, not a number for a unit that one part of it lacks; none where one part has no rows."""
    unit = sample.unit_by(rule)
    terms = [_term(sample, sample.where, sample.within, unit, table)]
    for sign, wheres in ((-1.0, sample.minus), (1.0, sample.plus)):
        for where in wheres:
            term = _term(sample, {**sample.where, **where}, sample.minus_within or sample.within, unit, table)
            terms.append(None if term is None else sign * term)
    some = [term for term in terms if term is not None]
    return None if len(some) < len(terms) else some[0] if len(some) == 1 else _sum(some)


def _sum(terms: "list[pd.Series[float]]") -> "pd.Series[float]":
    """The sum by unit. Infinite values, of runs that failed, cancel one another: two methods that both fail are alike."""
    table = pd.concat(terms, axis=1)
    x = table.to_numpy(dtype=np.float64)
    infinite = np.isinf(x)
    failed = np.sign(np.where(infinite, x, 0)).sum(axis=1)
    total = np.where(failed == 0, np.where(infinite, 0, x).sum(axis=1), np.copysign(np.inf, failed))
    return pd.Series(np.where(np.isnan(x).any(axis=1), np.nan, total), index=table.index)


def _term(sample: Sample, where: Where, within: Within, unit: Unit, table: pd.DataFrame) -> "pd.Series[float] | None":
    rows = chosen(table, {"quantity": (sample.quantity or "",), **where})
    if not len(rows):
        return None
    value = rows["value"].astype(float)
    if sample.less_expected:
        value = value - rows["expected"].astype(float)
    if unit == ROW:
        return value
    keys = []
    for name in unit:
        if name not in rows:
            raise WganlibError(f"unit: {unknown('label', name, sorted(set(rows) - {'quantity', 'value', 'expected'}))}")
        keys.append(rows[name].map(text))
    groups = value.groupby(keys, sort=True)
    with np.errstate(invalid="ignore"):
        result = groups.max() - groups.min() if within == "range" else groups.agg(WITHIN[within])
    # What pandas would leave out makes its unit's value unknown: one that is not a number, and an option that the unit lacks.
    lacking = value.isna().groupby(keys, sort=True).any()
    for name, labels in where.items():
        if name not in unit:
            lacking |= rows[name].map(text).groupby(keys, sort=True).nunique() < len({text(label) for label in labels})
    return result.mask(lacking)


def chosen(table: pd.DataFrame, where: Where) -> pd.DataFrame:
    """The rows whose labels are among the given ones; none where one of these labels has no row."""
    for name, labels in where.items():
        if name not in table:
            return table[:0]
        table = table[table[name].map(text).isin([text(label) for label in labels])]
    complete = all({text(label) for label in labels} <= set(table[name].map(text)) for name, labels in where.items())
    return table if complete else table[:0]


def text(label: Any) -> str:
    """A label as it is compared: numbers and truth values alike however they were read; empty where there is none.

    >>> text(4.0), text("4"), text("0.10"), text(True), text(float("nan"))
    ('4', '4', '0.1', 'True', '')
    """
    if pd.isna(label):
        return ""
    if isinstance(label, bool | np.bool_):
        return str(label)
    try:
        number = float(label)
    except ValueError:
        return str(label)
    return str(int(number)) if number.is_integer() else str(number)


def _seconds(claim: Claim, unit: Unit, table: pd.DataFrame) -> float:
    """Seconds of training of all runs that one unit of a claim rests on; not a number where no such run is known."""
    rows = table[table["quantity"] == "seconds"]
    if not len(rows) or "run" not in rows:
        return math.nan
    # Labels of measured quantities alone are none of the runs'.
    known = {name for name in rows if rows[name].notna().any()} - {"quantity"}
    parts = [chosen(rows, {name: labels for name, labels in where.items() if name in known}) for where in _wheres(claim)]
    runs = pd.concat(parts).drop_duplicates("run")
    keys = [runs[name].map(text) for name in unit if name in known] if unit != ROW else [runs["run"]]
    return float(runs["value"].groupby(keys).sum().mean()) if keys and len(runs) else math.nan


def _wheres(claim: Claim) -> Iterator[Where]:
    yield claim.where
    for where in (*claim.minus, *claim.plus, *((claim.against,) if claim.against is not None else ())):
        yield {**claim.where, **where}


def region_text(region: Region) -> str:
    """A region in words.

    >>> region_text(Region(low=0.3)), region_text(Region(-0.1, 0.1))
    ('above 0.3', 'between −0.1 and 0.1')
    """
    low, high = (f"{edge:g}".replace("-", "−") for edge in region)
    if math.isinf(region.low):
        return f"below {high}"
    return f"above {low}" if math.isinf(region.high) else f"between {low} and {high}"
