"""Minus the critic's loss on training and held-out digits, for few digits and for all (Gulrajani et al. 2017, Figure 5b)."""

import math

import numpy as np
import pandas as pd

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Findings, Quantity
from wganlib.reporting.content import Content, Picture, rows_of
from wganlib.reporting.grammar import by_options, end_gap, ending, gain, measured, negative_losses, scores
from wganlib.reporting.style import PALETTE, figure

QUANTITIES = {
    "loss": Quantity("negative critic loss, mean over the last fifth of the training"),
    "gap": Quantity("negative training loss less that on held-out digits, means over the last fifth of the training"),
    "relative_gap": Quantity("the same as a share of the training loss"),
    "slope": Quantity("slope of a negative loss over the last half of the training, over its whole length"),
}
PARTS = {"training": "training", "held_out": "held out"}


def measure(tables: Tables) -> Findings:
    """Losses at the end, their gap and their slopes, of every run; not numbers of one that failed."""
    findings, curves = Findings(QUANTITIES), negative_losses(tables.curves)
    for run in tables.results.to_dict("records"):
        labels = {"method": run["method"], "training_set": run["training_set"]}
        seed, curve = int(run["seed"]), rows_of(curves, run=run["run"])
        if run["outcome"] != "ok":
            curve = curve[:0]
        ends = {part: float(ending(curve)[part].mean()) for part in PARTS}
        findings.add("gap", ends["training"] - ends["held_out"], seed=seed, **labels)
        findings.add("relative_gap", end_gap(curve), seed=seed, **labels)
        for part in PARTS:
            findings.add("loss", ends[part], seed=seed, part=part, **labels)
            findings.add("slope", slope(curve, part), seed=seed, part=part, **labels)
    return findings


def slope(curve: pd.DataFrame, part: str) -> float:
    """Least-squares change of a loss over the last half of a training, carried on over the whole of it."""
    half = ending(curve, 0.5)
    if len(half) < 2:
        return math.nan
    places, values = (half[name].to_numpy(dtype=float) for name in ("generator_iteration", part))
    return float(np.polyfit(places, values, 1)[0] * curve["generator_iteration"].max())


def report(tables: Tables) -> Content:
    """The paper's two panels, and the same for all digits; losses, gaps and slopes."""
    columns = [
        measured(tables, "loss", "training", part="training"),
        measured(tables, "loss", "held out", part="held_out"),
        measured(tables, "gap", "gap"),
        measured(tables, "relative_gap", "of training"),
        measured(tables, "slope", "training slope", part="training"),
        measured(tables, "slope", "held-out slope", part="held_out"),
    ]
    limit = tables.experiment.spec_of(training_set="limited").dataset.train_limit
    caption = (
        "Negative critic loss over the last fifth of the training, on training and on held-out digits; their gap, and that as "
        f"a share of the first; slopes over the last half, as a change in the whole training. Limited: {limit:,} digits."
    )
    axes = ["method", "training_set"]
    return Content(
        [by_options(tables, axes, columns, caption), by_options(tables, axes, [*scores(tables), gain(tables)])],
        [_panels(tables, negative_losses(tables.curves))],
    )


def _panels(tables: Tables, curves: pd.DataFrame) -> Picture:
    methods, sets = tables.options("method"), tables.options("training_set")
    drawn, axes = figure(1.9 * len(sets), len(methods), len(sets), sharex=True)
    for i, chosen in enumerate(sets):
        for j, method in enumerate(methods):
            panel = axes[i, j]
            runs = set(rows_of(tables.runs, method=method, training_set=chosen)["run"])
            result = curves[curves["run"].isin(runs)].groupby("generator_iteration")
            for index, (part, style) in enumerate((("training", "-"), ("held_out", "--"))):
                band = result[part].agg(["mean", "min", "max"])
                panel.plot(band.index, band["mean"], style, color=PALETTE[index], linewidth=1.2, label=PARTS[part])
                panel.fill_between(band.index, band["min"], band["max"], color=PALETTE[index], alpha=0.2, linewidth=0)
            panel.set_title(f"{tables.title(method)}, {'few digits' if chosen == 'limited' else 'all digits'}")
            if i == len(sets) - 1:
                panel.set_xlabel("generator iteration")
            if j == 0:
                panel.set_ylabel("negative critic loss")
    axes[0, 0].legend(frameon=False)
    caption = (
        "Minus the critic's loss on training and on held-out digits: mean over seeds, and their range as a band. The methods' "
        "losses have different scales. Where the lines part, the critic overfits and its loss no longer estimates a distance."
    )
    return Picture(drawn, caption)
