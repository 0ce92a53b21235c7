"""Gradients of ten noise images towards ten real images (Zhou et al. 2019, Figure 3)."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wganlib.collecting.collected import Tables
from wganlib.measuring.bounding import Optimum, optimum
from wganlib.measuring.directions import gradient_rows, image_cosines, supports
from wganlib.measuring.maps import assignment
from wganlib.measuring.study import Findings, Member, Quantity, Study
from wganlib.measuring.ten_images import GRADIENT, MEAN, RANDOM, directions, exact_optimum, max_cosine
from wganlib.reporting.content import Content, Picture
from wganlib.reporting.grammar import quantities
from wganlib.reporting.image_rows import column_titles, leads_picture, picture_rows

QUANTITIES = {
    "max_cosine": Quantity("mean over the ten of the largest cosine between direction and the way to a real image"),
    "bounded": Quantity("number of the ten that lead to a real image that bounds them at the exact optimum"),
    "transport": Quantity("number of the ten that lead to the real image that exact transport gives them"),
    "distinct": Quantity("number of different real images that the ten lead to"),
    "agreement": Quantity("number of the ten that lead to the same real image with two objectives"),
    "same_bounds": Quantity("number of the ten whose bounding real images agree at the exact optima of two objectives"),
    "kinks": Quantity(
        "number of generated images that several real ones bound at the exact optimum, which has no gradient there"
    ),
}


def measure(study: Study) -> Findings:
    """Quantities of every run and of the exact optima; rows of images of the first seed of the first objective."""
    findings = Findings(QUANTITIES)
    best: dict[str, Optimum] = {}
    leads: dict[tuple[int, str], dict[str, NDArray[np.int64]]] = {}
    for name in study.options("objective"):
        for member in study.of(objective=name):
            best.setdefault(name, exact_optimum(member))
            for direction, led_to in _measure(findings, member, best[name], name).items():
                leads.setdefault((member.seed, direction), {})[name] = led_to
            if "rows" not in findings.arrays:
                findings.facts |= {"images": member.run.data.notes["pairs"], "rows": f"{name}, seed {member.seed}"}
                findings.arrays["rows"] = gradient_rows(member, int(study.settings["steps"])).astype(np.float32)
                two = supports(member)[0][:2]
                half_way = optimum(two, two.mean(axis=0, keepdims=True), member.run.spec.method.objective, 1.0)
                findings.add("kinks", _kinks(half_way), objective=name, support="one image half way between two")
    for (seed, direction), targets in leads.items():
        for one, other in itertools.combinations(targets, 2):
            same = (targets[one] == leads[seed, GRADIENT][other]).sum()
            findings.add("agreement", same, seed=seed, one=one, other=other, direction=direction)
    for name in best:
        findings.add("kinks", _kinks(best[name]), objective=name, support="ten images")
    for one, other in itertools.combinations(best, 2):
        for order, shift in (("own", 0), ("next", 1)):
            same = _same(best[one].bounding, np.roll(best[other].bounding, shift, axis=0), "x" in (one, other))
            findings.add("same_bounds", same, one=one, other=other, image=order)
    return findings


def _measure(findings: Findings, member: Member, best: Optimum, name: str) -> dict[str, NDArray[np.int64]]:
    """A run's quantities; returns the real images that gradients and random directions lead to."""
    real, fake = supports(member)
    plan, targets = assignment(fake, real)[0], {}
    for direction, vectors in directions(member.run.critic, fake, real, best, member.seed).items():
        labels: dict[str, Any] = {"seed": member.seed, "objective": name, "direction": direction}
        target = targets[direction] = image_cosines(vectors, fake, real).argmax(axis=1)
        findings.add("max_cosine", max_cosine(vectors, fake, real), **labels)
        findings.add("bounded", best.bounding[np.arange(len(fake)), target].sum(), **labels)
        findings.add("transport", (target == plan).sum(), **labels)
        findings.add("distinct", len(set(target.tolist())), **labels)
    return {direction: targets[direction] for direction in (GRADIENT, RANDOM)}


def _kinks(best: Optimum) -> float:
    return float((best.bounding.sum(axis=1) > 1).sum())


def _same(one: NDArray[np.bool_], other: NDArray[np.bool_], linear: bool) -> float:
    """Of how many generated images the bounding real ones agree; with x, whose optima are many, in one at least."""
    return float((one & other).any(axis=1).sum() if linear else (one == other).all(axis=1).sum())


def report(tables: Tables) -> Content:
    """The rows of increments; cosines beside those of directions that know less and of the exact optimum."""
    rows, steps = tables.arrays["rows"], int(tables.settings["steps"])
    caption = (
        "Each row: a generated (noise) image x; the critic's gradient there over its largest value; x plus increasing "
        "multiples of the gradient, the last beyond the real image; the real image with the largest cosine. "
        f"Real images: {tables.facts['images']}. Objective {tables.facts['rows']}."
    )
    titles = {name: name.replace("_", " ") for name in ("max_cosine", "bounded", "transport", "distinct")}
    words = (
        "Max cosine: largest cosine between a direction and the way to a real image. Of the ten images lead to a real one that "
        "bounds them at the exact optimum (bounded), that exact transport gives them (transport); so many different ones are "
        "led to (distinct). Mean ± standard deviation over seeds."
    )
    shown = tables.quantities.copy()
    shown.loc[shown["direction"].isin((MEAN, RANDOM)), "objective"] = "any"
    shown = shown.drop_duplicates(["quantity", "objective", "direction", "seed"])
    shown = shown.sort_values("objective", key=lambda column: column == "any", kind="stable")
    return Content(
        tables=[quantities(replace(tables, quantities=shown), titles, ["objective", "direction"], words)],
        pictures=[
            Picture(picture_rows(rows, [""] * len(rows), column_titles(steps)), caption),
            leads_picture(tables, "objective"),
        ],
    )
