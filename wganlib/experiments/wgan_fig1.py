"""Distances between two parallel lines: closed forms, exact transport, trained estimates (Arjovsky et al. 2017, Figure 1)."""

import math
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from wganlib.collecting.collected import Tables
from wganlib.measuring.maps import assignment, gradients, norms, samples, values
from wganlib.measuring.study import Array, Findings, Member, Quantity, Study
from wganlib.reporting.content import Content, Picture
from wganlib.reporting.style import PALETTE, figure

QUANTITIES = {
    "em_paired": Quantity(
        "W1 by exact transport between the lines' samples of equal heights; expected |theta|", "within 1e-12"
    ),
    "em_sampled": Quantity("W1 by exact transport between independent samples; expected |theta|, biased upwards"),
    "em_critic": Quantity("W1 by a critic with gradient penalty: its gap over its mean slope; expected |theta|"),
    "js_discriminator": Quantity("JS, in nats, by a trained discriminator: log 2 + half its log likelihood; expected JS"),
    "tv_discriminator": Quantity(
        "total variation by a trained discriminator: the sum of its accuracies on real and generated examples, less 1; "
        "expected TV"
    ),
    "em_slope": Quantity("slope of the critic's estimate over |theta|, by least squares", "in [0.8, 1.2]", ours=True),
}


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
        findings.add("em_paired", paired[-1], f"theta {label}", expected=abs(theta))
        findings.add("em_sampled", sampled[-1], f"theta {label}", expected=abs(theta))
        for member in study.of(theta=label):
            _estimate(findings, member, label, int(study.settings["evaluation"]))
    findings.arrays |= {"em_paired": np.array(paired), "em_sampled": np.array(sampled)}
    _slopes(findings)
    return findings


def _estimate(findings: Findings, member: Member, label: str, count: int) -> None:
    real, fake = (part.double().numpy() for part in samples(member.run, count))
    critic, exact, case = member.run.critic, closed_forms(float(label)), f"theta {label}"
    on_real, on_fake = values(critic, real), values(critic, fake)
    if member.labels["method"] == "critic":
        # The penalty lets the slope exceed 1 (by W1 / 20 at weight 10): over the slope the gap estimates W1 itself.
        slope = norms(gradients(critic, np.concatenate([real, fake]))).mean()
        findings.add("em_critic", (on_real.mean() - on_fake.mean()) / slope, case, member.seed, exact["em"])
        return
    findings.add("js_discriminator", js_estimate(on_real, on_fake), case, member.seed, exact["js"])
    # A tie is a coin's throw: on equal distributions the discriminator may be constant.
    right = np.mean([(np.sign(on_real) + 1).mean() / 2, (np.sign(-on_fake) + 1).mean() / 2])
    findings.add("tv_discriminator", 2 * right - 1, case, member.seed, exact["tv"])


def _slopes(findings: Findings) -> None:
    rows = [row for row in findings.rows if row["quantity"] == "em_critic"]
    for seed in sorted({row["seed"] for row in rows}):
        own = np.array([(row["expected"], row["value"]) for row in rows if row["seed"] == seed])
        findings.add("em_slope", np.polyfit(own[:, 0], own[:, 1], 1)[0], "critic", seed)


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
    _seeds(em, tables.quantities, "em_critic", "trained critic or discriminator")
    _seeds(js, tables.quantities, "js_discriminator")
    _seeds(tv, tables.quantities, "tv_discriminator")
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
                f"{tables.text('em_slope', form='.3f')} a unit of |theta|.",
            )
        ]
    )


def _seeds(axes: Any, quantities: pd.DataFrame, name: str, label: str | None = None) -> None:
    rows = quantities[quantities["quantity"] == name]
    theta = rows["case"].str.removeprefix("theta ").astype(float)
    axes.plot(theta, rows["value"], "+", color=PALETTE[0], markersize=6, label=label)
