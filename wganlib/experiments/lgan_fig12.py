"""Penalties and spectral normalisation compared on ten images against ten noise images (Zhou et al. 2019, Figure 12)."""

from dataclasses import replace
from typing import Any

import numpy as np

from wganlib.collecting.collected import Tables
from wganlib.measuring.directions import gradient_rows, supports
from wganlib.measuring.maps import assignment, gradients, norms
from wganlib.measuring.study import Array, Findings, Member, Quantity, Study
from wganlib.measuring.ten_images import GRADIENT, directions, exact_optimum, excess_loss, max_cosine
from wganlib.reporting.content import Content, Picture
from wganlib.reporting.grammar import quantities
from wganlib.reporting.image_rows import column_titles, leads_picture, picture_rows

QUANTITIES = {
    "max_cosine": Quantity("mean over the ten of the largest cosine between direction and the way to a real image"),
    "excess_loss": Quantity("loss above the exact optimum's, as a share of what a constant critic's lies above it"),
    "slope": Quantity("mean of the critic's slope along the lines that exact transport matches"),
    "slope_spread": Quantity("standard deviation of the slope along the matched lines over its mean"),
}


def slopes(member: Member, along: int) -> Array:
    """The critic's slopes at `along` points on each line from a generated image to its real one by transport."""
    real, fake = supports(member)
    ends = real[assignment(fake, real)[0]]
    share = np.linspace(0, 1, along).reshape(-1, *[1] * fake.ndim)
    points = fake + share * (ends - fake)
    return norms(gradients(member.run.critic, points.reshape(-1, *fake.shape[1:])))


def measure(study: Study) -> Findings:
    """Quantities of every run, and a row of images of the shown seed of each constraint."""
    findings, steps = Findings(QUANTITIES), int(study.settings["steps"])
    real, fake = supports(study.members[0])
    best = exact_optimum(study.members[0])
    for constraint in study.options("constraint"):
        for member in study.of(constraint=constraint):
            labels: dict[str, Any] = {"constraint": constraint, "seed": member.seed}
            for name, vectors in directions(member.run.critic, fake, real, best, member.seed).items():
                findings.add("max_cosine", max_cosine(vectors, fake, real), direction=name, **labels)
            if constraint.startswith("maximum"):  # the others minimise another loss
                findings.add("excess_loss", excess_loss(member, best), critic="trained", **labels)
                findings.add("excess_loss", excess_loss(member, best, 0.5), critic="half as steep", **labels)
            sizes = slopes(member, int(study.settings["along"]))
            findings.add("slope", sizes.mean(), direction=GRADIENT, **labels)
            findings.add("slope_spread", sizes.std() / sizes.mean(), direction=GRADIENT, **labels)
            if member is study.shown(constraint=constraint):
                findings.arrays[f"rows/{constraint}"] = gradient_rows(member, steps)[:1].astype(np.float32)
                findings.facts["images"] = member.run.data.notes["pairs"]
    return findings


def report(tables: Tables) -> Content:
    """A row of images a constraint; cosines beside those of directions that know less; slopes."""
    shown = tables.below("rows")
    labels = [name.replace(", ", ",\n").replace(" n", "\nn") for name in shown]
    pictures = picture_rows(np.concatenate(list(shown.values())), labels, column_titles(int(tables.settings["steps"])))
    caption = (
        "A noise image under each constraint, as in Figure 3: image, gradient over its largest value, image plus increasing "
        f"multiples of the gradient, real image with the largest cosine. Real images: {tables.facts['images']}. First seed."
    )
    titles = {"max_cosine": "max cosine", "excess_loss": "excess loss", "slope": "slope", "slope_spread": "its spread"}
    words = (
        "Max cosine: largest cosine between the gradient and the way to a real image. Excess loss: above the exact optimum's, "
        "as a share of a constant critic's. Slope along the lines that exact transport matches, and its standard deviation "
        "over its mean. Mean ± standard deviation over seeds."
    )
    rows = tables.quantities[(tables.quantities["direction"] == GRADIENT) | (tables.quantities["critic"] == "trained")]
    return Content(
        tables=[quantities(replace(tables, quantities=rows), titles, ["constraint"], words)],
        pictures=[Picture(pictures, caption), leads_picture(tables, "constraint")],
    )
