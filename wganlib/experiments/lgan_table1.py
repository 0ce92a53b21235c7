"""Vanishing, uninformative and unique: the taxonomy of GANs on exact critics of finite supports (Zhou et al. 2019, Table 1)."""

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from wganlib.collecting.collected import Tables
from wganlib.measuring import linear_programs as lp
from wganlib.measuring import spaces
from wganlib.measuring.maps import norms
from wganlib.measuring.spaces import Critic, Masses
from wganlib.measuring.study import Array, Findings, Quantity, Study
from wganlib.methods.objectives import objective
from wganlib.reporting.content import Content, Picture, by_labels, rows_of
from wganlib.reporting.style import MARKERS, PALETTE, figure

QUANTITIES = {
    "vanishing": Quantity("generator's slope vanishes: 1 yes, 0 no; expected: the paper's table, or its text"),
    "uninformative": Quantity("f at generated points ignores where real ones lie: 1 yes, 0 no; expected: likewise"),
    "unique": Quantity("one f alone is optimal: 1 yes, 0 no; expected: likewise"),
    "generator_slope": Quantity("largest |psi'(f)| at generated points"),
    "slope_decay": Quantity("that in the largest box over that in the smallest, supports apart"),
    "change": Quantity("largest change of f between generated points as points move, over f's range; the least of many f"),
    "bounding": Quantity(
        "1 - (f(real) - f(fake)) / (k distance): largest over generated points of the least over real ones, supports apart"
    ),
    "constant": Quantity("Lipschitz constant k"),
    "constant_ratio": Quantity("k over W1 / (2 weight), supports apart"),
    "steepest_pair": Quantity("steepest slope between two points over k, supports overlapping"),
    "slope_cost": Quantity("loss of a critic of slope 1 less that of the best, real and generated masses equal"),
    "shift_increase": Quantity("increase of the loss at f + 1 or f - 1, the less"),
    "shift_width": Quantity("width of the set of c where f + c is as good, supports overlapping"),
    "spread": Quantity("largest difference between f from several starts, supports overlapping"),
    "solver_gap": Quantity("largest |loss reached - exact loss| over these starts"),
}
"""Supports: "apart"; "overlapping", points that are real and generated with other masses; "equal", with equal ones; "shifted",
as these but the generated ones SHIFT beside the real ones."""

SHIFT = 0.1


class Method(NamedTuple):
    """An objective in a space of functions, and whether its gradient vanishes, is uninformative, and f is unique (Table 1).

    `in_table`: whether the paper's table has this row; the others go by its text.
    """

    objective: str
    space: str
    vanishing: bool
    uninformative: bool
    unique: bool
    in_table: bool = True


METHODS = {
    "minimax_gan": Method("minimax_gan", "free", True, True, True),
    # Not in the table: section 2.3 says that it changes the generator's slope alone, so that it does not vanish.
    "nonsaturating_gan": Method("nonsaturating_gan", "free", False, True, True, in_table=False),
    "quadratic_lsgan": Method("quadratic_lsgan", "free", False, True, True),
    "fisher": Method("wgan", "fisher", False, True, True),
    "wgan": Method("wgan", "lipschitz", False, False, False),
    # Satisfies eq. 11, and so the table's last row, but not Theorem 1, which asks for strict convexity: not unique.
    "wgan, penalised": Method("wgan", "penalised", False, False, False, in_table=False),
    "log_sigmoid": Method("log_sigmoid", "penalised", False, False, True),
    "sqrt": Method("sqrt", "penalised", False, False, True),
    "exp": Method("exp", "penalised", False, False, True),
}


class Settings(NamedTuple):
    """Bounds on |f| in the free space, smallest first, weight of the penalty on k, and what counts as no change."""

    boxes: list[float]
    weight: float
    tolerance: float

    @property
    def box(self) -> float:
        return self.boxes[-1]


FURTHEST = 1e3
"""Shifts beyond it are not looked at: a loss that has not risen there counts as one that never does."""


def measure(study: Study) -> Findings:
    """The numbers behind each column on every random support, and the verdicts."""
    findings = Findings(QUANTITIES)
    settings = study.settings
    chosen = Settings([float(box) for box in settings["boxes"]], float(settings["weight"]), float(settings["tolerance"]))
    for seed in study.seeds:
        generator = np.random.default_rng(seed)
        supports = lp.random_supports(int(settings["real"]), int(settings["fake"]), generator)
        apart, common = spaces.disjoint(supports), spaces.overlapping(int(settings["overlapping"]), generator)
        starts = generator.normal(size=(int(settings["starts"]), len(common.points)))
        for name, method in METHODS.items():
            about: dict[str, Any] = {"seed": seed, "method": name}
            slopes = _vanishing(findings, method, apart, chosen, about)
            change = _change(method, supports, moved(supports), chosen)
            findings.add("change", change, supports="apart", **about)
            unique = _unique(findings, method, common, starts, chosen, about)
            result = optimum(method, apart, chosen.box, chosen.weight)
            increase = min(shifted(method, apart, result, c) for c in (-1.0, 1.0))
            findings.add("shift_increase", increase, supports="apart", **about)
            constant = result.constant or steepest(apart, result.f)
            findings.add("bounding", bounding(supports, Critic(result.f, constant)), **about)
            if method.space == "penalised":
                findings.add("constant", constant, supports="apart", **about)
                expected = lp.plan(supports).optimum / (2 * chosen.weight)
                findings.add("constant_ratio", constant / expected, **about)
            _overlapping(findings, method, common, starts[0], chosen, about)
            # A slope that falls a thousandfold, where the box grows fourfold, goes to zero.
            findings.add("vanishing", slopes[-1] < 1e-3 * slopes[0], expected=float(method.vanishing), **about)
            findings.add("uninformative", change <= chosen.tolerance, expected=float(method.uninformative), **about)
            findings.add("unique", unique, expected=float(method.unique), **about)
    findings.facts["in_table"] = [name for name, method in METHODS.items() if method.in_table]
    findings.rows.sort(key=lambda row: list(QUANTITIES).index(row["quantity"]))
    return findings


def _overlapping(
    findings: Findings, method: Method, common: Masses, start: Array, chosen: Settings, about: dict[str, Any]
) -> None:
    """Where points are real and generated: how f and its slopes depend on masses and places (section 3.1, Theorem 2c and d)."""
    row = objective(method.objective)
    best = optimum(method, common, chosen.box, chosen.weight)
    slope = np.abs(spaces.slopes(row.generator, best.f)).max()
    findings.add("generator_slope", slope, supports="overlapping", box="none", **about)
    if method.objective != "wgan" or method.space == "fisher":
        # One f alone is the best here. Each mass takes the next one's place.
        turned = Masses(np.roll(common.points, 1, axis=0), common.real, common.fake)
        difference = best.f - optimum(method, turned, chosen.box, chosen.weight).f
        findings.add("change", np.ptp(difference) / np.ptp(best.f), supports="overlapping", **about)
    equal = Masses(common.points, common.real, common.real)
    sloping = start / steepest(common, start)
    if method.space == "lipschitz":
        cost = spaces.loss(row, equal, sloping) - spaces.loss(row, equal, np.zeros_like(sloping))
        findings.add("slope_cost", cost, **about)
    if method.space == "penalised":
        zero = np.zeros_like(common.real)
        beside = np.concatenate([common.points, common.points + np.array([SHIFT, 0.0])])
        shifted_by = Masses(beside, np.append(common.real, zero), np.append(zero, common.real))
        findings.add("constant", best.constant or math.nan, supports="overlapping", **about)
        findings.add("steepest_pair", steepest(common, best.f) / (best.constant or math.nan), **about)
        for name, masses, begin in (("equal", equal, start), ("shifted", shifted_by, np.append(start, start))):
            constant = spaces.descend(row, masses, "penalised", begin, chosen.weight).constant or 0.0
            findings.add("constant", constant, supports=name, **about)
            if name == "equal":
                cost = spaces.loss(row, equal, sloping) + chosen.weight - spaces.loss(row, equal, np.zeros_like(sloping))
                findings.add("slope_cost", cost, **about)


def steepest(masses: Masses, f: Array) -> float:
    """The steepest slope of values [P] between two points."""
    pairs = lp.all_pairs(len(f))
    return float(
        (np.abs(f[pairs[:, 0]] - f[pairs[:, 1]]) / norms(masses.points[pairs[:, 0]] - masses.points[pairs[:, 1]])).max()
    )


def optimum(method: Method, masses: Masses, box: float, weight: float) -> Critic:
    """The best critic; where there are many, one of them. Only the free space has a box: there optima may lie at infinity."""
    row = objective(method.objective)
    if method.space == "free":
        return spaces.free(row, masses, box)
    if method.space == "fisher":
        return spaces.fisher(masses)
    if method.space == "lipschitz":
        return spaces.lipschitz(masses)
    return spaces.descend(row, masses, method.space, masses.real - masses.fake, weight)


def moved(supports: lp.Supports) -> lp.Supports:
    """Real points [N, 2] turned by a quarter around the generated ones' mean: all masses at all points are as before."""
    centre = supports.fake.mean(axis=0)
    return lp.Supports(
        (supports.real - centre) @ np.array([[0.0, 1.0], [-1.0, 0.0]]) + centre,
        supports.fake,
        supports.real_mass,
        supports.fake_mass,
    )


def _vanishing(findings: Findings, method: Method, masses: Masses, chosen: Settings, about: dict[str, Any]) -> list[float]:
    """The generator's slope in each box; Fisher's and all Lipschitz critics' generators have psi(f) = -f."""
    row, result = objective(method.objective), []
    boxed = method.space == "free"
    for box in chosen.boxes if boxed else chosen.boxes[-1:]:
        f = optimum(method, masses, box, chosen.weight).f
        result.append(float(np.abs(spaces.slopes(row.generator, f[masses.fake > 0])).max()))
        findings.add("generator_slope", result[-1], supports="apart", box=f"{box:g}" if boxed else "none", **about)
    findings.add("slope_decay", result[-1] / result[0], **about)
    return result


def _change(method: Method, before: lp.Supports, after: lp.Supports, chosen: Settings) -> float:
    """How much differences of f between generated points change; constants do not count, as WGAN's are free."""
    generated = slice(len(before.real), None)
    critics = [optimum(method, spaces.disjoint(supports), chosen.box, chosen.weight) for supports in (before, after)]
    scale = float(np.ptp(critics[0].f)) or math.inf  # a constant f changes by nothing
    if method.objective == "wgan" and method.space != "fisher":
        # All optima: f over its constant k is one of the 1-Lipschitz ones, of which `face` knows all. What two sets of ranges
        # leave between them is the least change.
        largest = []
        for supports, critic in zip((before, after), critics, strict=True):
            pairs, matches = lp.all_pairs(len(supports.points)), lp.matched(lp.plan(supports).at)
            largest.append((critic.constant or 1.0) * lp.face(supports.points, pairs, matches)[generated, generated])
        gaps = [-one.T - other for one, other in (largest, largest[::-1])]
        return max(0.0, float(np.max(gaps))) / scale
    first, second = (critic.f[generated] for critic in critics)
    return float(np.abs((first[:, None] - first) - (second[:, None] - second)).max()) / scale


def shifted(method: Method, masses: Masses, critic: Critic, c: float) -> float:
    """The loss of f + c less that of f; the penalty on k does not see c. Fisher's f + c is brought back to E_mu f^2 = 1."""
    row, f = objective(method.objective), critic.f + c
    if method.space == "fisher":
        f = f / spaces.second_moment(masses, f) ** 0.5
    return spaces.loss(row, masses, f) - spaces.loss(row, masses, critic.f)


def width(method: Method, masses: Masses, critic: Critic, tolerance: float) -> float:
    """Width of the set of c with `shifted` within the tolerance, infinite where it reaches FURTHEST; bisection on each side."""
    total = 0.0
    for sign in (-1.0, 1.0):
        low, high = 0.0, FURTHEST
        if shifted(method, masses, critic, sign * high) <= tolerance:
            return math.inf
        for _ in range(100):
            middle = (low + high) / 2
            inside = shifted(method, masses, critic, sign * middle) <= tolerance
            low, high = (middle, high) if inside else (low, middle)
        total += low
    return total


def _unique(findings: Findings, method: Method, masses: Masses, starts: Array, chosen: Settings, about: dict[str, Any]) -> bool:
    """Whether a shift costs and all starts end alike, where real and generated masses overlap: there every f is finite."""
    row = objective(method.objective)
    exact = optimum(method, masses, chosen.box, chosen.weight)
    increase = min(shifted(method, masses, exact, c) for c in (-1.0, 1.0))
    ends = [spaces.descend(row, masses, method.space, start, chosen.weight) for start in starts]
    spread = float(np.ptp([end.f for end in ends], axis=0).max())
    penalty = chosen.weight if method.space == "penalised" else 0.0
    exact_loss, *losses = (spaces.loss(row, masses, one.f) + penalty * (one.constant or 0.0) ** 2 for one in (exact, *ends))
    findings.add("shift_increase", increase, supports="overlapping", **about)
    findings.add("shift_width", width(method, masses, exact, chosen.tolerance), **about)
    findings.add("spread", spread, **about)
    findings.add("solver_gap", np.abs(np.array(losses) - exact_loss).max(), **about)
    # A loss within the tolerance leaves f to about its root.
    return increase > chosen.tolerance and spread < math.sqrt(chosen.tolerance)


def bounding(supports: lp.Supports, critic: Critic) -> float:
    """How far generated points are from Theorem 3's f(real) - f(fake) = k distance: 0 where each has such a real point."""
    n = len(supports.real)
    distances = norms((supports.real[:, None] - supports.fake[None]).reshape(-1, supports.real.shape[1])).reshape(n, -1)
    share = (critic.f[:n, None] - critic.f[None, n:]) / ((critic.constant or math.nan) * distances)
    return float((1 - share).min(axis=0).max())


GANS = {
    "minimax_gan": "vanilla GAN",
    "nonsaturating_gan": "non-saturating GAN",
    "quadratic_lsgan": "least-squares GAN",
    "fisher": r"$\mu$-Fisher GAN",
    "wgan": "Wasserstein GAN",
    "wgan, penalised": r"penalised, $x$",
    "log_sigmoid": r"LGAN, $-\log\,\sigma(-x)$",
    "sqrt": r"LGAN, $x+\sqrt{x^2+1}$",
    "exp": r"LGAN, $e^x$",
}


def report(tables: Tables) -> Content:
    """One panel a column of the paper's table, one row a GAN; yes or no beside each."""
    drawn, axes = figure(2.7, 3, sharey=True)
    for panel, axis in enumerate(axes[0]):
        axis.set(xscale="log", ylim=(len(GANS) - 0.5, -0.5))
        axis.grid(axis="y", linewidth=0.3, color="0.85")
        axis.tick_params(axis="y", length=0 if panel else 3)
        axis.minorticks_off()
    axes[0][0].set_yticks(range(len(GANS)), list(GANS.values()), fontsize=7)
    _boxes(axes[0][0], tables)
    _values(axes[0][1], rows_of(tables.quantities, quantity="change", supports="apart"), 1e-6)
    _values(axes[0][2], rows_of(tables.quantities, quantity="shift_increase", supports="overlapping"), 1e-6)
    for axis, name in zip(axes[0], ("vanishing", "uninformative", "unique"), strict=True):
        _verdicts(axis, tables, name)
    axes[0][0].set(title="vanishing?", xlabel=r"generator's slope $|\psi^\prime(f)|$")
    axes[0][1].set(title="uninformative?", xlabel="change of $f$ as real points move")
    axes[0][2].set(title="unique?", xlabel=r"loss increase, $f \pm 1$")
    rows = tables.quantities[tables.quantities["quantity"].isin(["vanishing", "uninformative", "unique"])]
    agreeing = abs(rows["value"] - rows["expected"]) < 0.5
    listed = rows["method"].isin(tables.facts["in_table"])
    moved_away = rows_of(tables.quantities, quantity="shift_increase", supports="apart", method="minimax_gan")["value"].mean()
    return Content(
        pictures=[
            Picture(
                drawn,
                "Three issues on exact optimal critics of small supports; each mark is a random support, verdicts stand at the "
                "right. Left: the generator's slope at generated points, supports apart, where |f| may grow to 5, 10 and 20 "
                "(darker); it bounds only the free critics. Middle: the largest change of f between generated points, over f's "
                "range, when the real points turn by a quarter around them; 0 for critics whose programs see masses alone. "
                "Right: the increase of the loss when f is shifted by 1, where real and generated mass overlap; for supports "
                f"apart the vanilla GAN's is {moved_away:.0e}, since its "
                f"optimum lies at infinity. {int(agreeing[listed].sum())} of {int(listed.sum())} verdicts are those of the "
                f"paper's table, and {int(agreeing[~listed].sum())} of {int((~listed).sum())} those of its text for the second "
                "and the sixth row, which the table lacks.",
            )
        ]
    )


def _boxes(axis: Any, tables: Tables) -> None:
    """The mean slope over supports, the larger the box the darker; one dark mark where there is no box."""
    slopes = rows_of(tables.quantities, quantity="generator_slope", supports="apart")
    for place, name in enumerate(GANS):
        boxes = [rows["value"].mean() for _, rows in by_labels(rows_of(slopes, method=name), ["box"])]
        for slope, shade in zip(boxes, np.linspace(0.35, 1, len(boxes)) if len(boxes) > 1 else [1.0], strict=True):
            style = {"color": PALETTE[0], "alpha": shade, "markersize": 3.5, "markeredgewidth": 0}
            axis.plot(slope, place, MARKERS["wgan_gp"], **style)
    axis.set_xlim(1e-10, 1e4)
    axis.set_xticks([1e-9, 1e-6, 1e-3, 1])


def _values(axis: Any, rows: pd.DataFrame, floor: float) -> None:
    """Values on a logarithmic axis; those below the floor stand at its left edge, labelled 0."""
    zero = floor / 10
    for place, name in enumerate(GANS):
        result = rows_of(rows, method=name)["value"]
        shown = np.where(result < floor, zero, result)
        axis.plot(shown, np.full(len(shown), place), "o", color=PALETTE[0], alpha=0.6, markersize=3, markeredgewidth=0)
    axis.set_xlim(zero / 4, 3e2)
    axis.set_xticks([zero, 1e-6, 1e-3, 1], ["0", "$10^{-6}$", "$10^{-3}$", "1"])
    axis.axvline(zero * 3, color="0.6", linewidth=0.6, linestyle=":")


def _verdicts(axis: Any, tables: Tables, name: str) -> None:
    style = {"fontsize": 7, "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.8}}
    for place, gan in enumerate(GANS):
        rows = rows_of(tables.quantities, quantity=name, method=gan)
        share = float(rows["value"].mean())
        text = {0.0: "No", 1.0: "Yes"}.get(share, f"{share:.1f}")
        if not np.isclose(rows["expected"].mean(), share):
            text += "*"
        axis.text(0.98, place, text, transform=axis.get_yaxis_transform(), ha="right", va="center", **style)
