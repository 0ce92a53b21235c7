"""The Dirac-GAN against the library's losses, torch's optimisers, finite differences, closed forms and plain loops."""

import itertools
import math

import numpy as np
import pytest
import torch

from wganlib.measuring import dirac_gan as dg
from wganlib.measuring.dirac_gan import Game, Steps
from wganlib.methods.constraints import FORMS, clip_, gradient_norms, penalty, penalty_points
from wganlib.methods.objectives import OBJECTIVES, critic_loss, generator_loss, softplus

SLOPES, PLACES = np.array([-2.3, -0.6, 0.04, 0.7, 1.9]), np.array([0.8, -1.7, 0.3, 2.1, -0.2])


def losses(game, psi, theta):
    """The critic's and the generator's loss by the library's own functions, of tensors psi and theta."""
    real, fake = torch.zeros(1, 1, dtype=torch.float64), theta.reshape(1, 1)

    def critic(x):
        return (x * psi).squeeze(1)

    if game.objective == "relativistic_gan":
        difference = critic(fake) - critic(real)
        first, second = softplus(difference).mean(), softplus(-difference).mean()
    else:
        row = OBJECTIVES[game.objective]
        first, second = critic_loss(row, critic(real), critic(fake)), generator_loss(row, critic(fake))
    form, at, factor = game.constraint, None, 1.0
    if form in ("r1", "r2"):
        form, at, factor = "centralised", {"r1": "real", "r2": "generated"}[form], 0.5
    form = form.removesuffix("_smooth")
    if form in FORMS:
        points = penalty_points(real, fake, torch.Generator().manual_seed(0), at=at)
        first = first + penalty(gradient_norms(critic, points), form, factor * game.weight)
    return first, second


def gradients(game, psi, theta):
    psi, theta = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (psi, theta))
    first, second = losses(game, psi, theta)
    return tuple(float(torch.autograd.grad(*pair, retain_graph=True)[0]) for pair in ((first, psi), (second, theta)))


GAMES = [Game(objective) for objective in dg.OBJECTIVE_SLOPES] + [
    Game(objective, constraint, 0.7) for objective in ("wgan", "nonsaturating_gan") for constraint in dg.PENALTY_SLOPES
]


@pytest.mark.parametrize("game", GAMES, ids=lambda game: f"{game.objective} {game.constraint}")
def test_gradients_are_those_of_the_library_s_losses(game):
    expected = np.array([gradients(game, *start) for start in zip(SLOPES, PLACES, strict=True)])
    # The exact norm differs from the library's by what stands under the root there.
    tolerance = 1e-8 if game.constraint == "two_sided" else 1e-12
    np.testing.assert_allclose(dg.critic_gradient(game, SLOPES, PLACES), expected[:, 0], rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(dg.generator_gradient(game, SLOPES, PLACES), expected[:, 1], rtol=1e-12)


def test_every_objective_but_lsgan_is_there():
    assert set(dg.OBJECTIVE_SLOPES) == set(OBJECTIVES) - {"lsgan"} | {"relativistic_gan"}
    assert set(dg.PENALTY_SLOPES) == set(FORMS) | {"two_sided_smooth", "r1", "r2"}


def test_the_smooth_norm_is_the_library_s_where_the_exact_one_jumps():
    for psi in (0.0, 1e-7, -3e-7, 1e-5):
        game = Game("wgan", "two_sided_smooth", 2.0)
        value = float(dg.critic_gradient(game, np.array([psi]), np.array([0.4]))[0])
        assert value == pytest.approx(gradients(game, psi, 0.4)[0], rel=1e-12)
    exact = Game("wgan", "two_sided", 2.0)
    ends = [float(dg.critic_gradient(exact, np.array([psi]), np.array([0.4]))[0]) for psi in (-1e-300, 0.0, 1e-300)]
    assert ends == [0.4 + 4, 0.4, 0.4 - 4]


@pytest.mark.parametrize("betas", [None, (0.0, 0.9), (0.5, 0.999)])
@pytest.mark.parametrize("game", [Game("wgan", "two_sided_smooth", 0.4), Game("exp", "clipping", 0.6), Game("minimax_gan")])
def test_trajectories_are_those_of_torch_s_optimisers(game, betas):
    psi, theta = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (0.5, 1.0))
    optimizers = [
        torch.optim.SGD([part], lr=rate) if betas is None else torch.optim.Adam([part], lr=rate, betas=betas)
        for part, rate in ((psi, 0.11), (theta, 0.07))
    ]
    expected = [(0.5, 1.0)]
    for _ in range(60):
        for part in (0, 0, 0, 1):
            psi.grad = theta.grad = None
            losses(game, psi, theta)[part].backward()
            optimizers[part].step()
            if part == 0 and game.constraint == "clipping":
                clip_([psi], game.weight)
        expected.append((psi.item(), theta.item()))
    path = dg.trajectory(game, Steps(0.11, 0.07, 3, betas=betas), np.array([0.5]), np.array([1.0]), 60)
    np.testing.assert_allclose(path[:, :, 0], expected, rtol=1e-9, atol=1e-12)


def test_simultaneous_steps_take_the_old_slope_and_cells_do_not_meet():
    game = Game("wgan", "one_sided", np.array([0.0, 0.3]))
    path = dg.trajectory(game, Steps(0.1, 0.2, simultaneous=True), np.array([0.5, 2.0]), np.array([1.0, -1.0]), 1)
    np.testing.assert_allclose(path[1], [[0.5 - 0.1, 2 - 0.1 * (-1 + 2 * 0.3)], [1 + 0.2 * 0.5, -1 + 0.2 * 2]])


SMOOTH = [Game(objective, *rest) for objective in dg.OBJECTIVE_SLOPES for rest in (("none", 0.0), ("r1", 0.8))] + [
    Game("wgan", constraint, 0.6) for constraint in ("clipping", "one_sided", "centralised", "max", "r2")
]


@pytest.mark.parametrize("game", SMOOTH, ids=lambda game: f"{game.objective} {game.constraint}")
def test_jacobians_and_steps_are_finite_differences(game):
    size = 1e-5
    starts = size * np.array([[1, -1, 0, 0], [0, 0, 1, -1]])
    fields = np.stack([-dg.critic_gradient(game, *starts), -dg.generator_gradient(game, *starts)])
    np.testing.assert_allclose((fields[:, ::2] - fields[:, 1::2]) / (2 * size), dg.jacobian(game), atol=1e-8)
    eigenvalues = np.linalg.eigvals(dg.jacobian(game))
    np.testing.assert_allclose(np.sort_complex(dg.eigenvalues(game)), np.sort_complex(eigenvalues), atol=1e-12)
    assert dg.eigenvalues(game)[0].real >= dg.eigenvalues(game)[1].real
    for steps in (Steps(0.2, 0.3, simultaneous=True), Steps(0.2, 0.3, 3)):
        after = dg.trajectory(game, steps, *starts, 1)[1]
        np.testing.assert_allclose((after[:, ::2] - after[:, 1::2]) / (2 * size), dg.step_matrix(game, steps), atol=1e-8)


def test_eigenvalues_are_the_paper_s():
    assert dg.eigenvalues(Game("minimax_gan")) == pytest.approx([0.5j, -0.5j])
    assert dg.eigenvalues(Game("wgan")) == pytest.approx([1j, -1j])
    for weight in (0.3, 1.0, 4.0):
        root = np.emath.sqrt(weight**2 / 4 - 0.25)
        expected = [-weight / 2 + root, -weight / 2 - root]
        assert dg.eigenvalues(Game("nonsaturating_gan", "r1", weight)) == pytest.approx(expected, abs=1e-12)
    for constraint in ("two_sided", "two_sided_smooth"):
        with pytest.raises(ValueError, match=f"{constraint}: the field jumps"):
            dg.eigenvalues(Game("wgan", constraint, 1.0))


def test_simultaneous_steps_lead_away_and_alternating_ones_go_round():
    assert dg.modulus(Game("minimax_gan"), Steps(0.1, 0.1, simultaneous=True)) == pytest.approx(math.sqrt(1 + 0.1**2 / 4))
    for count in (1, 4):
        assert dg.modulus(Game("minimax_gan"), Steps(0.1, 0.2, count)) == pytest.approx(1, abs=1e-14)
    # A pair of complex eigenvalues: their product is what one critic step shrinks psi by.
    assert dg.modulus(Game("minimax_gan", "r1", 0.5), Steps(0.1, 0.1)) == pytest.approx(math.sqrt(1 - 0.1 * 0.5))


@pytest.mark.parametrize(("constraint", "weight"), [("clipping", 0.7), ("one_sided", 3.0)])
def test_a_bounded_slope_is_left_with_a_cycle_that_touches_its_bound(constraint, weight):
    """Inside the bound WGAN turns on the ellipse n h_c theta^2 + h_g psi^2, whose largest psi is the bound."""
    critic_rate, generator_rate, count = 0.002, 0.001, 3
    path = dg.trajectory(
        Game("wgan", constraint, weight), Steps(critic_rate, generator_rate, count), np.array([2.5]), np.array([4.0]), 40_000
    )
    bound = weight if constraint == "clipping" else 1.0
    assert np.abs(path[-8000:, 0]).max() == pytest.approx(bound, rel=2e-3)
    expected = bound * math.sqrt(generator_rate / (count * critic_rate))
    assert np.abs(path[-8000:, 1]).max() == pytest.approx(expected, rel=5e-3)


def held_by_hand(weight, critic_rate, generator_rate, critic_steps, psi, theta, iterations):
    """Whether the slope no longer turns in the last half: plain floats, one number at a time."""
    turned = 0
    for i in range(iterations):
        before = psi
        for _ in range(critic_steps):
            psi -= critic_rate * (theta + 2 * weight * (psi - math.copysign(1.0, psi)))
        theta += generator_rate * psi
        turned += i > iterations // 2 and (psi > 0) != (before > 0)
    return not turned


RATES = [(0.1, 0.1, 1), (0.05, 0.2, 1), (0.3, 0.03, 2), (0.03, 0.3, 5), (0.1, 0.05, 20)]


@pytest.mark.parametrize("rates", RATES)
def test_the_law_stands_between_weights_that_hold_and_weights_that_do_not(rates):
    law = dg.holding_weight(*rates)
    iterations = int(60 / math.sqrt(math.prod(rates)))
    for factor, start in itertools.product((0.4, 0.97, 1.03, 1.5), ((0.5, 1.0), (-2.0, -0.3), (1.0, -9.0))):
        weight = factor * law
        by_hand = held_by_hand(weight, *rates, *start, iterations)
        assert by_hand == (factor > 1), (factor, start)
        path = dg.trajectory(
            Game("wgan", "two_sided", weight), Steps(*rates), np.array(start[:1]), np.array(start[1:]), iterations
        )
        assert dg.held(path, weight)[0] == by_hand
        if factor > 1:
            assert abs(path[-1, 1, 0]) == pytest.approx(2 * weight, rel=1e-3)


@pytest.mark.parametrize("rates", RATES)
def test_the_law_is_where_the_step_s_eigenvalues_become_real(rates):
    """By finite differences of the trajectory about psi = 0+ and theta = 2 weight, where the map is linear for psi > 0."""
    law, size = dg.holding_weight(*rates), 1e-3
    for factor in (0.99, 1.01):
        weight = factor * law
        psi, theta = 0.3 + size * np.array([1, -1, 0, 0]), 0.9 * 2 * weight + size * np.array([0, 0, 1, -1])
        after = dg.trajectory(Game("wgan", "two_sided", weight), Steps(*rates), psi, theta, 1)[1]
        assert (after[0] > 0).all()
        values = np.linalg.eigvals((after[:, ::2] - after[:, 1::2]) / (2 * size))
        assert (np.abs(values.imag).max() < 1e-9) == (factor > 1)
        assert np.abs(values).max() < 1


def test_the_law_of_small_steps_is_the_limit_and_large_steps_are_refused():
    for scale, tolerance in ((1e-2, 0.02), (1e-4, 2e-4)):
        assert dg.holding_weight(2 * scale, scale, 3) == pytest.approx(dg.small_step_weight(2 * scale, scale, 3), rel=tolerance)
    assert dg.small_step_weight(0.1, 0.4, 4) == 1
    with pytest.raises(ValueError, match="product must be below 1"):
        dg.holding_weight(2.0, 0.5)


def test_held_looks_at_the_second_half_alone():
    def path(psi, theta):
        return np.stack([np.array(psi, dtype=float), np.array(theta, dtype=float)], axis=1)[:, :, None]

    assert dg.held(path([-1, 1, 1, 0.5], [0, 0, 1, 2]), 1.0)[0]
    assert dg.held(path([-1, 1, -1, -0.5], [0, 0, -1, -2]), 1.0)[0]
    assert not dg.held(path([1, 1, 1, -1], [0, 0, 1, 2]), 1.0)[0]
    assert not dg.held(path([1, 1, 1, 1], [0, 0, 2, 4]), 1.0)[0]
    assert dg.sign_changes(np.array([[1.0, 1], [-1, 2], [-2, 3], [3, 4]])).tolist() == [2, 0]


def test_bisection_finds_each_cell_s_own_edge():
    edges = np.array([0.02, 0.7, 5.0])
    low, high = np.full(3, 0.01), np.full(3, 10.0)
    np.testing.assert_allclose(dg.bisect(lambda x: x >= edges, low, high, 20), edges, rtol=1e-5)
    assert low.tolist() == [0.01] * 3


def test_the_non_saturating_gan_creeps_as_8_over_time():
    for rate, iterations in ((0.1, 20_000), (0.05, 20_000)):
        path = dg.trajectory(Game("nonsaturating_gan"), Steps(rate, rate), np.array([1.0]), np.array([-1.0]), iterations)
        squared = np.square(path[-iterations // 10 :]).sum(axis=1).mean()
        assert squared * rate * 0.95 * iterations / 8 == pytest.approx(1, abs=0.03)
