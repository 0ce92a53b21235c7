"""Loss metrics and duals, against brute force, closed forms and finite differences."""

import itertools
import math
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from exact import FORMULAS, claims_hold, drawn, of, quantities_are_described, toy, verdicts
from scipy.optimize import brentq, linprog, minimize_scalar
from torch import nn

from wganlib.experiments import lgan_dual, lgan_fig13
from wganlib.experiments import lgan_dual as draw_dual
from wganlib.experiments import lgan_fig13 as draw_fig13
from wganlib.measuring import linear_programs as lp
from wganlib.measuring.study import Findings, Member, Study
from wganlib.methods.objectives import objective

# Loss metrics.


def fake_member(group, slope, offset, spec, seed=0):
    """A trained run in name only: its critic is slope x_1 + offset."""
    critic = nn.Linear(2, 1)
    with torch.no_grad():
        critic.weight.copy_(torch.tensor([[slope, 0.0]]))
        critic.bias.fill_(offset)
    fakes = lambda count, stream: torch.tensor([[-1.0, 0.0]]).repeat(count, 1)  # noqa: E731
    data = SimpleNamespace(train=torch.tensor([[1.0, 0.0]]), preprocess=lambda x, stream: x, fakes=fakes)
    run = SimpleNamespace(spec=spec, critic=critic, data=data, generator=None, outcome="ok")
    return Member(group, {}, run)


@cache
def fig13(factor=1.0, offset=0.0):
    """Findings on linear critics that have `factor` times the best slope; with phi = x their offsets differ by seed."""
    runs = toy("lgan_fig13").entries
    members = []
    for run in runs:
        method = run.spec.method
        weight = method.constraint.weight
        derivative = FORMULAS[method.objective][1]
        best = brentq(lambda k, d=derivative, w=weight: 2 * d(-k) - 2 * w * k, 1e-9, 50, xtol=1e-14)
        if method.constraint.form == "two_sided":
            best = minimize_scalar(lambda k, w=weight: -2 * k + w * (k - 1) ** 2, tol=1e-14).x
        free = run.spec.seed if method.objective == "wgan" else 0.001 * run.spec.seed
        members.append(fake_member(run.group, factor * best, offset + free, run.spec))
    return lgan_fig13.measure(Study(tuple(members), toy("lgan_fig13").settings))


def test_the_runs_between_two_points_are_alike_at_every_scale_but_for_seeds():
    specs = {scale: {run.spec.canonical() for run in toy("lgan_fig13", scale).entries} for scale in ("demo", "paper")}
    assert specs["demo"] == specs["paper"]
    assert len(specs["demo"]) == 56
    assert len(toy("lgan_fig13").stacks) == 1


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_curves_are_the_formulas_their_mirror_images_and_their_slopes(name):
    findings = fig13()
    x = findings.arrays["x"]
    phi, varphi, slope = findings.arrays[f"metric/{name}"]
    value, derivative = (np.vectorize(f, otypes=[float]) for f in FORMULAS[name])
    np.testing.assert_allclose(phi, value(x), rtol=1e-12)
    np.testing.assert_allclose(varphi, value(-x), rtol=1e-12)
    np.testing.assert_allclose(slope, derivative(x), rtol=1e-10, atol=1e-14)


def test_slopes_of_all_metrics_are_finite_differences():
    for name, (row, *_) in lgan_fig13.METRICS.items():
        x = np.array([-2.3, -0.4, 0.0, 0.7, 1.9])
        step = 1e-6
        ends = [lgan_fig13.curve(row.critic_fake, x + shift) for shift in (step, -step)]
        np.testing.assert_allclose(
            lgan_fig13.derivative(row.critic_fake, x), (ends[0] - ends[1]) / (2 * step), atol=1e-7, err_msg=name
        )


def test_derived_metrics_are_what_their_names_say():
    x = np.array([-1.5, 0.2, 2.0])
    values = {
        "log_sigmoid, translated": np.log1p(np.exp(x + 1)),
        "exp, scaled": np.exp(x / 2),
        "wgan+0.5*exp": x + np.exp(x) / 2,
        "log_sigmoid+2*sqrt": np.log1p(np.exp(x)) + 2 * (x + np.hypot(x, 1)),
    }
    for name, expected in values.items():
        row = lgan_fig13.METRICS[name][0]
        np.testing.assert_allclose(lgan_fig13.curve(row.critic_fake, x), expected, rtol=1e-12)
        np.testing.assert_allclose(lgan_fig13.curve(row.critic_real, -x), expected, rtol=1e-12)


def test_condition_11_fails_for_hinge_and_quadratic_alone():
    findings = fig13()
    held = {row["metric"]: row["value"] for row in findings.rows if row["quantity"] == "condition_11"}
    assert {name for name, value in held.items() if not value} == {"hinge", "quadratic"}
    assert of(findings, "rising", metric="hinge") == of(findings, "rising", metric="quadratic") == 0
    assert of(findings, "smallest_slope", metric="quadratic") == pytest.approx(2 * (-10 + 1))
    assert of(findings, "smallest_slope", metric="sqrt") == pytest.approx(1 - 10 / math.hypot(10, 1))
    assert of(findings, "strictly_convex", metric="wgan") == 0
    assert set(of(findings, "convex")) == set(of(findings, "balanced")) == {1}
    np.testing.assert_allclose(of(findings, "balance_point"), 0, atol=1e-6)
    np.testing.assert_allclose(of(findings, "slope_at_zero"), [1, 0.5, 1, 1, 0.5, 1.5, 2.5])
    assert of(findings, "mirror_error").max() <= 1e-12


@pytest.mark.parametrize(("name", "slope"), [("wgan", 10.0), ("log_sigmoid", 1.6335), ("sqrt", 1.5683), ("exp", 1.7455)])
def test_the_best_slope_under_the_maximum_penalty_is_the_minimum_of_the_loss(name, slope):
    assert lgan_fig13.max_penalty_slope(objective(name).critic_fake, 2.0, 0.1) == pytest.approx(slope, abs=6e-5)
    phi = FORMULAS[name][0]
    for distance, weight in itertools.product((0.5, 2.0, 3.0), (0.1, 1.0)):
        best = minimize_scalar(
            lambda k, d=distance, w=weight: 2 * phi(-k * d / 2) + w * k**2, bounds=(0, 40), options={"xatol": 1e-10}
        )
        found = lgan_fig13.max_penalty_slope(objective(name).critic_fake, distance, weight)
        assert found == pytest.approx(best.x, rel=1e-5)


def test_the_best_slope_under_the_two_sided_penalty():
    assert [lgan_fig13.two_sided_slope(2.0, weight) for weight in (0.1, 1, 10)] == pytest.approx([11, 2, 1.1])


def test_slope_and_offset_of_critics_are_measured():
    own = of(fig13(), "slope_ratio", closed_form="own")
    assert len(own) == 56
    np.testing.assert_allclose(own, 1, atol=1e-6)
    # x's best slope is 10, exp's 1.7455.
    np.testing.assert_allclose(of(fig13(), "slope_ratio", closed_form="exp", objective="wgan"), 10 / 1.7455, rtol=1e-4)
    np.testing.assert_allclose(of(fig13(), "slope", objective="exp"), 1.7455, atol=6e-5)
    np.testing.assert_allclose(of(fig13(), "slope", penalty="two_sided", weight="0.1"), 11)
    np.testing.assert_allclose(of(fig13(offset=0.1), "offset", objective="sqrt"), 0.1 + 0.001 * np.arange(8), atol=1e-6)
    # Large weights: 1 + d / (2 w) goes to 1, d / (2 w) to 0.
    assert of(fig13(), "best_slope", penalty="two_sided", penalty_weight="10000") == pytest.approx(1.0001)
    assert of(fig13(), "best_slope", penalty="max", penalty_weight="10000") == pytest.approx(0.0001)


def test_all_claims_on_loss_metrics_hold_and_fail_where_critics_are_not_the_best():
    claims_hold(fig13(), "lgan_fig13")
    claims_hold(fig13(factor=1.03), "lgan_fig13", but=["gp.v1.limit", "l.slope.closed"])
    claims_hold(fig13(offset=0.1), "lgan_fig13", but=["l.offset.unique"])


def test_the_figure_of_loss_metrics_is_drawn():
    caption = drawn(draw_fig13, fig13(), "lgan_fig13").caption
    assert "8 of 8 meet the condition" in caption
    assert "hinge and quadratic fail it" in caption


# Duals.


def brute_force(real, fake):
    """W1 between equal masses: the best of all permutations."""
    distances = np.sqrt(((real[:, None] - fake[None]) ** 2).sum(axis=2))
    rows = np.arange(len(real))
    return min(distances[rows, list(columns)].mean() for columns in itertools.permutations(rows))


def uniform(count, seed):
    drawn_ = lp.random_supports(count, count, np.random.default_rng(seed))
    mass = np.full(count, 1 / count)
    return lp.Supports(drawn_.real, drawn_.fake, mass, mass)


@pytest.mark.parametrize("seed", range(4))
def test_primal_and_both_duals_are_the_best_permutation(seed):
    supports = uniform(5, seed)
    cost = brute_force(supports.real, supports.fake)
    found, plan = lp.plan(supports)
    assert found == pytest.approx(cost, abs=1e-10)
    np.testing.assert_allclose(plan.sum(axis=0), supports.fake_mass, atol=1e-12)
    np.testing.assert_allclose(plan.sum(axis=1), supports.real_mass, atol=1e-12)
    for pairs in (lp.all_pairs(10), lp.compact_pairs(supports)):
        optimum, f = lp.dual(supports.gain, supports.points, pairs)
        assert optimum == pytest.approx(cost, abs=1e-10)
        assert f[:5].mean() - f[5:].mean() == pytest.approx(cost, abs=1e-10)


def test_on_the_line_the_primal_is_the_area_between_distribution_functions():
    supports = lp.random_supports(6, 7, np.random.default_rng(1))
    flat = lp.Supports(supports.real[:, :1], supports.fake[:, :1] + 1, supports.real_mass, supports.fake_mass)
    x = np.sort(np.concatenate([flat.real[:, 0], flat.fake[:, 0]]))
    between = [abs(flat.real_mass[flat.real[:, 0] <= v].sum() - flat.fake_mass[flat.fake[:, 0] <= v].sum()) for v in x[:-1]]
    assert lp.plan(flat).optimum == pytest.approx(float(np.diff(x) @ between), abs=1e-12)


def test_the_compact_dual_binds_a_real_point_first_and_a_generated_one_second():
    supports = uniform(3, 0)
    pairs = lp.compact_pairs(supports)
    assert {tuple(pair) for pair in pairs.tolist()} == {(i, j) for i in range(3) for j in range(3, 6)}
    assert len(lp.all_pairs(6)) == 30
    # The other way round nothing holds real values down.
    assert lp.dual(supports.gain, supports.points, pairs[:, ::-1]).optimum == math.inf


def test_the_blending_region_is_places_on_lines_and_their_neighbours():
    supports = uniform(2, 0)
    points, pairs = lp.blending(supports, 0.05)
    assert len(points) == 4 + 2 * 4
    expected = [
        place for x in supports.real for y in supports.fake for place in ((x + y) / 2, y + 0.05 * (x - y) / math.dist(x, y))
    ]
    np.testing.assert_allclose(points[4:], expected, atol=1e-15)
    ahead = {tuple(pair) for pair in pairs.tolist()}
    assert ahead == {pair[::-1] for pair in ahead}
    # From real point 1 by the two places to generated point 0, which is point 2.
    assert {(1, 8), (8, 9), (9, 2)} <= ahead
    assert len(ahead) == 2 * 3 * 4


@pytest.mark.parametrize("kind", ["random", "equal"])
def test_the_set_of_optima_is_what_linear_programs_say(kind):
    supports = lp.random_supports(4, 5, np.random.default_rng(3)) if kind == "random" else uniform(4, 3)
    points, count = supports.points, len(supports.points)
    cost, plan = lp.plan(supports)
    for pairs in (lp.all_pairs(count), lp.compact_pairs(supports)):
        largest = lp.face(points, pairs, lp.matched(plan))
        for a, b in itertools.permutations(range(count), 2):
            rows = np.zeros((len(pairs), count))
            for row, (first, second) in zip(rows, pairs, strict=True):
                row[first], row[second] = 1, -1
            bounds = [math.dist(points[first], points[second]) for first, second in pairs]
            gain = np.zeros(count)
            gain[a], gain[b] = -1, 1
            free = [(0, 0)] + [(None, None)] * (count - 1)
            found = linprog(gain, A_ub=rows, b_ub=bounds, A_eq=supports.gain[None], b_eq=[cost], bounds=free, method="highs")
            assert largest[a, b] == pytest.approx(-found.fun, abs=1e-6)
    if kind == "equal":
        assert (largest + largest.T).max() > 0.01


def test_matches_of_a_plan_that_is_not_optimal_are_refused():
    supports = uniform(4, 0)
    worst = max(
        itertools.permutations(range(4)), key=lambda p: sum(math.dist(supports.real[i], supports.fake[p[i]]) for i in range(4))
    )
    plan = np.zeros((4, 4))
    plan[range(4), worst] = 0.25
    with pytest.raises(ValueError, match="not those of an optimal plan"):
        lp.face(supports.points, lp.compact_pairs(supports), lp.matched(plan))


def test_extensions_are_bounded_by_mcshane():
    values, points = np.array([0.0, 1.0]), np.array([[0.0, 0.0], [2.0, 0.0]])
    lower, upper = lp.extension(values, points, np.array([[1.0, 0.0], [0.0, 0.0], [-3.0, 0.0], [2.0, 1.0]]))
    assert lower == pytest.approx([0, 0, -3, 0])
    assert upper == pytest.approx([1, 0, 3, 2])


def test_a_difference_near_the_optimum_by_hand():
    """One real point, two generated ones: f(y1) may rise above f(y2) by what the lost objective pays for."""
    points = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 0.1]])
    gain = np.array([1.0, -0.5, -0.5])
    supports = lp.Supports(points[:1], points[1:], np.ones(1), np.array([0.5, 0.5]))
    first, second = 1.0, math.hypot(1, 0.1)
    floor = (first + second) / 2 - 0.2
    # f(x) = 0; f(y2) at its least -second, f(y1) raised by 0.2 / 0.5 above its least -first.
    expected = (-first + 0.4) + second
    assert lp.difference(points, lp.compact_pairs(supports), 1, 2, gain, floor) == pytest.approx(expected)
    assert lp.difference(points, lp.all_pairs(3), 1, 2, gain, floor) == pytest.approx(0.1)


@cache
def dual():
    return lgan_dual.measure(Study((), toy("lgan_dual").settings | {"real": 6, "fake": 7, "interval": 9}, (0, 1)))


def test_the_duals_agree_on_the_supports_and_differ_off_them():
    findings = dual()
    assert of(findings, "cost", supports="intervals") == pytest.approx(1)
    assert set(of(findings, "range", dual="eq. 4", direction="along")) == {math.inf}
    assert (of(findings, "freedom", supports="random, equal masses") > 1e-3).all()
    # On even places of the intervals the optima have a range: twice sqrt(1 + d^2) - 1 a step.
    assert of(findings, "freedom", supports="intervals") == pytest.approx(2 * 8 * (math.hypot(1, 1 / 8) - 1))
    assert of(findings, "slackness").max() <= 1e-8
    assert of(findings, "optima_difference").max() <= 1e-8
    assert of(findings, "steepest").max() <= 1.000001
    assert of(findings, "range", direction="across", dual="eq. 3").max() <= 2.000001
    # Tilted by 0.1 its rise exceeds the distance most where 0.1 t + 1 - sqrt(1 + t^2) does, on steps of 1 / 8.
    excess = max(0.1 * t + 1 - math.hypot(1, t) for t in np.arange(9) / 8)
    assert of(findings, "stated_error", function="tilted") == pytest.approx(excess, abs=1e-12)


def test_all_claims_on_the_duals_hold():
    claims_hold(dual(), "lgan_dual")


def test_a_dual_whose_condition_is_too_weak_fails_its_claims(monkeypatch):
    """The blending region's lines without their last piece, from the place near a generated point to the point."""
    whole = lp.blending

    def cut(supports, step):
        points, pairs = whole(supports, step)
        n, m = len(supports.real), len(supports.fake)
        return points, pairs[~((pairs >= n) & (pairs < n + m)).any(axis=1)]

    monkeypatch.setattr(lp, "blending", cut)
    findings = lgan_dual.measure(Study((), toy("lgan_dual").settings | {"real": 3, "fake": 4, "interval": 3}, (0,)))
    assert verdicts(findings, "lgan_dual")["l.appC.blend"].verdict == "fails"


def test_across_a_match_the_range_is_that_of_two_cones():
    """Pairs at distance 1, far apart: at a step s across from a generated point, 1 - sqrt(1 + s^2) <= f - f(y) <= s."""
    half = np.array([0.5, 0.5])
    pairs = lp.Supports(np.array([[1.0, 0.0], [1.0, 50.0]]), np.array([[0.0, 0.0], [0.0, 50.0]]), half, half)
    findings = Findings(lgan_dual.QUANTITIES)
    lgan_dual._optima(findings, pairs, np.diag(half), "two pairs", None, 0.5)
    assert of(findings, "range", dual="eq. 3", direction="across") == pytest.approx((0.5 + math.hypot(1, 0.5) - 1) / 0.5)
    assert of(findings, "range", dual="eq. 3", direction="along") == pytest.approx(0)
    assert of(findings, "range", dual="eq. 4", direction="across") == math.inf


def test_the_figure_of_the_duals_is_drawn():
    findings = dual()
    x, y = findings.arrays["pair"]
    length = math.dist(findings.arrays["real"][x], findings.arrays["fake"][y])
    along, lower, upper = (findings.arrays[name] for name in ("along", "lower", "upper"))
    inside = (along >= 0) & (along <= length)
    np.testing.assert_allclose(lower[inside], findings.arrays["ends"][1] + along[inside], atol=1e-9)
    np.testing.assert_allclose(upper[inside], lower[inside], atol=1e-9)
    assert (upper - lower)[~inside].min() > 1e-3
    drawn(draw_dual, findings, "lgan_dual")


@pytest.mark.parametrize(("module", "findings"), [(lgan_fig13, fig13), (lgan_dual, dual)])
def test_quantities_that_are_added_are_those_described(module, findings):
    quantities_are_described(module, findings())
