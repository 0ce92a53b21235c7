"""Generated points that follow the exact critic, against the slope of its least loss and a closed form."""

import numpy as np
import pytest
from exact import FORMULAS
from scipy.optimize import brentq

from wganlib.measuring import flows, spaces
from wganlib.measuring import linear_programs as lp
from wganlib.measuring.bounding import optimum
from wganlib.measuring.study import Array
from wganlib.methods.objectives import objective

STRICT = sorted(set(FORMULAS) - {"wgan"})
WEIGHT = 0.1


def least_loss(real: Array, fake: Array, phi: str) -> float:
    """The critic's loss at its optimum, under all pairs' constraints."""
    best = optimum(real, fake, phi, WEIGHT)
    masses = (np.full(len(points), 1 / len(points)) for points in (real, fake))
    f = np.append(best.on_real, best.on_fake)
    loss = spaces.loss(objective(phi), spaces.disjoint(lp.Supports(real, fake, *masses)), f)
    return loss + WEIGHT * best.constant**2


@pytest.mark.parametrize("phi", sorted(FORMULAS))
def test_a_pull_is_the_slope_of_the_critic_s_least_loss(phi: str) -> None:
    supports = (
        lp.random_supports(4, 3, np.random.default_rng(2))
        if phi != "wgan"
        else lp.random_supports(3, 3, np.random.default_rng(2))
    )
    real, fake = supports.real, supports.fake
    pull, f, constant = flows.pulls(real, fake, phi, WEIGHT, np.zeros(len(real) + len(fake)))
    total = 1.0 if phi == "wgan" else np.array([FORMULAS[phi][1](v) for v in f[len(real) :]])[:, None]
    expected = constant * total / len(fake) * pull
    for place in np.ndindex(fake.shape):
        step = np.zeros_like(fake)
        step[place] = 1e-4
        slope = (least_loss(real, fake + step, phi) - least_loss(real, fake - step, phi)) / 2e-4
        assert slope == pytest.approx(expected[place], abs=1e-4), place


def test_with_a_linear_loss_points_go_straight_to_their_matches() -> None:
    supports = lp.random_supports(4, 4, np.random.default_rng(0))
    result = flows.flow(supports.real, supports.fake, "wgan", WEIGHT, 0.05, 200)
    np.testing.assert_allclose(result.costs[:20] - result.costs[1:21], 0.05, atol=1e-12)
    assert result.costs[-1] == 0
    assert len(result.costs) < 200


def both_on_one(phi: str, distance: float) -> float:
    """How much less the other real point pulls than the nearer holds, where two generated points lie on one of two real ones.

    Values are a on the points of one place and a + k d on the other, least of (2 phi(a) + phi(-a) + phi(-a - k d)) / 2 + w k^2
    over a and k. One point can have all the pull phi'(-a - k d) / 2; its weight is phi'(a) / 2.
    """
    slope = FORMULAS[phi][1]

    def offset(k: float) -> float:
        return float(brentq(lambda a: 2 * slope(a) - slope(-a) - slope(-a - k * distance), -30, 30))

    k = brentq(lambda k: 2 * WEIGHT * k - distance * slope(-offset(k) - k * distance) / 2, 0, 100 / distance)
    return slope(offset(k)) - 2 * slope(-offset(k) - k * distance)


@pytest.mark.parametrize("phi", STRICT)
def test_two_points_on_one_of_two_part_where_the_other_pulls_more_than_the_one_holds(phi: str) -> None:
    edge = brentq(lambda d: both_on_one(phi, d), 0.05, 20)
    for distance, stays in ((0.8 * edge, False), (1.25 * edge, True)):
        real, fake = np.array([[0.0, 0.0], [distance, 0.0]]), np.zeros((2, 2))
        result = flows.flow(real, fake, phi, WEIGHT, distance / 20, 100)
        assert result.costs[0] == pytest.approx(distance / 2)
        assert result.costs[-1] == pytest.approx(distance / 2 if stays else 0, abs=1e-9), distance
    always = flows.flow(real, fake, "wgan", WEIGHT, distance / 20, 100)
    assert always.costs[-1] == 0


def test_where_points_stay_away_no_small_move_raises_the_critic_s_least_loss() -> None:
    supports, source = lp.random_supports(5, 5, np.random.default_rng(0)), np.random.default_rng(1)
    ended = flows.flow(supports.real, supports.fake, "exp", WEIGHT, 0.1, 90)
    assert ended.costs[-1] > 0.3
    assert len(ended.costs) < 90
    at = least_loss(supports.real, ended.fake + 1e-7 * source.normal(size=(5, 2)), "exp")
    for size in (0.003, 0.03):
        for _ in range(10):
            way = source.normal(size=(5, 2))
            moved = ended.fake + size * way / np.linalg.norm(way, axis=1, keepdims=True)
            assert least_loss(supports.real, moved, "exp") < at - 0.05 * size
