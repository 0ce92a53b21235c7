"""Rows of small images in a figure."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wganlib.collecting.collected import Tables
from wganlib.reporting.content import Picture, rows_of
from wganlib.reporting.grammar import legend_below
from wganlib.reporting.style import DASHES, PALETTE, figure


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


def leads_picture(tables: Tables, axis: str) -> Picture:
    """Largest cosines by option of an axis: a dot a seed, and a line for each direction that gradients are compared with.

    The directions are options of the label `direction`, gradients the first.
    """
    rows = rows_of(tables.quantities, quantity="max_cosine")
    options, directions = list(dict.fromkeys(rows[axis])), list(dict.fromkeys(rows["direction"]))
    drawn, axes = figure(0.6 + 0.26 * len(options), 1)
    panel = axes[0, 0]
    for place, option in enumerate(options):
        for index, name in enumerate(directions):
            values, title = rows_of(rows, **{axis: option, "direction": name})["value"], None if place else name
            style: dict[str, Any] = {"color": PALETTE[index], "label": title}
            if index == 0:
                panel.plot(values, np.full(len(values), place), "o", markersize=3.5, **style)
            else:
                panel.vlines(values.mean(), place - 0.35, place + 0.35, linestyle=DASHES[index], **style)
    panel.set(xlabel="mean largest cosine with the way to a real image", xlim=(0, 1.02))
    panel.set_yticks(range(len(options)), options)
    panel.invert_yaxis()
    caption = (
        "Mean over the ten noise images of the largest cosine between a direction and the way to a real image; a dot a seed. "
        "Lines: the direction to the mean real image, which knows no single one; random directions; the exact optimum."
    )
    return legend_below(Picture(drawn, caption), 4)
