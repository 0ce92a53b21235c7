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
    "holds": "As the paper says",
    "fails": "Not as the paper says",
    "undecided": "Undecided",
    "not testable here": "Not testable here",
    "not run": "Not run",
}
"""A verdict as it begins a sentence."""


def heading(claim: dict[str, Any]) -> str:
    """A verdict as it begins a sentence; of a rival's statement by its name, of an own one by itself."""
    words = HEADINGS[claim["verdict"]]
    if claim["source"].startswith(("own", "this project")):
        return {"holds": "It holds", "fails": "It fails"}.get(claim["verdict"], words)
    return words.replace("the paper says", f"{claim['paper']} say") if claim["paper"] in RIVALS else words


def sentence(claim: dict[str, Any]) -> str:
    """A verdict's numbers in a sentence: effect with interval, units, what was claimed; why it is not decided."""
    parts = []
    if claim["n"]:
        parts.append(_measured(claim))
    if claim["reason"]:
        parts.append(claim["reason"][0].upper() + claim["reason"][1:])
    if claim["units_more"]:
        cost = f", about {claim['minutes_more']:g} core-minutes" if claim["minutes_more"] else ""
        parts.append(
            f"About {claim['units_more']:,} more {_plural(claim['unit'])} would decide it, if what was seen is true{cost}"
        )
    worse = [part["says"] for part in claim["parts"] if part["verdict"] == "fails"]
    if worse and claim["verdict"] == "fails":
        parts.append(f"It fails for {joined(worse)}")
    if claim["note"]:
        parts.append(claim["note"])
    return " ".join(f"{part.rstrip('.')}." for part in parts)


NAMES = {"share": "share", "sign_test": "share", "variance_ratio": "ratio of variances", "exact": "worst value"}
"""What the effect of a rule is called."""


def _measured(claim: dict[str, Any]) -> str:
    low, high = claim["region"]
    wanted = f"above {_short(low)}" if high is None else f"below {_short(high)}" if low is None else None
    wanted = wanted or f"between {_short(low)} and {_short(high)}"
    kind, n = claim["rule"], claim["n"]
    what = {
        "share": "share",
        "sign_test": "share",
        "variance_ratio": "ratio of variances",
    }
    every = kind in ("exact", "counter_example")
    name = what.get(kind, "worst value" if every else "effect")
    interval = "" if claim["low"] is None or every else f" [{_short(claim['low'])}, {_short(claim['high'])}]"
    units = f"{n:,} {_plural(claim['unit']) if n > 1 else _unit(claim['unit'])}"
    return f"{name.capitalize()} {_short(claim['effect'])}{interval}, {units}; claimed: {wanted}"


def _unit(unit: str) -> str:
    return {"row": "case"}.get(unit, unit.replace("_", " "))


def _plural(unit: str) -> str:
    return "series" if unit == "series" else "networks" if unit == "networks" else f"{_unit(unit)}s"


RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
"""Digits as exponents."""


def _short(value: float | str | None) -> str:
    """Three significant figures.

    >>> _short(-0.12345), _short(1234.5), _short(1.6e-7), _short(None)
    ('−0.123', '1,234', '1.6 × 10⁻⁷', '–')
    """
    if value is None or isinstance(value, str):
        return value or "–"
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
