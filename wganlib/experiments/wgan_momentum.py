"""Momentum in the optimiser of a clipped critic, and the cosine of its steps (Arjovsky et al. 2017, section 4.2)."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wganlib.collecting.collected import Tables
from wganlib.judging.failures import with_result
from wganlib.judging.quantities import Findings, Quantity
from wganlib.reporting.content import Content, Picture, Table, finite, mean_sd, number, rows_of
from wganlib.reporting.grammar import score_table
from wganlib.reporting.style import PALETTE, figure

QUANTITIES = {
    "negative": Quantity("share of logged critic steps whose cosine is negative (expected without momentum: 0)"),
    "at_blow_ups": Quantity("the same at blow-ups of the loss", "> 0.5"),
    "elsewhere": Quantity("the same at all other logged steps"),
    "blow_ups": Quantity("share of logged steps at which the loss blows up"),
}

AXIS = "critic_optimiser"

LEAST = 5
"""Fewest earlier losses whose median a loss is compared with."""


def blow_ups(iterations: NDArray[np.float64], losses: NDArray[np.float64], window: int, factor: float) -> NDArray[np.bool_]:
    """Which losses [rows] are a blow-up: |loss| above `factor` times the median of |loss| in the `window` iterations before.

    Rows within the first window are none, as losses grow from zero at the beginning of a training. One that is not finite is.

    >>> blow_ups(np.arange(1.0, 10.0), np.array([1, 1, 1, 1, 1, 1, 2, 4, 1.0]), window=5, factor=3.0).nonzero()[0].tolist()
    [7]
    """
    size, result = np.abs(losses), np.zeros(len(losses), dtype=bool)
    for row, iteration in enumerate(iterations):
        before = size[(iterations >= iteration - window) & (iterations < iteration)]
        before = before[np.isfinite(before)]
        if iteration <= window or len(before) < LEAST:
            continue
        result[row] = not np.isfinite(size[row]) or size[row] > factor * np.median(before)
    return result


def logged(tables: Tables, run: str) -> pd.DataFrame:
    """A run's logged steps with a cosine, in order, and whether the loss blows up there (column `blow_up`)."""
    rows = rows_of(tables.curves, run=run).sort_values("generator_iteration")
    if not len(rows):
        return pd.DataFrame(columns=["generator_iteration", "critic_loss", "critic_step_cosine", "blow_up"])
    iterations, losses = (rows[name].to_numpy(dtype=np.float64) for name in ("generator_iteration", "critic_loss"))
    settings = tables.settings
    rows = rows.assign(blow_up=blow_ups(iterations, losses, settings["blow_up_window"], settings["blow_up_factor"]))
    return rows[np.isfinite(rows["critic_step_cosine"].astype(float))]


def share_negative(rows: pd.DataFrame) -> float:
    """Share of steps whose cosine is below zero; not a number without steps."""
    return float((rows["critic_step_cosine"] < 0).mean()) if len(rows) else float("nan")


def _measure(findings: Findings, tables: Tables, steps: dict[str, pd.DataFrame]) -> None:
    for row in tables.results.to_dict("records"):
        rows, case, seed = steps[row["run"]], row[AXIS], int(row["seed"])
        if not len(rows):
            continue
        critic = tables.experiment.spec_of(**{AXIS: case}).method.critic_optimizer
        momentum = critic.name == "adam" and critic.beta1 > 0
        findings.add("negative", share_negative(rows), case, seed, expected=None if momentum else 0.0)
        findings.add("blow_ups", float(rows["blow_up"].mean()), case, seed)
        if momentum:
            findings.add("elsewhere", share_negative(rows[~rows["blow_up"]]), case, seed)
            if rows["blow_up"].any():
                findings.add("at_blow_ups", share_negative(rows[rows["blow_up"]]), case, seed)


def _cosine_table(tables: Tables, steps: dict[str, pd.DataFrame]) -> Table:
    body = []
    for case in tables.options(AXIS):
        runs = rows_of(tables.runs, **{AXIS: case})
        of = [steps[run] for run in with_result(runs)["run"]]
        at, elsewhere = ([rows[rows["blow_up"] == there] for rows in of] for there in (True, False))
        outcomes = [f"{n} {outcome}" for outcome, n in runs["outcome"].value_counts(sort=False).items()]
        cosines = np.concatenate([rows["critic_step_cosine"].to_numpy(dtype=np.float64) for rows in of] or [np.empty(0)])
        line = [case, ", ".join(outcomes), str(len(cosines)), number(float(np.median(cosines))) if len(cosines) else "–"]
        line += [number(float(cosines.min())) if len(cosines) else "–", mean_sd(map(share_negative, of), 3)]
        shares = [value for value in map(share_negative, at) if finite([value]).size]
        body.append([*line, str(sum(map(len, at))), mean_sd(shares, 3), mean_sd(map(share_negative, elsewhere), 3)])
    heads = ["|critic's optimiser", "|outcomes", "logged steps", "median cosine", "smallest", "share below 0"]
    heads += ["blow-ups", "share below 0 there", "elsewhere"]
    settings = tables.settings
    caption = (
        "Cosine between the critic's step and the downhill direction of its batch, at logged steps, those before a run "
        "diverged among them. Blow-ups: "
        f"logged steps with |loss| above {settings['blow_up_factor']:g} times its median over the {settings['blow_up_window']} "
        "generator iterations before, the first as many iterations left out. Shares: mean over seeds ± standard deviation over "
        "seeds, without it where there is one seed; a dash where there is no such step."
    )
    return Table(heads, body, caption)


def _steps_figure(tables: Tables, steps: dict[str, pd.DataFrame]) -> Picture:
    """The critic's loss above and the cosine below, a column for each optimiser; blow-ups are marked."""
    cases = tables.options(AXIS)
    drawn, axes = figure(3.4, len(cases), 2, sharex=True, sharey="row")
    for column, case in enumerate(cases):
        above, below = axes[:, column]
        for index, run in enumerate(rows_of(tables.runs, **{AXIS: case})["run"]):
            rows, style = steps[run], {"color": PALETTE[index % len(PALETTE)], "linewidth": 0.8}
            above.plot(rows["generator_iteration"], -rows["critic_loss"], **style)
            below.plot(rows["generator_iteration"], rows["critic_step_cosine"], **style)
            marked = rows[rows["blow_up"].astype(bool)]
            for panel, values in ((above, -marked["critic_loss"]), (below, marked["critic_step_cosine"])):
                panel.plot(marked["generator_iteration"], values, linestyle="", marker="x", markersize=4, color="black")
        below.axhline(0, color="0.6", linewidth=0.8, linestyle=":")
        above.set_title(case)
        below.set(xlabel="generator iteration", ylim=(-1.05, 1.05))
    axes[0, 0].set_ylabel("estimate of W\n(critic's loss × −1)")
    axes[1, 0].set_ylabel("cosine of the\ncritic's step")
    return Picture(
        drawn,
        "Above: the critic's estimate of W, the negative of its loss, at logged iterations, not filtered. Below: the cosine "
        "between the critic's step and the downhill direction; below 0 the step goes uphill. Crosses: blow-ups of the loss. "
        "A column for each optimiser of the critic, a colour for each seed.",
    )


def report(tables: Tables) -> Content:
    """Shares of steps that go uphill, at blow-ups and elsewhere; losses and cosines over training; scores."""
    findings = Findings(QUANTITIES)
    steps = {run: logged(tables, run) for run in tables.runs["run"]}
    _measure(findings, tables, steps)
    notes = [
        "RMSProp and Adam without momentum (β1 = 0) divide each entry of the gradient by a positive number, so their steps "
        "cannot go uphill: their cosines are shown to check the measurement."
    ]
    if not any(row["quantity"] == "at_blow_ups" for row in findings.rows):
        notes.append("With momentum no loss blew up in these runs, so that the cosine at blow-ups is not measured.")
    scores = score_table(tables, [AXIS], "Scores at the end of training; all critics have the same learning rate.")
    return Content(findings, [_cosine_table(tables, steps), scores], [_steps_figure(tables, steps)], notes=notes)
