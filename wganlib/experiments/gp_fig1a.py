"""Value surfaces of critics on three toys, the generator fixed at data plus unit noise (Gulrajani et al. 2017, Figure 1a)."""

import dataclasses

import numpy as np
import pandas as pd

from wganlib.collecting.collected import Tables
from wganlib.measuring.maps import assignment, attained, axis, between, gradients, modes, norms, r_squared, samples, surface
from wganlib.measuring.maps import values as values_at
from wganlib.measuring.study import Array, Findings, Quantity, Study, untrained
from wganlib.reporting.content import Content, Picture, rows_of
from wganlib.reporting.grammar import quantities
from wganlib.reporting.planes import contours, plane, points
from wganlib.reporting.style import figure
from wganlib.training.stacks import Trained

QUANTITIES = {
    "gradient_norm": Quantity(
        "mean norm of the critic's gradient at the penalty's points; expected, of weight 10: 1 + W1 / 20"
    ),
    "norm_share": Quantity("share of these norms in [0.9, 1.2]"),
    "w1_attained": Quantity("gap over the largest slope between real and generated examples, as a share of exact W1"),
    "beyond_quadratic": Quantity("share of the surface's variance that the best quadratic leaves, over the square"),
    "beyond_quadratic_near": Quantity("the same within 1.6 of the origin, where the data lie"),
    "discrimination": Quantity("critic at the modes less that half way between neighbours, over the range of the surface"),
}
ROWS = {("clipping", "none"): "weight clipping", ("penalty", "10"): "penalty, λ = 10", ("penalty", "0.1"): "penalty, λ = 0.1"}
"""Methods and weights of the figure."""


def measure(study: Study) -> Findings:
    """Of every critic and of the same one untrained; surfaces [grid, grid] over [-limit, limit]^2 of the seed that is shown."""
    findings, limit = Findings(QUANTITIES), float(study.settings["limit"])
    x = findings.arrays["axis"] = axis((-limit, limit), int(study.settings["grid"]))
    for data, seed in dict.fromkeys((member.labels["data"], member.seed) for member in study.of()):
        members = [member for member in study.of(data=data) if member.seed == seed]
        real, fake = (part.double().numpy() for part in samples(members[0].run, int(study.settings["samples"])))
        transport = assignment(fake, real)[1]
        # All methods begin with the same weights.
        before = untrained(members[0].run)
        start = _of(before, x, surface(before.critic, x, x), transport, len(real))
        for member in members:
            map_ = surface(member.run.critic, x, x)
            trained = _of(member.run, x, map_, transport, len(real))
            for state, measured in (("trained", trained), ("untrained", start)):
                for name, value in measured.items():
                    expected = 1 + transport / 20 if name == "gradient_norm" else None
                    findings.add(name, value, seed=seed, expected=expected, **member.labels, state=state)
            if member is study.shown(**member.labels):
                place = f"{data}/{member.labels['method']}/{member.labels['weight']}"
                findings.arrays[f"surface/{place}"] = map_.astype(np.float32)
                findings.arrays[f"real/{data}"], findings.arrays[f"fake/{data}"] = real[:400], fake[:400]
    return findings


def _of(run: Trained, x: Array, map_: Array, transport: float, count: int) -> dict[str, float]:
    """How steep the critic is, how much of the exact W1 it attains, how simple its surface is."""
    size = norms(gradients(run.critic, between(run, 4096)))
    result = {"gradient_norm": float(size.mean()), "norm_share": float(((size >= 0.9) & (size <= 1.2)).mean())}
    return result | {"w1_attained": attained(run, transport, count)} | _shape(run, x, map_)


def _shape(run: Trained, x: Array, map_: Array) -> dict[str, float]:
    """How simple the surface [len(x), len(x)] is, and whether it tells modes from gaps."""
    a, b = (axis_.ravel() for axis_ in np.meshgrid(x, x))
    quadratic = np.stack([np.ones_like(a), a, b, a * a, a * b, b * b], axis=1)
    near = a * a + b * b < 1.6**2
    result = {
        "beyond_quadratic": 1 - r_squared(quadratic, map_.ravel()),
        "beyond_quadratic_near": 1 - r_squared(quadratic[near], map_.ravel()[near]),
    }
    if places := modes(run.spec.dataset.name):
        at, half_way = (values_at(run.critic, points).mean() for points in places)
        result["discrimination"] = (at - half_way) / (map_.max() - map_.min())
    return result


def report(tables: Tables) -> Content:
    """Surfaces, rows are constraints and columns data sets; a row of numbers for each method and weight."""
    x, limit, sets = tables.arrays["axis"], float(tables.settings["limit"]), tables.options("data")
    drawn, axes = figure(2.1 * len(ROWS), len(sets), len(ROWS), sharex=True, sharey=True)
    for i, ((method, weight), title) in enumerate(ROWS.items()):
        for j, data in enumerate(sets):
            panel = axes[i, j]
            points(panel, tables.arrays[f"real/{data}"], tables.arrays[f"fake/{data}"])
            contours(panel, x, x, tables.arrays.get(f"surface/{data}/{method}/{weight}", np.zeros((len(x), len(x)))))
            plane(panel, (-limit, limit), (-limit, limit), data if i == 0 else "")
            if j == 0:
                panel.set_ylabel(title)
    titles = {
        "gradient_norm": "gradient norm",
        "norm_share": "in [0.9, 1.2]",
        "w1_attained": "W1 attained",
        "beyond_quadratic": "beyond a quadratic",
        "beyond_quadratic_near": "near the data",
        "discrimination": "modes from gaps",
    }
    rows = tables.quantities
    # All methods begin with the same weights: their untrained critics are one row.
    start = rows_of(rows, state="untrained", method="clipping").assign(method="untrained")
    shown = dataclasses.replace(tables, quantities=pd.concat([rows_of(rows, state="trained"), start]))
    return Content(
        tables=[
            quantities(
                shown,
                titles,
                ["method", "weight"],
                "Mean ± standard deviation over data sets and seeds. Gradient norm: mean at the points where the penalty is "
                "taken, and the share of norms in [0.9, 1.2]. W1 "
                "attained: the critic's estimate of W1 after division by its largest slope, as a share of exact W1. Beyond a "
                "quadratic: share of the surface's variance that the best quadratic leaves, over the square drawn and within "
                "1.6 of the origin. Modes from gaps: the critic at the modes less that half way between them, over its range.",
            )
        ],
        pictures=[
            Picture(
                drawn,
                "Contours of critics, the generator fixed at data plus unit normal noise, dark low and light high; real "
                "examples orange, generated ones green; first seed.",
            )
        ],
    )
