"""Momentum in the optimiser of a clipped critic, and the cosine of its steps (Arjovsky et al. 2017, section 4.2)."""

import numpy as np
import pandas as pd

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Findings, Quantity
from wganlib.reporting.content import Content, Picture, rows_of
from wganlib.reporting.grammar import by_options, gain, measured, scores
from wganlib.reporting.style import PALETTE, figure

AXIS, RMSPROP = "critic_optimiser", "RMSProp"

QUANTITIES = {
    "uphill": Quantity("share of logged critic steps that go uphill, the cosine with the downhill direction below 0"),
    "blow_ups": Quantity("share of logged steps at which the loss blows up"),
    "largest": Quantity("largest |loss| after the beginning over the largest of all runs with RMSProp"),
}


def logged(tables: Tables) -> tuple[dict[str, pd.DataFrame], float]:
    """By run its logged steps: iteration, size of the loss, cosine, whether the loss blows up; and RMSProp's largest loss.

    A loss that is not finite is a blow-up; the beginning of training, as losses grow from nothing, has none.
    """
    steps, settings = {}, tables.settings
    for run in tables.results.to_dict("records"):
        rows = rows_of(tables.curves, run=run["run"]).sort_values("generator_iteration")
        late = rows["generator_iteration"] > settings["beginning"] * tables.iterations(run["run"])
        size = rows["critic_loss"].astype(float).abs().fillna(np.inf)
        cosine = rows["critic_step_cosine"].astype(float)
        steps[run["run"]] = pd.DataFrame({"t": rows["generator_iteration"], "size": size, "cosine": cosine, "late": late})
    calm = [steps[run] for run in rows_of(tables.results, **{AXIS: RMSPROP})["run"]]
    largest = max((float(rows["size"][rows["late"]].max()) for rows in calm), default=float("nan"))
    limit = settings["blow_up_factor"] * largest
    return {run: rows.assign(blow_up=rows["late"] & (rows["size"] > limit)) for run, rows in steps.items()}, largest


def measure(tables: Tables) -> Findings:
    """How often steps go uphill, at blow-ups and elsewhere, and how large losses get."""
    findings = Findings(QUANTITIES)
    steps, largest = logged(tables)
    for run in tables.results.to_dict("records"):
        rows, labels = steps[run["run"]], {"seed": run["seed"], AXIS: run[AXIS]}
        if not len(rows):
            continue
        findings.add("blow_ups", rows["blow_up"].mean(), **labels)
        findings.add("largest", rows["size"][rows["late"]].max() / largest, **labels)
        for at, chosen in (("all steps", rows), ("blow-ups", rows[rows["blow_up"]]), ("other steps", rows[~rows["blow_up"]])):
            cosine = chosen["cosine"].dropna()
            for gradient, sign in (("as it is", 1), ("sign flipped", -1)):
                if len(cosine):
                    findings.add("uphill", (sign * cosine < 0).mean(), at=at, gradient=gradient, **labels)
    return findings


def report(tables: Tables) -> Content:
    """Losses and cosines over training; how often steps go uphill; scores."""
    factor = tables.settings["blow_up_factor"]
    as_it_is = {"gradient": "as it is"}
    columns = [
        measured(
            tables, "largest", "largest loss", words="Largest |loss| after the first fifth, over that of all RMSProp runs."
        ),
        measured(
            tables, "blow_ups", "blow-ups", 3, f"Blow-ups: share of logged steps with |loss| above {factor:g} times that."
        ),
        measured(tables, "uphill", "uphill", 3, "Uphill: share of steps whose cosine is below 0.", at="all steps", **as_it_is),
        measured(tables, "uphill", "at blow-ups", 3, at="blow-ups", **as_it_is),
        measured(tables, "uphill", "elsewhere", 3, at="other steps", **as_it_is),
    ]
    return Content(
        [
            by_options(tables, [AXIS], columns),
            by_options(tables, [AXIS], [*scores(tables), gain(tables)], "All critics have the same learning rate."),
        ],
        [_figure(tables)],
    )


def _figure(tables: Tables) -> Picture:
    """The size of the critic's loss above and the cosine below, a column for each optimiser, on one scale."""
    (steps, largest), options = logged(tables), tables.options(AXIS)
    drawn, axes = figure(3.4, len(options), 2, sharex=True, sharey="row")
    for (above, below), option in zip(axes.T, options, strict=True):
        for index, run in enumerate(rows_of(tables.results, **{AXIS: option})["run"]):
            rows, style = steps[run], {"color": PALETTE[index % len(PALETTE)], "linewidth": 0.7}
            finite = rows[np.isfinite(rows["size"]) & (rows["size"] > 0)]
            above.semilogy(finite["t"], finite["size"], **style)
            below.plot(rows["t"], rows["cosine"], **style)
        above.axhline(tables.settings["blow_up_factor"] * largest, color="0.4", linewidth=0.8, linestyle=":")
        above.set_title(option)
        below.axhline(0, color="0.4", linewidth=0.8, linestyle=":")
        below.set(xlabel="generator iteration", ylim=(-1.05, 1.05))
    axes[0, 0].set_ylabel("|loss| of the critic")
    axes[1, 0].set_ylabel("cosine of its step")
    return Picture(
        drawn,
        "Above: size of the critic's loss at logged steps, not filtered; a loss above the dotted line is a blow-up. Below: "
        "cosine between the critic's step and the downhill direction of its batch; below 0 the step goes uphill. A colour a "
        "seed.",
    )
