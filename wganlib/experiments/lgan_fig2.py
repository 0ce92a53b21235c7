"""Gradient directions of Lipschitz GANs on two Gaussians (Zhou et al. 2019, Figure 2)."""

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from wganlib.collecting.collected import Tables
from wganlib.measuring.directions import pointing
from wganlib.measuring.maps import assignment, axis, cosines, gradients, samples, surface
from wganlib.measuring.study import Findings, Member, Quantity, Study
from wganlib.reporting.content import Content, Picture
from wganlib.reporting.grammar import quantities
from wganlib.reporting.planes import critic_field
from wganlib.reporting.style import figure

QUANTITIES = {
    "pointing": Quantity("share of generated examples far from real ones whose direction leads to a real one"),
    "cosine": Quantity("mean cosine between a direction and the way that exact transport gives the generated example"),
    "right": Quantity("share of generated examples whose direction leads right; expected: exact transport's"),
}


def measure(study: Study) -> Findings:
    """Surfaces [y, x] and gradients [N, 2] of the shown seed, quantities of every seed."""
    findings = Findings(QUANTITIES)
    width, height = study.settings["grid"]
    x, y = axis(study.settings["x"], width), axis(study.settings["y"], height)
    findings.arrays |= {"x": x, "y": y}
    for objective in study.options("objective"):
        for member in study.of(objective=objective):
            real, fake = (part.double().numpy() for part in samples(member.run, int(study.settings["samples"])))
            _measure(findings, member, study, objective)
            if member is study.shown(objective=objective):
                chosen = fake[: int(study.settings["arrows"])]
                findings.arrays |= {f"{objective}/real": real, f"{objective}/fake": fake, f"{objective}/at": chosen}
                findings.arrays[f"{objective}/gradient"] = gradients(member.run.critic, chosen)
                findings.arrays[f"{objective}/surface"] = surface(member.run.critic, x, y).astype(np.float32)
    return findings


def _measure(findings: Findings, member: Member, study: Study, objective: str) -> None:
    """Of the gradients, and of directions that know less: what the numbers are worth."""
    real, fake = (part.double().numpy() for part in samples(member.run, int(study.settings["samples"])))
    slopes, ways = gradients(member.run.critic, fake), real[assignment(fake, real)[0]] - fake
    directions = {
        "gradient": slopes,
        "opposite": -slopes,
        "random": np.random.default_rng(member.seed).normal(size=fake.shape),
        "to the mean real example": real.mean(axis=0) - fake,
        "to the nearest real example": real[cdist(fake, real).argmin(axis=1)] - fake,
    }
    apart, radius = float(study.settings["apart"]), float(study.settings["radius"])
    for name, direction in directions.items():
        labels: dict[str, Any] = {"seed": member.seed, "objective": objective, "direction": name}
        findings.add("pointing", pointing(fake, direction, real, apart, radius), **labels)
        findings.add("cosine", float(np.nan_to_num(cosines(direction, ways)).mean()), **labels)
        findings.add("right", (direction[:, 0] > 0).mean(), expected=float((ways[:, 0] > 0).mean()), **labels)


def report(tables: Tables) -> Content:
    """One panel an objective; where its gradients lead, beside directions that know less."""
    names = [key.removesuffix("/surface") for key in tables.arrays if key.endswith("/surface")]
    drawn, axes = figure(2.8, 2, (len(names) + 1) // 2, sharex=True, sharey=True)
    for panel, name, letter in zip(axes.flat, names, "abcdefgh", strict=False):
        critic_field(panel, tables.arrays, name, f"({letter}) $\\phi(x)$ = {name}", 0.25)
    caption = (
        "Critics of Lipschitz GANs with maximum gradient penalty: contours of their values, dark low and light high, and the "
        "directions of their gradients at generated examples (green; equally long arrows). Real examples: orange. First seed."
    )
    titles = {"pointing": "lead to a real example", "cosine": "cosine with transport", "right": "lead right"}
    words = (
        f"Lead to a real example: share of generated examples farther than {tables.settings['apart']} from all real ones whose "
        f"direction passes within {tables.settings['radius']} of one. Cosine with transport: with the way that exact transport "
        "gives them. Lead right: share; expected: exact transport's. Mean ± standard deviation over seeds."
    )
    rows = tables.quantities.copy()
    rows.loc[~rows["direction"].isin(("gradient", "opposite")), "objective"] = "any"
    rows = rows.drop_duplicates(["quantity", "objective", "direction", "seed"]).sort_values(
        "objective", key=lambda column: column == "any", kind="stable"
    )
    shown = replace(tables, quantities=rows)
    return Content(
        tables=[quantities(shown, titles, ["objective", "direction"], words, expected=["right"])],
        pictures=[Picture(drawn, caption)],
    )
