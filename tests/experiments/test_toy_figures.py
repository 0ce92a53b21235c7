"""What each figure on toy distributions measures, on critics that are known, against closed forms and brute force."""

import numpy as np
import pytest
import torch
from known import member, value
from scipy.stats import norm
from test_stacks import GIVEN, toy

from wganlib.experiments import wgan_fig2
from wganlib.measuring.study import Study

# Figures.


def test_the_optimal_discriminator() -> None:
    x = np.linspace(-8, 8, 101)
    real, fake = norm.pdf(x, 0), norm.pdf(x, 5)
    np.testing.assert_allclose(wgan_fig2.optimum(x), real / (real + fake), rtol=1e-9)
    slope = (wgan_fig2.optimum(np.array([5 + 1e-4])) - wgan_fig2.optimum(np.array([5 - 1e-4])))[0] / 2e-4
    given = {"data": "two_gaussians", "architecture": GIVEN}
    exact = member(toy(**given, constraint={"kind": "none"}), lambda x: 12.5 - 5 * x[:, 0], method="discriminator")
    straight = member(toy(**given), lambda x: -3 * x[:, 0], method="penalty")
    bent = member(toy(**given, seed=1), lambda x: -torch.relu(x[:, 0] - 2.5), method="clipping")
    findings = wgan_fig2.measure(Study((exact, straight, bent), {"points": 401, "limit": 8.0}))
    assert value(findings, "optimal_slope_at_fake") == pytest.approx(abs(slope), rel=1e-4)
    assert value(findings, "discriminator_slope_at_fake") == pytest.approx(abs(slope), rel=1e-2)
    assert value(findings, "discriminator_error") < 1e-5
    assert value(findings, "critic_linearity", "penalty") == pytest.approx(1)
    assert value(findings, "critic_slope_share_at_fake", "penalty") == pytest.approx(1)
    assert value(findings, "critic_linearity", "clipping") < 0.9
