"""A discriminator and critics between two Gaussians on the line (Arjovsky et al. 2017, Figure 2 and section 3)."""

from typing import Any

import numpy as np
from scipy.stats import norm

from wganlib.collecting.collected import Tables
from wganlib.measuring.maps import axis, gradients, values
from wganlib.measuring.study import Array, Findings, Member, Quantity, Study
from wganlib.reporting.content import Content, Picture
from wganlib.reporting.grammar import quantities
from wganlib.reporting.style import DASHES, FAKE, PALETTE, REAL, figure
from wganlib.streams import stream
from wganlib.training.networks import build_critic

REAL_MEAN, FAKE_MEAN = 0.0, 5.0
BAYES = float(norm.cdf((FAKE_MEAN - REAL_MEAN) / 2))
"""Accuracy of the best discriminator."""
UNTRAINED = 20
"""Untrained discriminators whose mean accuracy is taken."""
ALL = "100 %"
"""The whole training, as an option of `steps`."""

QUANTITIES = {
    "slope": Quantity("size of the slope at the generated mean, a unit of x (expected: of the optimal discriminator)"),
    "slope_share": Quantity("size of the slope at the generated mean over its largest on the axis"),
    "slope_ratio": Quantity("largest over smallest size of the slope between the two means"),
    "error": Quantity("largest |D − D*| where the sum of the densities is above 0.001"),
    "separation": Quantity("D at the real mean less D at the generated one"),
    "accuracy": Quantity("accuracy of the discriminator as a share of the best possible one"),
    "vanishing": Quantity("two lines: slope of the logarithm of the generator's gradient over that of the critic's steps"),
}


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)) without overflow."""
    return np.exp(-np.logaddexp(0, -x))


def optimum(x: Array) -> Array:
    """D*(x) = p_real / (p_real + p_fake), in the stable form sigmoid(log p_real - log p_fake) (Goodfellow et al. 2014)."""
    return sigmoid(norm.logpdf(x, REAL_MEAN) - norm.logpdf(x, FAKE_MEAN))


def accuracy(x: Array, logits: Array) -> float:
    """Accuracy of a discriminator with these logits at evenly spaced points x [n], which hold both Gaussians."""
    real, fake = norm.pdf(x, REAL_MEAN), norm.pdf(x, FAKE_MEAN)
    return float((real[logits > 0].sum() / real.sum() + fake[logits <= 0].sum() / fake.sum()) / 2)


def generator_gradients(logits: Array, slopes: Array) -> dict[str, float]:
    """By the generator's loss the size of its derivative by a common shift of generated points, at which these are [n]."""
    d = sigmoid(logits)
    weights = {"log(1 − D)": d, "−log D": 1 - d, "WGAN": np.ones_like(d)}
    return {loss: abs(float((weight * slopes).mean())) for loss, weight in weights.items()}


def measure(study: Study) -> Findings:
    """Curves [2, points], values and slopes, over [-limit, limit]; what they show; the discriminator's way there."""
    findings = Findings(QUANTITIES)
    x = axis((-float(study.settings["limit"]), float(study.settings["limit"])), int(study.settings["points"]))
    findings.arrays |= {"x": x, "optimum": optimum(x), "real": norm.pdf(x, REAL_MEAN), "fake": norm.pdf(x, FAKE_MEAN)}
    for member in study.of("critics"):
        _curve(findings, member, x)
    for member in (*study.of("critics", method="discriminator"), *study.of("early")):
        _accuracy(findings, member)
    for seed in sorted({member.seed for member in study.of("lines")}):
        _vanishing(findings, [member for member in study.of("lines") if member.seed == seed], seed)
    return findings


def _curve(findings: Findings, member: Member, x: Array) -> None:
    method = member.labels["method"]
    labels: dict[str, Any] = {"seed": member.seed, "method": method}
    curve, slopes = values(member.run.critic, x[:, None]), gradients(member.run.critic, x[:, None])[:, 0]
    if method == "discriminator":
        curve = sigmoid(curve)
        slopes = curve * (1 - curve) * slopes
        best = float(optimum(np.array([FAKE_MEAN]))[0])
        findings.add(
            "slope", abs(np.interp(FAKE_MEAN, x, slopes)), expected=best * (1 - best) * (FAKE_MEAN - REAL_MEAN), **labels
        )
        likely = norm.pdf(x, REAL_MEAN) + norm.pdf(x, FAKE_MEAN) > 1e-3
        findings.add("error", np.abs(curve - optimum(x))[likely].max(), **labels)
        findings.add("separation", np.interp(REAL_MEAN, x, curve) - np.interp(FAKE_MEAN, x, curve), **labels)
    findings.arrays[f"{method}/{member.seed}"] = np.stack([curve, slopes])
    size = np.abs(slopes)
    between = size[(x >= REAL_MEAN) & (x <= FAKE_MEAN)]
    findings.add("slope_share", np.interp(FAKE_MEAN, x, size) / size.max(), **labels)
    findings.add("slope_ratio", between.max() / between.min() if between.min() else np.inf, **labels)


def _accuracy(findings: Findings, member: Member) -> None:
    """Of a discriminator, and of untrained ones of its form, the mean: one alone may tell the Gaussians by chance."""
    x, steps = axis((REAL_MEAN - 6, FAKE_MEAN + 6), 4001), member.labels.get("steps", ALL)
    networks: dict[str, list[Any]] = {steps: [member.run.critic]}
    if steps == ALL:
        initial = stream(member.seed, "init")
        networks["none"] = [build_critic(member.run.spec, initial) for _ in range(UNTRAINED)]
    for name, several in networks.items():
        share = float(np.mean([accuracy(x, values(network, x[:, None])) for network in several])) / BAYES
        findings.add("accuracy", share, seed=member.seed, method="discriminator", steps=name)


def _vanishing(findings: Findings, members: list[Member], seed: int) -> None:
    """On two lines, which share no point: the gradient by the place of the generated one after more steps of the critic."""
    course: dict[str, list[tuple[int, float]]] = {}
    for member in members:
        offset = member.run.spec.dataset.offset
        points = np.stack([np.full(200, offset), axis((0.0, 1.0), 200)], axis=1)
        given = generator_gradients(values(member.run.critic, points), gradients(member.run.critic, points)[:, 0])
        for loss in ("log(1 − D)", "−log D") if member.labels["method"] == "discriminator" else ("WGAN",):
            course.setdefault(loss, []).append((member.run.spec.generator_iterations, given[loss]))
    for loss, pairs in course.items():
        steps, sizes = np.array(sorted(pairs)).T
        findings.arrays[f"course {loss}/{seed}"] = np.stack([steps, sizes])
        # A gradient that is 0 has vanished for good.
        slope = np.polyfit(np.log(steps), np.log(sizes), 1)[0] if sizes.all() else -np.inf
        findings.add("vanishing", slope, seed=seed, loss=loss)


TITLES = {"discriminator": "GAN discriminator", "clipping": "WGAN critic, clipped", "penalty": "WGAN critic, penalty"}


def report(tables: Tables) -> Content:
    """The figure; slopes by method; the discriminator's accuracy and the generator's gradient over the critic's training."""
    slopes = {"slope_share": "slope there, of largest", "slope_ratio": "largest : smallest slope", "separation": "separation"}
    caption = (
        "Slope at the generated mean as a share of the largest on the axis; largest over smallest slope between the two means; "
        "D at the real mean less D at the generated one; largest distance of D from the optimum. Mean ± standard deviation "
        "over seeds."
    )
    return Content(
        tables=[
            quantities(tables, slopes | {"error": "distance from D*"}, ["method"], caption, 3),
            quantities(
                tables,
                {"accuracy": "accuracy, of best"},
                ["steps"],
                "The discriminator after a share of its steps: accuracy as a share of the best possible one.",
                4,
            ),
            quantities(
                tables,
                {"vanishing": "slope"},
                ["loss"],
                "Two parallel lines: slope of the logarithm of the generator's gradient over that of the critic's steps, by "
                "the generator's loss.",
            ),
        ],
        pictures=[_figure(tables)],
    )


def _figure(tables: Tables) -> Picture:
    drawn, axes = figure(2.7, 3)
    left, middle, right = axes[0]
    x = tables.arrays["x"]
    for name, colour, label in (("real", REAL, "density of real data"), ("fake", FAKE, "density of generated data")):
        left.fill_between(x, tables.arrays[name], color=colour, alpha=0.5, linewidth=0, label=label)
    left.plot(x, tables.arrays["optimum"], color="0.7", linewidth=3, label="optimal discriminator $D^*$")
    for index, (method, title) in enumerate(TITLES.items()):
        style = {"color": PALETTE[index], "linestyle": DASHES[index], "linewidth": 1.0}
        for place, (curve, slopes) in enumerate(tables.below(method).values()):
            centred = curve if method == "discriminator" else (curve - curve.mean()) / np.abs(curve - curve.mean()).max()
            left.plot(x, centred, label=None if place else title, alpha=0.3 if place else 1, **style)
            middle.semilogy(x, np.maximum(np.abs(slopes) / np.abs(slopes).max(), 1e-12), alpha=0.3 if place else 1, **style)
    for index, loss in enumerate(("log(1 − D)", "−log D", "WGAN"), 3):
        style = {"color": PALETTE[index], "linestyle": DASHES[index], "marker": "o", "markersize": 2.5, "linewidth": 1.0}
        for place, (counts, sizes) in enumerate(tables.below(f"course {loss}").values()):
            right.loglog(counts, sizes / sizes[0], label=None if place else f"generator's loss: {loss}", **style)
    left.set(xlabel="$x$", ylabel="value", ylim=(-1.1, 1.1), xlim=(x[0], x[-1]))
    middle.set(xlabel="$x$", ylabel="|slope| / largest |slope|", ylim=(1e-8, 3), xlim=(x[0], x[-1]))
    right.set(xlabel="steps of the critic", ylabel="gradient of the generator / first")
    for panel in (left, middle):
        panel.axvline(FAKE_MEAN, color="0.7", linewidth=0.6, linestyle=":")
    drawn.legend(loc="outside lower center", ncols=3, frameon=False)
    return Picture(
        drawn,
        "Left: the trained discriminator and critics, the densities, and the optimum D* = p_r / (p_r + p_g); a critic's scale "
        "and offset mean nothing and are taken out. Middle: sizes of their slopes, each over its largest. Dotted: the "
        "generated mean. Right: two parallel lines, size of the gradient that the generated one gets after so many steps "
        "of the critic, over the first. Pale lines: further seeds.",
    )
