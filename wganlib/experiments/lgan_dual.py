"""The Wasserstein distance's dual and its compact form, exactly on finite supports (Zhou et al. 2019, eq. 3, 4 and 9)."""

from typing import Any

import numpy as np

from wganlib.collecting.collected import Tables
from wganlib.measuring import linear_programs as lp
from wganlib.measuring.linear_programs import Pairs
from wganlib.measuring.maps import norms
from wganlib.measuring.study import Array, Findings, Quantity, Study
from wganlib.reporting.content import Content, Picture, rows_of
from wganlib.reporting.style import FAKE, PALETTE, REAL, figure
from wganlib.scoring.formulas import transport_cost

QUANTITIES = {
    "cost": Quantity("W1, the primal's optimum (eq. 2)"),
    "optimum_ratio": Quantity("optimum of a dual over W1; constant: the Lipschitz constant that it asks for"),
    "assignment_gap": Quantity("|W1 - cost of the optimal assignment|"),
    "slackness": Quantity("sum of plan x |distance - f(x) + f(y)|, f an optimum of the dual"),
    "matched_error": Quantity("largest |f(x) - f(y) - distance| over matched pairs, f of eq. 3 (Proposition 1)"),
    "stated_error": Quantity(
        "of eq. 9's f, 1 on real and 0 on generated points: the larger of |objective - W1| and its excess"
    ),
    "freedom": Quantity("widest range of f(a) - f(b) over all optima of eq. 4, a and b in the supports"),
    "optima_difference": Quantity("largest |difference| of these ranges' ends between eq. 3 and eq. 4"),
    "steepest": Quantity("steepest slope between points of one support, all optima of the dual"),
    "steepest_near": Quantity("the same between neighbours, objective 1 % below W1"),
    "range": Quantity(
        "range of slopes at a generated point towards its match or across, all optima of the dual; the widest of all points, "
        "of eq. 4 the narrowest"
    ),
}
"""Where "steepest" is asked of eq. 4: at points with mass its optima are 1-Lipschitz unasked. If x is matched with y, then
f(x') - f(x) <= (|x' - y| + f(y)) - (|x - y| + f(y)) <= |x' - x|, likewise for generated points: the duals differ elsewhere."""

FULL, COMPACT, BLENDING = "eq. 3", "eq. 4", "blending region"
"""The Lipschitz condition between all points, between real and generated ones alone, and along the lines between these."""

CONSTANTS = (0.5, 0.9, 2.0)
"""Lipschitz constants besides 1 that are asked for."""


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
        findings.add("assignment_gap", gap, seed=seed, supports="random, equal masses")
    supports = lp.interval(int(settings["interval"]))
    _, plan = _duals(findings, supports, "intervals", None)
    _optima(findings, supports, plan, "intervals", None, step)
    _stated(findings, supports, lp.plan(supports).optimum)
    findings.rows.sort(key=lambda row: list(QUANTITIES).index(row["quantity"]))
    return findings


def _duals(findings: Findings, supports: lp.Supports, name: str, seed: int | None) -> tuple[Array, Array]:
    """Optima of the three programs; eq. 3's f [N + M] and the plan [N, M] are returned."""
    n = len(supports.real)
    cost, plan = lp.plan(supports)
    findings.add("cost", cost, seed=seed, supports=name)
    distances = np.linalg.norm(supports.real[:, None] - supports.fake[None], axis=2)
    pairs = {FULL: lp.all_pairs(len(supports.points)), COMPACT: lp.compact_pairs(supports)}
    solutions = {dual: lp.dual(supports.gain, supports.points, some) for dual, some in pairs.items()}
    for dual, (optimum, f) in solutions.items():
        about: dict[str, Any] = {"supports": name, "dual": dual}
        findings.add("optimum_ratio", optimum / cost, seed=seed, expected=1.0, constant="1", **about)
        for constant in CONSTANTS:
            # |K a - K b| = K |a - b|.
            other = lp.dual(supports.gain, constant * supports.points, pairs[dual]).optimum
            findings.add("optimum_ratio", other / cost, seed=seed, expected=constant, constant=f"{constant:g}", **about)
        unbounded = lp.dual(supports.gain, supports.points, pairs[dual][:0]).optimum
        findings.add("optimum_ratio", unbounded / cost, seed=seed, expected=1.0, constant="none", **about)
        # A pair's slack may be a rounding below zero: its size counts.
        slack = np.abs(distances - f[:n, None] + f[None, n:])
        findings.add("slackness", (plan * slack).sum(), seed=seed, **about)
        if dual == FULL:
            findings.add("matched_error", slack[plan > lp.MATCHED].max(), seed=seed, **about)
    return solutions[FULL].at, plan


def _optima(findings: Findings, supports: lp.Supports, plan: Array, name: str, seed: int | None, step: float) -> None:
    """What all optima of each dual share: on the supports, and at places a step from generated points."""
    points, n, matches = supports.points, len(supports.real), lp.matched(plan)
    pairs = {FULL: lp.all_pairs(len(points)), COMPACT: lp.compact_pairs(supports)}
    largest = {dual: lp.face(points, some, matches) for dual, some in pairs.items()}
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    same = (np.arange(len(points)) < n)[:, None] == (np.arange(len(points)) < n)[None]
    np.fill_diagonal(same, False)
    for dual, differences in largest.items():
        findings.add("steepest", (differences[same] / distances[same]).max(), seed=seed, supports=name, dual=dual)
    findings.add("optima_difference", np.abs(largest[FULL] - largest[COMPACT]).max(), seed=seed, supports=name)
    findings.add("freedom", (largest[COMPACT] + largest[COMPACT].T).max(), seed=seed, supports=name)

    # One matched real point for each generated one; the places stand behind the supports' points, and in no support.
    match = np.array([matches[matches[:, 1] == y, 0][0] for y in range(n, len(points))])
    towards = points[match] - supports.fake
    towards /= norms(towards)[:, None]
    across = np.stack([-towards[:, 1], towards[:, 0]], axis=1)
    for direction, unit in (("along", towards), ("across", across)):
        beyond = np.concatenate([points, supports.fake + step * unit])
        places, generated = np.arange(len(points), len(beyond)), np.arange(n, len(points))
        for dual, some, worst in ((FULL, lp.all_pairs(len(beyond)), np.max), (COMPACT, pairs[COMPACT], np.min)):
            ranges = _ranges(lp.face(beyond, some, matches), places, generated, step)
            findings.add("range", worst(ranges), seed=seed, supports=name, dual=dual, direction=direction)
    _blended(findings, supports, matches, match, name, seed, step)


def _ranges(reach: Array, places: Pairs, generated: Pairs, step: float) -> Array:
    """Widths [M] of the ranges of slopes between places and generated points; one of no width may round below zero."""
    return np.asarray(np.maximum(0, reach[places, generated] + reach[generated, places]) / step)


def _blended(
    findings: Findings, supports: lp.Supports, matches: Pairs, match: Pairs, name: str, seed: int | None, step: float
) -> None:
    """Value and slopes towards matches `match` [M] where f is 1-Lipschitz along the lines of the blending region alone."""
    n, m = len(supports.real), len(supports.fake)
    points, pairs = lp.blending(supports, step)
    gain = np.concatenate([supports.gain, np.zeros(len(points) - n - m)])
    ratio = lp.dual(gain, points, pairs).optimum / lp.plan(supports).optimum
    findings.add("optimum_ratio", ratio, seed=seed, expected=1.0, constant="1", supports=name, dual=BLENDING)
    places = n + m + 2 * (match * m + np.arange(m)) + 1
    ranges = _ranges(lp.face(points, pairs, matches), places, np.arange(n, n + m), step)
    findings.add("range", ranges.max(), seed=seed, supports=name, dual=BLENDING, direction="along")


def _near(findings: Findings, supports: lp.Supports, name: str, seed: int, share: float) -> None:
    """Steepest slopes between nearest neighbours of one support where the optimum is missed by a share of it."""
    points, n = supports.points, len(supports.real)
    floor = (1 - share) * lp.plan(supports).optimum
    for dual, pairs in ((FULL, lp.all_pairs(len(points))), (COMPACT, lp.compact_pairs(supports))):
        steepest = 0.0
        for a in range(len(points)):
            own = np.arange(n) if a < n else np.arange(n, len(points))
            others = own[own != a]
            away = norms(points[others] - points[a])
            b, distance = int(others[away.argmin()]), float(away.min())
            rise = max(lp.difference(points, pairs, *ends, supports.gain, floor) for ends in ((a, b), (b, a)))
            steepest = max(steepest, rise / distance)
        findings.add("steepest_near", steepest, seed=seed, supports=name, dual=dual)


def _stated(findings: Findings, supports: lp.Supports, cost: float) -> None:
    """The optimum that eq. 9 states, and it tilted along the intervals, against eq. 4's constraints and the optimum."""
    stated = np.repeat([1.0, 0.0], [len(supports.real), len(supports.fake)])
    a, b = lp.compact_pairs(supports).T
    for name, f in (("as stated", stated), ("tilted", stated + 0.1 * supports.points[:, 1])):
        gap = abs(float(supports.gain @ f) - cost)
        excess = float((f[a] - f[b] - norms(supports.points[a] - supports.points[b])).max())
        findings.add("stated_error", max(gap, excess), supports="intervals", function=name)


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
    ratios = rows_of(tables.quantities, quantity="optimum_ratio", constant="1")["value"]
    steepest, near = (rows_of(tables.quantities, quantity=name, dual=COMPACT) for name in ("steepest", "steepest_near"))
    return Content(
        pictures=[
            Picture(
                drawn,
                "Left: real and generated points, their areas as their masses, and the optimal plan, its widths as the mass "
                "moved. Right: along the line through the pair in blue, the values that f may take off the supports once it is "
                "optimal on them: under the Lipschitz condition between all points (eq. 3) a band, which between the two has "
                "no width, so that the gradient at the generated point is one along the line; under the condition between real "
                "and generated points alone (eq. 4) any value. The optima of both differ from the transport cost by a share of "
                f"{abs(ratios - 1).max():.1g} at most. At the optimum both are 1-Lipschitz within each support too (steepest "
                f"{steepest['value'].max():.4f}); 1 % below it eq. 4 allows slopes of up to {near['value'].max():.0f} between "
                "neighbours.",
            )
        ]
    )
