"""Loss metrics of Lipschitz GANs, condition (11), and slopes of critics between two points (Zhou et al. 2019, Figure 13)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.optimize import brentq

from wganlib.collecting.collected import Tables
from wganlib.judging.verdicts import chosen
from wganlib.measuring.maps import axis, samples, values
from wganlib.measuring.study import Array, Findings, Member, Quantity, Study
from wganlib.methods.method import GradientPenalty
from wganlib.methods.objectives import Function, Objective, condition_11, mirrored, objective
from wganlib.reporting.content import Content, Picture, rows_of
from wganlib.reporting.style import DASHES, PALETTE, figure

QUANTITIES = {
    "slope_at_zero": Quantity("phi'(0)"),
    "mirror_error": Quantity("largest |varphi(x) - phi(-x)| on the curves' range"),
    "rising": Quantity("1 where phi' > 0 and varphi' < 0 on the whole grid, else 0"),
    "smallest_slope": Quantity("smallest phi' on the grid"),
    "convex": Quantity("1 where phi and varphi are convex on the grid, else 0"),
    "balanced": Quantity("1 where some a has phi'(a) + varphi'(a) = 0, else 0"),
    "balance_point": Quantity("that a, where strict convexity leaves one alone"),
    "condition_11": Quantity("1 where condition (11) holds, else 0"),
    "strictly_convex": Quantity("1 where phi + varphi is strictly convex on the grid, else 0"),
    "best_slope": Quantity("closed form of the best slope between two points at distance 2"),
    "slope": Quantity("(f(real) - f(fake)) / distance of the trained critic; expected: the closed form"),
    "slope_ratio": Quantity("the last over the closed form of an objective under the same penalty"),
    "offset": Quantity("(f(real) + f(fake)) / 2; the optimum is 0 where phi is strictly convex, and open where phi = x"),
}
"""Labels of trained critics: objective; penalty, "max" or "two_sided", and its weight."""

WEIGHTS = (0.1, 1.0, 10.0, 1e4)
"""Of both penalties, for phi = x, at which closed forms stand."""

# phi'(0) where it has a short form; what Zhou et al. 2019, section 4, say of condition (11); whether phi is strictly convex.
METRICS: dict[str, tuple[Objective, float | None, bool, bool]] = {
    "wgan": (objective("wgan"), 1.0, True, False),
    "log_sigmoid": (objective("log_sigmoid"), 0.5, True, True),
    "sqrt": (objective("sqrt"), 1.0, True, True),
    "exp": (objective("exp"), 1.0, True, True),
    "log_sigmoid, translated": (mirrored(lambda x: objective("log_sigmoid").critic_fake(x + 1), ""), None, True, True),
    "exp, scaled": (mirrored(lambda x: objective("exp").critic_fake(x / 2), ""), 0.5, True, True),
    "wgan+0.5*exp": (objective("wgan+0.5*exp"), 1.5, True, True),
    "log_sigmoid+2*sqrt": (objective("log_sigmoid+2*sqrt"), 2.5, True, True),
    "hinge": (objective("hinge"), None, False, False),
    "quadratic": (objective("quadratic"), None, False, True),
}


def derivative(function: Function, x: Array) -> Array:
    """The function's derivative at each value [N], by automatic differentiation in float64."""
    at = torch.as_tensor(x, dtype=torch.float64).clone().requires_grad_()
    (slopes,) = torch.autograd.grad(function(at).sum(), at)
    return slopes.numpy()


def max_penalty_slope(phi: Function, distance: float, weight: float) -> float:
    """The slope k >= 0 that minimises 2 phi(-k distance / 2) + weight k^2, the loss of two unit masses, varphi(x) = phi(-x).

    The root of distance phi'(-k distance / 2) = 2 weight k; with phi = x that is distance / (2 weight), as in Zhou et al. 2019,
    appendix C, after Lemma 15.
    """

    def excess(k: float) -> float:
        return distance * float(derivative(phi, np.array([-k * distance / 2]))[0]) - 2 * weight * k

    # phi' does not fall as its argument rises, so that no root lies above the slope of phi = phi'(0) x.
    highest = distance * float(derivative(phi, np.array([0.0]))[0]) / (2 * weight)
    return float(brentq(excess, 0.0, highest * (1 + 1e-9), xtol=1e-12))


def two_sided_slope(distance: float, weight: float) -> float:
    """The slope k that minimises -k distance + weight (k - 1)^2: phi = x with the penalty of Gulrajani et al. 2017, eq. 3."""
    return 1 + distance / (2 * weight)


def measure(study: Study) -> Findings:
    """Curves [points] of phi, varphi and phi' over [-limit, limit], condition (11) of each, and slopes of trained critics."""
    findings = Findings(QUANTITIES)
    limit = float(study.settings["limit"])
    x = axis((-limit, limit), int(study.settings["points"]))
    findings.arrays["x"] = x
    grid = (float(study.settings["condition_limit"]), int(study.settings["condition_points"]))
    for name, (row, slope, holds, strictly) in METRICS.items():
        phi, varphi = (curve(function, x) for function in (row.critic_fake, row.critic_real))
        findings.arrays[f"metric/{name}"] = np.stack([phi, varphi, derivative(row.critic_fake, x)])
        findings.add("mirror_error", np.abs(varphi - curve(row.critic_fake, -x)).max(), metric=name)
        if slope is not None:
            findings.add("slope_at_zero", derivative(row.critic_fake, np.array([0.0]))[0], expected=slope, metric=name)
        _condition(findings, name, row, grid, holds, strictly)
    for weight in WEIGHTS:
        about: dict[str, Any] = {"objective": "wgan", "penalty_weight": f"{weight:g}"}
        findings.add("best_slope", two_sided_slope(2.0, weight), penalty="two_sided", **about)
        findings.add("best_slope", max_penalty_slope(objective("wgan").critic_fake, 2.0, weight), penalty="max", **about)
    for member in study.of():
        _trained(findings, member)
    findings.rows.sort(key=lambda row: list(QUANTITIES).index(row["quantity"]))
    return findings


def curve(function: Callable[[torch.Tensor], torch.Tensor], x: Array) -> Array:
    """The function's values at each value [N]."""
    return function(torch.as_tensor(x, dtype=torch.float64)).numpy()


def _condition(findings: Findings, name: str, row: Objective, grid: tuple[float, int], holds: bool, strictly: bool) -> None:
    result = condition_11(row, *grid)
    # All of them are convex and have slopes that cancel at 0: hinge and quadratic fail by their slopes' signs alone.
    for quantity, value, expected in (
        ("rising", result.rising_on_fakes and result.falling_on_reals, holds),
        ("convex", result.convex, True),
        ("balanced", result.balance is not None, True),
        ("condition_11", result.holds, holds),
        ("strictly_convex", result.strictly_convex, strictly),
    ):
        findings.add(quantity, value, expected=float(expected), metric=name)
    if result.strictly_convex and result.balance is not None:
        findings.add("balance_point", result.balance, metric=name)
    findings.add("smallest_slope", derivative(row.critic_fake, axis((-grid[0], grid[0]), grid[1])).min(), metric=name)


def _trained(findings: Findings, member: Member) -> None:
    """Slope and offset of one critic; both masses are points, so that one example of each says all."""
    real, fake = (part.double().numpy() for part in samples(member.run, 1))
    distance = float(np.linalg.norm(real - fake))
    on_real, on_fake = values(member.run.critic, real)[0], values(member.run.critic, fake)[0]
    method = member.run.spec.method
    assert isinstance(method.constraint, GradientPenalty)
    weight, penalty = method.constraint.weight, method.constraint.form
    if penalty == "max":
        best = {name: max_penalty_slope(objective(name).critic_fake, distance, weight) for name in LABELS}
    else:
        best = {method.objective: two_sided_slope(distance, weight)}
    about: dict[str, Any] = {"seed": member.seed, "objective": method.objective, "penalty": penalty, "weight": f"{weight:g}"}
    slope = (on_real - on_fake) / distance
    findings.add("slope", slope, expected=best[method.objective], **about)
    for name, expected in best.items():
        findings.add("slope_ratio", slope / expected, closed_form="own" if name == method.objective else name, **about)
    findings.add("offset", (on_real + on_fake) / 2, **about)


LABELS = {"wgan": "$x$", "log_sigmoid": r"$-\log\,\sigma(-x)$", "sqrt": r"$x+\sqrt{x^2+1}$", "exp": "$e^x$"}
DERIVED = ("log_sigmoid, translated", "exp, scaled", "wgan+0.5*exp", "log_sigmoid+2*sqrt")
FAILING = {"hinge": "hinge", "quadratic": "quadratic"}
CRITICS = {
    ("wgan", "max", "0.1"): "$x$",
    ("log_sigmoid", "max", "0.1"): r"$-\log\,\sigma(-x)$",
    ("sqrt", "max", "0.1"): r"$x+\sqrt{x^2+1}$",
    ("exp", "max", "0.1"): "$e^x$",
    ("wgan", "two_sided", "0.1"): r"GP, $\lambda = 0.1$",
    ("wgan", "two_sided", "1"): r"GP, $\lambda = 1$",
    ("wgan", "two_sided", "10"): r"GP, $\lambda = 10$",
}
"""Trained critics by objective, penalty and weight."""


def report(tables: Tables) -> Content:
    """Curves, their slopes, and trained slopes beside closed forms."""
    drawn, axes = figure(2.9, 3, width_ratios=(1, 1, 1.05))
    left, middle, right = axes[0]
    x = tables.arrays["x"]
    above: dict[str, Any] = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "fontsize": 6.5, "frameon": False}
    curves = tables.below("metric")
    for name in DERIVED:
        middle.plot(x, curves[name][2], color="0.65", linewidth=0.8, label="derived" if name == DERIVED[0] else None)
    for index, (name, label) in enumerate(LABELS.items()):
        phi, varphi, slope = curves[name]
        left.plot(x, phi, color=PALETTE[index], linewidth=1.2, label=label)
        left.plot(x, varphi, color=PALETTE[index], linewidth=0.9, linestyle="--")
        middle.plot(x, slope, color=PALETTE[index], linewidth=1.2)
    for index, (name, label) in enumerate(FAILING.items(), start=len(LABELS)):
        middle.plot(x, curves[name][2], color=PALETTE[index], linewidth=1.2, linestyle=DASHES[index], label=label)
    middle.axhspan(-9, 0, color="0.9", linewidth=0)
    left.set(xlabel="$x$", ylabel=r"$\phi(x)$; dashed: $\varphi(x)=\phi(-x)$", xlim=(x[0], x[-1]), ylim=(-3.2, 8.8))
    left.legend(ncols=2, handlelength=1.4, columnspacing=0.9, **above)
    middle.set(xlabel="$x$", ylabel=r"$\phi^{\,\prime}(x)$", xlim=(x[0], x[-1]), ylim=(-1.2, 5.4))
    middle.legend(ncols=2, handlelength=1.8, columnspacing=0.9, **above)
    _slopes(right, tables)
    conditions = rows_of(tables.quantities, quantity="condition_11").set_index("metric")["value"]
    failed = [label for name, label in FAILING.items() if conditions[name] == 0]
    met = sum(conditions[name] == 1 for name in (*LABELS, *DERIVED))
    ratios = rows_of(tables.quantities, quantity="slope_ratio", closed_form="own")["value"]
    return Content(
        pictures=[
            Picture(
                drawn,
                "Left: the four loss metrics phi of the paper and, dashed, varphi(x) = phi(-x) on real examples. Middle: their "
                "slopes, which condition (11) wants above 0, out of the shade; grey: a translation, a scaling and two sums of "
                f"them. {met} of {len(LABELS) + len(DERIVED)} meet the condition on the grid; {' and '.join(failed) or 'none'} "
                f"fail{'s' if len(failed) == 1 else ''} it. Right: the slope between a real and a generated point mass at "
                "distance 2 of critics trained with the penalty on the largest gradient (weight 0.1), or (GP) with phi = x and "
                "the two-sided penalty; each dot is a seed, the bar is the closed form. Trained over closed form: "
                f"{ratios.min():.3f} to {ratios.max():.3f}.",
            )
        ]
    )


def _slopes(axes: Any, tables: Tables) -> None:
    rows = rows_of(tables.quantities, quantity="slope")
    for place, (name, penalty, weight) in enumerate(CRITICS):
        # A table that is read back has weights as numbers.
        result = chosen(rows, {"objective": (name,), "penalty": (penalty,), "weight": (weight,)})
        axes.plot(result["expected"], np.full(len(result), place), "|", color=PALETTE[1], markersize=17, markeredgewidth=1.2)
        spread = place + 0.16 * (np.arange(len(result)) - (len(result) - 1) / 2)
        axes.plot(result["value"], spread, "o", color=PALETTE[0], markersize=2.4, linestyle="none")
    axes.set(xscale="log", xlabel="slope", xlim=(0.8, 16), ylim=(len(CRITICS) - 0.5, -0.5))
    axes.set_xticks([1, 2, 5, 10], ["1", "2", "5", "10"])
    axes.minorticks_off()
    axes.set_yticks(range(len(CRITICS)), list(CRITICS.values()), fontsize=7)
    axes.grid(axis="y", linewidth=0.3, color="0.85")
