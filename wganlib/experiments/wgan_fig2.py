"""Optimal discriminator and critics between two Gaussians on the line (Arjovsky et al. 2017, Figure 2)."""

import numpy as np
from scipy.stats import norm

from wganlib.collecting.collected import Tables
from wganlib.measuring.maps import axis, gradients, r_squared, values
from wganlib.measuring.study import Array, Findings, Member, Quantity, Study
from wganlib.reporting.content import Content, Picture
from wganlib.reporting.style import DASHES, FAKE, PALETTE, REAL, figure

REAL_MEAN, FAKE_MEAN = 0.0, 5.0

QUANTITIES = {
    "discriminator_slope_at_fake": Quantity(
        "|dD/dx| of the sigmoid discriminator at the generated mean, a unit of x", "< 1e-3"
    ),
    "optimal_slope_at_fake": Quantity("the same of the analytic optimum D*"),
    "critic_slope_share_at_fake": Quantity("|df/dx| at the generated mean over its largest value on the axis", ">= 0.5"),
    "critic_linearity": Quantity("R2 of a straight line through the critic between the two means", "> 0.98"),
    "discriminator_error": Quantity("largest |D - D*| where p_real + p_fake > 1e-3", "< 0.05"),
}


def optimum(x: Array) -> Array:
    """D*(x) = p_real / (p_real + p_fake), in the stable form sigmoid(log p_real - log p_fake) (Goodfellow et al. 2014)."""
    return sigmoid(norm.logpdf(x, REAL_MEAN) - norm.logpdf(x, FAKE_MEAN))


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)) without overflow."""
    return np.exp(-np.logaddexp(0, -x))


def measure(study: Study) -> Findings:
    """Curves [points] over [-limit, limit] of each seed, and their slopes."""
    findings = Findings(QUANTITIES)
    limit = float(study.settings["limit"])
    x = axis((-limit, limit), int(study.settings["points"]))
    findings.arrays |= {"x": x, "optimum": optimum(x), "real": norm.pdf(x, REAL_MEAN), "fake": norm.pdf(x, FAKE_MEAN)}
    slope = float(optimum(np.array([FAKE_MEAN]))[0] * (1 - optimum(np.array([FAKE_MEAN]))[0])) * (FAKE_MEAN - REAL_MEAN)
    findings.add("optimal_slope_at_fake", slope)
    for member in study.of():
        method, critic = member.labels["method"], member.run.critic
        curve, slopes = values(critic, x[:, None]), gradients(critic, x[:, None])[:, 0]
        if method == "discriminator":
            probability = sigmoid(curve)
            curve, slopes = probability, probability * (1 - probability) * slopes
        findings.arrays[f"{method}/{member.seed}"] = np.stack([curve, slopes])
        _measure(findings, member, method, x, curve, slopes)
    return findings


def _measure(findings: Findings, member: Member, method: str, x: Array, curve: Array, slopes: Array) -> None:
    at_fake = abs(float(np.interp(FAKE_MEAN, x, slopes)))
    if method == "discriminator":
        findings.add("discriminator_slope_at_fake", at_fake, method, member.seed)
        likely = norm.pdf(x, REAL_MEAN) + norm.pdf(x, FAKE_MEAN) > 1e-3
        findings.add("discriminator_error", np.abs(curve - optimum(x))[likely].max(), method, member.seed)
        return
    findings.add("critic_slope_share_at_fake", at_fake / np.abs(slopes).max(), method, member.seed)
    inside = (x >= REAL_MEAN) & (x <= FAKE_MEAN)
    line = np.stack([np.ones(inside.sum()), x[inside]], axis=1)
    findings.add("critic_linearity", r_squared(line, curve[inside]), method, member.seed)


TITLES = {"discriminator": "GAN discriminator", "clipping": "WGAN critic, clipped", "penalty": "WGAN critic, penalty"}


def report(tables: Tables) -> Content:
    """Values on the left, absolute slopes on the right."""
    drawn, axes = figure(2.9, 2)
    left, right = axes[0]
    x = tables.arrays["x"]
    left.fill_between(x, tables.arrays["real"], color=REAL, alpha=0.5, linewidth=0, label="density of real data")
    left.fill_between(x, tables.arrays["fake"], color=FAKE, alpha=0.5, linewidth=0, label="density of generated data")
    left.plot(x, tables.arrays["optimum"], color="0.7", linewidth=3, label="optimal discriminator $D^*$")
    for index, (method, title) in enumerate(TITLES.items()):
        for number, curve in enumerate(tables.below(method).values()):
            style = {
                "color": PALETTE[index],
                "linestyle": DASHES[index],
                "linewidth": 1.0,
                "alpha": 1.0 if number == 0 else 0.4,
            }
            middle = 0.0 if method == "discriminator" else curve[0].mean()
            scale = 1.0 if method == "discriminator" else np.abs(curve[0] - middle).max()
            left.plot(x, (curve[0] - middle) / scale, label=title if number == 0 else None, **style)
            right.semilogy(x, np.maximum(np.abs(curve[1]) / np.abs(curve[1]).max(), 1e-12), **style)
    left.set(xlabel="$x$", ylabel="value (critics: centred, scaled to 1)", ylim=(-1.1, 1.1), xlim=(x[0], x[-1]))
    right.set(xlabel="$x$", ylabel="|slope| / largest |slope|", ylim=(1e-8, 3), xlim=(x[0], x[-1]))
    drawn.legend(loc="outside lower center", ncols=3, frameon=False)
    for panel in (left, right):
        panel.axvline(5, color="0.7", linewidth=0.6, linestyle=":")
    return Content(
        pictures=[
            Picture(
                drawn,
                "Left: the trained discriminator and critics on the line, the densities, and the analytic optimum D* = p_r / "
                "(p_r + p_g); a critic's scale and offset mean nothing and are taken out. Right: absolute slopes, each over "
                "its largest value. Dotted: the generated mean. Pale lines: further seeds. At the generated mean the "
                f"discriminator's slope is {tables.text('discriminator_slope_at_fake', form='.1e')} a unit of x; those of the "
                f"critics are {tables.text('critic_slope_share_at_fake', 'clipping', form='.2f')} (clipped) and "
                f"{tables.text('critic_slope_share_at_fake', 'penalty', form='.2f')} (penalty) of their largest, mean over "
                "seeds.",
            )
        ]
    )
