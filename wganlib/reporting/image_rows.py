"""Rows of small images in a figure."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wganlib.reporting.style import figure


def picture_rows(rows: NDArray[np.float64], labels: list[str], titles: list[str]) -> Any:
    """A figure of rows of images [rows, columns, C, H, W] in [-1, 1], a label for each row and a title for each column."""
    count, columns = rows.shape[:2]
    drawn, axes = figure(6.7 / columns * count * 1.02 + 0.35, columns, count)
    # Images stand closer than axes with labels would.
    drawn.set_layout_engine("constrained", w_pad=0.005, h_pad=0.005, wspace=0, hspace=0)
    for i in range(count):
        for j in range(columns):
            image = np.clip((rows[i, j] + 1) / 2, 0, 1).transpose(1, 2, 0)
            panel = axes[i, j]
            panel.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            panel.set(xticks=[], yticks=[])
            for spine in panel.spines.values():
                spine.set_visible(False)
            if i == 0:
                panel.set_title(titles[j], fontsize=7, pad=2)
            if j == 0:
                panel.set_ylabel(labels[i], fontsize=7, rotation=0, ha="right", va="center")
    return drawn


def column_titles(steps: int) -> list[str]:
    """Titles of the columns of a row: generated image, gradient, increments, nearest real image."""
    return ["$x$", r"$\nabla f$", *[""] * (steps // 2), r"$x + \epsilon \nabla f$", *[""] * (steps - steps // 2 - 1), "real"]
