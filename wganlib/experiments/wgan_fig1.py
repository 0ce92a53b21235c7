"""Distances between two parallel lines: closed forms, exact transport, trained estimates (Arjovsky et al. 2017, Figure 1)."""

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from wganlib.collecting.collected import Tables
from wganlib.measuring.maps import assignment, gradients, norms, samples, values
from wganlib.measuring.study import Array, Findings, Member, Quantity, Study
from wganlib.reporting.content import Content, Picture, rows_of
from wganlib.reporting.style import PALETTE, figure

QUANTITIES = {
    "estimate": Quantity("an estimate of a distance between the lines; expected: the closed form of the distance `of`"),
    "slope": Quantity("slope of a network's estimate over |theta|, theta not 0, by least squares"),
    "step_excess": Quantity("|change of a distance| less |change of theta|, between two values of theta"),
    "envelope": Quantity("-mean df/dx on the generated line over its closed form, sign(theta) (1 + |theta| / 20)"),
}
"""Estimates: "transport", W1 by exact transport between samples of equal heights; "independent samples", the same between
independent ones, biased upwards; "critic", W1 by a critic with gradient penalty: its gap over its mean slope; "discriminator",
of JS in nats, log 2 + half its log likelihood; of TV the sum of its accuracies on real and generated examples, less 1. The
critic stands beside the closed forms of JS and TV too: as what must fail where they are met."""

BIAS = 20
"""Twice the penalty's weight: the best slope between points at distance d is 1 + d / BIAS (Zhou et al. 2019, appendix C)."""


def closed_forms(theta: float) -> dict[str, float]:
    """The distances between lines at distance |theta|; JS has the factor 1/2 that makes log 2 its largest value, in nats."""
    apart = theta != 0
    divergence = math.inf if apart else 0.0
    return {
        "em": abs(theta),
        "js": math.log(2) if apart else 0.0,
        "tv": float(apart),
        "kl": divergence,
        "reverse_kl": divergence,
    }


def paired_transport(theta: float, count: int, generator: np.random.Generator) -> float:
    """W1 between samples of the two lines that have the same heights, by exact assignment in the plane."""
    height = generator.random(count)
    real = np.stack([np.zeros(count), height], axis=1)
    return assignment(np.stack([np.full(count, theta), generator.permutation(height)], axis=1), real)[1]


def js_estimate(on_real: Array, on_fake: Array) -> float:
    """log 2 + (mean log D(real) + mean log(1 - D(fake))) / 2 from logits [N]; never above the divergence but by chance."""
    real, fake = torch.as_tensor(on_real), torch.as_tensor(on_fake)
    return math.log(2) + float(F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean()) / 2


def measure(study: Study) -> Findings:
    """Curves over theta, [thetas], and estimates of every network."""
    findings = Findings(QUANTITIES)
    labels = sorted(study.options("theta"), key=float)
    count = int(study.settings["samples"])
    fine = np.linspace(-1, 1, 201)
    findings.arrays |= {"theta": np.array([float(t) for t in labels]), "fine": fine}
    for name in ("em", "js", "tv"):
        findings.arrays[name] = np.array([closed_forms(t)[name] for t in fine])
    generator = np.random.default_rng(0)
    paired, sampled = [], []
    for label in labels:
        theta = float(label)
        paired.append(paired_transport(theta, count, generator))
        first = next(member.run for member in study.members if member.labels["theta"] == label)
        sampled.append(assignment(*reversed([part.double().numpy() for part in samples(first, count)]))[1])
        for name, value in (("transport", paired[-1]), ("independent samples", sampled[-1])):
            findings.add("estimate", value, expected=abs(theta), estimate=name, of="W1", theta=label)
        for member in study.of(theta=label):
            _estimate(findings, member, label, int(study.settings["evaluation"]))
    findings.arrays |= {"em_paired": np.array(paired), "em_sampled": np.array(sampled)}
    _slopes(findings)
    _steps(findings)
    return findings


def _estimate(findings: Findings, member: Member, label: str, count: int) -> None:
    real, fake = (part.double().numpy() for part in samples(member.run, count))
    critic, theta = member.run.critic, float(label)
    exact = closed_forms(theta)
    about: dict[str, Any] = {"seed": member.seed, "theta": label, "estimate": member.labels["method"]}
    on_real, on_fake = values(critic, real), values(critic, fake)
    if theta:
        ratio = -math.copysign(1, theta) * gradients(critic, fake)[:, 0].mean() / (1 + abs(theta) / BIAS)
        findings.add("envelope", ratio, **about)
    if member.labels["method"] == "critic":
        # The penalty lets the slope exceed 1 (by W1 / 20 at weight 10): over the slope the gap estimates W1 itself.
        slope = norms(gradients(critic, np.concatenate([real, fake]))).mean()
        for distance in ("em", "js", "tv"):
            findings.add(
                "estimate", (on_real.mean() - on_fake.mean()) / slope, expected=exact[distance], of=OF[distance], **about
            )
        return
    findings.add("estimate", js_estimate(on_real, on_fake), expected=exact["js"], of="JS", **about)
    # A tie is a coin's throw: on equal distributions the discriminator may be constant.
    right = np.mean([(np.sign(on_real) + 1).mean() / 2, (np.sign(-on_fake) + 1).mean() / 2])
    findings.add("estimate", 2 * right - 1, expected=exact["tv"], of="TV", **about)


OF = {"em": "W1", "js": "JS", "tv": "TV"}


def _slopes(findings: Findings) -> None:
    """The slope over |theta| of W1 by critics and of JS by discriminators, a seed each."""
    table = rows_of(findings.frame(), quantity="estimate")
    for name, distance in (("critic", "W1"), ("discriminator", "JS")):
        rows = rows_of(table, estimate=name, of=distance).query("theta != '0'")
        for seed, own in rows.groupby("seed"):
            slope = np.polyfit(own["theta"].astype(float).abs(), own["value"], 1)[0]
            findings.add("slope", slope, seed=int(seed), estimate=name)


def _steps(findings: Findings) -> None:
    """Between each two values of theta: W1 by transport, JS by discriminators in the mean of seeds."""
    table = rows_of(findings.frame(), quantity="estimate")
    for name, distance in (("transport", "W1"), ("discriminator", "JS")):
        means = rows_of(table, estimate=name, of=distance).groupby("theta")["value"].mean()
        for one, other in itertools.combinations(means.index, 2):
            excess = abs(means[one] - means[other]) - abs(float(one) - float(other))
            findings.add("step_excess", excess, estimate=name, theta=one, other=other)


def report(tables: Tables) -> Content:
    """Earth mover's distance, Jensen-Shannon divergence, total variation over theta."""
    drawn, axes = figure(2.6, 3)
    fine, theta = tables.arrays["fine"], tables.arrays["theta"]
    em, js, tv = axes[0]
    for panel, name, label in ((em, "em", "$W_1$"), (js, "js", "JS, nats"), (tv, "tv", "TV")):
        panel.plot(fine, tables.arrays[name], color="0.7", linewidth=3, label="closed form")
        panel.set(xlabel=r"$\theta$", ylabel=label)
    em.plot(theta, tables.arrays["em_paired"], "o", color=PALETTE[2], markersize=5, mfc="none", label="transport, same heights")
    em.plot(theta, tables.arrays["em_sampled"], "x", color=PALETTE[3], markersize=4, label="transport, independent samples")
    _seeds(em, tables.quantities, "critic", "W1", "trained critic or discriminator")
    _seeds(js, tables.quantities, "discriminator", "JS")
    _seeds(tv, tables.quantities, "discriminator", "TV")
    slope = rows_of(tables.quantities, quantity="slope", estimate="critic")["value"].mean()
    for panel in (js, tv):
        panel.annotate("KL = ∞", (0.03, 0.5), xycoords="axes fraction", fontsize=8, color="0.4")
        panel.annotate("KL = ∞", (0.72, 0.5), xycoords="axes fraction", fontsize=8, color="0.4")
    handles, labels = em.get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return Content(
        pictures=[
            Picture(
                drawn,
                "Distance between the lines (0, z) and (theta, z), z uniform on [0, 1], in units of the plane (left), nats "
                "(middle) and as a share (right). W1 is continuous in theta; the Jensen-Shannon divergence, which is log 2 = "
                "0.693 off zero, total variation and both Kullback-Leibler divergences (infinite off zero) jump. Crosses, "
                "blue: estimates by trained networks, one a seed; a critic's gap is divided by its mean slope. Transport "
                "between independent samples is biased upwards. The critic's estimates rise by "
                f"{slope:.3f} a unit of |theta|.",
            )
        ]
    )


def _seeds(axes: Any, quantities: pd.DataFrame, estimate: str, of: str, label: str | None = None) -> None:
    rows = rows_of(quantities, quantity="estimate", estimate=estimate, of=of)
    axes.plot(rows["theta"].astype(float), rows["value"], "+", color=PALETTE[0], markersize=6, label=label)
