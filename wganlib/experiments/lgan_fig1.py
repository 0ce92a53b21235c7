"""Gradient uninformativeness of an unrestricted GAN (Zhou et al. 2019, Figure 1 and appendix B)."""

from typing import Any

import numpy as np

from wganlib.collecting.collected import Tables
from wganlib.measuring.directions import resultant
from wganlib.measuring.maps import assignment, axis, cosines, gradients, samples, surface, values
from wganlib.measuring.study import Findings, Member, Quantity, Study
from wganlib.reporting.content import Content, Picture
from wganlib.reporting.planes import arrows, heat, plane, points
from wganlib.reporting.style import figure

QUANTITIES = {
    "cosine": Quantity(
        "mean cosine between a generated example's gradient and the way to the real one that exact transport gives it", "< 0.5"
    ),
    "resultant_seeds": Quantity("mean resultant length of gradient directions over seeds: 1 is agreement", "< 0.7"),
    "resultant_networks": Quantity(
        "mean resultant length of gradient directions over networks and optimisers", "< 0.7", ours=True
    ),
    "left_square": Quantity("mean critic in the left square, overlapping squares; expected the optimum -0.6"),
    "right_square": Quantity("mean critic in the right square, overlapping squares; expected the optimum 0.6"),
    "square_spread": Quantity("standard deviation of the critic inside a square; expected 0: the optimum is constant"),
}


def optimum(real: float, fake: float) -> float:
    """The unrestricted optimum of (f + 1)^2 on generated and (f - 1)^2 on real examples: (p_r - p_g) / (p_r + p_g)."""
    return (real - fake) / (real + fake)


def measure(study: Study) -> Findings:
    """Surfaces [y, x] and gradients [N, 2] of the first two seeds of the figure and of the first of the appendix."""
    findings = Findings(QUANTITIES)
    x, y = (axis(tuple(study.settings[name]), n) for name, n in zip("xy", study.settings["grid"], strict=True))
    findings.arrays |= {"x": x, "y": y}
    seeds = sorted({member.seed for member in study.members})
    for case in study.options("case", "figure"):
        members = study.of("figure", case=case)
        for member in members:
            _measure(findings, member, study, case)
            if member.seed in seeds[:2]:
                _keep(findings, member, study, f"figure/{case}/{member.seed}")
        _agreement(findings, "resultant_seeds", members, study, case)
    for case in study.options("appendix case"):
        for network in study.options("network"):
            members = study.of("appendix", network=network, **{"appendix case": case})
            for member in members:
                _measure(findings, member, study, f"{case}, {network}")
                if member is study.shown("appendix", network=network, **{"appendix case": case}):
                    _keep(findings, member, study, f"appendix/{case}/{network}")
            _agreement(findings, "resultant_seeds", members, study, f"{case}, {network}")
        for seed in seeds:
            own = [m for m in study.of("appendix", **{"appendix case": case}) if m.seed == seed]
            _agreement(findings, "resultant_networks", own, study, case, seed)
    return findings


def _measure(findings: Findings, member: Member, study: Study, case: str) -> None:
    real, fake = (part.double().numpy() for part in samples(member.run, int(study.settings["samples"])))
    slopes = gradients(member.run.critic, fake)
    ways = real[assignment(fake, real)[0]] - fake
    # A flat critic has no direction at all: such examples count as turned away at right angles.
    findings.add("cosine", float(np.nan_to_num(cosines(slopes, ways)).mean()), case, member.seed)
    if member.run.spec.dataset.name == "lgan_case2":
        both = np.concatenate([real, fake])
        for name, side, expected in (
            ("left_square", both[:, 0] < 0, optimum(0.2, 0.8)),
            ("right_square", both[:, 0] > 0, optimum(0.8, 0.2)),
        ):
            inside = values(member.run.critic, both[side])
            findings.add(name, inside.mean(), case, member.seed, expected)
            findings.add("square_spread", inside.std(), f"{case}, {name.removesuffix('_square')}", member.seed, 0.0)


def _agreement(findings: Findings, name: str, members: list[Member], study: Study, case: str, seed: int | None = None) -> None:
    """Agreement of several critics on the generated examples of the first."""
    if len(members) > 1:
        fake = samples(members[0].run, int(study.settings["samples"]))[1].double().numpy()
        findings.add(name, resultant(np.stack([gradients(m.run.critic, fake) for m in members])), case, seed)


def _keep(findings: Findings, member: Member, study: Study, name: str) -> None:
    findings.arrays[f"{name}/surface"] = surface(member.run.critic, findings.arrays["x"], findings.arrays["y"]).astype(
        np.float32
    )
    real, fake = (part.double().numpy() for part in samples(member.run, int(study.settings["samples"])))
    chosen = fake[: int(study.settings["arrows"])]
    findings.arrays |= {f"{name}/real": real, f"{name}/fake": fake, f"{name}/at": chosen}
    findings.arrays[f"{name}/gradient"] = gradients(member.run.critic, chosen)


def report(tables: Tables) -> Content:
    """The figure: cases by seeds; the appendix: networks in a row for each case."""
    names = [key.removesuffix("/surface") for key in tables.arrays if key.endswith("/surface")]
    own = [name.split("/")[1:] for name in names if name.startswith("figure/")]
    cases, seeds = (list(dict.fromkeys(parts)) for parts in zip(*own, strict=True))
    drawn, axes = figure(1.75 * len(seeds), len(cases), len(seeds), sharex=True, sharey=True)
    for i, seed in enumerate(seeds):
        for j, case in enumerate(cases):
            _cell(axes[i, j], tables, f"figure/{case}/{seed}", case if i == 0 else "")
            axes[-1, j].set_xlabel("$x_1$")
        axes[i, 0].set_ylabel(f"seed {seed}\n$x_2$")
    cosines = ", ".join(f"{tables.text('cosine', case, form='.2f')} ({case})" for case in cases)
    agreement = tables.text("resultant_seeds", cases[0])
    pictures = [
        Picture(
            drawn,
            "The critic of a Least-Squares GAN without Lipschitz condition, dark low and light high, and the directions of "
            "its gradient at generated examples (arrows of equal length). Real examples orange, generated ones green. Mean "
            f"cosine with the way that exact transport gives a generated example: {cosines}. Mean resultant length of the "
            f"directions over seeds ({cases[0]}): {agreement}.",
        )
    ]
    appendix = [name for name in names if name.startswith("appendix/")]
    if appendix:
        pictures.append(_appendix(tables, [name.split("/")[1:] for name in appendix]))
    return Content(pictures=pictures)


def _appendix(tables: Tables, cells: list[list[str]]) -> Picture:
    cases, networks = (list(dict.fromkeys(parts)) for parts in zip(*cells, strict=True))
    drawn, axes = figure(1.35 * len(cases) + 0.2, len(networks), len(cases), sharex=True, sharey=True)
    for i, case in enumerate(cases):
        for j, network in enumerate(networks):
            title = network.replace(", ", "\n") if i == 0 else ""
            _cell(axes[i, j], tables, f"appendix/{case}/{network}", title)
            axes[i, j].title.set_fontsize(7)
            axes[i, j].set(xticks=[-2, 0, 2], yticks=[-1, 0, 1])
        axes[i, 0].set_ylabel(case)
    cosines = ", ".join(f"{tables.text('cosine', f'{cases[0]}, {network}', form='.2f')}" for network in networks)
    return Picture(
        drawn,
        f"The same for other networks and optimisers, first seed. Mean cosines in the order of the columns ({cases[0]}): "
        f"{cosines}; mean resultant length over the columns: {tables.text('resultant_networks', cases[0], form='.2f')}.",
    )


def _cell(axes: Any, tables: Tables, name: str, title: str) -> None:
    x, y = tables.arrays["x"], tables.arrays["y"]
    if f"{name}/surface" in tables.arrays:
        heat(axes, x, y, tables.arrays[f"{name}/surface"])
        points(axes, tables.arrays[f"{name}/real"], tables.arrays[f"{name}/fake"], size=1.0)
        arrows(axes, tables.arrays[f"{name}/at"], tables.arrays[f"{name}/gradient"], 0.3, "white")
    plane(axes, (x[0], x[-1]), (y[0], y[-1]), title)
