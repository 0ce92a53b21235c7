"""Objectives against closed forms, their signs, sums and condition (11); optimal critics of two points, exactly."""

import math
import re

import numpy as np
import pytest
import torch
from conftest import make_spec
from formulas import computed
from scipy.optimize import brentq, minimize
from torch import nn

from wganlib.architectures import modules
from wganlib.architectures.build import spectrally_normalize
from wganlib.methods import constraints
from wganlib.methods.constraints import FORMS
from wganlib.methods.objectives import (
    OBJECTIVES,
    auxiliary_loss,
    condition_11,
    critic_loss,
    generator_loss,
    objective,
    objective_terms,
)


def closed_forms(name):
    """The critic's function of generated and of real values and the generator's, from the text of the objective's row."""
    return [lambda x, text=text: computed(text, f=x, r=x) for text in OBJECTIVES[name].formulas]


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_objectives_are_their_formulas(name):
    real, fake = torch.tensor([-1.3, 0.2, 2.0], dtype=torch.float64), torch.tensor([0.7, -0.4], dtype=torch.float64)
    on_fake, on_real, on_generated = closed_forms(name)
    expected = np.mean([on_fake(v) for v in fake.tolist()]) + np.mean([on_real(v) for v in real.tolist()])
    assert float(critic_loss(OBJECTIVES[name], real, fake)) == pytest.approx(expected, rel=1e-12)
    assert float(generator_loss(OBJECTIVES[name], fake)) == pytest.approx(
        np.mean([on_generated(v) for v in fake.tolist()]), rel=1e-12
    )


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_signs_the_critic_raises_reals_and_lowers_fakes_the_generator_raises_its_own(name):
    real, fake = (torch.full((4,), 0.5, requires_grad=True) for _ in range(2))
    critic_loss(OBJECTIVES[name], real, fake).backward()
    assert (real.grad < 0).all()
    assert (fake.grad > 0).all()
    own = torch.zeros(4, requires_grad=True)
    generator_loss(OBJECTIVES[name], own).backward()
    assert (own.grad < 0).all()


def test_a_sum_weighs_the_critic_s_terms_and_keeps_a_lipschitz_gan_s_generator():
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)
    row = objective("exp + 0.5*sqrt+2*wgan")
    on_fake = [math.exp(v) + 0.5 * (v + math.hypot(v, 1)) + 2 * v for v in x.tolist()]
    assert row.critic_fake(x).tolist() == pytest.approx(on_fake, rel=1e-12)
    assert row.critic_real(-x).tolist() == pytest.approx(on_fake, rel=1e-12)
    assert row.generator(x).tolist() == pytest.approx((-x).tolist(), rel=1e-12)
    halved = objective("0.5*nonsaturating_gan")
    assert halved.critic_fake(x).tolist() == pytest.approx([0.5 * math.log1p(math.exp(v)) for v in x.tolist()])
    assert halved.generator(x).tolist() == pytest.approx([math.log1p(math.exp(-v)) for v in x.tolist()])
    assert objective("exp") is OBJECTIVES["exp"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("exp+wgam", ["unknown objective 'wgam'", "did you mean 'wgan'"]),
        ("exp+", ["'exp+'", "the term ''", "write a name such as 'wgan', or a sum such as 'exp+0.5*sqrt'"]),
        ("", ["the term ''"]),
        ("exp-sqrt", ["the term 'exp-sqrt'"]),
        ("-1*exp", ["the term '-1*exp'"]),
        ("0*exp+wgan", ["weight of 'exp' must be above 0 and finite", "found 0"]),
        ("exp+0.5*exp", ["'exp' stands twice", "add its weights up"]),
        ("exp*2", ["the term 'exp*2'"]),
        ("9" * 400 + "*exp", ["weight of 'exp' must be above 0 and finite"]),
        ("٣*exp", ["is not a name with or without a weight"]),
    ],
)
def test_an_unknown_or_ill_formed_sum_is_named(text, words):
    with pytest.raises(ValueError, match=r".") as error:
        objective_terms(text)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize("text", ["exp+0.00001*sqrt", "10000000000000000*exp+wgan", "1e-3*exp + .5*hinge", " wgan ", "2.*exp"])
def test_an_objective_in_a_spec_reads_as_itself(text):
    spec = make_spec(**{"method.objective": text})
    assert objective_terms(spec.method.objective) == objective_terms(text)
    assert make_spec(**{"method.objective": spec.method.objective}).key == spec.key
    assert re.fullmatch(r"[a-z0-9_-]+", spec.key)


@pytest.mark.parametrize(
    ("name", "holds", "strictly_convex"),
    [
        ("wgan", True, False),
        ("log_sigmoid", True, True),
        ("sqrt", True, True),
        ("exp", True, True),
        ("wgan+exp", True, True),
        ("0.1*sqrt+3*log_sigmoid", True, True),
        # Their critics are that of log_sigmoid.
        ("minimax_gan", True, True),
        ("nonsaturating_gan", True, True),
        # phi' = 0 for x < -1, and phi' < 0 there.
        ("hinge", False, False),
        ("quadratic", False, True),
        ("quadratic_lsgan", False, True),
        ("lsgan", False, True),
    ],
)
def test_condition_11_holds_for_the_paper_s_objectives_and_fails_for_hinge_and_squares(name, holds, strictly_convex):
    found = condition_11(objective(name))
    assert found.holds is holds
    assert found.convex
    assert found.strictly_convex is strictly_convex
    if holds and strictly_convex:
        assert found.balance == pytest.approx(0.0, abs=1e-9)


def test_condition_11_sees_each_of_its_parts_violated():
    from wganlib.methods.objectives import Objective, mirrored

    assert not condition_11(mirrored(lambda x: -x, "")).rising_on_fakes
    assert not condition_11(mirrored(torch.tanh, "")).convex
    assert not condition_11(Objective(torch.exp, torch.exp, torch.neg, "")).falling_on_reals
    for name in ("hinge", "quadratic"):
        found = condition_11(OBJECTIVES[name])
        assert (found.rising_on_fakes, found.falling_on_reals, found.convex) == (False, False, True)
    # exp(a) = exp(1 - a) at a = 1/2.
    shifted = Objective(torch.exp, lambda x: torch.exp(1 - x), torch.neg, "")
    assert condition_11(shifted).balance == pytest.approx(0.5, abs=0.01)
    # Slopes 2 and -1 never cancel.
    assert condition_11(Objective(lambda x: 2 * x, lambda x: -x, torch.neg, "")).balance is None


def test_the_classification_loss_is_the_mean_of_minus_log_softmax_at_the_label():
    logits = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, 1.0]], dtype=torch.float64)
    expected = np.mean(
        [-math.log(math.exp(r[y]) / sum(map(math.exp, r))) for r, y in zip(logits.tolist(), (2, 1), strict=True)]
    )
    assert float(auxiliary_loss(logits, torch.tensor([2, 1]))) == pytest.approx(expected, rel=1e-12)


# The optimal slope k between two point masses at distance d = 2: reals at (+1, 0), fakes at (-1, 0), f = k x on the segment.
# MaxGP minimises 2 phi(-k) + weight k^2, so phi'(-k) = weight k. Two-sided penalty with phi = x: k = 1 + d / (2 weight).
def _max_slope(derivative, weight):
    return brentq(lambda k: 2 * derivative(-k) - 2 * weight * k, 1e-6, 50)


TWO_POINTS = [
    ("wgan", "max", 0.1, _max_slope(lambda x: 1.0, 0.1), 10.0),
    ("log_sigmoid", "max", 0.1, _max_slope(lambda x: 1 / (1 + math.exp(-x)), 0.1), 1.6335),
    ("exp", "max", 0.1, _max_slope(math.exp, 0.1), 1.7455),
    ("sqrt", "max", 0.1, _max_slope(lambda x: 1 + x / math.hypot(x, 1), 0.1), 1.5683),
    ("sqrt", "centralised", 0.1, _max_slope(lambda x: 1 + x / math.hypot(x, 1), 0.1), 1.5683),
    ("wgan", "two_sided", 0.1, 1 + 2 / (2 * 0.1), 11.0),
    ("wgan", "two_sided", 1.0, 1 + 2 / (2 * 1.0), 2.0),
    ("wgan", "two_sided", 10.0, 1 + 2 / (2 * 10.0), 1.1),
    ("wgan", "one_sided", 1.0, 1 + 2 / (2 * 1.0), 2.0),
]


@pytest.mark.parametrize(("name", "form", "weight", "derived", "documented"), TWO_POINTS)
def test_two_points_the_trained_critic_has_the_closed_form_s_slope(name, form, weight, derived, documented):
    assert derived == pytest.approx(documented, abs=6e-5)
    random = torch.Generator().manual_seed(1)
    critic = nn.Sequential(
        modules.Linear(2, 64, random), nn.ReLU(), modules.Linear(64, 64, random), nn.ReLU(), modules.Linear(64, 1, random)
    )
    optimizer = torch.optim.Adam(critic.parameters(), lr=3e-3, betas=(0.5, 0.9))
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, total_iters=1500)
    real = torch.tensor([[1.0, 0.0]]).repeat(32, 1)
    fake = -real
    for _ in range(1500):
        loss = critic_loss(OBJECTIVES[name], critic(real).flatten(), critic(fake).flatten())
        norms = constraints.gradient_norms(critic, constraints.interpolate(real, fake, random))
        loss = loss + constraints.penalty(norms, form, weight)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        on_real, on_fake = float(critic(real[:1])), float(critic(fake[:1]))
    assert (on_real - on_fake) / 2 == pytest.approx(derived, rel=0.02)
    if condition_11(OBJECTIVES[name]).strictly_convex:  # then the offset is unique too
        assert on_real + on_fake == pytest.approx(0, abs=0.1)


def _optimal_slope(name, form, weight):
    """The slope along x of the best affine critic f = k x + l y + b, by scipy, from the formulas of the row."""
    on_fake, on_real, _ = closed_forms(name)

    def loss(v):
        penalty = weight * computed(FORMS[form].formula, g=math.hypot(v[0], v[1])) if form else 0
        return on_fake(v[2] - v[0]) + on_real(v[2] + v[0]) + penalty

    tight = {"xatol": 1e-10, "fatol": 1e-15, "maxiter": 8000, "maxfev": 8000}
    return float(minimize(loss, [0.8, 0.2, 0.1], method="Nelder-Mead", options=tight).x[0])


@pytest.mark.parametrize("weight", [0.3, 2.0])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_two_points_every_objective_with_every_penalty_has_the_best_affine_critic(name, form, weight):
    """The library's loss of f = w.x + b is minimised by gradient; scipy minimises the same from the formulas of the row."""
    w = torch.tensor([0.5, 0.3], dtype=torch.float64, requires_grad=True)
    b = torch.zeros((), dtype=torch.float64, requires_grad=True)
    real = torch.tensor([[1.0, 0.0]], dtype=torch.float64).repeat(4, 1)
    random = torch.Generator().manual_seed(0)

    def total():
        loss = critic_loss(OBJECTIVES[name], real @ w + b, -real @ w + b)
        norms = constraints.gradient_norms(lambda x: x @ w + b, constraints.interpolate(real, -real, random))
        return loss + constraints.penalty(norms, form, weight)

    if name == "hinge":  # a kink at the optimum: steps that shrink
        optimizer = torch.optim.SGD([w, b], lr=0.05)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=600)
        for _ in range(600):
            optimizer.zero_grad()
            total().backward()
            optimizer.step()
            schedule.step()
    else:
        optimizer = torch.optim.LBFGS([w, b], max_iter=200, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

        def closure():
            optimizer.zero_grad()
            loss = total()
            loss.backward()
            return loss

        optimizer.step(closure)
    expected = _optimal_slope(name, form, weight)
    assert float(w[0].detach()) == pytest.approx(expected, rel=1e-2 if name == "hinge" else 1e-4)


@pytest.mark.parametrize(
    ("name", "constraint"),
    [
        (name, constraint)
        for name in sorted(OBJECTIVES)
        for constraint in ("clipping", "spectral_normalization")
        # Their free optimum is 1, the bound of spectral norm: nothing to tell apart.
        if not (name.startswith("quadratic") and constraint == "spectral_normalization")
    ],
)
def test_two_points_a_bounded_linear_critic_has_the_bound_s_slope(name, constraint):
    """Weights in [-0.3, 0.3], or of norm 1: the slope is the bound, or the free optimum where that is smaller."""
    critic = modules.Linear(2, 1, torch.Generator().manual_seed(3)).double()
    bound = 0.3 if constraint == "clipping" else 1.0
    if constraint == "spectral_normalization":
        spectrally_normalize(critic, torch.Generator().manual_seed(0))
    real = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    optimizer = torch.optim.Adam(critic.parameters(), lr=0.05)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=400)
    for _ in range(400):
        optimizer.zero_grad()
        critic_loss(OBJECTIVES[name], critic(real)[:, 0], critic(-real)[:, 0]).backward()
        optimizer.step()
        if constraint == "clipping":
            constraints.clip_(critic.parameters(), bound)
        schedule.step()
    with torch.no_grad():
        slope = float(critic(real) - critic(-real)) / 2
    squares = ("lsgan", "quadratic", "quadratic_lsgan")
    free = _optimal_slope(name, None, 0.0) if name in squares else math.inf  # the others fall for ever, hinge up to 1
    assert slope == pytest.approx(min(bound, free), abs=2e-3)
