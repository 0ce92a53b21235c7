"""The taxonomy of GANs on exact critics, against closed forms, random search and the paper's table."""

import itertools
import math
from functools import cache

import numpy as np
import pytest
import torch
from exact import FORMULAS, claims_hold, drawn, of, quantities_are_described, toy
from scipy.optimize import brentq

from wganlib.experiments import lgan_table1
from wganlib.experiments import lgan_table1 as draw_table1
from wganlib.measuring import linear_programs as lp
from wganlib.measuring import spaces
from wganlib.measuring.study import Study
from wganlib.methods.objectives import OBJECTIVES, Objective, objective

# The taxonomy.


@cache
def table1():
    return lgan_table1.measure(Study((), toy("lgan_table1").settings | {"starts": 2}, (0, 1)))


def masses(seed=0):
    generator = np.random.default_rng(seed)
    supports = lp.random_supports(4, 4, generator)
    return supports, spaces.disjoint(supports), spaces.overlapping(5, generator)


def test_free_critics_are_their_closed_forms():
    _, apart, common = masses()
    p, q = common.real, common.fake
    np.testing.assert_allclose(spaces.free(objective("minimax_gan"), common, 20).f, np.log(p / q), atol=1e-12)
    np.testing.assert_allclose(spaces.free(objective("quadratic_lsgan"), common, 20).f, (p - q) / (p + q), atol=1e-12)
    np.testing.assert_allclose(spaces.free(objective("exp"), common, 20).f, np.log(p / q) / 2, atol=1e-12)
    np.testing.assert_allclose(spaces.free(objective("minimax_gan"), apart, 5).f, np.where(apart.real > 0, 5, -5))
    np.testing.assert_allclose(spaces.free(objective("quadratic_lsgan"), apart, 5).f, np.where(apart.real > 0, 1, -1))


def test_fisher_s_critic_is_the_best_of_many():
    _, _, common = masses()
    found = spaces.fisher(common)
    mu = (common.real + common.fake) / 2
    assert float(mu @ found.f**2) == pytest.approx(1)
    gain = common.real - common.fake
    others = np.random.default_rng(0).normal(size=(20_000, 5))
    others /= np.sqrt((others**2) @ mu)[:, None]
    best = float(gain @ found.f)
    assert best == pytest.approx(float(np.sqrt((gain**2 / mu).sum())))  # Cauchy and Schwarz
    assert (others @ gain).max() <= best
    assert (others @ gain).max() > 0.9 * best


def test_a_penalised_constant_is_w1_over_twice_the_weight():
    supports, apart, _ = masses(3)
    cost = lp.plan(supports).optimum
    for weight in (0.1, 1.0):
        found = spaces.descend(objective("wgan"), apart, "penalised", np.zeros(8), weight)
        assert found.constant == pytest.approx(cost / (2 * weight), rel=1e-9)
        total = spaces.loss(objective("wgan"), apart, found.f) + weight * found.constant**2
        assert total == pytest.approx(-(cost**2) / (4 * weight), rel=1e-9)
        assert lgan_table1.bounding(supports, found) == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_between_two_points_a_penalised_critic_has_the_closed_form_s_slope(name):
    two = spaces.Masses(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    found = spaces.descend(objective(name), two, "penalised", np.array([0.3, 0.1]), 0.1)
    slope = brentq(lambda k: 2 * FORMULAS[name][1](-k) - 2 * 0.1 * k, 1e-9, 50)
    assert found.constant == pytest.approx(slope, rel=1e-6)
    assert (found.f[0] - found.f[1]) / 2 == pytest.approx(slope, rel=1e-6)
    if name != "wgan":
        assert found.f[0] == pytest.approx(-found.f[1], abs=1e-6)


@pytest.mark.parametrize("name", ["log_sigmoid", "sqrt", "exp"])
def test_no_small_change_improves_a_penalised_critic(name):
    _, apart, _ = masses(1)
    phi = FORMULAS[name][0]

    def total(f):
        steepest = max(
            abs(f[a] - f[b]) / math.dist(apart.points[a], apart.points[b]) for a, b in itertools.combinations(range(8), 2)
        )
        return (
            sum(q * phi(v) for q, v in zip(apart.fake, f, strict=True))
            + sum(p * phi(-v) for p, v in zip(apart.real, f, strict=True))
            + 0.1 * steepest**2
        )

    found = spaces.descend(objective(name), apart, "penalised", np.zeros(8), 0.1)
    best, random = total(found.f), np.random.default_rng(0)
    assert best == pytest.approx(spaces.loss(objective(name), apart, found.f) + 0.1 * found.constant**2, abs=1e-9)
    assert all(total(found.f + size * random.normal(size=8)) >= best - 1e-9 for size in (1e-3, 1e-2, 0.1, 1) for _ in range(50))


def test_the_move_turns_real_points_around_generated_ones_and_leaves_masses():
    supports, *_ = masses()
    after = lgan_table1.moved(supports)
    centre = supports.fake.mean(axis=0)
    for before, now in zip(supports.real - centre, after.real - centre, strict=True):
        assert now @ before == pytest.approx(0, abs=1e-12)
        assert np.linalg.norm(now) == pytest.approx(np.linalg.norm(before))
        assert before[0] * now[1] - before[1] * now[0] > 0  # anticlockwise
    assert np.array_equal(after.fake, supports.fake)
    assert np.array_equal(after.real_mass, supports.real_mass)


def test_all_claims_hold_but_that_every_lipschitz_gan_is_unique():
    claims_hold(table1(), "lgan_table1", but=["l.t1.lgan-unique-read"])


def test_verdicts_are_the_paper_s():
    findings = table1()
    # Vanishing, uninformative, unique: the paper's Table 1, and for two more rows its text.
    table = {
        "minimax_gan": (1, 1, 1),
        "nonsaturating_gan": (0, 1, 1),
        "quadratic_lsgan": (0, 1, 1),
        "fisher": (0, 1, 1),
        "wgan": (0, 0, 0),
        "wgan, penalised": (0, 0, 0),
        "log_sigmoid": (0, 0, 1),
        "sqrt": (0, 0, 1),
        "exp": (0, 0, 1),
    }
    for name, row in table.items():
        for quantity, verdict in zip(("vanishing", "uninformative", "unique"), row, strict=True):
            assert set(of(findings, quantity, method=name)) == {verdict}, (name, quantity)


def test_numbers_behind_the_verdicts():
    findings = table1()
    slope = lambda method, box: of(findings, "generator_slope", method=method, supports="apart", box=box)  # noqa: E731
    for box in ("5", "10", "20"):
        sigmoid = 1 / (1 + math.exp(float(box)))
        assert slope("minimax_gan", box) == pytest.approx(sigmoid, rel=1e-6)
        assert slope("nonsaturating_gan", box) == pytest.approx(1 - sigmoid, rel=1e-6)
        assert slope("quadratic_lsgan", box) == pytest.approx(4)
    assert slope("wgan", "none") == pytest.approx(1)
    # E (f + 1 + c)^2 + E (f - 1 + c)^2 rises by 2 c^2.
    assert of(findings, "shift_increase", method="quadratic_lsgan") == pytest.approx(2)
    assert of(findings, "shift_width", method="quadratic_lsgan") == pytest.approx(2 * math.sqrt(1e-6 / 2))
    assert set(of(findings, "shift_width", method="wgan")) == {math.inf}
    # Supports apart: Fisher's f is 1 and -1, and brought back it falls from 2 to 2 / sqrt(2).
    assert of(findings, "shift_increase", method="fisher", supports="apart") == pytest.approx(2 - math.sqrt(2))
    assert (of(findings, "shift_increase", method="minimax_gan", supports="apart") < 1e-8).all()
    for name in ("wgan", "wgan, penalised", "log_sigmoid", "sqrt", "exp"):
        assert (of(findings, "change", method=name, supports="apart") > 0.05).all()
    for name in ("wgan", "wgan, penalised"):
        assert (of(findings, "spread", method=name) > 0.05).all()


def test_critics_where_supports_overlap_are_their_closed_forms():
    findings = table1()
    for seed in (0, 1):
        generator = np.random.default_rng(seed)
        lp.random_supports(4, 4, generator)
        common = spaces.overlapping(6, generator)
        share = common.real / (common.real + common.fake)
        slope = of(findings, "generator_slope", method="minimax_gan", supports="overlapping", seed=seed)
        assert slope == pytest.approx(share.max(), rel=1e-6)  # psi' = -sigma(f)
        # phi = x: the only difference is of masses at equal points, and k is their transport's cost over twice the weight.
        cost = lp.plan(lp.Supports(common.points, common.points, common.real, common.fake)).optimum
        constant = of(findings, "constant", method="wgan, penalised", supports="overlapping", seed=seed)
        assert constant == pytest.approx(cost / 0.2, rel=1e-6)
    # All generated points stand 0.1 beside their real ones, which is nearest where points are far apart: W1 <= 0.1.
    assert (of(findings, "constant", method="wgan, penalised", supports="shifted") <= 0.5 + 1e-6).all()
    assert of(findings, "slope_cost", method="wgan, penalised") == pytest.approx(0.1)  # the penalty alone


def test_the_steepest_slope_is_that_of_the_steepest_pair():
    points = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    masses_ = spaces.Masses(points, np.full(3, 1 / 3), np.full(3, 1 / 3))
    assert lgan_table1.steepest(masses_, np.array([0.0, 10.0, -1.0])) == pytest.approx(11 / math.hypot(3, 3))


def test_real_points_that_do_not_move_change_no_critic():
    supports, *_ = masses()
    chosen = lgan_table1.Settings([5.0, 20.0], 0.1, 1e-6)
    for name, method in lgan_table1.METHODS.items():
        assert lgan_table1._change(method, supports, supports, chosen) <= 1e-9, name


@pytest.mark.parametrize("error", ["sign", "unmirrored"])
def test_a_wrong_objective_changes_verdicts(monkeypatch, error):
    row = OBJECTIVES["exp"]
    on_fake, on_real = {"sign": (row.critic_real, row.critic_fake), "unmirrored": (torch.exp, torch.exp)}[error]
    monkeypatch.setitem(OBJECTIVES, "exp", Objective(on_fake, on_real, row.generator, ""))
    monkeypatch.setattr(lgan_table1, "METHODS", {"exp": lgan_table1.METHODS["exp"]})
    findings = lgan_table1.measure(Study((), toy("lgan_table1").settings | {"starts": 2}, (0,)))
    assert max(abs(row["value"]) for row in findings.rows if row["quantity"] == "bounding") > 1e-4


def test_the_figure_of_the_taxonomy_is_drawn():
    picture = drawn(draw_table1, table1(), "lgan_table1")
    assert "42 of 42 verdicts are those of the paper's table" in picture.caption
    texts = [text.get_text() for axis in picture.figure.axes for text in axis.texts]
    assert texts.count("Yes") == 1 + 4 + 7
    assert not any("*" in text for text in texts)


def test_quantities_that_are_added_are_those_described():
    quantities_are_described(lgan_table1, table1())
