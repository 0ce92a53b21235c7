"""Value surfaces on three toys."""

from wganlib.reporting.figures import Data, Picture
from wganlib.reporting.figures.planes import contours, plane, points
from wganlib.reporting.style import figure


def draw(data: Data) -> list[Picture]:
    """Rows are constraints, columns data sets."""
    names = [key.removesuffix("/surface").split("/") for key in data.arrays if key.endswith("/surface")]
    columns, rows = (list(dict.fromkeys(parts)) for parts in zip(*names, strict=True))
    drawn, axes = figure(2.15 * len(rows), len(columns), len(rows), sharex=True, sharey=True)
    x, limit = data.arrays["axis"], float(data.settings["limit"])
    for i, method in enumerate(rows):
        for j, name in enumerate(columns):
            here = axes[i, j]
            points(here, data.arrays[f"{name}/real"], data.arrays[f"{name}/fake"])
            if f"{name}/{method}/surface" in data.arrays:
                contours(here, x, x, data.arrays[f"{name}/{method}/surface"])
            plane(here, (-limit, limit), (-limit, limit), name if i == 0 else "")
            if j == 0:
                here.set_ylabel(f"{method}\n$x_2$")
            if i == len(rows) - 1:
                here.set_xlabel("$x_1$")
    clipping, penalty = (data.mean(f"beyond_quadratic_{method}") for method in ("clipping", "penalty"))
    return [
        Picture(
            drawn,
            "Contours of critics trained to optimality, dark low and light high; real examples orange, generated ones (real "
            "plus "
            "unit normal noise) green; first seed, coordinates in the data's own units. Rows: constraint, weight 10 where none "
            "is "
            f"given. The best quadratic leaves {clipping:.0%} of the surface's variance with clipping and {penalty:.0%} with "
            "the "
            "penalties, mean over data and seeds.",
        )
    ]
