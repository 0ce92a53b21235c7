"""From claims and measured values to verdicts."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from wganlib.judging import rules
from wganlib.judging.claims import Claim, Condition, Control, Rule, Sample, Where, Within
from wganlib.judging.rules import Judged, Region

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


class Verdict(NamedTuple):
    """A claim's verdict with all that it rests on. Effects that are not numbers were not measured."""

    verdict: Word
    reason: str
    """Why it is not what the rule alone says, or why there is none; empty where nothing is to be said."""
    by_rule: Judged | None
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
    """
    if (reason := claim.reason(scale)) is not None:
        return Verdict("not testable here", reason, None, (), (), (), claim.unit, math.nan)
    assert claim.rule is not None
    by_gate = tuple(_part(gates[name].says, judged(gates[name], gates[name].rule, table)) for name in claim.gates)
    by_rule, parts = _by_rule(claim, table)
    by_control = tuple(_part(control.says, _control(claim, control, table)) for control in claim.control)
    word, reason = _word(by_rule, parts, by_control, by_gate)
    return Verdict(word, reason, by_rule, parts, by_control, by_gate, claim.unit, _seconds(claim, table))


def _word(
    by_rule: Judged | None, parts: tuple[Part, ...], controls: tuple[Part, ...], gates: tuple[Part, ...]
) -> tuple[Word, str]:
    for wanted, word, what in (
        ("fails", "not testable here", "without what must be true first: not so"),
        ("not run", "not run", "what must be true first was not measured"),
        ("undecided", "undecided", "what must be true first is undecided"),
    ):
        if closed := [part.says for part in gates if part.verdict == wanted]:
            return word, f"{what}: {'; '.join(closed)}"  # type: ignore[return-value]
    if by_rule is None:
        return "not run", "no value of it was measured"
    verdicts = [by_rule.verdict, *(part.verdict for part in parts)]
    if "fails" in verdicts:
        return "fails", ""
    if any(verdict != "holds" for verdict in verdicts):
        return "undecided", ""
    if blind := [part.says for part in controls if part.verdict == "holds"]:
        return "not testable here", f"the same rule is met by what must fail it: {'; '.join(blind)}"
    if silent := [part.says for part in controls if part.verdict != "fails"]:
        return "undecided", f"the rule is met, but what must fail it is undecided: {'; '.join(silent)}"
    return "holds", ""


def _by_rule(claim: Claim, table: pd.DataFrame) -> tuple[Judged | None, tuple[Part, ...]]:
    """The rule's word on the claim's own sample, or on all options together, and on each option and further condition.

    Of several options each is judged; the claim fails by one whose interval is outside at 95 % divided among them.
    """
    assert claim.rule is not None
    whole = judged(claim, claim.rule, table)
    parts = [_part(condition.says, judged(condition, condition.rule, table)) for condition in claim.also]
    for axis, options in claim.for_each.items():
        for option in options:
            one = claim.model_copy(update={"where": {**claim.where, axis: (option,)}})
            parts.append(_part(f"{option}", judged(one, claim.rule, table, among=len(options))))
        whole = whole._replace(verdict=_together(parts)) if whole is not None else None
    return whole, tuple(parts)


def _together(parts: list[Part]) -> Any:
    verdicts = {part.verdict for part in parts}
    return "fails" if "fails" in verdicts else "holds" if verdicts == {"holds"} else "undecided"


def _part(says: str, by_rule: Judged | None) -> Part:
    if by_rule is None:
        return Part(says, "not run", math.nan, math.nan, math.nan, 0)
    return Part(says, *by_rule[:5])


def _control(claim: Claim, control: Control, table: pd.DataFrame) -> Judged | None:
    """The claim's rule on the control's sample."""
    assert claim.rule is not None
    given = {name: getattr(control, name) for name in control.model_fields_set if name != "says"}
    if "where" in given:
        given["where"] = {**claim.where, **given["where"]}
    return judged(claim.model_copy(update=given), claim.rule, table)


def judged(sample: Sample, rule: Rule, table: pd.DataFrame, among: int = 1) -> Judged | None:
    """The rule's word on a sample; none where a part of it has no value at all."""
    first = values(sample, table)
    second = None if sample.against is None else _term(sample, {**sample.where, **sample.against}, sample.within, table)
    if first is None or (sample.against is not None and second is None):
        return None
    others = None if second is None else second.to_numpy(dtype=np.float64)
    return _apply(rule, first.to_numpy(dtype=np.float64), others, among)


def _apply(rule: Rule, x: Any, others: Any, among: int) -> Judged:
    region = rule.region
    if np.isnan(x).any() or (others is not None and np.isnan(others).any()):
        return Judged("undecided", math.nan, math.nan, math.nan, len(x))
    if rule.kind in ("interval", "equivalence"):
        equivalence = rule.kind == "equivalence"
        if others is not None:
            return rules.difference(x, others, region, equivalence=equivalence, among=among)
        return rules.interval(x, region, equivalence=equivalence, among=among)
    if rule.kind == "exact":
        return rules.exact(x, region)
    if rule.kind == "counter_example":
        return rules.counter_example(x, region)
    if rule.kind == "variance_ratio":
        return rules.variance_ratio(x, others, region.low)
    if rule.kind == "sign_test":
        x = x[np.abs(x) > rules.TIE]
    above = rule.success or 0.0
    if others is not None:
        return rules.share_difference((int((x > above).sum()), len(x)), (int((others > above).sum()), len(others)))
    return rules.share(int((x > above).sum()), len(x), region, equivalence=rule.between is not None)


def values(sample: Sample, table: pd.DataFrame) -> "pd.Series[float] | None":
    """The sample's value by unit, of the units that every part of it has; none where one part has no rows."""
    result = _term(sample, sample.where, sample.within, table)
    for sign, wheres in ((-1, sample.minus), (1, sample.plus)):
        for where in wheres:
            other = _term(sample, {**sample.where, **where}, sample.minus_within or sample.within, table)
            if result is None or other is None:
                return None
            with np.errstate(invalid="ignore"):
                result = (result + sign * other).loc[lambda s, o=other, r=result: s.index.isin(r.index.intersection(o.index))]
    return result


def _term(sample: Sample, where: Where, within: Within, table: pd.DataFrame) -> "pd.Series[float] | None":
    rows = chosen(table[table["quantity"] == sample.quantity], where)
    if not len(rows):
        return None
    value = rows["value"].astype(float)
    if sample.less_expected:
        value = value - rows["expected"].astype(float)
    if sample.unit == ("row",):
        return value
    keys = [rows[name].map(text) if name in rows else pd.Series("", index=rows.index) for name in sample.unit]
    groups = value.groupby(keys, sort=True)
    if within == "range":
        return groups.max() - groups.min()
    # A value that is not a number makes its unit's one unknown: pandas would leave it out.
    result = groups.agg(WITHIN[within])
    unknown = value.isna().groupby(keys, sort=True).any()
    return result.mask(unknown)


def chosen(table: pd.DataFrame, where: Where) -> pd.DataFrame:
    """The rows whose labels are among the given ones; none have a label that the table lacks."""
    for name, labels in where.items():
        if name not in table:
            return table[:0]
        table = table[table[name].map(text).isin([text(label) for label in labels])]
    return table


def text(label: Any) -> str:
    """A label as it is compared: whole numbers alike however they were read.

    >>> text(4.0), text("4"), text(0.1), text(True)
    ('4', '4', '0.1', 'True')
    """
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def _seconds(claim: Claim, table: pd.DataFrame) -> float:
    """Seconds of training of all runs that one unit of a claim rests on."""
    total, seen = 0.0, set[str]()
    for where in _wheres(claim):
        known = {name: labels for name, labels in where.items() if name in table}
        rows = chosen(table[table["quantity"] == "seconds"], known)
        if "run" not in rows or not len(rows):
            return math.nan
        rows = rows[~rows["run"].isin(seen)].drop_duplicates("run")
        seen |= set(rows["run"])
        keys = [rows[name].map(text) for name in claim.unit if name in rows]
        total += float(rows["value"].groupby(keys).sum().mean()) if keys and len(rows) else 0.0
    return total


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
