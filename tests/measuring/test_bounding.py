"""The exact optimum of a Lipschitz GAN's critic and its bounding pairs, against closed forms, programs and a certificate."""

import numpy as np
import pytest
from exact import FORMULAS
from scipy.optimize import brentq, linprog, nnls
from scipy.spatial.distance import cdist

from wganlib.measuring import linear_programs as lp
from wganlib.measuring.bounding import Optimum, optimum
from wganlib.measuring.study import Array

STRICT = sorted(set(FORMULAS) - {"wgan"})


def points(seed: int, real: int = 5, fake: int = 4, size: int = 3) -> tuple[Array, Array]:
    source = np.random.default_rng(seed)
    return source.normal(size=(real, size)), source.normal(size=(fake, size)) + 1


@pytest.mark.parametrize("phi", sorted(FORMULAS))
def test_of_two_points_the_slope_is_the_closed_form_and_they_bound_each_other(phi: str) -> None:
    result = optimum(np.array([[[1.5, 0.0]]]), np.array([[[-1.5, 0.0]]]), phi, 0.2)
    slope = brentq(lambda k: 3 * FORMULAS[phi][1](-k * 1.5) - 2 * 0.2 * k, 1e-9, 50)
    assert result.constant == pytest.approx(slope, rel=1e-6)
    assert result.on_real - result.on_fake == pytest.approx(3 * slope, rel=1e-6)
    assert result.on_real == pytest.approx(-result.on_fake, abs=1e-6)
    assert result.bounding.tolist() == [[True]]


def multipliers(result: Optimum, real: Array, fake: Array, phi: str, weight: float) -> tuple[Array, float]:
    """The plan on bounding pairs that best meets the conditions of Karush, Kuhn and Tucker, and by how much it misses them.

    Where a plan pi >= 0 has sum_x pi(x, y) = phi'(f(y)) / M, sum_y pi(x, y) = phi'(-f(x)) / N and sum pi d = 2 weight k, and is
    0 off pairs with f(x) - f(y) = k d, f and k are the best: the program is convex.
    """
    slope = np.vectorize(FORMULAS[phi][1], otypes=[float])
    pairs = np.argwhere(result.bounding)
    rows = np.zeros((len(fake) + len(real) + 1, len(pairs)))
    for column, (y, x) in zip(rows.T, pairs, strict=True):
        column[[y, len(fake) + x, -1]] = 1, 1, np.linalg.norm(fake[y] - real[x])
    due = np.concatenate([slope(result.on_fake) / len(fake), slope(-result.on_real) / len(real)])
    plan, missed = nnls(rows, np.append(due, 2 * weight * result.constant))
    return plan, float(missed)


@pytest.mark.parametrize("phi", sorted(FORMULAS))
@pytest.mark.parametrize("weight", [0.1, 1.0])
def test_optima_are_certified_by_a_plan_on_their_bounding_pairs(phi: str, weight: float) -> None:
    for seed in range(3):
        real, fake = points(seed)
        result = optimum(real, fake, phi, weight)
        both, f = np.concatenate([real, fake]), np.concatenate([result.on_real, result.on_fake])
        assert (np.abs(f[:, None] - f) - result.constant * cdist(both, both)).max() < 1e-9
        plan, missed = multipliers(result, real, fake, phi, weight)
        assert missed < 1e-6
        assert plan.sum() > 0.1
        assert result.bounding.any(axis=1).all()
        assert result.bounding.any(axis=0).all()


def test_a_slope_that_is_not_the_best_has_no_certificate() -> None:
    real, fake = points(0)
    result = optimum(real, fake, "exp", 0.1)
    steeper = Optimum(*(1.01 * part for part in result[:3]), result.bounding)
    assert multipliers(steeper, real, fake, "exp", 0.1)[1] > 1e-3


def test_of_a_linear_phi_pairs_bound_that_do_so_in_every_optimum() -> None:
    real, fake = points(4, real=4, fake=4)
    result = optimum(real, fake, "wgan", 0.5)
    n, mass = 4, np.full(4, 0.25)
    supports = lp.Supports(real, fake, mass, mass)
    cost = lp.plan(supports).optimum
    assert result.constant == pytest.approx(cost)  # W1 / (2 weight)
    both = np.concatenate([real, fake])
    pairs = lp.all_pairs(8)
    rows = np.zeros((len(pairs), 8))
    rows[np.arange(len(pairs)), pairs[:, 0]], rows[np.arange(len(pairs)), pairs[:, 1]] = 1, -1
    bounds = np.linalg.norm(both[pairs[:, 0]] - both[pairs[:, 1]], axis=1)
    for y in range(4):
        for x in range(4):
            rise = np.zeros(8)
            rise[x], rise[n + y] = 1, -1
            least = linprog(rise, A_ub=rows, b_ub=bounds, A_eq=supports.gain[None], b_eq=[cost], bounds=(None, None)).fun
            assert result.bounding[y, x] == (least > np.linalg.norm(real[x] - fake[y]) - 1e-7), (x, y)
    # In general position the plan is one permutation, and its pairs alone bound in every optimum.
    assert result.bounding.sum() == 4


@pytest.mark.parametrize("phi", STRICT)
def test_one_point_is_bounded_by_all_reals(phi: str) -> None:
    """Raising a real point's value that no constraint holds down would lower the loss (Theorem 3)."""
    real = np.array([[-1.0, 0.3], [1.0, 0.3], [0.2, 3.0]])
    result = optimum(real, np.array([[0.0, 0.0]]), phi, 0.1)
    assert result.bounding.tolist() == [[True, True, True]]
