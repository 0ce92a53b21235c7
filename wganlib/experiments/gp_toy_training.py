"""Generators trained on three toys: samples over time, and their exact distance to the data."""

import numpy as np
from scipy.spatial.distance import cdist

from wganlib.collecting.collected import Tables
from wganlib.measuring.maps import assignment, modes, samples
from wganlib.measuring.study import Array, Findings, Member, Quantity, Study
from wganlib.reporting.content import Content, Picture
from wganlib.reporting.planes import plane, points
from wganlib.reporting.style import figure

QUANTITIES = {
    "w1": Quantity("exact W1 between as many generated and real samples; expected: between real ones and real ones"),
    "w1_over_time": Quantity("the same after fewer generator iterations"),
    "w1_clipping_over_penalty": Quantity("W1 with clipping over W1 with penalty", "> 1", ours=True),
    "modes": Quantity("share of modes with at least a quarter of their due samples within 4 standard deviations"),
    "near_modes": Quantity("share of samples within 4 standard deviations of a mode"),
}
STD = {"gaussians8": 0.02 / 1.414, "gaussians25": 0.05 / 2.828}


def modes_found(points: Array, centres: Array, radius: float) -> float:
    """Share of centres [M, 2] that have at least 1 / (4 M) of the points [N, 2] within the radius."""
    counts = (cdist(points, centres) < radius).sum(axis=0)
    return float((counts >= len(points) / (4 * len(centres))).mean())


def measure(study: Study) -> Findings:
    """Samples [N, 2] of the first seed's generators at every snapshot and at the end."""
    findings = Findings(QUANTITIES)
    count = int(study.settings["samples"])
    for data in study.options("data"):
        for member in study.of(data=data):
            real, fake = (part.double().numpy() for part in samples(member.run, count))
            case = f"{data}, {member.labels['method']}"
            shown = member is study.shown(data=data, method=member.labels["method"])
            floor = assignment(_other_real(member, count), real)[1]
            findings.add("w1", assignment(fake, real)[1], case, member.seed, floor)
            _modes(findings, member, fake, case)
            for iteration, generator in member.run.snapshots.items():
                then = samples(member.run, count, generator)[1].double().numpy()
                if iteration < member.run.spec.generator_iterations:
                    findings.add("w1_over_time", assignment(then, real)[1], f"{case}, {iteration}", member.seed, floor)
                if shown:
                    findings.arrays[f"{case}/{iteration}"] = then.astype(np.float32)
            if shown:
                findings.arrays[f"{data}/real"] = real.astype(np.float32)
    _ratios(findings)
    return findings


def _other_real(member: Member, count: int) -> Array:
    """Real examples [count, 2] that are none of those that generated ones are compared with."""
    return samples(member.run, 2 * count)[0][count:].double().numpy()


def _modes(findings: Findings, member: Member, fake: Array, case: str) -> None:
    name = member.run.spec.dataset.name
    places = modes(name)
    if places is not None:
        findings.add("modes", modes_found(fake, places[0], 4 * STD[name]), case, member.seed)
        findings.add("near_modes", (cdist(fake, places[0]).min(axis=1) < 4 * STD[name]).mean(), case, member.seed)


def _ratios(findings: Findings) -> None:
    result = {(row["case"], row["seed"]): row["value"] for row in findings.rows if row["quantity"] == "w1"}
    for (case, seed), value in list(result.items()):
        data, _, method = case.partition(", ")
        if method.startswith("penalty") and (f"{data}, clipping", seed) in result:
            findings.add("w1_clipping_over_penalty", result[f"{data}, clipping", seed] / value, case, seed)


def report(tables: Tables) -> Content:
    """Rows are data sets and methods, columns times."""
    cells = [(key.rsplit("/", 1)[0], int(key.rsplit("/", 1)[1])) for key in tables.arrays if not key.endswith("/real")]
    rows, columns = list(dict.fromkeys(case for case, _ in cells)), sorted({i for _, i in cells})
    sets = list(dict.fromkeys(row.partition(", ")[0] for row in rows))
    methods = list(dict.fromkeys(row.partition(", ")[2] for row in rows))
    drawn, axes = figure(0.85 * len(methods) + 0.4, len(sets) * len(columns), len(methods), sharex=True, sharey=True)
    limit = float(tables.settings["limit"])
    for i, method in enumerate(methods):
        for j, name in enumerate(sets):
            for k, iteration in enumerate(columns):
                panel = axes[i, j * len(columns) + k]
                if f"{name}, {method}/{iteration}" in tables.arrays:
                    points(panel, tables.arrays[f"{name}/real"], tables.arrays[f"{name}, {method}/{iteration}"], size=0.4)
                title = (f"{name}\n" if k == len(columns) // 2 else "\n") + f"{iteration:,}" if i == 0 else ""
                plane(panel, (-limit, limit), (-limit, limit), title)
                panel.set(xticks=[], yticks=[])
        axes[i, 0].set_ylabel(method.replace(", ", "\n"), fontsize=8)
    listed = "; ".join(f"{m} " + ", ".join(tables.text("w1", f"{s}, {m}", form=".3f") for s in sets) for m in methods)
    return Content(
        pictures=[
            Picture(
                drawn,
                "Samples (green) and data (orange) after as many generator iterations as stand above the columns, one seed; "
                f"both axes from {-limit:g} to {limit:g}. Exact W1 to the data at the end, mean over seeds, for "
                f"{', '.join(sets)}: {listed}.",
            )
        ]
    )
