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


def heat(axes: Any, x: Array, y: Array, map_: Array) -> Any:
    """A surface [len(y), len(x)] in colour, rasterised."""
    return axes.pcolormesh(x, y, map_, cmap="viridis", shading="nearest", rasterized=True)


def points(axes: Any, real: Array | None, fake: Array | None, size: float = 2.0) -> None:
    """Real examples [N, 2] as orange dots, generated ones as green crosses."""
    if fake is not None:
        axes.scatter(*fake.T, s=size * 1.5, c=FAKE, marker="x", linewidths=0.5, alpha=0.8, rasterized=True)
    if real is not None:
        axes.scatter(*real.T, s=size, c=REAL, linewidths=0, alpha=0.8, rasterized=True)


def arrows(axes: Any, at: Array, directions: Array, length: float, colour: str = "black") -> None:
    """Arrows [N, 2] of one length in the axes' units, whose directions alone count."""
    norms = np.linalg.norm(directions, axis=1, keepdims=True)
    unit = np.divide(directions, norms, out=np.zeros_like(directions), where=norms > 0)
    axes.quiver(*at.T, *(length * unit).T, angles="xy", scale_units="xy", scale=1, width=0.003, color=colour, rasterized=True)


def plane(axes: Any, x: tuple[float, float], y: tuple[float, float], title: str = "") -> None:
    """Equal units on both axes, without ticks' clutter."""
    axes.set(xlim=x, ylim=y, aspect="equal", title=title)
    axes.tick_params(length=2, pad=1.5)
