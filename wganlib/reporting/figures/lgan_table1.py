"""Vanishing, uninformative, unique: measured numbers and verdicts for each GAN."""

from typing import Any

import numpy as np

from wganlib.reporting.figures import Data, Picture
from wganlib.reporting.style import MARKERS, PALETTE, figure

GANS = {
    "minimax_gan": "vanilla GAN",
    "nonsaturating_gan": "non-saturating GAN",
    "quadratic_lsgan": "least-squares GAN",
    "fisher": r"$\mu$-Fisher GAN",
    "wgan": "Wasserstein GAN",
    "wgan, penalised": r"penalised, $x$",
    "log_sigmoid": r"LGAN, $-\log\,\sigma(-x)$",
    "sqrt": r"LGAN, $x+\sqrt{x^2+1}$",
    "exp": r"LGAN, $e^x$",
}


def draw(data: Data) -> list[Picture]:
    """One panel a column of the paper's table, one row a GAN; yes or no beside each."""
    drawn, axes = figure(2.7, 3, sharey=True)
    for panel, axis in enumerate(axes[0]):
        axis.set(xscale="log", ylim=(len(GANS) - 0.5, -0.5))
        axis.grid(axis="y", linewidth=0.3, color="0.85")
        axis.tick_params(axis="y", length=0 if panel else 3)
        axis.minorticks_off()
    axes[0][0].set_yticks(range(len(GANS)), list(GANS.values()), fontsize=7)
    _boxes(axes[0][0], data)
    for axis, quantity, floor in ((axes[0][1], "change", 1e-6), (axes[0][2], "shift_increase", 1e-6)):
        _values(axis, data, quantity, floor)
    for axis, name in zip(axes[0], ("vanishing", "uninformative", "unique"), strict=True):
        _verdicts(axis, data, name)
    axes[0][0].set(title="vanishing?", xlabel=r"generator's slope $|\psi^\prime(f)|$")
    axes[0][1].set(title="uninformative?", xlabel="change of $f$ as real points move")
    axes[0][2].set(title="unique?", xlabel=r"loss increase, $f \pm 1$")
    rows = data.quantities[data.quantities["quantity"].isin(["vanishing", "uninformative", "unique"])]
    agreeing = abs(rows["value"] - rows["expected"]) < 0.5
    listed = rows["case"].isin(data.facts["in_table"])
    return [
        Picture(
            drawn,
            "Three issues on exact optimal critics of small supports; each mark is a random support, verdicts stand at the "
            "right. Left: the generator's slope at generated points, supports apart, where |f| may grow to 5, 10 and 20 "
            "(darker); it bounds only the free critics. Middle: the largest change of f between generated points, over f's "
            "range, when the real points turn by a quarter around them; 0 for critics whose programs see masses alone. "
            "Right: the increase of the loss when f is shifted by 1, where real and generated mass overlap; for supports "
            f"apart the vanilla GAN's is {data.told('shift_increase_disjoint', 'minimax_gan', form='.0e')}, since its "
            f"optimum lies at infinity. {int(agreeing[listed].sum())} of {int(listed.sum())} verdicts are those of the "
            f"paper's table, and {int(agreeing[~listed].sum())} of {int((~listed).sum())} those of its text for the second "
            "and the sixth row, which the table lacks.",
        )
    ]


def _boxes(axis: Any, data: Data) -> None:
    boxes = [float(box) for box in data.settings["boxes"]]
    for place, name in enumerate(GANS):
        for index, box in enumerate(boxes):
            shade = 0.35 + 0.65 * index / max(1, len(boxes) - 1)
            boxed = data.mean("generator_slope", f"{name}, box {box:g}")
            slope = data.mean("generator_slope", name) if np.isnan(boxed) else boxed
            axis.plot(slope, place, MARKERS["wgan_gp"], color=PALETTE[0], alpha=shade, markersize=3.5, markeredgewidth=0)
    axis.set_xlim(1e-10, 1e4)
    axis.set_xticks([1e-9, 1e-6, 1e-3, 1])


def _values(axis: Any, data: Data, quantity: str, floor: float) -> None:
    """Values on a logarithmic axis; those below the floor stand at its left edge, labelled 0."""
    zero = floor / 10
    for place, name in enumerate(GANS):
        found = data.quantities[(data.quantities["quantity"] == quantity) & (data.quantities["case"] == name)]["value"]
        shown = np.where(found < floor, zero, found)
        axis.plot(shown, np.full(len(shown), place), "o", color=PALETTE[0], alpha=0.6, markersize=3, markeredgewidth=0)
    axis.set_xlim(zero / 4, 3e2)
    axis.set_xticks([zero, 1e-6, 1e-3, 1], ["0", "$10^{-6}$", "$10^{-3}$", "1"])
    axis.axvline(zero * 3, color="0.6", linewidth=0.6, linestyle=":")


def _verdicts(axis: Any, data: Data, name: str) -> None:
    style = {"fontsize": 7, "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.8}}
    for place, gan in enumerate(GANS):
        share = data.mean(name, gan)
        text = {0.0: "No", 1.0: "Yes"}.get(share, f"{share:.1f}")
        rows = data.quantities[(data.quantities["quantity"] == name) & (data.quantities["case"] == gan)]
        if not np.isclose(rows["expected"].mean(), share):
            text += "*"
        axis.text(0.98, place, text, transform=axis.get_yaxis_transform(), ha="right", va="center", **style)
