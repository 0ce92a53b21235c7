"""Ten noise images and where their gradients lead."""

from wganlib.reporting.figures import Data, Picture
from wganlib.reporting.figures.images import column_titles, picture_rows
from wganlib.reporting.style import figure


def draw(data: Data) -> list[Picture]:
    """The rows of increments, then the cosines between gradients and ways."""
    rows, steps = data.arrays["rows"], int(data.settings["steps"])
    shown = picture_rows(rows, [""] * len(rows), column_titles(steps))
    names = list(data.below("cosines"))
    drawn, axes = figure(1.9, len(names), sharey=True)
    for here, name in zip(axes[0], names, strict=True):
        drawn_map = here.imshow(data.arrays[f"cosines/{name}"], cmap="viridis", vmin=-0.2, vmax=1)
        here.set(title=f"$\\phi(x)$ = {name}", xlabel="real image", xticks=range(0, 10, 3), yticks=range(0, 10, 3))
    axes[0, 0].set_ylabel("noise image")
    drawn.colorbar(drawn_map, ax=axes, label="cosine", shrink=0.9)
    cosines = ", ".join(f"{data.told('max_cosine', name, form='.2f')} ({name})" for name in names)
    return [
        Picture(
            shown,
            "Each row: a generated (noise) image x; the critic's gradient there over its largest value; x plus increasing "
            "multiples of the gradient, the last beyond the real image; the real image to which the gradient leads "
            f"(largest cosine). Real images: {data.facts['images']} ({data.facts['dataset']}). Objective "
            f"{data.facts['rows']['objective']}, seed {data.facts['rows']['seed']}.",
        ),
        Picture(
            drawn,
            "Cosine between the gradient at each noise image and the way from it to each real image, first seed. Mean of "
            f"the largest cosine of each noise image over seeds: {cosines}; random directions: "
            f"{data.told('chance', form='.2f')}.",
        ),
    ]
