"""Gradients of ten noise images towards ten real images (Zhou et al. 2019, Figure 3)."""

import itertools

import numpy as np
from numpy.typing import NDArray

from wganlib.collecting.collected import Tables
from wganlib.measuring.directions import gradient_rows, image_cosines, supports
from wganlib.measuring.maps import assignment, gradients
from wganlib.measuring.study import Array, Findings, Quantity, Study
from wganlib.reporting.content import Content, Picture
from wganlib.reporting.image_rows import column_titles, picture_rows
from wganlib.reporting.style import figure

QUANTITIES = {
    "max_cosine": Quantity("mean over the ten of the largest cosine between gradient and the way to a real image", "> 0.9"),
    "least_max_cosine": Quantity("the smallest of the ten largest cosines", "> 0.9"),
    "chance": Quantity("mean largest cosine of as many random directions"),
    "distinct": Quantity("number of different real images that the ten gradients lead to", ">= 10"),
    "transport": Quantity("number of the ten that lead to the real image that exact transport gives them", ">= 6"),
    "agreement": Quantity("number of the ten that lead to the same real image with two objectives", ">= 8"),
}


def measure(study: Study) -> Findings:
    """Rows of images of the first seed of the first objective, and the cosines [10, 10] of every run."""
    findings = Findings(QUANTITIES)
    leads: dict[tuple[str, int], NDArray[np.int64]] = {}
    for objective in study.options("objective"):
        for member in study.of(objective=objective):
            real, fake = supports(member)
            result = image_cosines(gradients(member.run.critic, fake), fake, real)
            leads[objective, member.seed] = result.argmax(axis=1)
            _measure(findings, result, assignment(fake, real)[0], objective, member.seed)
            if member is study.shown(objective=objective):
                findings.arrays[f"cosines/{objective}"] = result
                findings.facts["images"] = member.run.data.notes["pairs"]
                findings.facts["dataset"] = member.run.spec.dataset.name
                if "rows" not in findings.arrays:
                    findings.facts["rows"] = {"objective": objective, "seed": member.seed}
                    findings.arrays["rows"] = gradient_rows(member, int(study.settings["steps"])).astype(np.float32)
                    random = np.random.default_rng(0).normal(size=fake.shape)
                    findings.add("chance", image_cosines(random, fake, real).max(axis=1).mean())
    for (one, seed), (other, second) in itertools.combinations(leads, 2):
        if seed == second:
            same = (leads[one, seed] == leads[other, seed]).sum()
            findings.add("agreement", float(same), f"{one} and {other}", seed)
    return findings


def _measure(findings: Findings, result: Array, plan: NDArray[np.int64], case: str, seed: int) -> None:
    findings.add("max_cosine", result.max(axis=1).mean(), case, seed)
    findings.add("least_max_cosine", result.max(axis=1).min(), case, seed)
    findings.add("distinct", len(set(result.argmax(axis=1).tolist())), case, seed)
    findings.add("transport", (result.argmax(axis=1) == plan).sum(), case, seed)


def report(tables: Tables) -> Content:
    """The rows of increments, then the cosines between gradients and ways."""
    rows, steps = tables.arrays["rows"], int(tables.settings["steps"])
    shown = picture_rows(rows, [""] * len(rows), column_titles(steps))
    names = list(tables.below("cosines"))
    drawn, axes = figure(1.9, len(names), sharey=True)
    for panel, name in zip(axes[0], names, strict=True):
        drawn_map = panel.imshow(tables.arrays[f"cosines/{name}"], cmap="viridis", vmin=-0.2, vmax=1)
        panel.set(title=f"$\\phi(x)$ = {name}", xlabel="real image", xticks=range(0, 10, 3), yticks=range(0, 10, 3))
    axes[0, 0].set_ylabel("noise image")
    drawn.colorbar(drawn_map, ax=axes, label="cosine", shrink=0.9)
    cosines = ", ".join(f"{tables.text('max_cosine', name, form='.2f')} ({name})" for name in names)
    return Content(
        pictures=[
            Picture(
                shown,
                "Each row: a generated (noise) image x; the critic's gradient there over its largest value; x plus increasing "
                "multiples of the gradient, the last beyond the real image; the real image to which the gradient leads "
                f"(largest cosine). Real images: {tables.facts['images']} ({tables.facts['dataset']}). Objective "
                f"{tables.facts['rows']['objective']}, seed {tables.facts['rows']['seed']}.",
            ),
            Picture(
                drawn,
                "Cosine between the gradient at each noise image and the way from it to each real image, first seed. Mean of "
                f"the largest cosine of each noise image over seeds: {cosines}; random directions: "
                f"{tables.text('chance', form='.2f')}.",
            ),
        ]
    )
