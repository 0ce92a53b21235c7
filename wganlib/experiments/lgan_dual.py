"""The Wasserstein distance's dual and its compact form, exactly on finite supports (Zhou et al. 2019, eq. 3, 4 and 9)."""

import numpy as np

from wganlib.collecting.collected import Tables
from wganlib.measuring import linear_programs as lp
from wganlib.measuring.maps import norms
from wganlib.measuring.study import Array, Findings, Quantity, Study
from wganlib.reporting.content import Content, Picture
from wganlib.reporting.style import FAKE, PALETTE, REAL, figure
from wganlib.scoring.formulas import transport_cost

QUANTITIES = {
    "cost": Quantity("W1, the primal's optimum (eq. 2)"),
    "lipschitz_gap": Quantity("|optimum of eq. 3 - W1|", "<= 1e-8"),
    "compact_gap": Quantity("|optimum of eq. 4 - W1|", "<= 1e-8"),
    "assignment_gap": Quantity("|W1 - cost of the optimal assignment|", "<= 1e-8"),
    "lipschitz_slackness": Quantity("sum of plan x |distance - f(x) + f(y)|, f of eq. 3", "<= 1e-8"),
    "compact_slackness": Quantity("the same, f of eq. 4", "<= 1e-8"),
    "matched_error": Quantity("largest |f(x) - f(y) - distance| over matched pairs, f of eq. 3 (Proposition 1)", "<= 1e-7"),
    "stated_optimum_gap": Quantity("|objective - W1| of eq. 9's f, 1 on real and 0 on generated points", "<= 1e-8"),
    "stated_optimum_excess": Quantity("largest f(x) - f(y) - distance of eq. 9's f", "<= 1e-12"),
    "freedom": Quantity("widest range of f(a) - f(b) over all optima of eq. 4, a and b in the supports"),
    "optima_difference": Quantity("largest |difference| of these ranges' ends between eq. 3 and eq. 4", "<= 1e-8"),
    "lipschitz_steepest": Quantity("steepest slope between points of one support, all optima of eq. 3", "<= 1.000001"),
    "compact_steepest": Quantity("the same, all optima of eq. 4", "<= 1.000001"),
    "lipschitz_steepest_near": Quantity("the same between neighbours, objective 1 % below W1, eq. 3", "<= 1.000001"),
    "compact_steepest_near": Quantity("the same between neighbours, objective 1 % below W1, eq. 4", "> 1"),
    "lipschitz_range_along": Quantity("range of slopes at a generated point towards its match, eq. 3; widest", "<= 1e-6"),
    "lipschitz_range_across": Quantity("range of slopes across that direction, eq. 3; widest", "<= 2.000001"),
    "compact_range_along": Quantity("range of slopes towards the match, eq. 4; narrowest", "> 1e6"),
    "compact_range_across": Quantity("range of slopes across that direction, eq. 4; narrowest", "> 1e6"),
}
"""Where "steepest" is asked of eq. 4: at points with mass its optima are 1-Lipschitz unasked. If x is matched with y, then
f(x') - f(x) <= (|x' - y| + f(y)) - (|x - y| + f(y)) <= |x' - x|, likewise for generated points: the duals differ elsewhere."""


def measure(study: Study) -> Findings:
    """Every quantity on random supports and on eq. 9's intervals; a plan and a line through a matched pair for the figure."""
    findings = Findings(QUANTITIES)
    settings = study.settings
    step, share = float(settings["step"]), float(settings["share"])
    for seed in study.seeds:
        generator = np.random.default_rng(seed)
        supports = lp.random_supports(int(settings["real"]), int(settings["fake"]), generator)
        values, plan = _duals(findings, supports, "random", seed)
        _optima(findings, supports, plan, "random", seed, step)
        _near(findings, supports, "random", seed, share)
        if seed == study.seeds[0]:
            findings.arrays |= _line(supports, values, plan)
        # Equal masses: the plan is an assignment, whose pairs share no points, which leaves the optima free.
        drawn = lp.random_supports(int(settings["fake"]), int(settings["fake"]), generator)
        mass = np.full(len(drawn.fake), 1 / len(drawn.fake))
        even = lp.Supports(drawn.real, drawn.fake, mass, mass)
        _, plan = _duals(findings, even, "random, equal masses", seed)
        _optima(findings, even, plan, "random, equal masses", seed, step)
        gap = abs(lp.plan(even).optimum - transport_cost(even.real, even.fake).value)
        findings.add("assignment_gap", gap, "random, equal masses", seed)
    supports = lp.interval(int(settings["interval"]))
    _, plan = _duals(findings, supports, "intervals", None)
    _optima(findings, supports, plan, "intervals", None, step)
    _stated(findings, supports, lp.plan(supports).optimum)
    findings.rows.sort(key=lambda row: list(QUANTITIES).index(row["quantity"]))
    return findings


def _duals(findings: Findings, supports: lp.Supports, case: str, seed: int | None) -> tuple[Array, Array]:
    """Optima of the three programs; eq. 3's f [N + M] and the plan [N, M] are returned."""
    n = len(supports.real)
    cost, plan = lp.plan(supports)
    findings.add("cost", cost, case, seed)
    distances = np.linalg.norm(supports.real[:, None] - supports.fake[None], axis=2)
    solutions = {
        "lipschitz": lp.dual(supports.gain, supports.points, lp.all_pairs(len(supports.points))),
        "compact": lp.dual(supports.gain, supports.points, lp.compact_pairs(supports)),
    }
    for name, (optimum, f) in solutions.items():
        findings.add(f"{name}_gap", abs(optimum - cost), case, seed)
        # A pair's slack may be a rounding below zero: its size counts.
        slack = np.abs(distances - f[:n, None] + f[None, n:])
        findings.add(f"{name}_slackness", (plan * slack).sum(), case, seed)
        if name == "lipschitz":
            findings.add("matched_error", slack[plan > lp.MATCHED].max(), case, seed)
    return solutions["lipschitz"].at, plan


def _optima(findings: Findings, supports: lp.Supports, plan: Array, case: str, seed: int | None, step: float) -> None:
    """What all optima of each dual share: on the supports, and at places a step from generated points."""
    points, n, matches = supports.points, len(supports.real), lp.matched(plan)
    pairs = {"lipschitz": lp.all_pairs(len(points)), "compact": lp.compact_pairs(supports)}
    largest = {name: lp.face(points, some, matches) for name, some in pairs.items()}
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    same = (np.arange(len(points)) < n)[:, None] == (np.arange(len(points)) < n)[None]
    np.fill_diagonal(same, False)
    for name, differences in largest.items():
        findings.add(f"{name}_steepest", (differences[same] / distances[same]).max(), case, seed)
    findings.add("optima_difference", np.abs(largest["lipschitz"] - largest["compact"]).max(), case, seed)
    findings.add("freedom", (largest["compact"] + largest["compact"].T).max(), case, seed)

    # One matched real point for each generated one; the places stand behind the supports' points, and in no support.
    match = np.array([matches[matches[:, 1] == y, 0][0] for y in range(n, len(points))])
    towards = points[match] - supports.fake
    towards /= norms(towards)[:, None]
    across = np.stack([-towards[:, 1], towards[:, 0]], axis=1)
    for direction, unit in (("along", towards), ("across", across)):
        beyond = np.concatenate([points, supports.fake + step * unit])
        places, generated = np.arange(len(points), len(beyond)), np.arange(n, len(points))
        for name, some, worst in (("lipschitz", lp.all_pairs(len(beyond)), np.max), ("compact", pairs["compact"], np.min)):
            reach = lp.face(beyond, some, matches)
            # A range of no width may round below zero.
            ranges = np.maximum(0, reach[places, generated] + reach[generated, places]) / step
            findings.add(f"{name}_range_{direction}", worst(ranges), case, seed)


def _near(findings: Findings, supports: lp.Supports, case: str, seed: int, share: float) -> None:
    """Steepest slopes between nearest neighbours of one support where the optimum is missed by a share of it."""
    points, n = supports.points, len(supports.real)
    floor = (1 - share) * lp.plan(supports).optimum
    for name, pairs in (("lipschitz", lp.all_pairs(len(points))), ("compact", lp.compact_pairs(supports))):
        steepest = 0.0
        for a in range(len(points)):
            own = np.arange(n) if a < n else np.arange(n, len(points))
            others = own[own != a]
            away = norms(points[others] - points[a])
            b, distance = int(others[away.argmin()]), float(away.min())
            rise = max(lp.difference(points, pairs, *ends, supports.gain, floor) for ends in ((a, b), (b, a)))
            steepest = max(steepest, rise / distance)
        findings.add(f"{name}_steepest_near", steepest, case, seed)


def _stated(findings: Findings, supports: lp.Supports, cost: float) -> None:
    """The optimum that eq. 9 states, against eq. 4's constraints and the optimum."""
    f = np.repeat([1.0, 0.0], [len(supports.real), len(supports.fake)])
    a, b = lp.compact_pairs(supports).T
    findings.add("stated_optimum_gap", abs(float(supports.gain @ f) - cost), "intervals")
    findings.add("stated_optimum_excess", (f[a] - f[b] - norms(supports.points[a] - supports.points[b])).max(), "intervals")


def _line(supports: lp.Supports, values: Array, plan: Array) -> dict[str, Array]:
    """The plan, and bounds on f along the line through its heaviest pair, a third of its length beyond both ends."""
    x, y = np.unravel_index(int(plan.argmax()), plan.shape)
    start, end = supports.fake[y], supports.real[x]
    share = np.linspace(-1 / 3, 4 / 3, 501)
    lower, upper = lp.extension(values, supports.points, start + share[:, None] * (end - start))
    return {
        "real": supports.real,
        "fake": supports.fake,
        "masses": np.concatenate([supports.real_mass, supports.fake_mass]),
        "plan": plan,
        "pair": np.array([x, y]),
        "along": share * float(np.linalg.norm(end - start)),
        "lower": lower,
        "upper": upper,
        "values": values,
        "ends": values[[int(x), len(supports.real) + int(y)]],
    }


def report(tables: Tables) -> Content:
    """The plan in the plane on the left, bounds on f along a matched pair on the right."""
    drawn, axes = figure(2.9, 2)
    left, right = axes[0]
    real, fake, plan, masses = (tables.arrays[name] for name in ("real", "fake", "plan", "masses"))
    x, y = (int(i) for i in tables.arrays["pair"])
    for i, j in np.argwhere(plan > 1e-9):
        width = 0.3 + 2.5 * plan[i, j] / plan.max()
        colour = PALETTE[0] if (i, j) == (x, y) else "0.7"
        left.plot(*np.stack([fake[j], real[i]]).T, color=colour, linewidth=width, solid_capstyle="butt", zorder=1)
    sizes = 260 * masses
    left.scatter(*real.T, s=sizes[: len(real)], c=REAL, linewidths=0, zorder=2, label="real")
    left.scatter(*fake.T, s=sizes[len(real) :], c=FAKE, marker="X", linewidths=0, zorder=2, label="generated")
    left.set(xlabel="$x_1$", ylabel="$x_2$", ylim=(-1.2, 1.45))
    left.legend(loc="upper center", ncols=2, frameon=False, fontsize=7, handletextpad=0.2)

    along, lower, upper = (tables.arrays[name] for name in ("along", "lower", "upper"))
    at_real, at_fake = tables.arrays["ends"]
    length = along[-1] * 3 / 4
    margin = 0.25 * (at_real - at_fake)
    bottom, top = lower.min() - margin, upper.max() + margin
    right.axhspan(bottom, top, facecolor="0.93", edgecolor="0.6", linewidth=0.5, label="allowed by eq. 4: any value")
    right.fill_between(along, lower, upper, color=PALETTE[5], linewidth=0.8, label="allowed by eq. 3")
    right.scatter([length], [at_real], s=28, c=REAL, zorder=3)
    right.scatter([0], [at_fake], s=32, c=FAKE, marker="X", linewidths=0, zorder=3)
    right.set(xlabel="distance from the generated point", ylabel="$f$", xlim=(along[0], along[-1]), ylim=(bottom, top))
    right.legend(loc="upper left", frameon=False, fontsize=7)
    gap = max(tables.quantities[tables.quantities["quantity"].isin(["lipschitz_gap", "compact_gap"])]["value"])
    return Content(
        pictures=[
            Picture(
                drawn,
                "Left: real and generated points, their areas as their masses, and the optimal plan, its widths as the mass "
                "moved. Right: along the line through the pair in blue, the values that f may take off the supports once it is "
                "optimal on them: under the Lipschitz condition between all points (eq. 3) a band, which between the two has "
                "no width, so that the gradient at the generated point is one along the line; under the condition between real "
                "and generated points alone (eq. 4) any value. The optima of both differ from the transport cost by at most "
                f"{gap:.1g}. At the optimum both are 1-Lipschitz within each support too (steepest "
                f"{tables.text('compact_steepest', 'random', form='.4f')}); 1 % below it eq. 4 allows slopes of "
                f"{tables.text('compact_steepest_near', form='.0f')} between neighbours.",
            )
        ]
    )
