"""Gradient directions of Lipschitz GANs on two Gaussians (Zhou et al. 2019, Figure 2)."""

import numpy as np

from wganlib.collecting.collected import Tables
from wganlib.measuring.directions import rays
from wganlib.measuring.maps import assignment, axis, cosines, gradients, norms, samples, surface, values
from wganlib.measuring.study import Array, Findings, Member, Quantity, Study
from wganlib.reporting.content import Content, Picture
from wganlib.reporting.planes import arrows, heat, plane, points
from wganlib.reporting.style import figure

QUANTITIES = {
    "pointing": Quantity(
        "share of generated examples whose gradient leads within the radius of a real one, "
        "among those of over half the top slope",
        ">= 0.95",
    ),
    "pointing_reversed": Quantity("the same for the opposite directions: what the number is worth"),
    "pointing_far": Quantity(
        "share of those farther than the radius from all real examples whose gradient leads within it of one in the mode that "
        "exact transport gives them"
    ),
    "cosine": Quantity("mean cosine between gradient and the way that exact transport gives a generated example", "> 0.95"),
    "share_right": Quantity(
        "share of generated examples whose gradient leads right; expected: exact transport's", "within 0.1", ours=True
    ),
    "gap": Quantity("mean critic on real less on generated examples", "> 0"),
}


def measure(study: Study) -> Findings:
    """Surfaces [y, x] and gradients [N, 2] of the shown seed, quantities of every seed."""
    findings = Findings(QUANTITIES)
    x, y = (axis(tuple(study.settings[name]), n) for name, n in zip("xy", study.settings["grid"], strict=True))
    findings.arrays |= {"x": x, "y": y}
    for objective in study.options("objective"):
        for member in study.of(objective=objective):
            _measure(findings, member, study, objective)
            if member is study.shown(objective=objective):
                real, fake = (part.double().numpy() for part in samples(member.run, int(study.settings["samples"])))
                chosen = fake[: int(study.settings["arrows"])]
                findings.arrays |= {f"{objective}/real": real, f"{objective}/fake": fake, f"{objective}/at": chosen}
                findings.arrays[f"{objective}/gradient"] = gradients(member.run.critic, chosen)
                findings.arrays[f"{objective}/surface"] = surface(member.run.critic, x, y).astype(np.float32)
    return findings


def _measure(findings: Findings, member: Member, study: Study, case: str) -> None:
    real, fake = (part.double().numpy() for part in samples(member.run, int(study.settings["samples"])))
    slopes, ways = gradients(member.run.critic, fake), real[assignment(fake, real)[0]] - fake
    size = norms(slopes)
    strong = size > 0.5 * size.max()
    radius = float(study.settings["radius"])
    for name, sign in (("pointing", 1), ("pointing_reversed", -1)):
        missed, _ = rays(fake[strong], sign * slopes[strong], real)
        findings.add(name, (missed.min(axis=1) < radius).mean(), case, member.seed)
    findings.add("pointing_far", pointing_far(fake[strong], slopes[strong], ways[strong], real, radius), case, member.seed)
    findings.add("cosine", float(np.nan_to_num(cosines(slopes, ways)).mean()), case, member.seed)
    findings.add("share_right", (slopes[:, 0] > 0).mean(), case, member.seed, float((ways[:, 0] > 0).mean()))
    on_real, on_fake = values(member.run.critic, real), values(member.run.critic, fake)
    findings.add("gap", on_real.mean() - on_fake.mean(), case, member.seed)


def pointing_far(fake: Array, slopes: Array, ways: Array, real: Array, radius: float) -> float:
    """Share of generated examples [N, 2], those within the radius of a real one left out, whose ray meets the right mode.

    The modes lie left and right of the generated examples; `ways` [N, 2] lead to the real examples of exact transport.
    """
    missed, along = rays(fake, slopes, real)
    far = np.linalg.norm(real[None] - fake[:, None], axis=2).min(axis=1) > radius
    same_side = (real[None, :, 0] > fake.mean(axis=0)[0]) == (ways[:, 0] > 0)[:, None]
    met = ((missed < radius) & (along > 0) & same_side).any(axis=1)
    return float(met[far].mean()) if far.any() else float("nan")


def report(tables: Tables) -> Content:
    """One panel an objective."""
    names = [key.removesuffix("/surface") for key in tables.arrays if key.endswith("/surface")]
    drawn, axes = figure(4.7, 2, (len(names) + 1) // 2, sharex=True, sharey=True)
    x, y = tables.arrays["x"], tables.arrays["y"]
    for panel, name, letter in zip(axes.flat, names, "abcdefgh", strict=False):
        heat(panel, x, y, tables.arrays[f"{name}/surface"])
        points(panel, tables.arrays[f"{name}/real"], tables.arrays[f"{name}/fake"], size=1.5)
        arrows(panel, tables.arrays[f"{name}/at"], tables.arrays[f"{name}/gradient"], 0.35, "white")
        plane(panel, (x[0], x[-1]), (y[0], y[-1]), f"({letter}) $\\phi(x)$ = {name}")
        panel.set(xlabel="$x_1$", ylabel="$x_2$")
        panel.label_outer()

    def listed(quantity: str, form: str) -> str:
        return ", ".join(tables.text(quantity, name, form=form) for name in names)

    return Content(
        pictures=[
            Picture(
                drawn,
                "Critics of Lipschitz GANs with maximum gradient penalty, dark low and light high, and the directions of their "
                "gradient at generated examples (arrows of equal length); real examples orange, generated ones green, one "
                f"seed. In the order of the panels: gradients lead within {tables.settings['radius']} of a real example in "
                f"{listed('pointing', '.0%')} (the opposite directions in {listed('pointing_reversed', '.0%')}, since the "
                "examples lie between and among the modes); of those far from all real examples, into the mode that exact "
                f"transport gives them in {listed('pointing_far', '.0%')}; mean cosine with the way of exact transport "
                f"{listed('cosine', '.2f')}.",
            )
        ]
    )
