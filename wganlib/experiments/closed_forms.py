"""What the papers state exactly, or count, computed: closed forms, linear and convex programs, sums of printed numbers."""

import itertools
import math

import numpy as np
import pandas as pd
import torch

from wganlib import architectures
from wganlib.architectures.families.lsun64 import Lsun64Spec
from wganlib.architectures.families.wgan import WganSpec
from wganlib.architectures.modules import NONLINEARITIES
from wganlib.architectures.nodes import Layer, leaves
from wganlib.collecting.collected import Tables
from wganlib.datasets import DataShape
from wganlib.measuring import divergences as div
from wganlib.measuring import landscapes
from wganlib.measuring import linear_programs as lp
from wganlib.measuring.flows import flow
from wganlib.measuring.maps import assignment, norms
from wganlib.measuring.study import Array, Findings, Quantity, Study
from wganlib.reporting.content import Content, Picture, Table, rows_of
from wganlib.reporting.grammar import by_options, over_seeds
from wganlib.reporting.style import DASHES, FAKE, PALETTE, REAL, figure

QUANTITIES = {
    "order_excess": Quantity("largest excess of a distance over its bound by another, random distributions on a line"),
    "ebgan_ratio": Quantity("energy-based GAN's generator cost at the best discriminator over margin / 2 x a distance"),
    "metric_ratio": Quantity("largest difference of means over a set of functions over the total variation"),
    "discrepancy_ratio": Quantity("largest difference of means over a ball over that over |f| <= 1"),
    "discrepancy_cost": Quantity("evaluations of a kernel a step over what a GAN's step is counted as"),
    "slack_value": Quantity("E_real f - E_fake f over W1 of a critic beside the optimum"),
    "slack_penalty": Quantity("its two-sided penalty on lines between random pairs"),
    "second_jump": Quantity("second derivative below 0 less that above"),
    "penalty_jump": Quantity("penalty before a unit v f(w x + b) starts less after; expected: ReLU's, 1 - (|v w| - 1)^2"),
    "simplex_js": Quantity("Jensen-Shannon divergence of letters as vertices and a generator's outputs, nats"),
    "simplex_w1": Quantity("W1 of the same"),
    "simplex_fall": Quantity("W1 at a temperature less that at twice the temperature"),
    "trap": Quantity("generator's loss with a mode dropped less that with one point moved away; the most of all points"),
    "flow_cost": Quantity("W1 between real points and generated ones that have followed the exact critic"),
    "parameter_ratio": Quantity("parameters of the DCGAN generator over those of another generator"),
    "layers": Quantity("weight layers from end to end"),
    "count_excess": Quantity("sum of printed counts less the printed total"),
    "success_rise": Quantity("architectures that succeed at a threshold less those at the threshold below it"),
}

OBJECTIVES = {"wgan": "x", "sqrt": "x + √(x² + 1)", "exp": "exp x", "log_sigmoid": "−log σ(−x)"}
"""Of the generated points that follow a critic."""

STILL, RANDOM = "least-squares GAN", "random ways"
"""Points without a way to follow: a critic without slopes at isolated points, and ways that know nothing of the data."""

MARGINS = (1.0, 10.0)
SEQUENCE = (2, 10, 100, 1000)
TEMPERATURES = tuple(2.0**-i for i in range(8))
VOCABULARY = 5
NEAR_ZERO = 1e-9
"""How far from 0 derivatives are taken on both sides."""

PAPER, DEMO = DataShape("images", (3, 64, 64)), DataShape("images", (1, 16, 16))


def measure(study: Study) -> Findings:
    """Every quantity; where generated points go, [seeds, steps + 1] by objective, and one support where they stay away."""
    findings, settings = Findings(QUANTITIES), study.settings
    for seed in study.seeds:
        generator = np.random.default_rng(seed)
        _distances(findings, generator, int(settings["masses"]), int(settings["pairs"]), seed)
        _slack(findings, generator, int(settings["lines"]), seed)
        _penalty_jumps(findings, generator, seed)
        _simplex(findings, generator, seed)
    _flows(findings, study)
    _cost(findings)
    _second_derivatives(findings)
    _traps(findings)
    _networks(findings)
    _counts(findings, study)
    findings.rows.sort(key=lambda row: list(QUANTITIES).index(row["quantity"]))
    return findings


def _distances(findings: Findings, generator: np.random.Generator, count: int, pairs: int, seed: int) -> None:
    """Inequalities between distances, and sets of functions, on random distributions with mass everywhere."""
    places = np.sort(generator.random(count))
    # From even to almost disjoint.
    masses = generator.dirichlet(np.ones(count), (2, pairs)) ** generator.choice([1.0, 2.0, 4.0], (2, pairs, 1)) + 1e-6
    p, q = masses / masses.sum(axis=2, keepdims=True)
    tv, kl, js = div.total_variation(p, q), div.kullback_leibler(p, q), div.jensen_shannon(p, q)
    w1 = div.line_transport(p, q, places)
    shrinking = np.array([1 - 1 / n for n in SEQUENCE])  # total variation 1 of point masses at distance W1 = 1 / n
    excesses = {
        "TV by KL": tv - np.sqrt(kl / 2),
        "TV by reverse KL": tv - np.sqrt(div.kullback_leibler(q, p) / 2),
        "TV by JS": tv - 2 * np.sqrt(js),
        "JS by TV": js - math.log(2) * tv,
        "W1 by TV": w1 - (places[-1] - places[0]) * tv,
        "TV by W1": shrinking,
    }
    for name, excess in excesses.items():
        findings.add("order_excess", excess.max(), seed=seed, bound=name)
    first, second, total = p[0], q[0], float(tv[0])
    distances = {"TV": total, "L1": 2 * total, "JS": float(js[0]), "W1": float(w1[0])}
    for margin, (name, distance) in itertools.product(MARGINS, distances.items()):
        ratio = div.ebgan_cost(first, second, margin) / (margin / 2 * distance)
        findings.add("ebgan_ratio", ratio, seed=seed, distance=name, margin=f"{margin:g}")
    bounded = div.bounded_metric(first, second, 1.0)
    findings.add("metric_ratio", bounded / total, seed=seed, functions="bounded by 1")
    findings.add("metric_ratio", float(w1[0]) / total, seed=seed, functions="1-Lipschitz")
    even = (np.arange(count) + 0.5) / count
    findings.add("discrepancy_ratio", div.square_ball_metric(first, second) / bounded, seed=seed, ball="L2")
    twice = div.bounded_metric(first, second, 2.0)
    findings.add("discrepancy_ratio", twice / bounded, seed=seed, ball="bounded by 2")
    findings.add("discrepancy_ratio", div.gaussian_ball_metric(first, second, even, 0.2) / bounded, seed=seed, ball="Gaussian")


def _cost(findings: Findings) -> None:
    """A batch of 4096 images under a kernel, against a GAN's batch of 64 counted as 64 or, like the kernel, as pairs."""
    for counted, units in (("examples", 64), ("pairs", 64**2)):
        findings.add("discrepancy_cost", 4096**2 / units, counted=counted)


def _slack(findings: Findings, generator: np.random.Generator, lines: int, seed: int) -> None:
    """Critics that are optimal in the Kantorovich-Rubinstein dual, and whether the two-sided penalty sees them.

    The most of f(y) - |z - y| over real y takes up an optimum's values: where x is matched with y, f(x) = f(y) - |x - y|, and
    no other real point gives more. So does the least of f(x) + |z - x| over generated x, and the mean of both, whose slopes
    are less.
    """
    supports = lp.random_supports(12, 15, generator)
    n, cost = len(supports.real), lp.plan(supports).optimum
    f = lp.dual(supports.gain, supports.points, lp.all_pairs(len(supports.points))).at
    rows = generator.integers(0, (n, len(supports.fake)), (lines, 2))
    share = generator.random((lines, 1))
    between = share * supports.real[rows[:, 0]] + (1 - share) * supports.fake[rows[:, 1]]
    low, high = envelopes(supports, f, supports.points)
    low_slope, high_slope = envelope_slopes(supports, f, between)
    for name, value, slope in (
        ("from real points", low, low_slope),
        ("mean of two", (low + high) / 2, (low_slope + high_slope) / 2),
    ):
        findings.add("slack_value", float(supports.gain @ value) / cost, seed=seed, critic=name)
        findings.add("slack_penalty", float(((norms(slope) - 1) ** 2).mean()), seed=seed, critic=name)


def envelopes(supports: lp.Supports, f: Array, at: Array) -> tuple[Array, Array]:
    """At places [K, D] the most of f(y) - |z - y| over real y, and the least of f(x) + |z - x| over generated x; f [N + M]."""
    n = len(supports.real)
    return lp.extension(f[:n], supports.real, at)[0], lp.extension(f[n:], supports.fake, at)[1]


def envelope_slopes(supports: lp.Supports, f: Array, at: Array) -> tuple[Array, Array]:
    """Their gradients [K, D]: towards the real point that gives the most, away from the generated one that gives the least."""
    n = len(supports.real)
    to_real, from_fake = supports.real - at[:, None], at[:, None] - supports.fake
    most = (f[:n] - np.linalg.norm(to_real, axis=2)).argmax(axis=1)
    least = (f[n:] + np.linalg.norm(from_fake, axis=2)).argmin(axis=1)
    rows = np.arange(len(at))
    towards, away = to_real[rows, most], from_fake[rows, least]
    return towards / norms(towards)[:, None], away / norms(away)[:, None]


def _second_derivatives(findings: Findings) -> None:
    for name in ("elu", "smooth_elu", "relu"):
        below, above = second_derivatives(name, np.array([-NEAR_ZERO, NEAR_ZERO]))
        findings.add("second_jump", below - above, nonlinearity=name)


def second_derivatives(name: str, x: Array) -> Array:
    """A nonlinearity's second derivative at x [N], by differentiating twice as the penalty's gradient does."""
    at = torch.as_tensor(x, dtype=torch.float64).requires_grad_()
    (first,) = torch.autograd.grad(NONLINEARITIES[name](at).sum(), at, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), at)
    return np.asarray(second.numpy())


def _penalty_jumps(findings: Findings, generator: np.random.Generator, seed: int) -> None:
    """The penalty of one unit at one place, as its bias crosses the value at which the unit starts."""
    v, w, x = generator.uniform(0.5, 1.3, 3)
    for name in ("relu", "elu", "smooth_elu"):
        before, after = (unit_penalty(name, v, w, -w * x + side, x) for side in (-NEAR_ZERO, NEAR_ZERO))
        findings.add("penalty_jump", before - after, seed=seed, expected=float(1 - (v * w - 1) ** 2), nonlinearity=name)


def unit_penalty(name: str, v: float, w: float, b: float, x: float) -> float:
    """(|df/dx| - 1)^2 at x of f = v s(w x + b), s a nonlinearity (Gulrajani et al. 2017, eq. 3)."""
    at = torch.tensor([x], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad((v * NONLINEARITIES[name](w * at + b)).sum(), at)
    return (abs(float(slope)) - 1) ** 2


def _simplex(findings: Findings, generator: np.random.Generator, seed: int) -> None:
    """Letters as vertices of the simplex, and a generator that has learnt them but for its softmax's temperature."""
    logits = generator.normal(size=(64, VOCABULARY))
    letters = np.eye(VOCABULARY)[logits.argmax(axis=1)]
    costs = []
    for temperature in TEMPERATURES:
        outputs = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
        outputs /= outputs.sum(axis=1, keepdims=True)
        costs.append(assignment(outputs, letters)[1])
        findings.add("simplex_js", samples_js(outputs, letters), seed=seed, output="softmax", temperature=f"{temperature:g}")
        findings.add("simplex_w1", costs[-1], seed=seed, output="softmax", temperature=f"{temperature:g}")
    for (_, temperature), (more, less) in zip(itertools.pairwise(TEMPERATURES), itertools.pairwise(costs), strict=True):
        findings.add("simplex_fall", less - more, seed=seed, temperature=f"{temperature:g}")
    findings.add("simplex_js", samples_js(letters[::-1], letters), seed=seed, output="vertices", temperature="0")


def samples_js(first: Array, second: Array) -> float:
    """Jensen-Shannon divergence of two sets of points [N, D], [M, D] of equal masses each; equal points are one."""
    points, index = np.unique(np.concatenate([first, second]), axis=0, return_inverse=True)
    p, q = (np.bincount(part, minlength=len(points)) / len(part) for part in np.split(index.ravel(), [len(first)]))
    return float(div.jensen_shannon(p, q))


def _flows(findings: Findings, study: Study) -> None:
    """Generated points that follow the exact critic from random supports; those that end farthest away are for the figure."""
    settings, count = study.settings, int(study.settings["flow_points"])
    step, steps = float(settings["step"]), int(settings["steps"])
    costs: dict[str, list[Array]] = {name: [] for name in OBJECTIVES.values()}
    worst = -1.0
    for seed in study.seeds:
        generator = np.random.default_rng(seed)
        drawn = lp.random_supports(count, count, generator)
        for objective, name in OBJECTIVES.items():
            ended = flow(drawn.real, drawn.fake, objective, float(settings["weight"]), step, steps)
            costs[name].append(np.pad(ended.costs, (0, steps + 1 - len(ended.costs)), mode="edge"))
            findings.add("flow_cost", ended.costs[-1], seed=seed, objective=name)
            if ended.costs[-1] > worst:
                worst = float(ended.costs[-1])
                findings.arrays |= {"real": drawn.real, "begin": drawn.fake, "end": ended.fake}
                findings.facts["ends"] = {"objective": name, "seed": seed, "cost": worst}
        findings.add("flow_cost", assignment(drawn.fake, drawn.real)[1], seed=seed, objective=STILL)
        way = generator.normal(size=(steps, count, 2))
        astray = drawn.fake + step * (way / np.linalg.norm(way, axis=2, keepdims=True)).sum(axis=0)
        findings.add("flow_cost", assignment(astray, drawn.real)[1], seed=seed, objective=RANDOM)
    findings.arrays |= {f"costs/{name}": np.stack(values) for name, values in costs.items()}


def _traps(findings: Findings) -> None:
    """Two real points and two generated ones, both at the first real one; then one of them away from both."""
    real, dropped = np.array([0.5, 0.5, 0.0]), np.array([1.0, 0.0, 0.0])
    moved = landscapes.separable(real, np.array([0.5, 0.0, 0.5]))
    findings.add("trap", landscapes.separable(real, dropped) - moved, loss="GAN")
    # Each real point with a generated one of its own, or every real one with every generated one.
    fixed = [landscapes.relativistic(_pairs((0, y), (1, z))) for y, z in ((0, 0), (2, 0), (0, 2))]
    findings.add("trap", fixed[0] - min(fixed[1:]), loss="relativistic, fixed pairs")
    every = [landscapes.relativistic(_pairs((0, y), (0, z), (1, y), (1, z))) for y, z in ((0, 0), (0, 2))]
    findings.add("trap", every[0] - every[1], loss="relativistic, all pairs")
    # W1 of places 0 and 1, the one that is moved half way between.
    findings.add("trap", 0.5 - 0.25, loss="W1")


def _pairs(*places: tuple[int, int]) -> Array:
    weights = np.zeros((3, 3))
    for real, fake in places:
        weights[real, fake] += 1 / len(places)
    return weights


def _networks(findings: Findings) -> None:
    """Parameters of Arjovsky et al. 2017's and Gulrajani et al. 2017's generators, and layers of the latter's deepest pair."""
    wgan = {
        "constant filters": WganSpec(family="wgan", generator="constant_filters"),
        "no batch norm, the code's": WganSpec(family="wgan", generator="no_batch_norm"),
        "MLP, 3 hidden layers": WganSpec(family="wgan", generator="mlp"),
        "MLP, 4 hidden layers": WganSpec(family="wgan", generator="mlp", mlp_hidden_layers=4),
    }
    base = WganSpec(family="wgan")
    for (name, spec), (size, data, width) in itertools.product(wgan.items(), (("paper", PAPER, 1.0), ("demo", DEMO, 0.125))):
        counts = [architectures.parameters(one.model_copy(update={"width": width}), data, "generator") for one in (base, spec)]
        findings.add("parameter_ratio", counts[0] / counts[1], generator=name, size=size, code="WGAN")
    pair = {
        name: Lsun64Spec(family="lsun64", variant=name, critic_normalization="batch") for name in ("dcgan", "mlp", "resnet101")
    }
    counts = [architectures.parameters(pair[name], PAPER, "generator") for name in ("dcgan", "mlp")]
    findings.add("parameter_ratio", counts[0] / counts[1], generator="MLP, 4 hidden layers", size="paper", code="WGAN-GP")
    for name in ("resnet101", "dcgan"):
        for network in ("generator", "critic"):
            layers = (node for node, _ in leaves(*architectures.nodes(pair[name], PAPER, network)) if isinstance(node, Layer))
            findings.add("layers", sum(layer.name != "shortcut" for layer in layers), network=network, architecture=name)


def _counts(findings: Findings, study: Study) -> None:
    """Sums of what Gulrajani et al. 2017 print of trials on random architectures."""
    assert study.published is not None
    table, sides = study.published.outcomes["table2"], study.published.counts["penalty_sides"].counts
    for threshold, *counts in table.rows:
        findings.add("count_excess", sum(counts) - table.architectures, table="Table 5", threshold=f"{threshold:g}")
    findings.add("count_excess", sides["two_sided"] + sides["one_sided"] - sides["architectures"], table="appendix C")
    for method in ("nonsaturating_gan", "wgan_gp"):
        column, both = table.columns.index(f"only_{method}"), table.columns.index("both")
        successes = [row[column] + row[both] for row in table.rows]
        for (_, row), (more, less) in zip(itertools.pairwise(table.rows), itertools.pairwise(successes), strict=True):
            findings.add("success_rise", less - more, method=method, threshold=f"{row[0]:g}")


def report(tables: Tables) -> Content:
    """Where points end that follow the exact critic; what stands beside what in the papers' equations."""
    drawn, axes = figure(2.4, 2)
    left, right = axes[0]
    along = float(tables.settings["step"]) * np.arange(int(tables.settings["steps"]) + 1)
    for index, (name, costs) in enumerate(tables.below("costs").items()):
        for seed, values in enumerate(costs):
            label = name if seed == 0 else None
            left.plot(along, values, color=PALETTE[index], linestyle=DASHES[index], linewidth=0.8, label=label)
    left.set(xlabel="way that a generated point may have gone", ylabel="$W_1$", ylim=(0, None))
    left.legend(frameon=False, fontsize=7)
    real, begin, end = (tables.arrays[name] for name in ("real", "begin", "end"))
    for one, other in zip(begin, end, strict=True):
        right.plot(*np.stack([one, other]).T, color="0.7", linewidth=0.7, zorder=1)
    right.scatter(*real.T, s=40, c=REAL, linewidths=0, label="real", zorder=2)
    right.scatter(*begin.T, s=18, c="0.6", marker="X", linewidths=0, label="generated, at first", zorder=2)
    right.scatter(*end.T, s=22, c=FAKE, marker="X", linewidths=0, label="generated, at last", zorder=3)
    right.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    right.legend(frameon=False, fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, handletextpad=0.2)
    ends = tables.facts["ends"]
    caption = (
        "Generated points that follow the slope of the exact critic of a Lipschitz GAN, which is found again at each step. "
        "Left: W1 to the real points, a line a support. Right: the support that stays farthest away (phi = "
        f"{ends['objective']}, W1 = {ends['cost']:.2f}), with straight lines from first to last places. Where several real "
        "points bound a generated one the critic has no slope; it then goes the way that raises the critic's least loss most."
    )
    return Content(pictures=[Picture(drawn, caption)], tables=_tables(tables))


def _tables(tables: Tables) -> list[Table]:
    """Quantities by what they were measured on."""
    shown = (
        ("flow_cost", "objective", "W1 at the end", "Generated points that follow the exact critic, mean over supports."),
        (
            "order_excess",
            "bound",
            "excess",
            "The largest excess of a distance over its bound; none is above 0 where it is one.",
        ),
        ("ebgan_ratio", "distance", "ratio", "Energy-based GAN's cost over half the margin times a distance."),
        ("metric_ratio", "functions", "ratio", "Largest difference of means over the total variation."),
        ("discrepancy_ratio", "ball", "ratio", "The same of a ball over that of functions bounded by 1."),
        ("trap", "loss", "difference", "Generator's loss with a mode dropped less that with a point moved away."),
        ("parameter_ratio", "generator", "ratio", "Parameters of the DCGAN over a generator's, at 64 pixels and full width."),
    )
    rows = tables.quantities
    return [
        by_options(tables, [label], [over_seeds("value", title, 3)], caption, _at_paper(rows_of(rows, quantity=name)))
        for name, label, title, caption in shown
    ]


def _at_paper(rows: pd.DataFrame) -> pd.DataFrame:
    return rows_of(rows, size="paper", code="WGAN") if (rows["quantity"] == "parameter_ratio").any() else rows
