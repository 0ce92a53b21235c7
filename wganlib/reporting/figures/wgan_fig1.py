"""Distances between two parallel lines."""

from typing import Any

import pandas as pd

from wganlib.reporting.figures import Data, Picture
from wganlib.reporting.style import PALETTE, figure


def draw(data: Data) -> list[Picture]:
    """Earth mover's distance, Jensen-Shannon divergence, total variation over theta."""
    drawn, axes = figure(2.6, 3)
    fine, theta = data.arrays["fine"], data.arrays["theta"]
    em, js, tv = axes[0]
    for here, name, label in ((em, "em", "$W_1$"), (js, "js", "JS, nats"), (tv, "tv", "TV")):
        here.plot(fine, data.arrays[name], color="0.7", linewidth=3, label="closed form")
        here.set(xlabel=r"$\theta$", ylabel=label)
    em.plot(theta, data.arrays["em_paired"], "o", color=PALETTE[2], markersize=5, mfc="none", label="transport, same heights")
    em.plot(theta, data.arrays["em_sampled"], "x", color=PALETTE[3], markersize=4, label="transport, independent samples")
    _seeds(em, data.quantities, "em_critic", "trained critic or discriminator")
    _seeds(js, data.quantities, "js_discriminator")
    _seeds(tv, data.quantities, "tv_discriminator")
    for here in (js, tv):
        here.annotate("KL = ∞", (0.03, 0.5), xycoords="axes fraction", fontsize=8, color="0.4")
        here.annotate("KL = ∞", (0.72, 0.5), xycoords="axes fraction", fontsize=8, color="0.4")
    handles, labels = em.get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return [
        Picture(
            drawn,
            "Distance between the lines (0, z) and (theta, z), z uniform on [0, 1], in units of the plane (left), nats "
            "(middle) and as a share (right). W1 is continuous in theta; the Jensen-Shannon divergence, which is log 2 = "
            "0.693 off zero, total variation and both Kullback-Leibler divergences (infinite off zero) jump. Crosses, "
            "blue: estimates by trained networks, one a seed; a critic's gap is divided by its mean slope. Transport "
            "between independent samples is biased upwards. The critic's estimates rise by "
            f"{data.told('em_slope', form='.3f')} a unit of |theta|.",
        )
    ]


def _seeds(axes: Any, quantities: pd.DataFrame, name: str, label: str | None = None) -> None:
    rows = quantities[quantities["quantity"] == name]
    theta = rows["case"].str.removeprefix("theta ").astype(float)
    axes.plot(theta, rows["value"], "+", color=PALETTE[0], markersize=6, label=label)
