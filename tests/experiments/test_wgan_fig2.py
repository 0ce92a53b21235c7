"""A discriminator and critics between two Gaussians, from networks that are known, and the claims on them."""

import math
from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from conftest import committed_plan
from known import expected, member
from made_up import measured
from scipy.stats import norm
from test_stacks import GIVEN, toy
from torch import Tensor

from wganlib.experiments import wgan_fig2
from wganlib.judging.verdicts import judge
from wganlib.measuring.study import Findings, Study

SETTINGS = {"points": 401, "limit": 8.0}
PLACES = {"data": "two_gaussians", "architecture": GIVEN}
STEPS = {"1 %": 20, "10 %": 200, None: 2000}
LINES = {"data": "parallel_lines", "architecture": GIVEN, "dataset": {"offset": 1.0}}


def line(slope: float, middle: float = 2.5) -> Callable[[Tensor], Tensor]:
    """A critic that falls along the first coordinate and is 0 at the middle."""
    return lambda x: slope * (middle - x[:, 0])


def step(x: Tensor) -> Tensor:
    """A critic that is constant where the generated Gaussian lies."""
    return -torch.clamp(x[:, 0], max=2.5) - 1e-4 * x[:, 0]


def study(
    discriminators: dict[str | None, float],
    clipped: Callable[[Tensor], Tensor],
    vanishing: dict[int, float],
    growing: dict[int, float],
) -> Study:
    """Three seeds; slopes of discriminators by the share of their steps, and of both on lines by the critic's steps."""
    members = []
    for seed in range(3):
        jitter = 1 + 0.01 * seed
        for steps, slope in discriminators.items():
            labels = {"method": "discriminator"} | ({} if steps is None else {"steps": steps})
            spec = toy(**PLACES, constraint={"kind": "none"}, seed=seed, generator_iterations=STEPS[steps])
            members.append(member(spec, line(slope * jitter), "early" if steps else "critics", **labels))
        members.append(member(toy(**PLACES, constraint=CLIPPED, seed=seed), clipped, method="clipping"))
        for method, slopes in (("discriminator", vanishing), ("clipping", growing)):
            for count, slope in slopes.items():
                constraint = CLIPPED if method == "clipping" else {"kind": "none"}
                spec = toy(**LINES, constraint=constraint, seed=seed, generator_iterations=count)
                members.append(member(spec, line(slope * jitter, 0.5), "lines", method=method, critic_steps=str(count)))
    return Study(tuple(members), SETTINGS)


CLIPPED = {"kind": "clipping", "limit": 0.01}
EVEN = dict.fromkeys((10, 100, 1000), 0.01)
SATURATING = study({"1 %": 0.4, "10 %": 1.0, None: 5.0}, line(0.01), {10: 4.0, 100: 20.0, 1000: 60.0}, EVEN)
FLAT = study({"1 %": -0.1, "10 %": -0.1, None: 0.01}, step, {10: 0.1, 100: 0.3, 1000: 1.0}, {10: 1.0, 100: 0.1, 1000: 0.01})


def values(findings: Findings, quantity: str, **labels: str) -> list[float]:
    rows = [row for row in findings.rows if row["quantity"] == quantity]
    return [row["value"] for row in rows if all(row.get(name) == label for name, label in labels.items())]


def verdicts(of: Study) -> dict[str, str]:
    params = committed_plan().experiment("wgan_fig2").params
    table = wgan_fig2.measure(of).frame()
    # Equal values have no spread to go by.
    table["value"] += np.random.default_rng(0).normal(0, 1e-6, len(table))
    return {name: judge(claim, params.gates, table, "demo").verdict for name, claim in params.claims.items()}


def test_claims_that_hold_and_that_fail() -> None:
    found = verdicts(SATURATING)
    assert found == dict.fromkeys(found, "holds")
    found = verdicts(FLAT)
    assert found == dict.fromkeys(found, "fails")
    assert len(found) == 5


def test_a_discriminator_of_one_half_everywhere_does_not_saturate() -> None:
    half = study({None: 1e-9}, line(0.01), {}, {})
    findings = wgan_fig2.measure(half)
    assert values(findings, "error", method="discriminator") == pytest.approx([0.5] * 3, abs=1e-4)
    assert verdicts(half)["w.fig2.saturates"] == "fails"


def test_the_optimal_discriminator() -> None:
    x = np.linspace(-8, 8, 101)
    real, fake = norm.pdf(x, 0), norm.pdf(x, 5)
    np.testing.assert_allclose(wgan_fig2.optimum(x), real / (real + fake), rtol=1e-9)
    slope = (wgan_fig2.optimum(np.array([5 + 1e-4])) - wgan_fig2.optimum(np.array([5 - 1e-4])))[0] / 2e-4
    findings = wgan_fig2.measure(SATURATING)
    assert expected(findings, "slope") == pytest.approx(abs(slope), rel=1e-4)
    assert values(findings, "slope")[0] == pytest.approx(abs(slope), rel=1e-2)
    assert values(findings, "error")[0] < 1e-5
    assert values(findings, "separation")[0] == pytest.approx(1, abs=1e-4)
    assert values(findings, "slope_share", method="clipping") == pytest.approx([1] * 3)
    assert values(findings, "slope_ratio", method="clipping") == pytest.approx([1] * 3, rel=1e-4)
    assert values(wgan_fig2.measure(FLAT), "slope_ratio", method="clipping")[0] == pytest.approx((1 + 1e-4) / 1e-4, rel=1e-2)


def test_accuracy_is_that_of_the_threshold() -> None:
    x = np.linspace(-6, 11, 4001)
    for place in (2.5, 1.0, -20.0):
        by_hand = (norm.cdf(place) + norm.sf(place, 5)) / 2
        assert wgan_fig2.accuracy(x, place - x) == pytest.approx(by_hand, abs=1e-3)
    assert pytest.approx(norm.cdf(2.5)) == wgan_fig2.BAYES
    found = values(wgan_fig2.measure(SATURATING), "accuracy", steps="10 %")
    assert found == pytest.approx([1] * 3, abs=1e-3)
    assert len(values(wgan_fig2.measure(SATURATING), "accuracy", steps="none")) == 3


def test_the_generator_s_gradient_is_the_derivative_of_its_loss_by_its_place() -> None:
    z = np.random.default_rng(0).normal(size=1000)

    def losses(place: float) -> dict[str, float]:
        f = np.sin(place + z)
        d = 1 / (1 + np.exp(-f))
        return {"log(1 − D)": np.log(1 - d).mean(), "−log D": -np.log(d).mean(), "WGAN": -f.mean()}

    found = wgan_fig2.generator_gradients(np.sin(5 + z), np.cos(5 + z))
    low, high = losses(5 - 1e-5), losses(5 + 1e-5)
    for loss, size in found.items():
        assert size == pytest.approx(abs(high[loss] - low[loss]) / 2e-5, rel=1e-5), loss


def test_how_gradients_vanish_with_the_steps() -> None:
    slopes = {10: 0.3, 100: 0.3 * 10**-0.5, 1000: 0.03}
    findings = wgan_fig2.measure(study({None: 5.0}, line(0.01), slopes, slopes))
    assert values(findings, "vanishing", loss="WGAN") == pytest.approx([-0.5] * 3)
    # At the generated line a discriminator of slope a has the logit −a / 2.
    sizes = [a / (1 + math.exp(a / 2)) for a in slopes.values()]
    by_hand = np.polyfit(np.log([10, 100, 1000]), np.log(sizes), 1)[0]
    assert values(findings, "vanishing", loss="log(1 − D)")[0] == pytest.approx(by_hand)
    still = wgan_fig2.measure(study({None: 5.0}, line(0.01), {10: 0.0}, {}))
    assert values(still, "vanishing", loss="−log D") == [-math.inf] * 3


def test_the_report_draws_all_three_panels() -> None:
    content = wgan_fig2.report(measured("wgan_fig2", wgan_fig2.measure(SATURATING)))
    assert [len(table.rows) for table in content.tables] == [2, 4, 3]
    courses = content.pictures[0].figure.axes[2].get_lines()
    assert len(courses) == 9
    assert math.isclose(float(np.asarray(courses[0].get_ydata())[0]), 1.0)
    plt.close("all")
