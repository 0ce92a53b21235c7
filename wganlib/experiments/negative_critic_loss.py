"""Minus the critic's loss over the training, on training and on held-out images (Gulrajani et al. 2017, Figure 5a)."""

import math

import pandas as pd
from scipy import stats

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Findings, Quantity
from wganlib.judging.statistics import partial_rank_correlation
from wganlib.reporting.content import Content, Picture, rows_of
from wganlib.reporting.grammar import by_options, end_gap, gain, measured, negative_losses, over_seeds, scores
from wganlib.reporting.style import PALETTE, figure

QUANTITIES = {
    "trend": Quantity("rank correlation of the smoothed negative loss with the iteration, before or after its maximum"),
    "end": Quantity("last smoothed negative loss as a share of its maximum"),
    "gap": Quantity("distance of training and held-out loss over the last fifth, as a share of the training loss"),
    "tells_quality": Quantity("partial rank correlation of training loss and distance of the samples, given the iteration"),
}
PARTS = {"training": "training", "held_out": "held out"}


def measure(tables: Tables) -> Findings:
    """Fall, end and gap of each run's losses, and whether they tell how good the samples are; not numbers if it failed."""
    findings, curves = Findings(QUANTITIES), negative_losses(tables.curves)
    for run in tables.results.to_dict("records"):
        seed, curve = int(run["seed"]), rows_of(curves, run=run["run"])
        ended = run["outcome"] == "ok" and len(curve) > 0
        for part in PARTS:
            before, after, end = _course(curve, part) if ended else (math.nan,) * 3
            findings.add("trend", before, seed=seed, part=part, phase="before its maximum")
            findings.add("trend", after, seed=seed, part=part, phase="after its maximum")
            findings.add("end", end, seed=seed, part=part)
        findings.add("gap", abs(end_gap(curve)) if ended else math.nan, seed=seed)
        findings.add("tells_quality", _quality(tables, run["run"], curve) if ended else math.nan, seed=seed)
    return findings


def _course(curve: pd.DataFrame, part: str) -> tuple[float, float, float]:
    """Trend before and after the smoothed maximum, and the last value as a share of it."""
    smooth, places = smoothed(curve[part]), curve["generator_iteration"]
    top = smooth.to_numpy().argmax()
    trends = [float(stats.spearmanr(places[rows], smooth[rows]).statistic) for rows in (slice(top + 1), slice(top, None))]
    return trends[0], trends[1], float(smooth.iloc[-1] / smooth.max()) if smooth.max() > 0 else math.nan


def _quality(tables: Tables, run: str, curve: pd.DataFrame) -> float:
    """Of one run's snapshots after the maximum of its loss, whose nearest smoothed losses are taken."""
    smooth = smoothed(curve["training"])
    iterations = curve["generator_iteration"].to_numpy()
    moments = rows_of(tables.snapshots, run=run)
    moments = moments[moments["generator_iteration"] >= iterations[smooth.to_numpy().argmax()]]
    if len(moments) < 4 or tables.columns.distance not in moments:
        return math.nan
    at = moments["generator_iteration"].to_numpy(dtype=float)
    losses = [float(smooth.iloc[abs(iterations - place).argmin()]) for place in at]
    return partial_rank_correlation(losses, moments[tables.columns.distance].to_numpy(dtype=float), at)


def smoothed(values: pd.Series) -> pd.Series:
    """Centred running mean over a tenth of the points."""
    return values.rolling(max(1, len(values) // 10), center=True, min_periods=1).mean()


def report(tables: Tables) -> Content:
    """The paper's curve; its fall and the distance of its two lines in numbers."""
    columns = [
        measured(tables, "trend", "trend after its maximum", part="training", phase="after its maximum"),
        measured(tables, "end", "end", words="End: the last value as a share of the maximum.", part="training"),
        measured(tables, "gap", "gap", 3, "Gap: of training and held-out loss over the last fifth, as a share of the former."),
        measured(tables, "tells_quality", "tells quality"),
    ]
    caption = (
        "Negative critic loss on training images, smoothed: rank correlation with the iteration after its maximum; tells "
        "quality: partial rank correlation with the distance of the samples, given the iteration."
    )
    table = by_options(tables, ["group"], [*scores(tables), gain(tables), over_seeds("seconds", "s", 0), *columns], caption)
    return Content([table], [_curve(negative_losses(tables.curves))])


def _curve(curves: pd.DataFrame) -> Picture:
    drawn, axes = figure(2.9, 1)
    panel = axes[0, 0]
    for index, (part, style) in enumerate((("training", "-"), ("held_out", "--"))):
        for place, (_, run) in enumerate(curves.groupby("run", sort=False)):
            label = PARTS[part] if place == 0 else None
            places = run["generator_iteration"]
            panel.plot(places, run[part], style, color=PALETTE[index], linewidth=0.9, alpha=0.8, label=label)
    panel.axhline(0.0, color="0.7", linewidth=0.6, zorder=0)
    panel.set(xlabel="generator iteration", ylabel="negative critic loss")
    if len(curves):
        panel.legend(frameon=False)
        # An untrained critic's penalty is large: its first losses would leave the rest of the curve no room.
        highest = float(curves[["training", "held_out"]].to_numpy().max())
        panel.set_ylim(bottom=max(panel.get_ylim()[0], -0.3 * abs(highest)))
    caption = (
        "Minus the critic's loss, its penalty included, on training and on held-out images, as many of both; a line a seed. It "
        "is small or negative at first, until the critic has learnt to tell real from generated images; then it falls as the "
        "generator improves."
    )
    return Picture(drawn, caption)
