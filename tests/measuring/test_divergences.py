"""Distances between distributions and losses of landscapes, against definitions by brute force and closed forms."""

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import minimize

from wganlib.measuring import divergences as div
from wganlib.measuring import landscapes
from wganlib.measuring import linear_programs as lp
from wganlib.measuring.study import Array


def pair(seed: int, count: int = 6) -> tuple[Array, Array, Array]:
    source = np.random.default_rng(seed)
    p, q = source.dirichlet(np.ones(count), 2)
    return p, q, np.sort(source.random(count))


@pytest.mark.parametrize("seed", range(3))
def test_total_variation_is_the_largest_difference_over_sets_and_a_bounded_function_s_is_twice_it(seed: int) -> None:
    p, q, _ = pair(seed)
    sets = [np.array(chosen) for chosen in itertools.product([0.0, 1.0], repeat=6)]
    largest = max(abs(chosen @ p - chosen @ q) for chosen in sets)
    assert div.total_variation(p, q) == pytest.approx(largest, abs=1e-15)
    signs = [np.array(chosen) for chosen in itertools.product([-1.0, 1.0], repeat=6)]
    assert div.bounded_metric(p, q, 1.0) == pytest.approx(max(f @ (p - q) for f in signs), abs=1e-12)
    assert div.bounded_metric(p, q, 3.0) == pytest.approx(6 * largest, abs=1e-12)


def test_divergences_are_their_definitions() -> None:
    p, q, _ = pair(0)
    kl = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    assert div.kullback_leibler(p, q) == pytest.approx(kl)
    js = sum(a * math.log(2 * a / (a + b)) + b * math.log(2 * b / (a + b)) for a, b in zip(p, q, strict=True)) / 2
    assert div.jensen_shannon(p, q) == pytest.approx(js)
    assert div.jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(math.log(2))
    assert div.kullback_leibler(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == math.inf


@pytest.mark.parametrize("seed", range(3))
def test_transport_on_a_line_is_the_linear_program_s(seed: int) -> None:
    p, q, places = pair(seed)
    supports = lp.Supports(places[:, None], places[:, None], p, q)
    assert div.line_transport(p, q, places) == pytest.approx(lp.plan(supports).optimum, abs=1e-12)


@pytest.mark.parametrize("margin", [1.0, 10.0])
def test_an_energy_based_gan_s_cost_is_the_margin_times_the_mass_that_is_too_much(margin: float) -> None:
    """D is the margin where Q has more mass, where a step up costs P less than it spares Q; and 0 elsewhere."""
    p, q, _ = pair(1)
    assert div.ebgan_cost(p, q, margin) == pytest.approx(margin * np.maximum(q - p, 0).sum(), rel=1e-9)


def test_discrepancies_are_the_best_of_their_balls() -> None:
    p, q, places = pair(2)
    best = minimize(lambda f: -(p - q) @ f / max(math.sqrt((f**2).mean()), 1e-12), np.arange(6.0), options={"gtol": 1e-10})
    assert div.square_ball_metric(p, q) == pytest.approx(-best.fun, rel=1e-6)
    # A function of the ball is sum_i c_i k(x_i, .) with c' K c = 1.
    kernel = np.exp(-((places[:, None] - places) ** 2) / (2 * 0.3**2))
    best = minimize(lambda c: -(p - q) @ kernel @ c / math.sqrt(c @ kernel @ c), p - q + 0.1, options={"gtol": 1e-10})
    assert div.gaussian_ball_metric(p, q, places, 0.3) == pytest.approx(-best.fun, rel=1e-5)


def test_a_dropped_mode_s_losses_are_their_closed_forms() -> None:
    half = math.log(2) / 2
    real = np.array([0.5, 0.5, 0.0])
    assert landscapes.separable(real, real) == pytest.approx(-math.log(2))
    # At the mode with both generated points D is 1 : 2, at the other one certain.
    dropped = (math.log(1 / 3) / 2 + math.log(2 / 3)) / 2
    assert landscapes.separable(real, np.array([1.0, 0.0, 0.0])) == pytest.approx(dropped, abs=1e-9)
    assert landscapes.separable(real, np.array([0.5, 0.0, 0.5])) == pytest.approx(-half, abs=1e-9)
    # A pair at one place costs log 2; one whose real point can stand above the generated one costs nothing.
    weights = np.zeros((3, 3))
    weights[0, 0] = weights[1, 0] = 0.5
    assert landscapes.relativistic(weights) == pytest.approx(-half, abs=1e-9)
    away = np.zeros((3, 3))
    away[0, 2] = away[1, 0] = 0.5
    assert landscapes.relativistic(away) == pytest.approx(0, abs=1e-9)
    # D cannot rank two places both ways.
    both = np.array([[0.0, 0.5], [0.5, 0.0]])
    assert landscapes.relativistic(both) == pytest.approx(-math.log(2))
