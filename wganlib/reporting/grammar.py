"""Tables and pictures that several reports share."""

import math
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image
from scipy import stats

from wganlib.collecting.collected import Tables
from wganlib.reporting.content import Cell, Count, Effect, Number, Picture, Table, by_labels, known, mean, rows_of, spread
from wganlib.reporting.style import DASHES, PALETTE, TEXT_WIDTH, figure


class Column(NamedTuple):
    """A column of a table with a row for each combination of options: what stands in it, from the rows of these options."""

    title: str
    of: Callable[[pd.DataFrame], Cell]
    words: str = ""
    """What it is, a sentence of the caption; none where the title says it."""


def by_options(
    tables: Tables, axes: Sequence[str], columns: Sequence[Column], caption: str = "", rows: pd.DataFrame | None = None
) -> Table:
    """A row for each combination of options of these axes (labels of `rows`, the runs when left out), in their order.

    A thin rule stands below the last row of each option of all axes but the last. The caption ends with the columns' words.
    """
    body, firsts = [], []
    for labels, group in by_labels(tables.runs if rows is None else rows, list(axes)):
        body.append([*(tables.title(label) for label in labels), *(column.of(group) for column in columns)])
        firsts.append(labels[:-1])
    heads = [f"|{axis.replace('_', ' ')}" for axis in axes] + [column.title for column in columns]
    words = dict.fromkeys(column.words for column in columns if column.words)
    ends = tuple(i for i in range(len(firsts) - 1) if firsts[i] != firsts[i + 1])
    return Table(heads, body, " ".join([caption, *words]).strip(), ends)


def over_seeds(name: str, title: str, digits: int = 2, words: str = "") -> Column:
    """A column of the rows: mean and standard deviation over seeds; a dash where there is no such column."""
    return Column(title, lambda rows: spread(rows.get(name, []), digits), words)


def runs_ok(runs: pd.DataFrame) -> Count:
    """How many of some runs ended well."""
    return Count(int((runs["outcome"] == "ok").sum()), len(runs))


def scores(tables: Tables) -> list[Column]:
    """The columns of scores: runs that ended, score and distance over seeds, and the sampling errors of one model."""
    c = tables.columns
    words = (
        f"{c.title[0].upper()}{c.title[1:]} and {c.distance_title}: mean ± standard deviation over seeds, without it where "
        "there is one seed; split spread and its error: of one model's samples."
    )
    return [
        Column("runs ok", runs_ok),
        over_seeds(c.score, c.title, 2, words),
        Column("split spread", lambda rows: Number(mean(rows[c.split_std]))),
        over_seeds(c.distance, c.distance_title, 1),
        Column("its error", lambda rows: Number(mean(rows[c.distance_error]), 1)),
    ]


def gain(tables: Tables) -> Column:
    """Score less that of each run's own untrained generator."""
    c = tables.columns
    return Column(
        "gain",
        lambda rows: spread(rows[c.score] - rows[c.untrained]),
        "Gain: score less that of the run's own untrained generator; a method without one did not train.",
    )


def measured(tables: Tables, quantity: str, title: str, digits: int = 2, words: str = "", **labels: str) -> Column:
    """A measured quantity of the runs of a row: of their seeds and of all their labels that the quantity has, and these."""
    values = rows_of(tables.quantities[tables.quantities["quantity"] == quantity], **labels)
    shared = [
        name for name in ("seed", "architecture", *tables.experiment.axes) if name in values and values[name].notna().any()
    ]

    def of(rows: pd.DataFrame) -> Cell:
        chosen = values
        for name in shared:
            if name in rows and name not in labels:
                chosen = chosen[chosen[name].astype(str).isin(set(rows[name].astype(str)))]
        return spread(chosen["value"], digits)

    return Column(title, of, words)


def quantities(
    tables: Tables, titles: dict[str, str], by: Sequence[str], caption: str, digits: int = 2, expected: Sequence[str] = ()
) -> Table:
    """Measured quantities, a row for each combination of the labels `by`, a column each: mean and deviation over seeds.

    `expected`: those beside which stands what was expected of them.
    """
    rows = tables.quantities[tables.quantities["quantity"].isin(titles)]
    columns = []
    for name, title in titles.items():
        columns.append(Column(title, _of_quantity(name, "value", digits)))
        if name in expected:
            columns.append(Column("expected", _of_quantity(name, "expected", digits)))
    return by_options(tables, by, columns, caption, rows)


def _of_quantity(name: str, column: str, digits: int) -> Callable[[pd.DataFrame], Cell]:
    def of(rows: pd.DataFrame) -> Cell:
        values = rows_of(rows, quantity=name)[column]
        return spread(values, digits) if column == "value" else Number(mean(values), digits)

    return of


def with_references(runs: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """The runs, each with these measures of real data: a run that failed, which has none, has the mean of the others'."""
    return runs.assign(**{name: runs[name].fillna(runs[name].mean()) for name in columns if name in runs})


def sample_grid(
    tables: Tables, caption: str, columns: str, rows: str | None = None, share: tuple[float, float] = (0.62, 1.0), **labels: Any
) -> Picture:
    """Samples of the first seed's runs, cut from their sheets: a column an option of one axis, a row one of another.

    `share`: of a sheet's width and height; `labels`: of the runs that are shown. A cell without a run stays empty.
    """
    runs = rows_of(tables.runs, seed=tables.runs["seed"].min(), **labels)
    across = list(dict.fromkeys(runs[columns].dropna()))
    down = list(dict.fromkeys(runs[rows].dropna())) if rows else [""]
    drawn, axes = figure(min(TEXT_WIDTH / max(len(across), 2) * 0.98 * len(down) + 0.25, 9.0), len(across), len(down))
    for i, row in enumerate(down):
        for j, column in enumerate(across):
            panel, cell = axes[i, j], rows_of(runs, **{columns: column} | ({rows: row} if rows else {}))
            panel.set(xticks=[], yticks=[])
            panel.spines[:].set_visible(False)
            if len(cell) and cell["run"].iloc[0] in tables.sheets:
                panel.imshow(cut(tables.sheets[cell["run"].iloc[0]], share), interpolation="nearest")
            if i == 0:
                panel.set_title(textwrap.fill(tables.title(column), max(10, 100 // len(across))), fontsize=8)
            if j == 0 and row:
                panel.set_ylabel(textwrap.fill(tables.title(row), 20), fontsize=7.5)
    return Picture(drawn, caption, after=True)


def cut(sheet: Image.Image, share: tuple[float, float] = (0.62, 1.0)) -> Image.Image:
    """The upper left part of a sheet, so much of its width and height; its left part, about as high as it is wide."""
    return sheet.crop((0, 0, int(sheet.width * share[0]), int(sheet.height * share[1])))


def lines_figure(
    panels: Sequence[tuple[str, Sequence[tuple[str, pd.DataFrame]]]],
    x: str,
    y: str,
    labels: tuple[str, str],
    caption: str,
    height: float = 2.4,
    log: bool = False,
    after: bool = False,
) -> Picture:
    """Curves of column `y` over column `x`, a panel for each title; a curve for each name and each run in its rows.

    All panels have one scale, logarithmic where `log` says so, since panels are compared.
    """
    drawn, axes = figure(height, len(panels), sharey=True)
    for panel, (title, curves) in zip(axes[0], panels, strict=True):
        for index, (name, rows) in enumerate(curves):
            style = {"color": PALETTE[index % len(PALETTE)], "linestyle": DASHES[index % len(DASHES)], "linewidth": 1.1}
            for place, (_, run) in enumerate(rows.groupby("run", sort=False)):
                values = run[[x, y]].replace([np.inf, -np.inf], np.nan).dropna().sort_values(x)
                panel.plot(values[x], values[y], label=name if place == 0 else None, **style)
        panel.set(title=title, xlabel=labels[0], yscale="log" if log else "linear")
        if any(len(rows) for _, rows in curves):
            panel.legend(frameon=False, fontsize=7)
    axes[0, 0].set_ylabel(labels[1])
    return Picture(drawn, caption, after)


def paired(differences: Iterable[float], digits: int = 2) -> Effect:
    """Mean and Student's 95 % interval of differences [n] of pairs; those that are no numbers are left out."""
    values = known(differences)
    average = mean(values)
    if len(values) < 2 or not math.isfinite(average):
        return Effect(average, math.nan, math.nan, digits)
    half = float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))
    return Effect(average, average - half, average + half, digits)


def whole_sheets(panels: Sequence[tuple[str, Image.Image | None, Sequence[str]]], caption: str) -> Picture:
    """Whole sheets of samples side by side: title, sheet, and names of its columns of images, if they have any."""
    shapes = [sheet.height / sheet.width for _, sheet, _ in panels if sheet is not None] or [0.6]
    names = max((len(name) for _, _, columns in panels for name in columns), default=0)
    height = (
        TEXT_WIDTH / len(panels) * max(shapes)
        + 0.3 * any(title for title, *_ in panels)
        + (0.06 * names if names > 2 else 0.15 * bool(names))
    )
    drawn, axes = figure(height, len(panels))
    for panel, (title, sheet, columns) in zip(axes[0], panels, strict=True):
        panel.set(xticks=[], yticks=[], title=title)
        panel.spines[:].set_visible(False)
        if sheet is None:
            continue
        panel.imshow(sheet, interpolation="nearest", aspect="equal")
        if columns:
            places = (np.arange(len(columns)) + 0.5) * sheet.width / len(columns)
            panel.set_xticks(places, columns, fontsize=7, rotation=90 if names > 2 else 0)
            panel.tick_params(length=0, pad=1.5)
    return Picture(drawn, caption)


def curves(
    tables: Tables, axis: str, panels: Sequence[tuple[str, str]], caption: str, height: float = 2.1, **labels: Any
) -> Picture:
    """Course of several columns, a panel each, a curve for each option of an axis and each seed; one legend.

    `panels`: column of the snapshots or, where they have none of it, of the histories, and what its axis is called.
    `labels`: of the runs that are shown.
    """
    drawn, axes = figure(height, len(panels))
    for panel, (column, label) in zip(axes[0], panels, strict=True):
        table = tables.snapshots if column in tables.snapshots else tables.curves
        table = rows_of(table, **labels) if column in table else table[:0].assign(**{axis: []})
        for index, option in enumerate(tables.options(axis)):
            style = {"color": PALETTE[index % len(PALETTE)], "linestyle": DASHES[index % len(DASHES)], "linewidth": 1.1}
            for place, (_, run) in enumerate(rows_of(table, **{axis: option}).groupby("run", sort=False)):
                values = run[["generator_iteration", column]].replace([np.inf, -np.inf], np.nan).dropna()
                values = values.sort_values("generator_iteration")
                panel.plot(*values.to_numpy().T, label=None if place else tables.title(option), **style)
        panel.set(xlabel="generator iteration", ylabel=label)
    return legend_below(Picture(drawn, caption), 4)


def legend_below(picture: Picture, columns: int) -> Picture:
    """The picture with one legend below all panels instead of one in each; curves of one name look the same in all of them."""
    entries: dict[str, Any] = {}
    for panel in picture.figure.axes:
        handles, names = panel.get_legend_handles_labels()
        entries |= dict(zip(names, handles, strict=True))
        if legend := panel.get_legend():
            legend.remove()
    if entries:
        picture.figure.legend(list(entries.values()), list(entries), loc="outside lower center", ncols=columns, frameon=False)
    return picture


def unbroken(text: str) -> str:
    """Text that stays on one line of a table's cell.

    >>> unbroken("7.68 ± 0.03") == "7.68\\u00a0±\\u00a00.03"
    True
    """
    return text.replace(" ", "\u00a0")


END = 0.2
"""The share of a training that is its end."""


def ending(rows: pd.DataFrame, share: float = END) -> pd.DataFrame:
    """The rows of the last `share` of a training."""
    return rows[rows["generator_iteration"] > (1 - share) * rows["generator_iteration"].max()]


def negative_losses(rows: pd.DataFrame) -> pd.DataFrame:
    """Columns generator_iteration, training, held_out: minus the critic's loss on both parts, in order, finite rows alone."""
    result = rows[["run", "seed", "generator_iteration"]].assign(
        training=-rows["training_critic_loss"], held_out=-rows["held_out_critic_loss"]
    )
    return result.replace([np.inf, -np.inf], np.nan).dropna().sort_values(["run", "generator_iteration"])


def end_gap(curve: pd.DataFrame) -> float:
    """Of one run's negative losses, training minus held-out over the end, as a share of the former's size."""
    end = ending(curve)
    training, held_out = float(end["training"].mean()), float(end["held_out"].mean())
    return (training - held_out) / abs(training) if training else float("nan")
