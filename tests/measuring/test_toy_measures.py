"""Pieces of what the toy figures measure: criteria, maps, directions; against finite differences and brute force."""

import itertools
import math

import numpy as np
import pytest
import torch
from known import Critic, member, trained
from test_stacks import CPU, toy

from wganlib.measuring import directions, maps
from wganlib.measuring.study import Member, Study
from wganlib.streams import stream
from wganlib.training.networks import build_critic
from wganlib.training.stacks import Trained

# Pieces.


def test_gradients_agree_with_finite_differences() -> None:
    critic = build_critic(toy(architecture={"nonlinearity": "tanh"}), stream(0, "init"))
    points = np.random.default_rng(0).normal(size=(5, 2))
    found = maps.gradients(critic, points)
    double = critic.double()
    for axis in range(2):
        step = np.zeros(2)
        step[axis] = 1e-5
        high, low = (double(torch.tensor(points + s))[:, 0].detach().numpy() for s in (step, -step))
        np.testing.assert_allclose(found[:, axis], (high - low) / 2e-5, rtol=1e-4, atol=1e-6)


def test_assignment_is_the_best_of_all_permutations_and_costs_distance() -> None:
    a, b = np.random.default_rng(1).normal(size=(2, 5, 2))
    rows, cost = maps.assignment(a, b)
    best = min(np.linalg.norm(a - b[list(p)], axis=1).mean() for p in itertools.permutations(range(5)))
    assert cost == pytest.approx(best, rel=1e-12)
    assert np.linalg.norm(a - b[rows], axis=1).mean() == pytest.approx(best, rel=1e-12)
    line, other = np.random.default_rng(2).normal(size=(2, 50, 1))
    assert maps.assignment(line, other)[1] == pytest.approx(np.abs(np.sort(line[:, 0]) - np.sort(other[:, 0])).mean())


def test_r_squared_is_one_for_what_the_columns_make_and_the_squared_correlation_for_a_line() -> None:
    x, y = np.random.default_rng(3).normal(size=(2, 40))
    design = np.stack([np.ones(40), x], axis=1)
    assert maps.r_squared(design, 2 * x - 1) == pytest.approx(1)
    assert maps.r_squared(design, y) == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2)


def test_a_surface_has_rows_along_the_second_coordinate() -> None:
    found = maps.surface(Critic(lambda x: x[:, 0] + 10 * x[:, 1]), np.array([0.0, 1.0]), np.array([0.0, 2.0, 3.0]))
    np.testing.assert_allclose(found, [[0, 1], [20, 21], [30, 31]])


def test_noise_is_added_to_the_same_real_points_and_lines_join_them() -> None:
    run = trained(toy("swiss_roll", seed=5), lambda x: x[:, 0])
    real, fake = (part.numpy() for part in maps.samples(run, 4000))
    noise = fake - real
    np.testing.assert_allclose(np.cov(noise.T), np.eye(2), atol=0.08)
    assert abs(np.corrcoef(real[:, 0], noise[:, 0])[0, 1]) < 0.05
    points = maps.between(run, 4000)
    share = (points - real) / noise
    np.testing.assert_allclose(share[:, 0], share[:, 1], rtol=1e-2, atol=1e-2)
    assert share.min() >= 0
    assert share.max() <= 1


def test_agreement_of_directions() -> None:
    generator = np.random.default_rng(0)
    one = generator.normal(size=(1, 30, 2))
    assert directions.agreement(np.concatenate([one, 3 * one, 2 * one])) == pytest.approx(1)
    assert directions.agreement(np.concatenate([one, -one])) == pytest.approx(-1)
    turned = np.stack([-one[..., 1], one[..., 0]], axis=-1)
    assert directions.agreement(np.concatenate([one, turned])) == pytest.approx(0, abs=1e-12)
    several = generator.normal(size=(5, 40, 3))
    unit = several / np.linalg.norm(several, axis=2, keepdims=True)
    pairs = [(unit[i] * unit[j]).sum(axis=1).mean() for i in range(5) for j in range(i)]
    assert directions.agreement(several) == pytest.approx(np.mean(pairs))
    # Random directions agree in nothing, however many they are; their mean length would fall with their number.
    for count in (2, 8):
        assert directions.agreement(generator.normal(size=(count, 20_000, 2))) == pytest.approx(0, abs=0.02)


def test_pointing_is_of_examples_far_from_real_ones() -> None:
    real = np.array([[0.0, 0.0], [10.0, 0.0]])
    fake = np.array([[5.0, 0.0], [5.0, 0.0], [5.0, 0.0], [0.05, 0.0], [5.0, 0.0]])
    along = np.array([[1.0, 0.0], [-1.0, 0.05], [0.0, 1.0], [0.0, 1.0], [0.0, 0.0]])
    # The second passes the first real example at about 0.25; the fourth stands beside one, and the last leads nowhere.
    assert directions.pointing(fake, along, real, 0.1, 0.3) == pytest.approx(2 / 4)
    assert directions.pointing(fake, along, real, 0.1, 0.2) == pytest.approx(1 / 4)
    assert directions.pointing(fake, -along, real, 0.1, 0.2) == pytest.approx(1 / 4)
    assert math.isnan(directions.pointing(real, along[:2], real, 0.1, 0.2))


def test_rays_begin_at_their_origins() -> None:
    missed, along = directions.rays(
        np.array([[0.0, 0.0]]), np.array([[2.0, 0.0]]), np.array([[3.0, 4.0], [-3.0, 4.0], [5.0, 0.0]])
    )
    np.testing.assert_allclose(missed, [[4, 5, 0]])
    np.testing.assert_allclose(along, [[3, 0, 5]])


def test_image_cosines_and_increments() -> None:
    generator = np.random.default_rng(0)
    fake, real = generator.uniform(-1, 1, size=(2, 4, 1, 3, 3))
    gradient = 0.3 * (real[[2, 0, 1, 3]] - fake)
    found = directions.image_cosines(gradient, fake, real)
    assert found.argmax(axis=1).tolist() == [2, 0, 1, 3]
    np.testing.assert_allclose(found.max(axis=1), 1)
    way = (real[1] - fake[0]).ravel()
    by_hand = gradient[0].ravel() @ way / np.linalg.norm(gradient[0]) / np.linalg.norm(way)
    assert found[0, 1] == pytest.approx(by_hand)
    rows = directions.increments(fake[0], gradient[0], real[2], 9)
    np.testing.assert_allclose(rows[5], real[2], atol=1e-12)
    np.testing.assert_allclose(rows[8] - real[2], (real[2] - fake[0]) / 2, atol=1e-12)


def test_a_study_leaves_out_runs_that_diverged() -> None:
    good, bad = (member(toy(seed=s), lambda x: x[:, 0], data="a") for s in (0, 1))
    lost = Member(bad.group, bad.labels, Trained(**{**vars(bad.run), "outcome": "diverged"}))
    study = Study((good, lost), {})
    assert study.of(data="a") == [good]
    assert study.options("data") == ["a"]
    assert CPU.type == "cpu"
