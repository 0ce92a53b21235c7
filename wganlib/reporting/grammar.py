"""Tables and pictures that several reports share."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image
from scipy import stats

from wganlib.collecting.collected import Tables
from wganlib.reporting.content import Picture, Table, by_labels, known, mean, mean_sd, number
from wganlib.reporting.style import DASHES, PALETTE, TEXT_WIDTH, figure


def score_table(
    tables: Tables,
    axes: Sequence[str],
    caption: str,
    published: Callable[[tuple[str, ...]], str] | None = None,
    rows: pd.DataFrame | None = None,
) -> Table:
    """Scores by the options of axes: over seeds, with the spread over seeds and the spread over splits in columns of their own.

    `published`: the paper's number for a row's options.
    """
    c, table = tables.columns, tables.runs if rows is None else rows
    body = []
    for labels, runs in by_labels(table, list(axes)):
        line = [tables.title(label) for label in labels] + [runs_ok(runs), mean_sd(runs[c.score])]
        line += [number(runs[c.split_std].mean()), mean_sd(runs[c.distance], 1), number(runs[c.distance_error].mean(), 1)]
        body.append(line + ([published(labels)] if published else []))
    heads = [f"|{axis.replace('_', ' ')}" for axis in axes] + [
        "runs ok",
        c.title,
        "split spread",
        c.distance_title,
        "its error",
    ]
    told_of = (
        f" {c.title[0].upper()}{c.title[1:]} and {c.distance_title}: mean over seeds ± standard deviation over seeds, without "
        "it where there is one seed. Split spread: standard deviation over the splits of one model's samples, not over seeds."
    )
    return Table(heads + (["paper"] if published else []), body, caption + told_of)


def runs_ok(runs: pd.DataFrame) -> str:
    """How many of some runs ended well."""
    return f"{int((runs['outcome'] == 'ok').sum())} of {len(runs)}"


def with_references(runs: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """The runs, each with these measures of real data: a run that failed, which has none, has the mean of the others'."""
    return runs.assign(**{name: runs[name].fillna(runs[name].mean()) for name in columns if name in runs})


def sample_grid(
    tables: Tables, rows: Sequence[str], columns: Sequence[str], run_of: Callable[[str, str], str | None], caption: str
) -> Picture:
    """Samples of one run a cell, cut from its sheet, rows and columns titled; an empty cell where there is none."""
    height = 6.7 / max(len(columns), 1) * 0.62 * len(rows) + 0.3
    drawn, axes = figure(min(height, 9.0), len(columns), len(rows))
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            panel, run = axes[i, j], run_of(row, column)
            panel.set(xticks=[], yticks=[])
            panel.spines[:].set_visible(False)
            if run is not None and run in tables.sheets:
                panel.imshow(cut(tables.sheets[run]), interpolation="nearest")
            if i == 0:
                panel.set_title(column, fontsize=8)
            if j == 0:
                panel.set_ylabel(row, fontsize=7.5)
    return Picture(drawn, caption)


def cut(sheet: Image.Image, share: float = 0.62) -> Image.Image:
    """The left part of a sheet, about as high as it is wide."""
    return sheet.crop((0, 0, int(sheet.width * share), sheet.height))


def lines_figure(
    panels: Sequence[tuple[str, Sequence[tuple[str, pd.DataFrame]]]],
    x: str,
    y: str,
    labels: tuple[str, str],
    caption: str,
    height: float = 2.4,
) -> Picture:
    """Curves of column `y` over column `x`, a panel for each title; a curve for each name and each run in its rows."""
    drawn, axes = figure(height, len(panels))
    for panel, (title, curves) in zip(axes[0], panels, strict=True):
        for index, (name, rows) in enumerate(curves):
            style = {"color": PALETTE[index % len(PALETTE)], "linestyle": DASHES[index % len(DASHES)], "linewidth": 1.1}
            for place, (_, run) in enumerate(rows.groupby("run", sort=False)):
                values = run[[x, y]].replace([np.inf, -np.inf], np.nan).dropna().sort_values(x)
                panel.plot(values[x], values[y], label=name if place == 0 else None, **style)
        panel.set(title=title, xlabel=labels[0])
        if any(len(rows) for _, rows in curves):
            panel.legend(frameon=False, fontsize=7)
    axes[0, 0].set_ylabel(labels[1])
    return Picture(drawn, caption)


class Paired(NamedTuple):
    """Mean of paired differences with its 95 % t interval, which fewer than two or infinite ones do not have (not numbers)."""

    mean: float
    low: float
    high: float
    pairs: int

    def text(self, digits: int = 2) -> str:
        """The mean with its interval in a table.

        >>> Paired(0.5, -0.25, 1.25, 3).text(), Paired(0.5, math.nan, math.nan, 1).text()
        ('0.50 [−0.25, 1.25]', '0.50')
        """
        if math.isnan(self.low):
            return number(self.mean, digits)
        return f"{number(self.mean, digits)} [{number(self.low, digits)}, {number(self.high, digits)}]"


def paired(differences: Iterable[float]) -> Paired:
    """Mean and Student's 95 % interval of differences [n] of pairs; those that are no numbers are left out."""
    values = known(differences)
    average = mean(values)
    if len(values) < 2 or not math.isfinite(average):
        return Paired(average, math.nan, math.nan, len(values))
    half = float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))
    return Paired(average, average - half, average + half, len(values))


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
