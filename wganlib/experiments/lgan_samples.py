"""Samples of Lipschitz GANs, a sheet an objective (Zhou et al. 2019, Figures 16, 17 and 18)."""

import math

import pandas as pd

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Findings, Quantity
from wganlib.reporting.content import Content, Picture, Table, number, rows_of
from wganlib.reporting.grammar import cut
from wganlib.reporting.lipschitz_gans import chosen, trained
from wganlib.reporting.style import TEXT_WIDTH, figure

QUANTITIES: dict[str, Quantity] = {}
COLUMNS = 3


def report(tables: Tables) -> Content:
    """Sheets by data set, an objective each; the scores of the runs that are shown."""
    pictures, body, c = [], [], tables.columns
    for data in tables.options("data"):
        runs = _shown(tables, data)
        pictures.append(_sheets(tables, runs, _caption(tables, data, runs)))
        for row in runs.to_dict("records"):
            scores = [number(row[name]) for name in (c.score, c.split_std, c.distance, c.distance_error)]
            body.append([data, row["objective"], row["weight"], str(row["seed"]), row["outcome"], *scores])
    head = ["|data", "|objective", "weight", "seed", "|outcome", c.title, "split spread", c.distance_title, "its error"]
    caption = (
        "The runs whose samples are shown, one a row: no spread over seeds. Split spread: standard deviation over the splits "
        "of one model's samples. Weights are chosen as in Table 2, but that of Oxford-102, which is fixed."
    )
    return Content(Findings(QUANTITIES), [Table(head, body, caption)], pictures)


def _shown(tables: Tables, data: str) -> pd.DataFrame:
    """The first seed's run of each objective at its chosen weight; where Table 2 has none, the data set's own runs."""
    first = tables.runs[tables.runs["seed"] == tables.runs["seed"].min()]
    rows = trained(tables, data=data)
    if not len(rows):
        return rows_of(first, data=data)
    weights = {o: choice.weight for o in tables.options("objective") if (choice := chosen(tables, data, o))}
    kept = [
        rows_of(first, group="objectives", data=data, objective=objective, weight=weight)
        for objective, weight in weights.items()
    ]
    return pd.concat(kept) if kept else rows[:0]


def _caption(tables: Tables, data: str, runs: pd.DataFrame) -> str:
    title = "; ".join(dict.fromkeys(f"{int(i):,} iterations" for i in map(tables.iterations, runs["run"])))
    caption = f"{data}: samples after {title}, not selected. Above each sheet: objective, penalty weight."
    missing = set(trained(tables, data=data)["objective"]) - set(runs["objective"])
    return caption + (f" A run diverged at every weight: {'; '.join(sorted(missing))}." if missing else "")


def _sheets(tables: Tables, runs: pd.DataFrame, caption: str) -> Picture:
    """Sheets in rows of three; one alone is shown whole."""
    alone = len(runs) == 1
    columns, rows = (1, 1) if alone else (COLUMNS, max(1, math.ceil(len(runs) / COLUMNS)))
    drawn, axes = figure(min(8.5, rows * (TEXT_WIDTH / COLUMNS + 0.25) if not alone else 3.2), columns, rows)
    for place, panel in enumerate(axes.flat):
        panel.axis("off")
        if place < len(runs):
            row = runs.iloc[place]
            panel.set_title(f"{row['objective']}, {row['weight']}", fontsize=8)
            sheet = tables.sheets.get(row["run"])
            if sheet is not None:
                panel.imshow(sheet if alone else cut(sheet), interpolation="nearest")
    return Picture(drawn, caption)
