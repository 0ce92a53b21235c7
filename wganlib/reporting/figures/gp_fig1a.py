"""Value surfaces on three toys."""

from wganlib.reporting.figures import Data, Picture
from wganlib.reporting.figures.planes import contours, plane, points
from wganlib.reporting.style import figure


def draw(data: Data) -> list[Picture]:
    """Rows are constraints, columns data sets."""
    names = [key.removesuffix("/surface") for key in data.arrays if key.endswith("/surface")]
    columns = list(dict.fromkeys(name.split("/")[0] for name in names))
    rows = list(dict.fromkeys(name.split("/")[1] for name in names))
    drawn, axes = figure(2.2 * len(rows), len(columns), len(rows), sharex=True, sharey=True)
    x, limit = data.arrays["axis"], float(data.settings["limit"])
    for i, method in enumerate(rows):
        for j, name in enumerate(columns):
            here = axes[i, j]
            if f"{name}/{method}/surface" in data.arrays:
                contours(here, x, x, data.arrays[f"{name}/{method}/surface"])
            points(here, data.arrays[f"{name}/real"], data.arrays[f"{name}/fake"])
            plane(here, (-limit, limit), (-limit, limit), name if i == 0 else "")
            if j == 0:
                here.set_ylabel(f"{method}\n$x_2$")
            if i == len(rows) - 1:
                here.set_xlabel("$x_1$")
    shares = ", ".join(
        f"{data.quantities[data.quantities['case'].str.endswith(f', {method}')].query('quantity.str.startswith(@prefix)')['value'].mean():.2f} ({method})"
        for method in rows
        for prefix in ["beyond_quadratic"]
    )
    return [
        Picture(
            drawn,
            "Contours of critics trained to optimality, dark low and light high; real examples orange, generated ones (real plus unit "
            "normal noise) green; first seed. Columns: data; rows: constraint. Coordinates in the data's own units. "
            f"Share of the surface's variance beyond the best quadratic, mean over data sets and seeds: {shares}.",
        )
    ]
