"""Distances between parallel lines: closed forms, transport, and estimates of networks that are known."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from exact import claims_hold, of, quantities_are_described, verdicts
from known import member
from test_stacks import GIVEN, toy

from wganlib.experiments import wgan_fig1
from wganlib.measuring.study import Findings, Study


def test_distances_between_parallel_lines() -> None:
    assert wgan_fig1.closed_forms(0.3) == {"em": 0.3, "js": math.log(2), "tv": 1.0, "kl": math.inf, "reverse_kl": math.inf}
    assert set(wgan_fig1.closed_forms(0).values()) == {0.0}
    for theta in (-0.7, 0.0, 0.01, 1.0):
        assert wgan_fig1.paired_transport(theta, 60, np.random.default_rng(0)) == pytest.approx(abs(theta), abs=1e-12)
    assert wgan_fig1.js_estimate(np.full(9, 50.0), np.full(5, -50.0)) == pytest.approx(math.log(2), abs=1e-9)
    assert wgan_fig1.js_estimate(np.zeros(9), np.zeros(5)) == pytest.approx(0, abs=1e-12)
    # Two masses that overlap by half: JS by its definition.
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.0, 0.5, 0.5])
    m = (p + q) / 2
    js = sum(0.5 * a * math.log(a / b) for d in (p, q) for a, b in zip(d, m, strict=True) if a > 0)
    logits = np.array([50.0, 0.0, -50.0])
    assert wgan_fig1.js_estimate(logits[:2], logits[1:]) == pytest.approx(js, abs=1e-9)


def test_estimates_of_known_networks_on_parallel_lines() -> None:
    members = []
    for theta in ("-1", "0.5"):
        at = toy("parallel_lines", architecture=GIVEN, dataset={"offset": float(theta)})
        sign = math.copysign(1, float(theta))
        members.append(member(at, lambda x, sign=sign: -3 * sign * x[:, 0], method="critic", theta=theta))
        members.append(
            member(at, lambda x, t=float(theta): 100 * (abs(t) / 2 - x[:, 0].abs()), method="discriminator", theta=theta)
        )
    findings = wgan_fig1.measure(Study(tuple(members), {"samples": 50, "evaluation": 200}))
    for theta in ("-1", "0.5"):
        w1 = abs(float(theta))
        assert of(findings, "estimate", estimate="critic", of="W1", theta=theta) == pytest.approx(w1, rel=1e-5)
        assert of(findings, "estimate", estimate="discriminator", of="JS", theta=theta) == pytest.approx(math.log(2), abs=1e-6)
        assert of(findings, "estimate", estimate="discriminator", of="TV", theta=theta) == 1
        assert of(findings, "estimate", estimate="transport", theta=theta) == pytest.approx(w1, abs=1e-12)
        assert of(findings, "estimate", estimate="independent samples", theta=theta) >= w1
        # The critic falls by 3 a unit away from the real line; the best one by 1 + W1 / 20.
        envelope = of(findings, "envelope", estimate="critic", theta=theta)
        assert envelope == pytest.approx(3 / (1 + w1 / 20), rel=1e-5)
    assert of(findings, "slope", estimate="critic") == pytest.approx(1, rel=1e-4)
    assert of(findings, "slope", estimate="discriminator") == pytest.approx(0, abs=1e-5)
    # From -1 to 0.5 W1 falls by 0.5, where points move by 1.5; the divergence does not change.
    assert of(findings, "step_excess", estimate="transport") == pytest.approx(-1)
    assert of(findings, "step_excess", estimate="discriminator") == pytest.approx(-1.5, abs=1e-5)


def lines(slope_at: Callable[[float], float], reads: float) -> Findings:
    """Parallel lines with critics of a slope, and discriminators that tell the lines apart, but at 0, by logits `reads`."""
    members = []
    for theta, seed in itertools.product(("-1", "-0.3", "0", "0.1", "0.6"), range(3)):
        at, t = toy("parallel_lines", architecture=GIVEN, dataset={"offset": float(theta)}, seed=seed), float(theta)
        k = slope_at(abs(t)) * (1 + 0.001 * seed) * math.copysign(1, t)
        members.append(member(at, lambda x, k=k: -k * x[:, 0] + 0 * x[:, 1], method="critic", theta=theta))
        size = reads * (1 + 0.01 * seed) if t else 0.0
        judge = lambda x, t=t, size=size: size * (abs(t) / 2 - x[:, 0].abs())  # noqa: E731
        members.append(member(at, judge, method="discriminator", theta=theta))
    return wgan_fig1.measure(Study(tuple(members), {"samples": 50, "evaluation": 200}))


def test_claims_on_parallel_lines_hold_for_the_best_networks_and_fail_for_others() -> None:
    claims_hold(lines(lambda w1: 1 + w1 / 20, 400.0), "wgan_fig1")
    claims_hold(lines(lambda w1: 1.1, 400.0), "wgan_fig1", but=["w.thm3.envelope"])
    unsure = verdicts(lines(lambda w1: 1 + w1 / 20, 1.0), "wgan_fig1")
    assert unsure["w.fig1.js-jump"].verdict == unsure["w.fig1.js-no-gradient"].verdict == "fails"


def test_quantities_that_are_added_are_those_described() -> None:
    quantities_are_described(wgan_fig1, lines(lambda w1: 1.0, 400.0))
