"""Pieces of figures in the plane: contours, arrows, points."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wganlib.reporting.style import FAKE, REAL

Array = NDArray[np.float64]


def contours(axes: Any, x: Array, y: Array, map_: Array, levels: int = 12) -> None:
    """Contour lines of a surface [len(y), len(x)], dark where it is low and light where it is high."""
    if np.ptp(map_) > 0:
        axes.contour(x, y, map_, levels=levels, cmap="viridis", linewidths=0.7)


def points(axes: Any, real: Array | None, fake: Array | None, size: float = 2.0) -> None:
    """Real examples [N, 2] as orange dots, generated ones as green crosses."""
    if fake is not None:
        axes.scatter(*fake.T, s=size * 1.5, c=FAKE, marker="x", linewidths=0.5, alpha=0.8, rasterized=True)
    if real is not None:
        axes.scatter(*real.T, s=size, c=REAL, linewidths=0, alpha=0.8, rasterized=True)


def critic_field(axes: Any, arrays: dict[str, Array], name: str, title: str = "", length: float = 0.3) -> None:
    """A critic over the plane: contours, real and generated examples, and arrows of one length along its gradients.

    `arrays`: axes `x` and `y`, and below `name`: surface [len(y), len(x)], real and fake [N, 2], gradient [K, 2] at [K, 2]. A
    panel without them stays empty.
    """
    x, y = arrays["x"], arrays["y"]
    if f"{name}/surface" in arrays:
        contours(axes, x, y, arrays[f"{name}/surface"])
        points(axes, arrays[f"{name}/real"], arrays[f"{name}/fake"], size=1.5)
        gradient = arrays[f"{name}/gradient"]
        norms = np.linalg.norm(gradient, axis=1, keepdims=True)
        unit = np.divide(gradient, norms, out=np.zeros_like(gradient), where=norms > 0)
        style = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.005, "headwidth": 5, "headlength": 5}
        axes.quiver(*arrays[f"{name}/at"].T, *(length * unit).T, color="black", rasterized=True, **style)
    plane(axes, (x[0], x[-1]), (y[0], y[-1]), title)


def plane(axes: Any, x: tuple[float, float], y: tuple[float, float], title: str = "") -> None:
    """Equal units on both axes, without ticks' clutter."""
    axes.set(xlim=x, ylim=y, aspect="equal", title=title)
    axes.tick_params(length=2, pad=1.5)
