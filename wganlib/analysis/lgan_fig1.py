"""Gradient uninformativeness of an unrestricted GAN (Zhou et al. 2019, Figure 1 and appendix B)."""

import numpy as np

from wganlib.analysis import Findings, Member, Quantity, Study
from wganlib.analysis.directions import resultant
from wganlib.analysis.maps import assignment, axis, cosines, gradients, samples, surface, values

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


def analyse(study: Study) -> Findings:
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
