"""Discriminator and critics between two Gaussians."""

import numpy as np

from wganlib.reporting.figures import Data, Picture
from wganlib.reporting.style import DASHES, FAKE, PALETTE, REAL, figure

TITLES = {"discriminator": "GAN discriminator", "clipping": "WGAN critic, clipped", "penalty": "WGAN critic, penalty"}


def draw(data: Data) -> list[Picture]:
    """Values on the left, absolute slopes on the right."""
    drawn, axes = figure(2.9, 2)
    left, right = axes[0]
    x = data.arrays["x"]
    left.fill_between(x, data.arrays["real"], color=REAL, alpha=0.5, linewidth=0, label="density of real data")
    left.fill_between(x, data.arrays["fake"], color=FAKE, alpha=0.5, linewidth=0, label="density of generated data")
    left.plot(x, data.arrays["optimum"], color="0.7", linewidth=3, label="optimal discriminator $D^*$")
    for index, (method, title) in enumerate(TITLES.items()):
        for number, curve in enumerate(data.below(method).values()):
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
    for axis in (left, right):
        axis.axvline(5, color="0.7", linewidth=0.6, linestyle=":")
    return [
        Picture(
            drawn,
            "Left: the trained discriminator and critics on the line, the densities, and the analytic optimum D* = p_r / "
            "(p_r + p_g); a critic's scale and offset mean nothing and are taken out. Right: absolute slopes, each over "
            "its largest value. Dotted: the generated mean. Pale lines: further seeds. At the generated mean the "
            f"discriminator's slope is {data.told('discriminator_slope_at_fake', form='.1e')} a unit of x; the critics' are "
            f"{data.told('critic_slope_share_at_fake', 'clipping', form='.2f')} (clipped) and "
            f"{data.told('critic_slope_share_at_fake', 'penalty', form='.2f')} (penalty) of their largest, mean over seeds.",
        )
    ]
