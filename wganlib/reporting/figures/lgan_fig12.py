"""Penalties and spectral normalisation compared."""

import numpy as np

from wganlib.reporting.figures import Data, Picture
from wganlib.reporting.figures.images import column_titles, picture_rows
from wganlib.reporting.style import PALETTE, figure


def draw(data: Data) -> list[Picture]:
    """Two rows of images a constraint; then cosines and spreads of slopes."""
    names = list(data.below("rows"))
    rows = np.concatenate([data.arrays[f"rows/{name}"] for name in names])
    labels = [part for name in names for part in (name.replace(", ", ",\n").replace(" n", "\nn"), "")]
    shown = picture_rows(rows, labels, column_titles(int(data.settings["steps"])))
    drawn, axes = figure(2.3, 2, sharey=True)
    places = np.arange(len(names))[::-1]
    for here, wanted, label in (
        (axes[0, 0], ("max_cosine_maximum", "max_cosine"), "mean largest cosine"),
        (axes[0, 1], ("slope_spread",), "spread of slopes (std / mean)"),
    ):
        table = data.quantities[data.quantities["quantity"].isin(wanted)]
        for place, name in zip(places, names, strict=True):
            values = table[table["case"] == name]["value"]
            here.barh(place, values.mean(), color=PALETTE[0], height=0.6, alpha=0.4)
            here.plot(values, np.full(len(values), place), "o", color=PALETTE[0], markersize=3)
        here.set(xlabel=label, yticks=places, yticklabels=names)
    return [
        Picture(
            shown,
            "Two noise images under each constraint, as in Figure 3: image, gradient over its largest value, image plus "
            f"increasing multiples of the gradient, nearest real image. Real images: {data.facts['images']} "
            f"({data.facts['dataset']}). One seed.",
        ),
        Picture(
            drawn,
            "Left: mean over the ten noise images of the largest cosine between gradient and the way to a real image. "
            "Right: standard deviation over mean of the critic's slope along the lines that exact transport matches. Dots: "
            "seeds.",
        ),
    ]
