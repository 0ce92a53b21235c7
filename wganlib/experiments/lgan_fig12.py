"""Penalties and spectral normalisation compared on ten images against ten noise images (Zhou et al. 2019, Figure 12)."""

import numpy as np

from wganlib.collecting.collected import Tables
from wganlib.measuring.directions import gradient_rows, image_cosines, supports
from wganlib.measuring.maps import assignment, gradients, norms
from wganlib.measuring.study import Array, Findings, Member, Quantity, Study
from wganlib.reporting.content import Content, Picture
from wganlib.reporting.image_rows import column_titles, picture_rows
from wganlib.reporting.style import PALETTE, figure

QUANTITIES = {
    "max_cosine_maximum": Quantity(
        "mean largest cosine between gradient and the way to a real image, maximum penalty", "> 0.9"
    ),
    "max_cosine": Quantity("mean largest cosine between gradient and the way to a real image, other constraints"),
    "deficit": Quantity("by how much that is lower than with the maximum penalty, steepest kept", ">= 0.2"),
    "slope": Quantity("mean of the critic's slope along the lines that exact transport matches"),
    "slope_spread": Quantity("standard deviation of the slope along the matched lines over its mean"),
    "slope_spread_ratio": Quantity("the last, over that of the maximum penalty, steepest kept", "> 1"),
}
REFERENCE = "maximum, steepest kept"


def slopes(member: Member, along: int) -> Array:
    """The critic's slopes at `along` points on each line from a generated image to its real one by transport."""
    real, fake = supports(member)
    ends = real[assignment(fake, real)[0]]
    share = np.linspace(0, 1, along).reshape(-1, *[1] * fake.ndim)
    points = fake + share * (ends - fake)
    return norms(gradients(member.run.critic, points.reshape(-1, *fake.shape[1:])))


def measure(study: Study) -> Findings:
    """Rows of images of the shown seed of each constraint, and the cosines [10, 10]."""
    findings = Findings(QUANTITIES)
    best: dict[int, tuple[float, float]] = {}
    constraints = study.options("constraint")
    for constraint in sorted(constraints, key=lambda name: name != REFERENCE):
        for member in study.of(constraint=constraint):
            real, fake = supports(member)
            result = image_cosines(gradients(member.run.critic, fake), fake, real)
            sizes = slopes(member, int(study.settings["along"]))
            cosine, spread = float(result.max(axis=1).mean()), float(sizes.std() / sizes.mean())
            if constraint == REFERENCE:
                best[member.seed] = cosine, spread
            maximum = constraint.startswith("maximum")
            findings.add("max_cosine_maximum" if maximum else "max_cosine", cosine, constraint, member.seed)
            findings.add("slope", sizes.mean(), constraint, member.seed)
            findings.add("slope_spread", spread, constraint, member.seed)
            if not maximum and member.seed in best:
                findings.add("deficit", best[member.seed][0] - cosine, constraint, member.seed)
                findings.add("slope_spread_ratio", spread / best[member.seed][1], constraint, member.seed)
            if member is study.shown(constraint=constraint):
                findings.arrays[f"cosines/{constraint}"] = result
                findings.arrays[f"rows/{constraint}"] = gradient_rows(member, int(study.settings["steps"]))[:2].astype(
                    np.float32
                )
                findings.facts |= {"images": member.run.data.notes["pairs"], "dataset": member.run.spec.dataset.name}
    return findings


def report(tables: Tables) -> Content:
    """Two rows of images a constraint; then cosines and spreads of slopes."""
    names = list(tables.below("rows"))
    rows = np.concatenate([tables.arrays[f"rows/{name}"] for name in names])
    labels = [part for name in names for part in (name.replace(", ", ",\n").replace(" n", "\nn"), "")]
    shown = picture_rows(rows, labels, column_titles(int(tables.settings["steps"])))
    drawn, axes = figure(2.3, 2, sharey=True)
    places = np.arange(len(names))[::-1]
    for panel, wanted, label in (
        (axes[0, 0], ("max_cosine_maximum", "max_cosine"), "mean largest cosine"),
        (axes[0, 1], ("slope_spread",), "spread of slopes (std / mean)"),
    ):
        table = tables.quantities[tables.quantities["quantity"].isin(wanted)]
        for place, name in zip(places, names, strict=True):
            values = table[table["case"] == name]["value"]
            panel.barh(place, values.mean(), color=PALETTE[0], height=0.6, alpha=0.4)
            panel.plot(values, np.full(len(values), place), "o", color=PALETTE[0], markersize=3)
        panel.set(xlabel=label, yticks=places, yticklabels=names)
    return Content(
        pictures=[
            Picture(
                shown,
                "Two noise images under each constraint, as in Figure 3: image, gradient over its largest value, image plus "
                f"increasing multiples of the gradient, nearest real image. Real images: {tables.facts['images']} "
                f"({tables.facts['dataset']}). One seed.",
            ),
            Picture(
                drawn,
                "Left: mean over the ten noise images of the largest cosine between gradient and the way to a real image. "
                "Right: standard deviation over mean of the critic's slope along the lines that exact transport matches. Dots: "
                "seeds.",
            ),
        ]
    )
