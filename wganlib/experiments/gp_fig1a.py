"""Value surfaces of critics on three toys, the generator fixed at data plus unit noise (Gulrajani et al. 2017, Figure 1a)."""

import numpy as np

from wganlib.collecting.collected import Tables
from wganlib.measuring.maps import assignment, axis, between, gradients, modes, norms, r_squared, samples, surface, values
from wganlib.measuring.study import Array, Findings, Member, Quantity, Study
from wganlib.methods.method import GradientPenalty
from wganlib.reporting.content import Content, Picture, value_text
from wganlib.reporting.planes import contours, plane, points
from wganlib.reporting.style import figure

QUANTITIES = {
    "gradient_norm": Quantity("mean norm of the critic's gradient at the penalty's points"),
    "gradient_norm_weight_10": Quantity("the same at weight 10; expected, about: 1 + W1 / (2 weight)", "in [0.9, 1.3]"),
    "balance": Quantity("gap over 2 weight E[(|slope| - 1) |slope|]: 1 where no scaling of the critic lowers its loss"),
    "beyond_quadratic_clipping": Quantity("share of the surface's variance that the best quadratic leaves, clipping", "< 0.1"),
    "beyond_quadratic_penalty": Quantity("share of the surface's variance that the best quadratic leaves, penalty", "> 0.3"),
    "beyond_quadratic_near": Quantity("the same within 1.6 of the origin, where the data lie"),
    "discrimination": Quantity(
        "critic at the modes less that half way between neighbouring modes, over the range of the surface"
    ),
    "discrimination_margin": Quantity("the last, penalty less 5 times clipping's (no less than 0)", ">= 0"),
}


def measure(study: Study) -> Findings:
    """Surfaces [grid, grid] over [-limit, limit]^2 of the seed that is shown, and the quantities of every seed."""
    findings = Findings(QUANTITIES)
    limit, grid = float(study.settings["limit"]), int(study.settings["grid"])
    x = axis((-limit, limit), grid)
    findings.arrays["axis"] = x
    for data in study.options("data"):
        for method in study.options("method"):
            shown = study.shown(data=data, method=method)
            for member in study.of(data=data, method=method):
                map_ = surface(member.run.critic, x, x)
                if member is shown:
                    findings.arrays[f"{data}/{method}/surface"] = map_.astype(np.float32)
                    for name, points in zip(("real", "fake"), samples(member.run, 400), strict=True):
                        findings.arrays[f"{data}/{name}"] = points.numpy()
                _measure(findings, member, f"{data}, {method}", x, map_)
        members = [m for m in study.of(data=data) if isinstance(m.run.spec.method.constraint, GradientPenalty)]
        if members:
            transport = float(np.mean([_transport(m, int(study.settings["samples"])) for m in members[:3]]))
            for member in members:
                _slopes(findings, member, data, transport)
    _margins(findings)
    return findings


def _slopes(findings: Findings, member: Member, data: str, transport: float) -> None:
    constraint, critic = member.run.spec.method.constraint, member.run.critic
    assert isinstance(constraint, GradientPenalty)
    case = f"{data}, {member.labels['method']}"
    size = norms(gradients(critic, between(member.run, 4096)))
    findings.add("gradient_norm", size.mean(), case, member.seed)
    if constraint.weight == 10:
        # Slopes equal along the optimal plan would be this; lines from an example to itself with noise are not quite that plan.
        findings.add("gradient_norm_weight_10", size.mean(), data, member.seed, 1 + transport / (2 * constraint.weight))
    real, fake = (values(critic, part.numpy()) for part in samples(member.run, 4096))
    gain = 2 * constraint.weight * float(((size - 1) * size).mean())
    findings.add("balance", (real.mean() - fake.mean()) / gain if gain else float("nan"), case, member.seed)


def _measure(findings: Findings, member: Member, case: str, x: Array, map_: Array) -> None:
    a, b = (axis_.ravel() for axis_ in np.meshgrid(x, x))
    quadratic = np.stack([np.ones_like(a), a, b, a * a, a * b, b * b], axis=1)
    clipped = member.run.spec.method.constraint.kind == "clipping"
    name = "beyond_quadratic_clipping" if clipped else "beyond_quadratic_penalty"
    findings.add(name, 1 - r_squared(quadratic, map_.ravel()), case, member.seed)
    near = a * a + b * b < 1.6**2
    findings.add("beyond_quadratic_near", 1 - r_squared(quadratic[near], map_.ravel()[near]), case, member.seed)
    places = modes(member.run.spec.dataset.name)
    if places is not None:
        at, half_way = (values(member.run.critic, points).mean() for points in places)
        findings.add("discrimination", (at - half_way) / (map_.max() - map_.min()), case, member.seed)


def _transport(member: Member, count: int) -> float:
    """W1 between the data and the data plus noise, exactly between samples."""
    real, fake = (part.double().numpy() for part in samples(member.run, count))
    return assignment(fake, real)[1]


def _margins(findings: Findings) -> None:
    # Clipping's is slightly negative now and then: a ratio would then say the opposite.
    result = {(row["case"], row["seed"]): row["value"] for row in findings.rows if row["quantity"] == "discrimination"}
    for (case, seed), value in list(result.items()):
        data, _, method = case.partition(", ")
        if method == "penalty" and (f"{data}, clipping", seed) in result:
            findings.add("discrimination_margin", value - 5 * max(result[f"{data}, clipping", seed], 0.0), data, seed)


def report(tables: Tables) -> Content:
    """Rows are constraints, columns data sets."""
    names = [key.removesuffix("/surface").split("/") for key in tables.arrays if key.endswith("/surface")]
    columns, rows = (list(dict.fromkeys(parts)) for parts in zip(*names, strict=True))
    drawn, axes = figure(2.15 * len(rows), len(columns), len(rows), sharex=True, sharey=True)
    x, limit = tables.arrays["axis"], float(tables.settings["limit"])
    for i, method in enumerate(rows):
        for j, name in enumerate(columns):
            panel = axes[i, j]
            points(panel, tables.arrays[f"{name}/real"], tables.arrays[f"{name}/fake"])
            if f"{name}/{method}/surface" in tables.arrays:
                contours(panel, x, x, tables.arrays[f"{name}/{method}/surface"])
            plane(panel, (-limit, limit), (-limit, limit), name if i == 0 else "")
            if j == 0:
                panel.set_ylabel(f"{method}\n$x_2$")
            if i == len(rows) - 1:
                panel.set_xlabel("$x_1$")
    far, near = (
        ", ".join(f"{value_text(_share(tables, name, method), '.0%')} ({method})" for method in rows)
        for name in ("beyond_quadratic", "beyond_quadratic_near")
    )
    return Content(
        pictures=[
            Picture(
                drawn,
                "Contours of critics trained with the generator fixed at data plus unit normal noise, dark low and light high; "
                "real examples orange, generated ones green; coordinates scaled as in the official code; penalty weight 10 "
                "where none is given. Of the surface's variance over the square the best quadratic leaves, mean over data and "
                f"seeds: {far}; within 1.6 of the origin: {near}. More means a less simple surface: the paper's claim is that "
                "clipping leaves less.",
            )
        ]
    )


def _share(tables: Tables, name: str, method: str) -> float:
    """Mean over data sets of a quantity whose cases end in the method; far-off ones have a name for each kind of method."""
    table = tables.quantities
    names = [name] if name.endswith("near") else [f"{name}_clipping", f"{name}_penalty"]
    rows = table[table["quantity"].isin(names) & table["case"].str.split(", ", n=1).str[1].eq(method)]
    return float(rows["value"].mean())
