"""Loss metrics of Lipschitz GANs, their slopes, and slopes of critics between two points."""

from typing import Any

import numpy as np

from wganlib.reporting.figures import Data, Picture
from wganlib.reporting.style import DASHES, PALETTE, figure

METRICS = {"wgan": "$x$", "log_sigmoid": r"$-\log\,\sigma(-x)$", "sqrt": r"$x+\sqrt{x^2+1}$", "exp": "$e^x$"}
DERIVED = ("log_sigmoid, translated", "exp, scaled", "wgan+0.5*exp", "log_sigmoid+2*sqrt")
FAILING = {"hinge": "hinge", "quadratic": "quadratic"}
CRITICS = {
    "wgan, maximum": "$x$",
    "log_sigmoid, maximum": r"$-\log\,\sigma(-x)$",
    "sqrt, maximum": r"$x+\sqrt{x^2+1}$",
    "exp, maximum": "$e^x$",
    "wgan, two-sided, weight 0.1": r"GP, $\lambda = 0.1$",
    "wgan, two-sided, weight 1": r"GP, $\lambda = 1$",
    "wgan, two-sided, weight 10": r"GP, $\lambda = 10$",
}


def draw(data: Data) -> list[Picture]:
    """Curves, their slopes, and trained slopes beside closed forms."""
    drawn, axes = figure(2.9, 3, width_ratios=(1, 1, 1.05))
    left, middle, right = axes[0]
    x = data.arrays["x"]
    above: dict[str, Any] = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "fontsize": 6.5, "frameon": False}
    curves = data.below("metric")
    for name in DERIVED:
        middle.plot(x, curves[name][2], color="0.65", linewidth=0.8, label="derived" if name == DERIVED[0] else None)
    for index, (name, label) in enumerate(METRICS.items()):
        phi, varphi, slope = curves[name]
        left.plot(x, phi, color=PALETTE[index], linewidth=1.2, label=label)
        left.plot(x, varphi, color=PALETTE[index], linewidth=0.9, linestyle="--")
        middle.plot(x, slope, color=PALETTE[index], linewidth=1.2)
    for index, (name, label) in enumerate(FAILING.items(), start=len(METRICS)):
        middle.plot(x, curves[name][2], color=PALETTE[index], linewidth=1.2, linestyle=DASHES[index], label=label)
    middle.axhspan(-9, 0, color="0.9", linewidth=0)
    left.set(xlabel="$x$", ylabel=r"$\phi(x)$; dashed: $\varphi(x)=\phi(-x)$", xlim=(x[0], x[-1]), ylim=(-3.2, 8.8))
    left.legend(ncols=2, handlelength=1.4, columnspacing=0.9, **above)
    middle.set(xlabel="$x$", ylabel=r"$\phi^{\,\prime}(x)$", xlim=(x[0], x[-1]), ylim=(-1.2, 5.4))
    middle.legend(ncols=2, handlelength=1.8, columnspacing=0.9, **above)
    _slopes(right, data)
    failed = [label for name, label in FAILING.items() if data.mean("condition_11", name) == 0]
    met = sum(data.mean("condition_11", name) == 1 for name in (*METRICS, *DERIVED))
    ratios = data.quantities[data.quantities["quantity"] == "slope_ratio"]["value"]
    return [
        Picture(
            drawn,
            "Left: the four loss metrics phi of the paper and, dashed, varphi(x) = phi(-x) on real examples. Middle: their "
            "slopes, which condition (11) wants above 0, out of the shade; grey: a translation, a scaling and two sums of "
            f"them. {met} of {len(METRICS) + len(DERIVED)} meet the condition on the grid; {' and '.join(failed) or 'none'} "
            f"fail{'s' if len(failed) == 1 else ''} it. Right: the slope between a real and a generated point mass at "
            "distance 2 of critics trained with the penalty on the largest gradient (weight 0.1), or (GP) with phi = x and "
            "the two-sided penalty; each dot is a seed, the bar is the closed form. Trained over closed form: "
            f"{ratios.min():.3f} to {ratios.max():.3f}.",
        )
    ]


def _slopes(axes: Any, data: Data) -> None:
    rows = data.quantities[data.quantities["quantity"] == "slope"]
    for place, case in enumerate(CRITICS):
        found = rows[rows["case"] == case]
        axes.plot(found["expected"], np.full(len(found), place), "|", color=PALETTE[1], markersize=17, markeredgewidth=1.2)
        spread = place + 0.16 * (np.arange(len(found)) - (len(found) - 1) / 2)
        axes.plot(found["value"], spread, "o", color=PALETTE[0], markersize=2.4, linestyle="none")
    axes.set(xscale="log", xlabel="slope", xlim=(0.8, 16), ylim=(len(CRITICS) - 0.5, -0.5))
    axes.set_xticks([1, 2, 5, 10], ["1", "2", "5", "10"])
    axes.minorticks_off()
    axes.set_yticks(range(len(CRITICS)), list(CRITICS.values()), fontsize=7)
    axes.grid(axis="y", linewidth=0.3, color="0.85")
