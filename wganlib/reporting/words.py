"""Verdicts and differences in words: what stands first on a report's page."""

import math
from collections.abc import Iterable
from typing import Any

from wganlib.judging.claims import PAPERS
from wganlib.judging.verdicts import VERDICTS
from wganlib.planning.describe import joined

RIVALS = list(PAPERS.values())[3:]
"""Authors whose statements stand beside the three papers'."""

HEADINGS = {
    "holds": "Holds here",
    "fails": "Not so here",
    "undecided": "Undecided",
    "not testable here": "Not testable here",
    "not run": "Not run",
}
"""A verdict as it begins a sentence."""

REVERSE = "The reverse here"
"""The verdict on a claim of which the opposite was shown, with the interval on the other side of 0."""

CONTROLS = {"fails": "fails, as it must", "holds": "holds too"}
"""The verdict on what must fail the same rule."""


def told(claim: dict[str, Any]) -> dict[str, Any]:
    """What a page shows of a claim besides what it is: heading, whose it is, sentence, picture, the control in words."""
    controls = dict.fromkeys(CONTROLS.get(part["verdict"], part["verdict"]) for part in claim["controls"])
    return {
        "heading": heading(claim),
        "whose": whose(claim),
        "sentence": sentence(claim),
        "drawn": drawn(claim),
        "control": ", ".join(controls) or "none",
    }


def heading(claim: dict[str, Any]) -> str:
    """A verdict as it begins a sentence."""
    if claim["verdict"] == "fails" and claim["rule"] == "interval" and _reversed(claim):
        return REVERSE
    return HEADINGS[claim["verdict"]]


def _reversed(claim: dict[str, Any]) -> bool:
    """Whether an interval lies on the other side of 0 than a region that has one side."""
    (low, high), least, most = claim["region"], claim["low"], claim["high"]
    if least is None or most is None:
        return False
    above, below = high is None and low >= 0, low is None and high <= 0
    return bool((above and number_of(most) < 0) or (below and number_of(least) > 0))


def whose(claim: dict[str, Any]) -> str:
    """Whose statement it is, before the statement; nothing of the project's own."""
    if claim["source"].startswith(("own", "this project")):
        return ""
    return f"{claim['paper']}:" if claim["paper"] in RIVALS else "The paper:"


def sentence(claim: dict[str, Any]) -> str:
    """A verdict's numbers in a sentence: what was measured, interval, units, what was claimed; why it is not decided."""
    parts = []
    if claim["n"]:
        parts.append(_measured(claim))
    if claim["reason"]:
        parts.append(claim["reason"][0].upper() + claim["reason"][1:])
    if claim["units_more"]:
        cost = f", about {claim['minutes_more']:g} core-minutes" if claim["minutes_more"] else ""
        side = "for" if _inside(claim) else "against"
        more = f"About {claim['units_more']:,} more {_plural(claim['unit'])} would decide it {side} the claim"
        parts.append(f"{more}, if what was seen is true{cost}")
    worse = [part["says"] for part in claim["parts"] if part["verdict"] == "fails" and part["says"] != claim["part"]]
    if worse and claim["verdict"] == "fails":
        parts.append(f"Nor: {joined(worse)}")
    if claim["note"]:
        parts.append(claim["note"])
    return " ".join(f"{part.rstrip('.')}." for part in parts)


def _inside(claim: dict[str, Any]) -> bool:
    low, high = claim["region"]
    effect = number_of(claim["effect"] if claim["effect"] is not None else math.nan)
    return (low is None or effect > low) and (high is None or effect < high)


def _measured(claim: dict[str, Any]) -> str:
    kind, n, measure = claim["rule"], claim["n"], claim["measure"]
    every = kind in ("exact", "counter_example")
    if kind in ("share", "sign_test"):
        name = f"share of the {_plural(claim['unit'])}" + (" with the larger value" if kind == "sign_test" else "")
    elif kind == "variance_ratio":
        name = f"ratio of variances{f' of the {measure}' if measure else ''}"
    else:
        name = f"worst {measure or 'value'}" if every else measure or "effect"
    name = f"{claim['part']}: {name}" if claim["part"] else name
    digits = _digits(claim["low"], claim["high"])
    interval = "" if claim["low"] is None or every else f" [{_short(claim['low'], digits)}, {_short(claim['high'], digits)}]"
    units = f"{n:,} {_plural(claim['unit']) if n > 1 else _unit(claim['unit'])}"
    wanted = _wanted(claim["region"])
    return f"{name[0].upper()}{name[1:]}: {_short(claim['effect'], digits)}{interval}, {units}; claimed: {wanted}"


def _wanted(region: list[float | None]) -> str:
    """A region in words.

    >>> _wanted([None, 0.5]), _wanted([0.9, 1.1]), _wanted([1 - 1e-9, 1 + 1e-9])
    ('below 0.5', 'between 0.9 and 1.1', '1 to within 1.0 × 10⁻⁹')
    """
    low, high = region
    if low is None:
        return f"below {_short(high)}"
    if high is None:
        return f"above {_short(low)}"
    middle, half = (low + high) / 2, (high - low) / 2
    return f"{_short(middle)} to within {_short(half)}" if half < 1e-3 else f"between {_short(low)} and {_short(high)}"


def _digits(low: float | str | None, high: float | str | None) -> int | None:
    """Decimals that show two figures of an interval's half width; none where there is no finite one, or it is wide."""
    if not isinstance(low, float | int) or not isinstance(high, float | int) or high <= low:
        return None
    decimals = 1 - math.floor(math.log10((high - low) / 2))
    return decimals if 0 < decimals <= 5 else None


def _unit(unit: str) -> str:
    return {"row": "case"}.get(unit, unit.replace("_", " "))


def _plural(unit: str) -> str:
    return "series" if unit == "series" else "networks" if unit == "networks" else f"{_unit(unit)}s"


RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
"""Digits as exponents."""


def _short(value: float | str | None, digits: int | None = None) -> str:
    """Three significant figures, or so many decimals.

    >>> _short(0.99871, 4), _short(0.00004, 3)
    ('0.9987', '0.000')
    >>> _short(-0.12345), _short(1234.5), _short(1.6e-7), _short(None)
    ('−0.123', '1,234', '1.6 × 10⁻⁷', '–')
    """
    if value is None or isinstance(value, str):
        return value or "–"
    if digits is not None:
        return f"{value:,.{digits}f}".replace("-", "−")
    if value and (abs(value) < 1e-3 or abs(value) >= 1e6):
        mantissa, _, exponent = f"{value:.1e}".partition("e")
        return f"{mantissa} × 10{str(int(exponent)).translate(RAISED)}".replace("-", "−")
    return (f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}").replace("-", "−")


def counted(claims: Iterable[dict[str, Any]]) -> str:
    """How many claims have which verdict.

    >>> counted([{"verdict": "holds"}, {"verdict": "holds"}, {"verdict": "undecided"}])
    'Of 3 claims 2 hold and 1 is undecided.'
    """
    verdicts = [claim["verdict"] for claim in claims]
    if not verdicts:
        return ""
    one = {"holds": "holds", "fails": "fails", "undecided": "is undecided", "not testable here": "is not testable here"}
    many = {"holds": "hold", "fails": "fail", "undecided": "are undecided", "not testable here": "are not testable here"}
    parts = []
    for word in VERDICTS:
        if n := verdicts.count(word):
            parts.append(f"{n} {(one if n == 1 else many).get(word, 'was not run' if n == 1 else 'were not run')}")
    return f"Of {len(verdicts)} claim{'s' if len(verdicts) > 1 else ''} {joined(parts)}."


def number_of(value: float | str) -> float:
    """A number as it stands in JSON, infinite ones as text."""
    return math.inf if value == "∞" else -math.inf if value == "−∞" else float(value)


def drawn(claim: dict[str, Any]) -> dict[str, float] | None:
    """An interval with its region on one axis from 0 to 1, for a small picture; none where there is no interval.

    Infinite ends lie at the axis's ends.
    """
    values = [claim[name] for name in ("effect", "low", "high")]
    if claim["rule"] is None or any(value is None for value in values):
        return None
    ends = [number_of(value) for value in values]
    edges: list[float] = [edge for edge in claim["region"] if edge is not None]
    finite = [value for value in (*ends, *edges) if math.isfinite(value)]
    if not finite:
        return None
    least, most = min(finite), max(finite)
    room = 0.12 * (most - least) or abs(least) or 1.0
    first, length = least - room, most - least + 2 * room

    def at(value: float) -> float:
        return float(min(1.0, max(0.0, (value - first) / length)))

    low, high = claim["region"]
    region = (0.0 if low is None else at(low), 1.0 if high is None else at(high))
    return {"effect": at(ends[0]), "low": at(ends[1]), "high": at(ends[2]), "region_low": region[0], "region_high": region[1]}
