"""Minus the critic's loss over the training, on training and on held-out images (Gulrajani et al. 2017, Figure 5a)."""

import math

import pandas as pd
from scipy import stats

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Findings, Quantity
from wganlib.reporting.content import Content, Picture, Table, number, rows_of
from wganlib.reporting.grammar import end_gap, ending, negative_losses
from wganlib.reporting.style import PALETTE, figure

QUANTITIES = {
    "trend": Quantity("Spearman correlation of the smoothed negative loss with the iteration", "< -0.9"),
    "end": Quantity("last smoothed negative loss as a share of its maximum", "< 0.4"),
    "gap": Quantity("distance of training and held-out loss over the last fifth, as a share of the training loss", "< 0.1"),
}

PARTS = {"training": "training", "held_out": "held out"}


def report(tables: Tables) -> Content:
    """The paper's curve; its fall and the distance of its two lines in numbers."""
    c, findings, rows = tables.columns, Findings(QUANTITIES), []
    curves = negative_losses(tables.curves)
    for _, run in tables.runs.iterrows():
        seed, line, curve = int(run["seed"]), [str(run["seed"]), run["outcome"]], rows_of(curves, run=run["run"])
        if run["outcome"] != "ok" or curve.empty:
            rows.append([*line, *["–"] * 5, number(run[c.score]), "–"])
            if run["outcome"] == "diverged":
                for name, case in (*((name, part) for part in PARTS.values() for name in ("trend", "end")), ("gap", "")):
                    findings.add(name, math.nan, case, seed)
            continue
        places = curve["generator_iteration"]
        for part, name in PARTS.items():
            smooth = smoothed(curve[part])
            findings.add("trend", float(stats.spearmanr(places, smooth).statistic), name, seed)
            findings.add("end", float(smooth.iloc[-1] / smooth.max()) if smooth.max() > 0 else float("nan"), name, seed)
        findings.add("gap", abs(end_gap(curve)), "", seed)
        smooth, end = smoothed(curve["training"]), ending(curve)
        line += [number(smooth.max()), f"{places[smooth.idxmax()]:,}", number(end["training"].mean())]
        line += [number(end["held_out"].mean()), number(100 * end_gap(curve), 1) + " %"]
        rows.append([*line, number(run[c.score]), number(run[c.split_std])])
    heads = ["|seed", "|outcome", "maximum", "at iteration", "end, training", "end, held out", "gap", c.title, "split spread"]
    caption = (
        "Negative critic loss: maximum of the smoothed training curve, means over the last fifth of the training, and their "
        f"gap as a share of the first. {c.title[0].upper()}{c.title[1:]} of the last generator with its spread over splits of "
        "the samples."
    )
    return Content(findings, [Table(heads, rows, caption)], [_curve(curves)])


def smoothed(values: pd.Series) -> pd.Series:
    """Centred running mean over a tenth of the points."""
    return values.rolling(max(1, len(values) // 10), center=True, min_periods=1).mean()


def _curve(curves: pd.DataFrame) -> Picture:
    drawn, axes = figure(2.9, 1)
    panel = axes[0, 0]
    for index, (part, style) in enumerate((("training", "-"), ("held_out", "--"))):
        for place, (_, run) in enumerate(curves.groupby("run", sort=False)):
            label = PARTS[part] if place == 0 else None
            panel.plot(run["generator_iteration"], run[part], style, color=PALETTE[index], linewidth=1.1, label=label)
    panel.axhline(0.0, color="0.7", linewidth=0.6, zorder=0)
    panel.set(xlabel="generator iteration", ylabel="negative critic loss")
    if len(curves):
        panel.legend(frameon=False)
        # An untrained critic's penalty is large: its first losses would leave the rest of the curve no room.
        highest = float(curves[["training", "held_out"]].to_numpy().max())
        panel.set_ylim(bottom=max(panel.get_ylim()[0], -0.3 * abs(highest)))
    caption = (
        "Minus the critic's loss, its penalty included, on training and on held-out images, as many of both; a line a seed. It "
        "is small or negative at first, far below zero it is cut off, until the critic has learnt to tell real from generated "
        "images; then it falls as the generator improves. The paper's axes go to 50 and to 40,000 iterations."
    )
    return Picture(drawn, caption)
