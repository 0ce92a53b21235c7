"""The critic's values on real and generated examples during training (Zhou et al. 2019, section 5.3 and Figure 6)."""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.signal import savgol_filter

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Findings, Quantity
from wganlib.reporting.content import Content, Picture, Table, mean_sd, rows_of
from wganlib.reporting.grammar import legend_below, lines_figure
from wganlib.reporting.lipschitz_gans import STRICTLY_CONVEX, WASSERSTEIN, trained
from wganlib.reporting.style import FAKE, REAL, figure

Array = NDArray[np.float64]

QUANTITIES = {
    "wander": Quantity(
        "standard deviation of the critic's offset about its trend in the last half, over its mean absolute gap; expected: "
        "what successive batches alone make of it"
    ),
    "wander_ratio": Quantity(
        "the first, of x over the largest of the strictly convex objectives, same seed and weight", ">= 5"
    ),
    "seed_spread": Quantity("standard deviation over seeds of the offset's mean in the last tenth, over the mean absolute gap"),
}


def offset(curve: pd.DataFrame) -> Array:
    """Half the sum of the critic's means on real and on generated examples, a value a logged step."""
    result: Array = (curve["critic_real_mean"] + curve["critic_fake_mean"]).to_numpy(dtype=np.float64) / 2
    return result


def gap(curve: pd.DataFrame) -> Array:
    """The critic's mean on real less that on generated examples, a value a logged step."""
    result: Array = (curve["critic_real_mean"] - curve["critic_fake_mean"]).to_numpy(dtype=np.float64)
    return result


def measured(curve: pd.DataFrame) -> tuple[float, float, float]:
    """Of the offset in the last half, over the mean absolute gap there: wander about a line, batch noise, change along it.

    Batch noise is the root of half the mean squared difference of successive values (von Neumann 1941): a slow drift has next
    to no part in it.
    """
    half = curve.iloc[len(curve) // 2 :]
    values, steps = offset(half), half["generator_iteration"].to_numpy(dtype=np.float64)
    size = float(np.abs(gap(half)).mean())
    if len(values) < 3 or size == 0:
        return (math.nan,) * 3
    slope, at_zero = np.polyfit(steps, values, 1)
    wander = float((values - (slope * steps + at_zero)).std())
    noise = math.sqrt(float((np.diff(values) ** 2).mean()) / 2)
    return wander / size, noise / size, float(slope * (steps[-1] - steps[0])) / size


def smoothed(values: Array, share: float) -> Array:
    """Values [n] after a Savitzky-Golay filter of order 1 over a share of them, made odd (Zhou et al. 2019, code)."""
    window = int(len(values) * share)
    window += 1 - window % 2
    result: Array = savgol_filter(values, window, 1) if window > 1 else values
    return result


def report(tables: Tables) -> Content:
    """Critic values of each objective; the offset in units of the gap; how far it wanders."""
    findings, body = Findings(QUANTITIES), []
    for data in dict.fromkeys(trained(tables)["data"]):
        for weight in tables.options("weight"):
            result = {o: _of_objective(findings, tables, data, o, weight) for o in tables.options("objective")}
            _ratios(findings, result, f"{data}, weight {weight}")
            for objective, rows in result.items():
                cells = [mean_sd(column) for column in zip(*rows.values(), strict=True)] or ["–"] * 3
                ended = len(_curves(tables, data, objective, weight))
                body.append([data, weight, objective, str(ended), *cells])
    head = ["|data", "weight", "|objective", "runs ok", "wander", "from batches alone", "trend"]
    caption = (
        "The critic's offset, half the sum of its means on real and generated batches, in the last half of training, in units "
        "of the mean absolute gap between the two means. Wander: standard deviation about a straight line. From batches alone: "
        "the same from differences of successive logged values. Trend: change along the line. Mean ± standard deviation over "
        "the seeds that ended."
    )
    rules = tuple(i for i in range(len(body) - 1) if body[i][:2] != body[i + 1][:2])
    notes = [
        f"Strictly convex objectives, whose optimal critic has no free offset: {'; '.join(STRICTLY_CONVEX)}. The hinge is not: "
        "it is shown, but has no part in the ratio."
    ]
    return Content(findings, [Table(head, body, caption, rules)], _pictures(tables), notes=notes)


def _curves(tables: Tables, data: str, objective: str, weight: str) -> dict[int, pd.DataFrame]:
    """By seed: a run's thinned history, those of runs that trained to the end."""
    ok = rows_of(trained(tables, data=data, objective=objective, weight=weight), outcome="ok")
    curves = rows_of(tables.curves, group="objectives") if len(ok) else tables.curves
    return {
        int(seed): rows_of(curves, run=run).sort_values("generator_iteration")
        for run, seed in zip(ok["run"], ok["seed"], strict=True)
    }


def _of_objective(
    findings: Findings, tables: Tables, data: str, objective: str, weight: str
) -> dict[int, tuple[float, float, float]]:
    """By seed: wander, batch noise, trend; no numbers of a run that diverged."""
    case, curves = f"{data}, weight {weight}, {objective}", _curves(tables, data, objective, weight)
    seeds = trained(tables, data=data, objective=objective, weight=weight)["seed"]
    result = {int(seed): measured(curves[seed]) if seed in curves else (math.nan,) * 3 for seed in seeds}
    for seed, (wander, noise, _) in result.items():
        findings.add("wander", wander, case, seed, noise)
    tenths = [curve.iloc[-max(1, len(curve) // 10) :] for curve in curves.values()]
    last = [(offset(tenth).mean(), np.abs(gap(tenth)).mean()) for tenth in tenths]
    if len(last) > 1:
        offsets, gaps = np.array(last).T
        findings.add("seed_spread", float(offsets.std(ddof=1) / gaps.mean()), case)
    return result


def _ratios(findings: Findings, result: dict[str, dict[int, tuple[float, float, float]]], case: str) -> None:
    """Wander of x over the largest of the strictly convex objectives, where all of them have a result."""
    for seed, (wander, _, _) in result.get(WASSERSTEIN, {}).items():
        others = [result[o][seed][0] for o in STRICTLY_CONVEX if seed in result.get(o, {})]
        if len(others) == len(STRICTLY_CONVEX) and (largest := float(np.max(others))):
            findings.add("wander_ratio", wander / largest, case, seed)


def _pictures(tables: Tables) -> list[Picture]:
    """Figure 6, a panel an objective; then the offsets of all in units of their gaps."""
    data, weight = str(trained(tables)["data"].iloc[0]), str(tables.settings["figure_weight"])
    share = float(tables.settings["smoothed_share"])
    objectives = tables.options("objective")
    curves = {o: _curves(tables, data, o, weight) for o in objectives}
    drawn, axes = figure(3.6, 3, 2, sharex=True)
    for objective, panel in zip(objectives, axes.flat, strict=False):
        for place, curve in enumerate(curves[objective].values()):
            steps = curve["generator_iteration"]
            for column, colour, dashes, name in (("real", REAL, "-", "real"), ("fake", FAKE, "--", "generated")):
                values = curve[f"critic_{column}_mean"].to_numpy(dtype=np.float64)
                if place == 0:
                    panel.plot(steps, values, color=colour, linewidth=0.5, alpha=0.35)
                label = name if place == 0 else None
                panel.plot(steps, smoothed(values, share), color=colour, linestyle=dashes, linewidth=1.1, label=label)
        panel.set_title(objective)
    for panel in axes[-1]:
        panel.set_xlabel("generator iteration")
    for panel in axes[:, 0]:
        panel.set_ylabel("critic value")
    caption = (
        f"{data}, weight {weight}: the critic's mean on the real (orange) and on the generated (green, dashed) half of the "
        "last batch, smoothed; a pair of lines a seed. Faint: before smoothing, first seed. Each panel has a scale of its own."
    )
    panels = []
    for option in tables.options("weight"):
        lines = [
            (o, pd.concat([_in_gaps(c) for c in _curves(tables, data, o, option).values()] or [_NONE])) for o in objectives
        ]
        panels.append((f"weight {option}", lines))
    axis = ("generator iteration", "offset / mean gap")
    second = lines_figure(
        panels,
        "generator_iteration",
        "in_gaps",
        axis,
        f"{data}: the critic's offset in units of the mean absolute gap of the last half, not smoothed; a line a seed.",
        2.6,
    )
    return [legend_below(Picture(drawn, caption), 2), legend_below(second, 6)]


_NONE = pd.DataFrame(columns=["run", "generator_iteration", "in_gaps"])


def _in_gaps(curve: pd.DataFrame) -> pd.DataFrame:
    """A run's offset over the mean absolute gap of the last half."""
    size = np.abs(gap(curve.iloc[len(curve) // 2 :])).mean()
    return curve[["run", "generator_iteration"]].assign(in_gaps=offset(curve) / size)
