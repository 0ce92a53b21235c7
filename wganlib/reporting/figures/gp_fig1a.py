"""Value surfaces on three toys."""

from wganlib.reporting.figures import Data, Picture, told
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
    far, near = (
        ", ".join(f"{told(_share(data, name, method), '.0%')} ({method})" for method in rows)
        for name in ("beyond_quadratic", "beyond_quadratic_near")
    )
    return [
        Picture(
            drawn,
            "Contours of critics trained with the generator fixed at data plus unit normal noise, dark low and light high; "
            "real examples orange, generated ones green; coordinates scaled as in the official code; penalty weight 10 "
            "where none is given. Of the surface's variance over the square the best quadratic leaves, mean over data and "
            f"seeds: {far}; within 1.6 of the origin: {near}. More means a less simple surface: the paper's claim is that "
            "clipping leaves less.",
        )
    ]


def _share(data: Data, name: str, method: str) -> float:
    """Mean over data sets of a quantity whose cases end in the method; far-off ones have a name for each kind of method."""
    table = data.quantities
    names = [name] if name.endswith("near") else [f"{name}_clipping", f"{name}_penalty"]
    rows = table[table["quantity"].isin(names) & table["case"].str.split(", ", n=1).str[1].eq(method)]
    return float(rows["value"].mean())
