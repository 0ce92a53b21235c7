"""Penalties and spectral normalisation compared on ten images against ten noise images (Zhou et al. 2019, Figure 12)."""

import numpy as np

from wganlib.analysis import Array, Findings, Member, Quantity, Study
from wganlib.analysis.directions import image_cosines
from wganlib.analysis.lgan_fig3 import rows, supports
from wganlib.analysis.maps import assignment, gradients, norms

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


def analyse(study: Study) -> Findings:
    """Rows of images of the shown seed of each constraint, and the cosines [10, 10]."""
    findings = Findings(QUANTITIES)
    best: dict[int, tuple[float, float]] = {}
    constraints = study.options("constraint")
    for constraint in sorted(constraints, key=lambda name: name != REFERENCE):
        for member in study.of(constraint=constraint):
            real, fake = supports(member)
            found = image_cosines(gradients(member.run.critic, fake), fake, real)
            sizes = slopes(member, int(study.settings["along"]))
            cosine, spread = float(found.max(axis=1).mean()), float(sizes.std() / sizes.mean())
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
                findings.arrays[f"cosines/{constraint}"] = found
                findings.arrays[f"rows/{constraint}"] = rows(member, int(study.settings["steps"]))[:2].astype(np.float32)
                findings.facts |= {"images": member.run.data.notes["pairs"], "dataset": member.run.spec.dataset.name}
    return findings
