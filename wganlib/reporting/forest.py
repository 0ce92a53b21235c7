"""All claims on one page: a forest of intervals by paper, and a table of every verdict."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matplotlib.lines import Line2D

from wganlib import layout
from wganlib.files import read_object, write_atomic, write_json
from wganlib.judging.claims import PAPERS
from wganlib.judging.verdicts import VERDICTS
from wganlib.reporting.style import figure, pdf, svg
from wganlib.reporting.typeset import compile_report
from wganlib.reporting.words import RIVALS, counted, number_of, told

COLOURS = {"holds": "#007a5e", "fails": "#b3400f", "undecided": "#5a5a5a", "not testable here": "#a0a0a0", "not run": "#cfcfcf"}
MARKERS = {"holds": "o", "fails": "X", "undecided": "|", "not testable here": ".", "not run": "."}
EDGE = 4.0
"""Intervals are drawn up to so many half widths from the region's edge."""

OTHERS = "later papers"


def write_claims(scale: str, results: Path, reports: Path) -> Path:
    """Write `<reports>/<scale>/claims.pdf`, `.svg` and `.json` from the scale's `claims.json`; returns the PDF's path.

    Verdicts that were published of other scales stand beside.

    Raises:
        WganlibError: the claims were not brought together.
    """
    claims = read_object(results / scale / layout.CLAIMS, "claims")["claims"]
    beside = dict(_published(scale, results))
    groups: dict[str, list[dict[str, Any]]] = {name: [] for name in [*list(PAPERS.values())[:3], OTHERS]}
    for claim in claims:
        claim |= told(claim) | {"beside": [verdicts.get(claim["id"], "–") for verdicts in beside.values()]}
        # The groups are named after the papers.
        claim["whose"] = claim["whose"] if claim["paper"] in RIVALS else ""
        groups[OTHERS if claim["paper"] in RIVALS else claim["paper"]].append(claim)
    picture = _forest(groups, scale)
    numbers = {
        "scale": scale,
        "counted": counted(claims),
        "counts": {word: sum(claim["verdict"] == word for claim in claims) for word in VERDICTS},
        "scales": list(beside),
        "groups": [{"paper": name, "counted": counted(group), "claims": group} for name, group in groups.items() if group],
    }
    vector = svg(picture)
    typeset, _ = compile_report("claims", numbers, {"forest.pdf": pdf(picture)})
    path = reports / scale / "claims.pdf"
    write_json(path.with_suffix(".json"), numbers)
    write_atomic(path.with_suffix(".svg"), vector)
    write_atomic(path, typeset)
    return path


def _published(scale: str, results: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Verdicts of other scales by id, as they were published."""
    for path in sorted((results / "published").glob(f"*/{layout.CLAIMS}")):
        if path.parent.name != scale:
            yield path.parent.name, {claim["id"]: claim["verdict"] for claim in read_object(path, "claims")["claims"]}


def depths(claim: dict[str, Any]) -> tuple[float, float, float] | None:
    """Of effect and interval the depth inside the claim's region, below 0 outside, in half widths of the interval.

    None where there is no interval; one without width, of a closed form, lies `EDGE` inside or outside.
    """
    if claim["rule"] is None or any(claim[name] is None for name in ("effect", "low", "high")):
        return None
    low, high = (edge if edge is not None else end for edge, end in zip(claim["region"], (-math.inf, math.inf), strict=True))
    effect, *ends = (number_of(claim[name]) for name in ("effect", "low", "high"))
    half = (ends[1] - ends[0]) / 2
    if claim["rule"] in ("exact", "counter_example") or half == 0 or not math.isfinite(half):
        inside = {"holds": EDGE, "fails": -EDGE}.get(claim["verdict"], 0.0)
        return inside, inside, inside
    at = [max(-EDGE, min(EDGE, min(value - low, high - value) / half)) for value in (effect, *ends)]
    return at[0], min(at), max(at)


def _forest(groups: dict[str, list[dict[str, Any]]], scale: str) -> Any:
    """A panel a paper, a line a claim: its interval in half widths, right of the middle inside what the paper claims."""
    most = max(map(len, groups.values()))
    picture, axes = figure(max(3.0, 0.088 * most + 0.8), len(groups))
    for panel, (name, claims) in zip(axes[0], groups.items(), strict=True):
        ranked = sorted(claims, key=lambda claim: (VERDICTS.index(claim["verdict"]), -(depths(claim) or (0.0,))[0]))
        panel.axvspan(0, EDGE + 0.4, color="0.93", linewidth=0)
        panel.axvline(0, color="0.6", linewidth=0.6)
        for row, claim in enumerate(ranked):
            colour, at = COLOURS[claim["verdict"]], depths(claim)
            if at is not None:
                panel.plot(at[1:], (row, row), color=colour, linewidth=0.8, solid_capstyle="butt")
            marker = {"marker": MARKERS[claim["verdict"]], "markersize": 3.2, "markeredgewidth": 0.6}
            panel.plot(0 if at is None else at[0], row, color=colour, linestyle="none", **marker)
        panel.set_yticks(range(len(ranked)), [claim["id"].partition(".")[2] for claim in ranked], fontsize=4.2)
        panel.tick_params(axis="y", length=0, pad=1)
        panel.set(xlim=(-EDGE - 0.4, EDGE + 0.4), ylim=(most - 0.3, -0.7), title=name)
        panel.set_xticks([-EDGE, 0, EDGE], ["outside", "edge", "inside"], fontsize=6.5)
    shown = [Line2D([], [], color=COLOURS[w], marker=MARKERS[w], linestyle="none", markersize=4, label=w) for w in VERDICTS]
    picture.legend(handles=shown, loc="outside lower center", ncols=len(VERDICTS), frameon=False, fontsize=7)
    return picture
