"""Generators trained on three toys: samples, their exact distance to the data, by the penalty's weight and form."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.spatial.distance import cdist

from wganlib.collecting.collected import Tables
from wganlib.measuring.maps import assignment, attained, modes, samples
from wganlib.measuring.study import Array, Findings, Quantity, Study, untrained
from wganlib.reporting.content import Cell, Content, Picture, rows_of, spread
from wganlib.reporting.grammar import Column, by_options, legend_below
from wganlib.reporting.planes import plane, points
from wganlib.reporting.style import DASHES, PALETTE, figure

QUANTITIES = {
    "w1": Quantity("exact W1 between as many generated and real samples; expected: between real ones and real ones"),
    "log_w1": Quantity("natural logarithm of W1"),
    "log_w1_range": Quantity("range over the penalty's weights of the logarithm of W1"),
    "modes": Quantity("share of modes with at least a quarter of their due samples within 4 standard deviations"),
    "near_modes": Quantity("share of samples within 4 standard deviations of a mode"),
    "quality_rank": Quantity(
        "rank correlation of something with the nearness of samples, over forms and weights of the penalty"
    ),
}
STD = {"gaussians8": 0.02 / 1.414, "gaussians25": 0.05 / 2.828}
FIGURE = {
    ("GAN", "none"): "GAN",
    ("clipping", "none"): "weight clipping",
    ("penalty", "10"): "penalty, λ = 10",
    ("penalty", "0.1"): "penalty, λ = 0.1",
}
"""Methods and weights whose samples are drawn."""


def modes_found(points: Array, centres: Array, radius: float) -> float:
    """Share of centres [M, 2] that have at least 1 / (4 M) of the points [N, 2] within the radius."""
    counts = (cdist(points, centres) < radius).sum(axis=0)
    return float((counts >= len(points) / (4 * len(centres))).mean())


def measure(study: Study) -> Findings:
    """Samples [N, 2] of the first seed's generators; distances of all and of the same ones untrained."""
    findings, count = Findings(QUANTITIES), int(study.settings["samples"])
    generators = study.of("others") + study.of("penalised")
    for data, seed in dict.fromkeys((member.labels["data"], member.seed) for member in generators):
        members = [member for member in generators if (member.labels["data"], member.seed) == (data, seed)]
        real = samples(members[0].run, 2 * count)[0].double().numpy()
        floor = assignment(real[count:], real[:count])[1]
        # All methods begin with the same weights, and are measured on the same noise.
        real, start = (part.double().numpy() for part in samples(untrained(members[0].run), count))
        before = assignment(start, real)[1]
        for member in members:
            fake = samples(member.run, count)[1].double().numpy()
            for state, w1 in (("trained", assignment(fake, real)[1]), ("untrained", before)):
                labels: dict[str, Any] = member.labels | {"state": state}
                findings.add("w1", w1, seed=seed, expected=floor, **labels)
                findings.add("log_w1", float(np.log(w1)), seed=seed, **labels)
            if places := modes(member.run.spec.dataset.name):
                radius = 4 * STD[member.run.spec.dataset.name]
                near = float((cdist(fake, places[0]).min(axis=1) < radius).mean())
                at_end: dict[str, Any] = member.labels | {"state": "trained"}
                findings.add("modes", modes_found(fake, places[0], radius), seed=seed, **at_end)
                findings.add("near_modes", near, seed=seed, **at_end)
            if member is study.shown(member.group, **member.labels):
                findings.arrays[f"{data}/{member.labels['method']}/{member.labels['weight']}"] = fake.astype(np.float32)
                findings.arrays[f"{data}/real"] = real.astype(np.float32)
    _over_weights(findings, study)
    return findings


def _over_weights(findings: Findings, study: Study) -> None:
    """How the distance depends on the penalty's form and weight, and whether what critics attain tells it."""
    rows = rows_of(findings.frame(), quantity="log_w1")
    rows = rows[rows["weight"] != "none"]
    for (method, state, data, seed), values in rows.groupby(["method", "state", "data", "seed"], sort=False)["value"]:
        if len(values) > 1:
            findings.add("log_w1_range", np.ptp(values), seed=seed, method=method, data=data, state=state)
    rows = rows_of(rows, state="trained")
    critics = _critics(study, set(rows["seed"]))
    for seed, of_seed in rows.groupby("seed", sort=False):
        nearness = -of_seed.pivot_table(index=["method", "weight"], columns="data", values="value")
        if seed not in critics or len(nearness) < 3:
            continue
        one, others = nearness.iloc[:, 0], nearness.iloc[:, 1:].mean(axis=1)
        attaining = critics[seed].reindex(nearness.index)
        pairs = {"critic": (attaining, nearness.mean(axis=1)), "nearness on other data": (one, others)}
        for predictor, (x, y) in pairs.items():
            findings.add("quality_rank", float(stats.spearmanr(x, y).statistic), seed=seed, predictor=predictor)


def _critics(study: Study, seeds: set[int]) -> "dict[int, pd.Series[float]]":
    """By seed, method and weight: W1 attained by critics whose generator is fixed, runs of gp_fig1a; mean over data sets."""
    count, values = int(study.settings["samples"]), []
    fixed = [member for member in study.of("penalties") if member.seed in seeds]
    for data, seed in dict.fromkeys((member.labels["data"], member.seed) for member in fixed):
        members = [member for member in fixed if (member.labels["data"], member.seed) == (data, seed)]
        real, fake = (part.double().numpy() for part in samples(members[0].run, count))
        transport = assignment(fake, real)[1]
        values += [(m.seed, m.labels["method"], m.labels["weight"], attained(m.run, transport, count)) for m in members]
    table = pd.DataFrame(values, columns=["seed", "method", "weight", "value"])
    return {int(seed): rows.groupby(["method", "weight"])["value"].mean() for seed, rows in table.groupby("seed")}


def report(tables: Tables) -> Content:
    """Samples, rows are data sets and columns methods; W1 by weight; a row of numbers for each method and weight."""
    trained = tables.quantities[tables.quantities["state"] == "trained"]
    columns = [Column(data, _w1(data)) for data in tables.options("data")]
    columns += [Column(title, _of(name)) for name, title in (("near_modes", "near a mode"), ("modes", "modes"))]
    return Content(
        tables=[
            by_options(
                tables,
                ["method", "weight"],
                columns,
                "Exact W1 between samples and data, mean ± standard deviation over seeds. Near a mode: share of samples within "
                "4 standard deviations of one. Modes: share of modes that have a quarter of their due samples so near. Both: "
                "mean over the two mixtures.",
                trained[trained["quantity"].isin(["w1", "near_modes", "modes"])],
            )
        ],
        pictures=[_samples(tables), _by_weight(tables)],
    )


def _w1(data: str) -> Callable[[pd.DataFrame], Cell]:
    return lambda rows: spread(rows_of(rows, quantity="w1", data=data)["value"], 3)


def _of(name: str) -> Callable[[pd.DataFrame], Cell]:
    return lambda rows: spread(rows_of(rows, quantity=name)["value"])


def _samples(tables: Tables) -> Picture:
    sets, limit = tables.options("data"), float(tables.settings["limit"])
    drawn, axes = figure(1.5 * len(sets) + 0.2, len(FIGURE), len(sets), sharex=True, sharey=True)
    for i, data in enumerate(sets):
        for j, ((method, weight), title) in enumerate(FIGURE.items()):
            points(axes[i, j], tables.arrays.get(f"{data}/real"), tables.arrays.get(f"{data}/{method}/{weight}"), size=1.0)
            plane(axes[i, j], (-limit, limit), (-limit, limit), title if i == 0 else "")
            axes[i, j].set(xticks=[], yticks=[])
        axes[i, 0].set_ylabel(data)
    caption = "Samples (green) and data (orange) at the end of training, first seed, not chosen; all panels on one scale."
    return Picture(drawn, caption)


def _by_weight(tables: Tables) -> Picture:
    sets, rows = tables.options("data"), rows_of(tables.quantities, quantity="w1")
    drawn, axes = figure(2.3, len(sets), sharey=True)
    for panel, data in zip(axes[0], sets, strict=True):
        of_data = rows_of(rows, data=data)
        for index, method in enumerate(("penalty", "one-sided penalty")):
            chosen = rows_of(of_data, method=method, state="trained")
            panel.plot(chosen["weight"].astype(float), chosen["value"], "os"[index], color=PALETTE[index], markersize=3)
            means = np.exp(np.log(chosen["value"]).groupby(chosen["weight"].astype(float)).mean())
            label = ("two-sided penalty", "one-sided penalty")[index]
            panel.plot(means.index, means, color=PALETTE[index], linestyle=DASHES[index], linewidth=1.1, label=label)
        for index, (name, values) in enumerate(
            {
                "weight clipping": rows_of(of_data, method="clipping", state="trained")["value"],
                "GAN": rows_of(of_data, method="GAN", state="trained")["value"],
                "untrained": rows_of(of_data, method="GAN", state="untrained")["value"],
                "data against data": of_data["expected"],
            }.items(),
            2,
        ):
            panel.axhline(float(np.exp(np.log(values).mean())), color=PALETTE[index], linestyle=DASHES[index], label=name)
        panel.set(xscale="log", yscale="log", title=data, xlabel="penalty weight λ")
    axes[0, 0].set_ylabel("W1 to the data")
    caption = "Exact W1 to the data by the penalty's weight and form: a point a seed, lines their geometric means."
    return legend_below(Picture(drawn, caption, after=True), 3)
