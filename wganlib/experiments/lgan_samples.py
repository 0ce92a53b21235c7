"""Samples of Lipschitz GANs (Zhou et al. 2019, Figures 16, 17 and 18)."""

from wganlib.collecting.collected import Tables
from wganlib.reporting.content import Content, Picture, rows_of
from wganlib.reporting.grammar import by_options, cut, scores
from wganlib.reporting.style import TEXT_WIDTH, figure

ACROSS = 2


def report(tables: Tables) -> Content:
    """Sheets in rows of two, and the scores of their runs."""
    several = ["data"] if len(tables.options("data")) > 1 else []
    return Content(
        tables=[by_options(tables, [*several, "objective", "weight"], scores(tables))],
        pictures=[_sheets(tables, data) for data in tables.options("data")],
    )


def _sheets(tables: Tables, data: str) -> Picture:
    runs = rows_of(tables.runs, data=data, seed=tables.runs["seed"].min()).to_dict("records")
    down = -(-len(runs) // ACROSS)
    drawn, axes = figure(down * (TEXT_WIDTH / ACROSS + 0.1), ACROSS, down)
    for panel in axes.flat:
        panel.axis("off")
    for panel, run in zip(axes.flat, runs, strict=False):
        panel.set_title(f"{run['objective']}, weight {run['weight']}")
        if run["run"] in tables.sheets:
            panel.imshow(cut(tables.sheets[run["run"]]), interpolation="nearest")
    iterations = tables.iterations(runs[0]["run"])
    return Picture(drawn, f"{data}: samples after {iterations:,} iterations, first seed, not chosen.")
