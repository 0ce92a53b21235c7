"""Vanishing, uninformative and unique: the taxonomy of GANs on exact critics of finite supports (Zhou et al. 2019, Table 1)."""

import math
from typing import Any, NamedTuple

import numpy as np

from wganlib.collecting.collected import Tables
from wganlib.measuring import linear_programs as lp
from wganlib.measuring import spaces
from wganlib.measuring.maps import norms
from wganlib.measuring.spaces import Critic, Masses
from wganlib.measuring.study import Array, Findings, Quantity, Study
from wganlib.methods.objectives import objective
from wganlib.reporting.content import Content, Picture
from wganlib.reporting.style import MARKERS, PALETTE, figure

QUANTITIES = {
    "vanishing": Quantity("generator's slope vanishes: 1 yes, 0 no", "within 0.5"),
    "uninformative": Quantity("f at generated points ignores where real ones lie: 1 yes, 0 no", "within 0.5"),
    "unique": Quantity("one f alone is optimal: 1 yes, 0 no", "within 0.5"),
    "generator_slope": Quantity("largest |psi'(f)| at generated points, supports apart"),
    "slope_decay": Quantity("that in the largest box over that in the smallest"),
    "change": Quantity("largest change of f between generated points as real ones move, over f's range; the least of many f"),
    "bounding": Quantity(
        "1 - (f(real) - f(fake)) / (k distance): largest over generated points of the least over real ones", "<= 1e-4"
    ),
    "constant": Quantity("Lipschitz constant k, supports apart"),
    "constant_ratio": Quantity("k over W1 / (2 weight), phi = x (after Lemma 15)", "in [0.9999, 1.0001]"),
    "shift_increase": Quantity("increase of the loss at f + 1 or f - 1, the less, supports overlapping"),
    "shift_increase_disjoint": Quantity("the same, supports apart"),
    "shift_width": Quantity("width of the set of c where f + c is as good, supports overlapping"),
    "spread": Quantity("largest difference between f from several starts, supports overlapping"),
    "solver_gap": Quantity("largest |loss reached - exact loss| over these starts", "<= 1e-8"),
}


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
            slopes = _vanishing(findings, name, method, apart, chosen, seed)
            change = _change(method, supports, moved(supports), chosen)
            findings.add("change", change, name, seed)
            unique = _unique(findings, name, method, common, starts, chosen, seed)
            result = optimum(method, apart, chosen.box, chosen.weight)
            findings.add("shift_increase_disjoint", min(shifted(method, apart, result, c) for c in (-1.0, 1.0)), name, seed)
            if result.constant is not None:
                findings.add("constant", result.constant, name, seed)
                findings.add("bounding", bounding(supports, result), name, seed)
            if name == "wgan, penalised":
                expected = lp.plan(supports).optimum / (2 * chosen.weight)
                findings.add("constant_ratio", (result.constant or math.nan) / expected, name, seed)
            # A slope that falls a thousandfold, where the box grows fourfold, goes to zero.
            findings.add("vanishing", slopes[-1] < 1e-3 * slopes[0], name, seed, float(method.vanishing))
            findings.add("uninformative", change <= chosen.tolerance, name, seed, float(method.uninformative))
            findings.add("unique", unique, name, seed, float(method.unique))
    findings.facts["in_table"] = [name for name, method in METHODS.items() if method.in_table]
    findings.rows.sort(key=lambda row: list(QUANTITIES).index(row["quantity"]))
    return findings


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


def _vanishing(findings: Findings, name: str, method: Method, masses: Masses, chosen: Settings, seed: int) -> list[float]:
    """The generator's slope in each box; Fisher's and all Lipschitz critics' generators have psi(f) = -f."""
    row, result = objective(method.objective), []
    boxed = method.space == "free"
    for box in chosen.boxes if boxed else chosen.boxes[-1:]:
        f = optimum(method, masses, box, chosen.weight).f
        result.append(float(np.abs(spaces.slopes(row.generator, f[masses.fake > 0])).max()))
        findings.add("generator_slope", result[-1], f"{name}, box {box:g}" if boxed else name, seed)
    findings.add("slope_decay", result[-1] / result[0], name, seed)
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


def _unique(
    findings: Findings,
    name: str,
    method: Method,
    masses: Masses,
    starts: Array,
    chosen: Settings,
    seed: int,
) -> bool:
    """Whether a shift costs and all starts end alike, where real and generated masses overlap: there every f is finite."""
    row = objective(method.objective)
    exact = optimum(method, masses, chosen.box, chosen.weight)
    increase = min(shifted(method, masses, exact, c) for c in (-1.0, 1.0))
    ends = [spaces.descend(row, masses, method.space, start, chosen.weight) for start in starts]
    spread = float(np.ptp([end.f for end in ends], axis=0).max())
    penalty = chosen.weight if method.space == "penalised" else 0.0
    exact_loss, *losses = (spaces.loss(row, masses, one.f) + penalty * (one.constant or 0.0) ** 2 for one in (exact, *ends))
    findings.add("shift_increase", increase, name, seed)
    findings.add("shift_width", width(method, masses, exact, chosen.tolerance), name, seed)
    findings.add("spread", spread, name, seed)
    findings.add("solver_gap", np.abs(np.array(losses) - exact_loss).max(), name, seed)
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
    for axis, quantity, floor in ((axes[0][1], "change", 1e-6), (axes[0][2], "shift_increase", 1e-6)):
        _values(axis, tables, quantity, floor)
    for axis, name in zip(axes[0], ("vanishing", "uninformative", "unique"), strict=True):
        _verdicts(axis, tables, name)
    axes[0][0].set(title="vanishing?", xlabel=r"generator's slope $|\psi^\prime(f)|$")
    axes[0][1].set(title="uninformative?", xlabel="change of $f$ as real points move")
    axes[0][2].set(title="unique?", xlabel=r"loss increase, $f \pm 1$")
    rows = tables.quantities[tables.quantities["quantity"].isin(["vanishing", "uninformative", "unique"])]
    agreeing = abs(rows["value"] - rows["expected"]) < 0.5
    listed = rows["case"].isin(tables.facts["in_table"])
    return Content(
        pictures=[
            Picture(
                drawn,
                "Three issues on exact optimal critics of small supports; each mark is a random support, verdicts stand at the "
                "right. Left: the generator's slope at generated points, supports apart, where |f| may grow to 5, 10 and 20 "
                "(darker); it bounds only the free critics. Middle: the largest change of f between generated points, over f's "
                "range, when the real points turn by a quarter around them; 0 for critics whose programs see masses alone. "
                "Right: the increase of the loss when f is shifted by 1, where real and generated mass overlap; for supports "
                f"apart the vanilla GAN's is {tables.text('shift_increase_disjoint', 'minimax_gan', form='.0e')}, since its "
                f"optimum lies at infinity. {int(agreeing[listed].sum())} of {int(listed.sum())} verdicts are those of the "
                f"paper's table, and {int(agreeing[~listed].sum())} of {int((~listed).sum())} those of its text for the second "
                "and the sixth row, which the table lacks.",
            )
        ]
    )


def _boxes(axis: Any, tables: Tables) -> None:
    boxes = [float(box) for box in tables.settings["boxes"]]
    for place, name in enumerate(GANS):
        for index, box in enumerate(boxes):
            shade = 0.35 + 0.65 * index / max(1, len(boxes) - 1)
            boxed = tables.mean("generator_slope", f"{name}, box {box:g}")
            slope = tables.mean("generator_slope", name) if np.isnan(boxed) else boxed
            axis.plot(slope, place, MARKERS["wgan_gp"], color=PALETTE[0], alpha=shade, markersize=3.5, markeredgewidth=0)
    axis.set_xlim(1e-10, 1e4)
    axis.set_xticks([1e-9, 1e-6, 1e-3, 1])


def _values(axis: Any, tables: Tables, quantity: str, floor: float) -> None:
    """Values on a logarithmic axis; those below the floor stand at its left edge, labelled 0."""
    zero = floor / 10
    for place, name in enumerate(GANS):
        result = tables.quantities[(tables.quantities["quantity"] == quantity) & (tables.quantities["case"] == name)]["value"]
        shown = np.where(result < floor, zero, result)
        axis.plot(shown, np.full(len(shown), place), "o", color=PALETTE[0], alpha=0.6, markersize=3, markeredgewidth=0)
    axis.set_xlim(zero / 4, 3e2)
    axis.set_xticks([zero, 1e-6, 1e-3, 1], ["0", "$10^{-6}$", "$10^{-3}$", "1"])
    axis.axvline(zero * 3, color="0.6", linewidth=0.6, linestyle=":")


def _verdicts(axis: Any, tables: Tables, name: str) -> None:
    style = {"fontsize": 7, "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.8}}
    for place, gan in enumerate(GANS):
        share = tables.mean(name, gan)
        text = {0.0: "No", 1.0: "Yes"}.get(share, f"{share:.1f}")
        rows = tables.quantities[(tables.quantities["quantity"] == name) & (tables.quantities["case"] == gan)]
        if not np.isclose(rows["expected"].mean(), share):
            text += "*"
        axis.text(0.98, place, text, transform=axis.get_yaxis_transform(), ha="right", va="center", **style)
