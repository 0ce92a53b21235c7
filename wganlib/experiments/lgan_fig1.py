"""Gradient uninformativeness of an unrestricted GAN (Zhou et al. 2019, Figure 1 and appendix B)."""

import math
from typing import NamedTuple

import numpy as np

from wganlib.collecting.collected import Tables
from wganlib.measuring.directions import agreement, pointing
from wganlib.measuring.maps import assignment, axis, cosines, gradients, samples, surface, values
from wganlib.measuring.study import Findings, Member, Quantity, Study
from wganlib.reporting.content import Content, Picture
from wganlib.reporting.grammar import quantities
from wganlib.reporting.planes import critic_field
from wganlib.reporting.style import figure

QUANTITIES = {
    "pointing": Quantity("share of generated examples far from real ones whose gradient leads to a real one"),
    "cosine": Quantity("mean cosine between a generated example's gradient and its way by exact transport"),
    "second_cosine": Quantity("second largest of these cosines over the networks of the appendix"),
    "agreement": Quantity("mean cosine between the gradients of two seeds at the same examples: 1 is agreement, 0 chance"),
    "effect": Quantity("of networks and of seeds on the cosine, scaled so that both vary alike if networks do not differ"),
    "square": Quantity("mean critic in a square, overlapping squares; expected: the optimum"),
    "square_spread": Quantity("standard deviation of the critic inside a square; expected: none"),
}
LEAST_SQUARES, LIPSCHITZ = "least squares", "4 layers, ReLU, maximum penalty"


class Setting(NamedTuple):
    """What the seeds of a setting have in common; the options of Figure 2's runs are objectives, on Gaussians."""

    method: str
    data: str
    network: str


def setting(member: Member) -> Setting:
    """What a run stands for."""
    labels = member.labels
    data = labels.get("case") or labels.get("appendix case") or "Gaussians"
    return Setting(labels.get("objective", LEAST_SQUARES), data, labels.get("network", LIPSCHITZ))


def optimum(real: float, fake: float) -> float:
    """The unrestricted optimum of (f + 1)^2 on generated and (f - 1)^2 on real examples: (p_r - p_g) / (p_r + p_g)."""
    return (real - fake) / (real + fake)


def measure(study: Study) -> Findings:
    """Of each setting all seeds; surfaces [y, x] and gradients [N, 2] of two seeds, of the appendix's networks of the first."""
    findings = Findings(QUANTITIES)
    width, height = study.settings["grid"]
    findings.arrays |= {"x": axis(study.settings["x"], width), "y": axis(study.settings["y"], height)}
    settings: dict[Setting, dict[int, Member]] = {}
    for member in study.of():
        settings.setdefault(setting(member), {})[member.seed] = member
    networks: dict[tuple[str, int], list[float]] = {}
    for one, members in settings.items():
        result = {seed: _measure(findings, member, study, one) for seed, member in members.items()}
        for first, second in _pairs(list(members)):
            at = samples(members[first].run, int(study.settings["samples"]))[1].double().numpy()
            both = np.stack([gradients(members[seed].run.critic, at) for seed in (first, second)])
            findings.add("agreement", agreement(both), pair=first // 2, **one._asdict())
        if one.network in study.options("network", "appendix"):
            _effects(findings, result, one)
            for seed, cosine in result.items():
                networks.setdefault((one.data, seed), []).append(cosine)
    for (data, seed), several in networks.items():
        if len(several) > 1:
            findings.add("second_cosine", sorted(several)[-2], seed=seed, data=data)
    for case in study.options("case", "figure"):
        for member in study.of("figure", case=case)[:2]:
            _keep(findings, member, study, f"figure/{case}/{member.seed}")
    for network in study.options("network", "appendix"):
        if shown := study.shown("appendix", network=network):
            _keep(findings, shown, study, f"appendix/{network}")
    return findings


def _pairs(seeds: list[int]) -> list[tuple[int, int]]:
    """Seeds in pairs without a common one, whose values are independent."""
    return [(seed, seed + 1) for seed in seeds if seed % 2 == 0 and seed + 1 in seeds]


def _measure(findings: Findings, member: Member, study: Study, one: Setting) -> float:
    """A run's quantities; returns the mean cosine with the ways of exact transport."""
    labels, seed = one._asdict(), member.seed
    real, fake = (part.double().numpy() for part in samples(member.run, int(study.settings["samples"])))
    slopes = gradients(member.run.critic, fake)
    apart, radius = float(study.settings["apart"]), float(study.settings["radius"])
    findings.add("pointing", pointing(fake, slopes, real, apart, radius), seed=seed, **labels)
    # A flat critic has no direction at all: such examples count as turned away at right angles.
    cosine = float(np.nan_to_num(cosines(slopes, real[assignment(fake, real)[0]] - fake)).mean())
    findings.add("cosine", cosine, seed=seed, **labels)
    if one.data == "overlapping squares":
        both = np.concatenate([real, fake])
        for square, side, expected in (("left", -1, optimum(0.2, 0.8)), ("right", 1, optimum(0.8, 0.2))):
            inside = values(member.run.critic, both[side * both[:, 0] > 0])
            findings.add("square", inside.mean(), seed=seed, expected=expected, square=square, critic="trained", **labels)
            over = values(member.run.critic, both).mean()
            findings.add("square", over, seed=seed, expected=expected, square=square, critic="over both squares", **labels)
            findings.add("square_spread", inside.std(), seed=seed, expected=0.0, square=square, **labels)
    return cosine


def _effects(findings: Findings, cosines_of: dict[int, float], one: Setting) -> None:
    """Independent values of equal variance where networks do not differ: of the network one, of its seeds one a pair."""
    labels = one._asdict()
    findings.add("effect", float(np.mean(list(cosines_of.values()))) * math.sqrt(len(cosines_of)), of="network", **labels)
    for first, second in _pairs(list(cosines_of)):
        findings.add("effect", (cosines_of[first] - cosines_of[second]) / math.sqrt(2), of="seed", **labels)


def _keep(findings: Findings, member: Member, study: Study, name: str) -> None:
    real, fake = (part.double().numpy() for part in samples(member.run, int(study.settings["samples"])))
    chosen = fake[: int(study.settings["arrows"])]
    heights = surface(member.run.critic, findings.arrays["x"], findings.arrays["y"]).astype(np.float32)
    findings.arrays |= {f"{name}/surface": heights, f"{name}/real": real, f"{name}/fake": fake, f"{name}/at": chosen}
    findings.arrays[f"{name}/gradient"] = gradients(member.run.critic, chosen)


def report(tables: Tables) -> Content:
    """Figure 1 for two seeds; the appendix's networks; where gradients lead, setting by setting."""
    names = [name.removesuffix("/surface").split("/") for name in tables.arrays if name.endswith("/surface")]
    cases = list(dict.fromkeys(name[1] for name in names if name[0] == "figure"))
    seeds = list(dict.fromkeys(name[2] for name in names if name[0] == "figure"))
    drawn, axes = figure(1.75 * len(seeds), len(cases), len(seeds), sharex=True, sharey=True)
    for i, seed in enumerate(seeds):
        for j, case in enumerate(cases):
            critic_field(axes[i, j], tables.arrays, f"figure/{case}/{seed}", case if i == 0 else "")
        axes[i, 0].set_ylabel(f"seed {seed}")
    caption = (
        "Critics of a least-squares GAN without Lipschitz condition: contours of their values, dark low and light high, and "
        "directions of their gradients at generated examples (green; equally long arrows). Real examples: orange."
    )
    titles = {"pointing": "lead to a real example", "cosine": "cosine with transport", "agreement": "agreement of seeds"}
    words = (
        "Lead to a real example: share of generated examples farther than "
        f"{tables.settings['apart']} from all real ones whose gradient passes within {tables.settings['radius']} of one. "
        "Cosine with transport: with the way that exact transport gives them. Agreement: mean cosine of two seeds' gradients. "
        "Mean ± standard deviation over seeds or pairs of seeds. Objectives of Lipschitz GANs: the runs of Figure 2."
    )
    pictures = [Picture(drawn, caption)]
    if networks := [name[1] for name in names if name[0] == "appendix"]:
        pictures.append(_appendix(tables, networks))
    return Content(tables=[quantities(tables, titles, ["method", "data", "network"], words)], pictures=pictures)


def _appendix(tables: Tables, networks: list[str]) -> Picture:
    drawn, panels = figure(3.2, math.ceil(len(networks) / 2), 2, sharex=True, sharey=True)
    for panel, network in zip(panels.flat, networks, strict=False):
        critic_field(panel, tables.arrays, f"appendix/{network}", network)
    for panel in panels.flat[len(networks) :]:
        panel.axis("off")
    caption = "The same for other networks and optimisers on disjoint squares, first seed (appendix B)."
    return Picture(drawn, caption, after=True)
