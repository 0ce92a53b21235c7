"""Optimal transport between finite supports, and what its two duals say off them."""

import numpy as np

from wganlib.reporting.figures import Data, Picture
from wganlib.reporting.style import FAKE, PALETTE, REAL, figure


def draw(data: Data) -> list[Picture]:
    """The plan in the plane on the left, bounds on f along a matched pair on the right."""
    drawn, axes = figure(2.9, 2)
    left, right = axes[0]
    real, fake, plan, masses = (data.arrays[name] for name in ("real", "fake", "plan", "masses"))
    x, y = (int(i) for i in data.arrays["pair"])
    for i, j in np.argwhere(plan > 1e-9):
        width = 0.3 + 2.5 * plan[i, j] / plan.max()
        colour = PALETTE[0] if (i, j) == (x, y) else "0.7"
        left.plot(*np.stack([fake[j], real[i]]).T, color=colour, linewidth=width, solid_capstyle="butt", zorder=1)
    sizes = 260 * masses
    left.scatter(*real.T, s=sizes[: len(real)], c=REAL, linewidths=0, zorder=2, label="real")
    left.scatter(*fake.T, s=sizes[len(real) :], c=FAKE, marker="X", linewidths=0, zorder=2, label="generated")
    left.set(xlabel="$x_1$", ylabel="$x_2$", ylim=(-1.2, 1.45))
    left.legend(loc="upper center", ncols=2, frameon=False, fontsize=7, handletextpad=0.2)

    along, lower, upper = (data.arrays[name] for name in ("along", "lower", "upper"))
    at_real, at_fake = data.arrays["ends"]
    length = along[-1] * 3 / 4
    margin = 0.25 * (at_real - at_fake)
    bottom, top = lower.min() - margin, upper.max() + margin
    right.axhspan(bottom, top, facecolor="0.93", edgecolor="0.6", linewidth=0.5, label="allowed by eq. 4: any value")
    right.fill_between(along, lower, upper, color=PALETTE[5], linewidth=0.8, label="allowed by eq. 3")
    right.scatter([length], [at_real], s=28, c=REAL, zorder=3)
    right.scatter([0], [at_fake], s=32, c=FAKE, marker="X", linewidths=0, zorder=3)
    right.set(xlabel="distance from the generated point", ylabel="$f$", xlim=(along[0], along[-1]), ylim=(bottom, top))
    right.legend(loc="upper left", frameon=False, fontsize=7)
    gap = max(data.quantities[data.quantities["quantity"].isin(["lipschitz_gap", "compact_gap"])]["value"])
    return [
        Picture(
            drawn,
            "Left: real and generated points, their areas as their masses, and the optimal plan, its widths as the mass "
            "moved. Right: along the line through the pair in blue, the values that f may take off the supports once it is "
            "optimal on them: under the Lipschitz condition between all points (eq. 3) a band, which between the two has "
            "no width, so that the gradient at the generated point is one along the line; under the condition between real "
            "and generated points alone (eq. 4) any value. The optima of both differ from the transport cost by at most "
            f"{gap:.1g}. At the optimum both are 1-Lipschitz within each support too (steepest "
            f"{data.told('compact_steepest', 'random', form='.4f')}); 1 % below it eq. 4 allows slopes of "
            f"{data.told('compact_steepest_near', form='.0f')} between neighbours.",
        )
    ]
