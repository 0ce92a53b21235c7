"""Generators trained on three toys."""

from wganlib.reporting.figures import Data, Picture
from wganlib.reporting.figures.planes import plane, points
from wganlib.reporting.style import figure


def draw(data: Data) -> list[Picture]:
    """Rows are data sets and methods, columns times."""
    cells = [(key.rsplit("/", 1)[0], int(key.rsplit("/", 1)[1])) for key in data.arrays if not key.endswith("/real")]
    rows, columns = list(dict.fromkeys(case for case, _ in cells)), sorted({i for _, i in cells})
    sets = list(dict.fromkeys(row.partition(", ")[0] for row in rows))
    methods = list(dict.fromkeys(row.partition(", ")[2] for row in rows))
    drawn, axes = figure(0.85 * len(methods) + 0.4, len(sets) * len(columns), len(methods), sharex=True, sharey=True)
    limit = float(data.settings["limit"])
    for i, method in enumerate(methods):
        for j, name in enumerate(sets):
            for k, iteration in enumerate(columns):
                here = axes[i, j * len(columns) + k]
                if f"{name}, {method}/{iteration}" in data.arrays:
                    points(here, data.arrays[f"{name}/real"], data.arrays[f"{name}, {method}/{iteration}"], size=0.4)
                title = (f"{name}\n" if k == len(columns) // 2 else "\n") + f"{iteration:,}" if i == 0 else ""
                plane(here, (-limit, limit), (-limit, limit), title)
                here.set(xticks=[], yticks=[])
        axes[i, 0].set_ylabel(method.replace(", ", "\n"), fontsize=8)
    listed = "; ".join(f"{m} " + ", ".join(data.told("w1", f"{s}, {m}", form=".3f") for s in sets) for m in methods)
    return [
        Picture(
            drawn,
            "Samples (green) and data (orange) after as many generator iterations as stand above the columns, one seed; "
            f"both axes from {-limit:g} to {limit:g}. Exact W1 to the data at the end, mean over seeds, for "
            f"{', '.join(sets)}: {listed}.",
        )
    ]
