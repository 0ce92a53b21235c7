"""What each figure on toy distributions measures, on critics that are known, against closed forms and brute force."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from known import expected, member, trained, value
from scipy.optimize import minimize_scalar
from test_stacks import GIVEN, toy
from torch import Tensor

from wganlib.datasets.loading import load
from wganlib.experiments import (
    lgan_fig1,
    lgan_fig2,
    lgan_fig3,
    lgan_fig6_toy,
    lgan_fig12,
)
from wganlib.measuring import maps
from wganlib.measuring.study import Member, Study

# Figures.


def test_the_unrestricted_optimum() -> None:
    for real, fake in ((0.2, 0.8), (0.8, 0.2), (0.5, 0.1)):
        best = minimize_scalar(lambda f, r=real, g=fake: g * (f + 1) ** 2 + r * (f - 1) ** 2).x
        assert lgan_fig1.optimum(real, fake) == pytest.approx(best, abs=1e-6)


PLANE = {"samples": 200, "x": [-2.0, 2.0], "y": [-1.5, 1.5], "grid": [5, 4], "arrows": 7, "radius": 0.15}


def test_gradients_that_point_to_the_data_and_away_from_it() -> None:
    spec = toy("lgan_case1", "quadratic_lsgan", {"kind": "none"}, architecture=GIVEN)
    other = toy("lgan_case1", "quadratic_lsgan", {"kind": "none"}, architecture=GIVEN, seed=1)
    for sign in (1, -1):
        towards = member(spec, lambda x, sign=sign: sign * x[:, 0], "figure", case="disjoint squares")
        away = member(other, lambda x, sign=sign: -sign * x[:, 0], "figure", case="disjoint squares")
        findings = lgan_fig1.measure(Study((towards, away), PLANE))
        cosines = [row["value"] for row in findings.rows if row["quantity"] == "cosine"]
        assert cosines[0] * sign > 0.85  # every real example lies right of every generated one, two units away
        assert cosines[1] == pytest.approx(-cosines[0], abs=0.02)
        assert value(findings, "resultant_seeds") == pytest.approx(0, abs=1e-9)
    squares = toy("lgan_case2", "quadratic_lsgan", {"kind": "none"}, architecture=GIVEN)
    best = member(squares, lambda x: 0.6 * torch.sign(x[:, 0]) + 0 * x[:, 1], "figure", case="overlapping squares")
    findings = lgan_fig1.measure(Study((best,), PLANE))
    for name in ("left_square", "right_square"):
        assert value(findings, name) == pytest.approx(expected(findings, name), abs=1e-6)
    assert expected(findings, "left_square") == pytest.approx(-0.6)
    assert value(findings, "square_spread", "overlapping squares, left") == pytest.approx(0, abs=1e-6)
    sloping = member(squares, lambda x: x[:, 1], "figure", case="overlapping squares")
    spread = value(lgan_fig1.measure(Study((sloping,), PLANE)), "square_spread", "overlapping squares, right")
    assert spread == pytest.approx(math.sqrt(1 / 12), abs=0.03)  # of a uniform variable on a unit interval


def test_gradients_on_two_gaussians() -> None:
    spec = toy("lgan_case3", architecture=GIVEN)
    modes = torch.tensor([[-1.25, 0.0], [1.0, 0.0]])

    def transported(x: Tensor) -> Tensor:
        # Right of the generated mean towards the right mode, left of it towards the left one: what exact transport does.
        target = modes[(x[:, 0] > -0.75).long()]
        return -(x - target).norm(dim=1)

    findings = lgan_fig2.measure(Study((member(spec, transported, objective="x"),), PLANE))
    # Not 1: near examples travel 0.4, and transport matches them with examples that spread by 0.15.
    assert value(findings, "cosine") > 0.7
    assert abs(value(findings, "share_right") - expected(findings, "share_right")) < 0.1
    assert expected(findings, "share_right") == pytest.approx(0.5, abs=0.1)
    assert value(findings, "pointing") > 0.95
    assert value(findings, "pointing_far") > 0.8  # exact transport splits the examples nearly, not just, at their mean
    against = lgan_fig2.measure(Study((member(spec, lambda x: -transported(x), objective="x"),), PLANE))
    assert value(against, "pointing_far") < 0.5
    assert value(against, "cosine") < -0.7
    assert value(against, "pointing") == pytest.approx(value(findings, "pointing_reversed"))
    findings = lgan_fig2.measure(Study((member(spec, lambda x: x[:, 1], objective="x"),), PLANE))
    assert value(findings, "pointing") < 0.5
    assert abs(value(findings, "cosine")) < 0.3
    findings = lgan_fig2.measure(Study((member(spec, lambda x: -x[:, 0].abs(), objective="x"),), PLANE))
    assert value(findings, "gap") < 0  # real examples lie farther out


def test_wandering_offsets() -> None:
    steps = np.arange(200)
    sway = np.sin(steps)

    def history(offset: Any, gap: float) -> pd.DataFrame:
        return pd.DataFrame(
            {"generator_iteration": steps, "critic_on_real": offset + gap / 2, "critic_on_fake": offset - gap / 2}
        )

    assert lgan_fig6_toy.wander(history(3 + 0.01 * steps, 2.0)) == pytest.approx(0, abs=1e-9)  # a trend does not count
    assert lgan_fig6_toy.wander(history(sway, 2.0)) == pytest.approx(sway[100:].std() / 2, rel=0.01)
    assert lgan_fig6_toy.wander(history(sway, 4.0)) == pytest.approx(sway[100:].std() / 4, rel=0.01)
    members = []
    for objective, size in (("x", 1.0), ("exp x", 0.1)):
        for seed in (0, 1):
            run = trained(
                toy("two_points", seed=seed, architecture=GIVEN), lambda x: x[:, 0], history(size * (sway + 10 * seed), 2.0)
            )
            members.append(Member("critics", {"objective": objective}, run))
    findings = lgan_fig6_toy.measure(Study(tuple(members), {}))
    # Between two points all batches are equal: nothing is taken out.
    assert [row["value"] for row in findings.rows if row["quantity"] == "drift_ratio"] == pytest.approx([10, 10])
    assert value(findings, "seed_spread_ratio") == pytest.approx(10)
    assert value(findings, "seed_spread", "x") == pytest.approx(10 / math.sqrt(2) / 2, rel=1e-6)


def test_the_draw_of_batches_alone_makes_an_offset_wander() -> None:
    # f = x on N(0, 1) and N(5, 1): the offset of a batch of 16 has the standard deviation sqrt(2 / 16) / 2, its gap is -5.
    run = trained(toy("two_gaussians", architecture=GIVEN), lambda x: x[:, 0])
    assert lgan_fig6_toy.batch_noise(run) == pytest.approx(math.sqrt(2 / 16) / 2 / 5, rel=0.25)
    assert lgan_fig6_toy.drift(0.5, 0.3) == pytest.approx(0.4)
    assert lgan_fig6_toy.drift(0.3, 0.5) == 0


PAIRS = {"architecture": GIVEN, "dataset": {"image_size": 8}}


def test_gradients_of_known_critics_on_images() -> None:
    spec = toy("digits_pairs", **PAIRS)
    data = load(spec.dataset)
    assert data.supports is not None
    real, fake = data.supports
    plan = maps.assignment(fake.numpy(), real.numpy())[0]

    def transported(x: Tensor) -> Tensor:
        target = real[plan][torch.cdist(x.flatten(1), fake.flatten(1)).argmin(dim=1)]
        return -(x - target).flatten(1).norm(dim=1)

    findings = lgan_fig3.measure(
        Study(
            (member(spec, transported, objective="x"), member(spec, lambda x: x.sum(dim=(1, 2, 3)), objective="y")),
            {"steps": 9},
        )
    )
    assert value(findings, "max_cosine", "x") == pytest.approx(1, abs=1e-5)
    assert value(findings, "distinct", "x") == 10
    assert value(findings, "transport", "x") == 10
    assert value(findings, "max_cosine", "y") < 0.9
    assert 0 <= value(findings, "agreement") < 10
    rows = findings.arrays["rows"]
    assert rows.shape == (10, 12, 1, 8, 8)
    np.testing.assert_allclose(rows[0, 0], fake[0], atol=1e-6)
    np.testing.assert_allclose(rows[0, -1], real[plan[0]], atol=1e-6)
    assert abs(rows[0, 1]).max() == pytest.approx(1)
    flat = lgan_fig12.slopes(member(spec, lambda x: 3 * x.sum(dim=(1, 2, 3)), constraint="maximum"), 5)
    np.testing.assert_allclose(flat, np.full(50, 3 * 8.0), rtol=1e-5)  # 3 in each of 64 pixels
    bowl = lgan_fig12.slopes(member(spec, lambda x: x.square().sum(dim=(1, 2, 3)), constraint="maximum"), 5).reshape(5, 10)
    np.testing.assert_allclose(bowl[0], 2 * fake.flatten(1).norm(dim=1), rtol=1e-5)
    np.testing.assert_allclose(bowl[-1], 2 * real[plan].flatten(1).norm(dim=1), rtol=1e-5)
    both = Study(
        (
            member(spec, transported, constraint=lgan_fig12.REFERENCE),
            member(spec, lambda x: x.sum(dim=(1, 2, 3)), constraint="two-sided"),
        ),
        {"steps": 9, "along": 5},
    )
    findings = lgan_fig12.measure(both)
    drop = value(findings, "max_cosine_maximum") - value(findings, "max_cosine")
    assert value(findings, "deficit") == pytest.approx(drop)
    assert drop > 0.05
