"""The critic's values on real and generated examples during training (Zhou et al. 2019, section 5.3 and Figure 6)."""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Findings, Quantity
from wganlib.reporting.content import Content, Picture, rows_of
from wganlib.reporting.grammar import legend_below, quantities
from wganlib.reporting.lipschitz_gans import histories, labels_of, last_half, log_distances
from wganlib.reporting.style import FAKE, REAL, figure

QUANTITIES = {
    "offset": Quantity("mean of the critic's offset in the last half, over its mean absolute gap"),
    "offset_size": Quantity("size of the same"),
    "oscillation": Quantity("logarithm of the offset's slow variance over its fast one in the last half: 0 without drift"),
    "correlation": Quantity("rank correlation over a seed's runs of the offset's size and the Fréchet distance"),
}
BLOCK = 9
"""Logged values of a block, whose means make the slow variance."""


def offset(curve: pd.DataFrame) -> NDArray[np.float64]:
    """Half the sum of the critic's means on real and on generated examples, a value a logged step."""
    result: NDArray[np.float64] = (curve["critic_real_mean"] + curve["critic_fake_mean"]).to_numpy(dtype=np.float64) / 2
    return result


def gap(curve: pd.DataFrame) -> float:
    """Mean size of the critic's mean on real less that on generated examples in the last half of a run."""
    return float((curve["critic_real_mean"] - curve["critic_fake_mean"]).iloc[len(curve) // 2 :].abs().mean())


def oscillation(values: NDArray[np.float64], block: int = BLOCK) -> float:
    """Logarithm of slow over fast variance of values [n]; 0 in the mean where they are independent.

    Slow: that of the means of blocks, times their length. Fast: half the mean squared difference of successive values (von
    Neumann 1941), in which a drift has next to no part. Not a number with fewer than three blocks.
    """
    means = values[len(values) % block :].reshape(-1, block).mean(axis=1)
    fast = float((np.diff(values) ** 2).mean()) / 2 if len(values) > 1 else 0.0
    return math.log(block * float(means.var(ddof=1)) / fast) if len(means) > 2 and fast > 0 and np.ptp(means) > 0 else math.nan


def measure(tables: Tables) -> Findings:
    """Offsets of each run that ended, and by seed whether they go with the distance."""
    findings, sizes = Findings(QUANTITIES), {}
    for row, curve in histories(tables, tables.curves):
        labels, values = labels_of(row), offset(last_half(curve))
        sizes[row["run"]] = abs(values.mean() / gap(curve))
        findings.add("offset", values.mean() / gap(curve), seed=row["seed"], **labels)
        findings.add("offset_size", sizes[row["run"]], seed=row["seed"], **labels)
        findings.add("oscillation", oscillation(values), seed=row["seed"], **labels)
    runs = log_distances(tables)
    runs = runs.assign(size=runs["run"].map(sizes))
    for seed, rows in runs[runs["size"].notna()].groupby("seed"):
        if len(rows) > 2:
            findings.add("correlation", stats.spearmanr(rows["size"], rows["log_distance"]).statistic, seed=int(str(seed)))
    return findings


def report(tables: Tables) -> Content:
    """Figure 6 in units of the gap, a panel an objective and one scale; the offsets of all weights."""
    weight = str(tables.settings["figure_weight"])
    several = ["data"] if len(tables.options("data")) > 1 else []
    titles = {"offset_size": "offset", "oscillation": "oscillation"}
    words = (
        "The critic's offset, half the sum of its means on real and generated batches, in the last half of training. Offset: "
        "size of its mean in units of the gap between the two means. Oscillation: logarithm of the ratio of its slow variance "
        f"(means of {BLOCK} logged values) to its fast one (successive values); 0 without drift. Mean ± standard deviation "
        "over seeds."
    )
    return Content(
        tables=[quantities(tables, titles, [*several, "objective", "weight"], words)],
        pictures=[_values(tables, data, weight) for data in tables.options("data")],
    )


def _values(tables: Tables, data: str, weight: str) -> Picture:
    drawn, axes = figure(3.8, 3, 2, sharex=True, sharey=True)
    for objective, panel in zip(tables.options("objective"), axes.flat, strict=False):
        labels = {"data": data, "objective": objective, "weight": weight}
        for place, (_, curve) in enumerate(rows_of(tables.curves, **labels).groupby("run", sort=False)):
            values = curve.sort_values("generator_iteration")
            for column, colour, dashes, name in (("real", REAL, "-", "real"), ("fake", FAKE, "--", "generated")):
                heights, label = values[f"critic_{column}_mean"] / gap(values), name if place == 0 else None
                panel.plot(values["generator_iteration"], heights, dashes, color=colour, linewidth=0.7, label=label)
        panel.set_title(objective)
        panel.set_yscale("symlog", linthresh=1)
    for panel in axes[-1]:
        panel.set_xlabel("generator iteration")
    for panel in axes[:, 0]:
        panel.set_ylabel("critic / gap")
    caption = (
        f"{data}, weight {weight}: the critic's mean on the real and on the generated half of the last batch, in units of its "
        "mean gap in the last half; a pair of lines a seed. One scale, linear between −1 and 1, logarithmic beyond."
    )
    return legend_below(Picture(drawn, caption), 2)
