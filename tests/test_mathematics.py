"""Objectives, constraints, layers and streams against closed forms, finite differences and NumPy references."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from torch import nn

from wganlib import constraints
from wganlib.architectures import modules
from wganlib.architectures.build import critic_parameter_groups
from wganlib.architectures.layers import Layer
from wganlib.numerics import names
from wganlib.objectives import OBJECTIVES, critic_loss, generator_loss
from wganlib.streams import stream


def test_the_table_of_objectives_and_the_names_in_specs_are_the_same():
    assert set(OBJECTIVES) == set(names("objective"))


CLOSED_FORMS = {
    "nonsaturating_gan": (
        lambda f: math.log1p(math.exp(f)),
        lambda r: math.log1p(math.exp(-r)),
        lambda f: math.log1p(math.exp(-f)),
    ),
    "wgan": (lambda f: f, lambda r: -r, lambda f: -f),
    "log_sigmoid": (lambda f: math.log1p(math.exp(f)), lambda r: math.log1p(math.exp(-r)), lambda f: -f),
    "sqrt": (lambda f: f + math.hypot(f, 1), lambda r: math.hypot(r, 1) - r, lambda f: -f),
    "exp": (math.exp, lambda r: math.exp(-r), lambda f: -f),
}


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_objectives_are_their_formulas(name):
    real, fake = torch.tensor([-1.3, 0.2, 2.0], dtype=torch.float64), torch.tensor([0.7, -0.4], dtype=torch.float64)
    on_fake, on_real, on_generated = CLOSED_FORMS[name]
    expected = np.mean([on_fake(v) for v in fake.tolist()]) + np.mean([on_real(v) for v in real.tolist()])
    assert float(critic_loss(OBJECTIVES[name], real, fake)) == pytest.approx(expected, rel=1e-12)
    assert float(generator_loss(OBJECTIVES[name], fake)) == pytest.approx(
        np.mean([on_generated(v) for v in fake.tolist()]), rel=1e-12
    )


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_signs_the_critic_raises_reals_and_lowers_fakes_the_generator_raises_its_own(name):
    real, fake = torch.zeros(4, requires_grad=True), torch.zeros(4, requires_grad=True)
    critic_loss(OBJECTIVES[name], real, fake).backward()
    assert (real.grad < 0).all()
    assert (fake.grad > 0).all()
    own = torch.zeros(4, requires_grad=True)
    generator_loss(OBJECTIVES[name], own).backward()
    assert (own.grad < 0).all()


# The optimal slope k between two point masses at distance d = 2: reals at (+1, 0), fakes at (-1, 0), f = k x on the segment.
# MaxGP minimises 2 phi(-k) + weight k^2, so phi'(-k) = weight k. Two-sided penalty with phi = x: k = 1 + d / (2 weight).
def _max_slope(derivative, weight):
    return brentq(lambda k: 2 * derivative(-k) - 2 * weight * k, 1e-6, 50)


TWO_POINTS = [
    ("wgan", "max", 0.1, _max_slope(lambda x: 1.0, 0.1), 10.0),
    ("log_sigmoid", "max", 0.1, _max_slope(lambda x: 1 / (1 + math.exp(-x)), 0.1), 1.6335),
    ("exp", "max", 0.1, _max_slope(math.exp, 0.1), 1.7455),
    ("sqrt", "max", 0.1, _max_slope(lambda x: 1 + x / math.hypot(x, 1), 0.1), 1.5683),
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
        slope = float((critic(real[:1]) - critic(fake[:1])) / 2)
    assert slope == pytest.approx(derived, rel=0.02)


@pytest.mark.parametrize("form", ["two_sided", "one_sided", "max"])
def test_linear_critic_the_penalty_and_its_gradient_have_closed_forms(form):
    """f(x) = w.x has gradient w everywhere: penalty (|w| - 1)^2 or |w|^2, gradient 2 (|w| - 1) w / |w| or 2 w, times weight."""
    for scale in (0.5, 2.0):
        w = (torch.tensor([0.3, -1.2, 0.4], dtype=torch.float64) * scale).requires_grad_()
        points = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
        norms = constraints.gradient_norms(lambda x, w=w: x @ w, points)
        norm = float(w.detach().norm())
        assert norms.tolist() == pytest.approx([norm] * 5, rel=1e-9)
        value = constraints.penalty(norms, form, 10.0)
        value.backward()
        excess = norm if form == "max" else norm - 1
        if form == "one_sided":
            excess = max(excess, 0.0)
        assert float(value.detach()) == pytest.approx(10 * excess**2, rel=1e-9, abs=1e-12)
        expected = 10 * 2 * excess * w.detach() / norm
        assert w.grad.tolist() == pytest.approx(expected.tolist(), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("form", ["two_sided", "one_sided", "max"])
@pytest.mark.parametrize("nonlinearity", ["smooth_elu", "tanh"])
def test_the_penalty_s_gradient_matches_finite_differences_in_float64(form, nonlinearity):
    random = torch.Generator().manual_seed(2)
    layers = [
        Layer("a", "conv", 1, 3, 4, 5, 2, "none", nonlinearity),
        Layer("b", "conv", 3, 4, 4, 3, 1, "layer", nonlinearity),
        Layer("c", "linear", 4, 1, 1, kernel=4),
    ]
    critic = modules.Stack(layers, random).double()
    with torch.no_grad():  # slopes clearly above one, so that the one-sided penalty is active
        for parameter in critic.parameters():
            parameter.mul_(1.7).add_(0.05)
    points = torch.randn(3, 1, 8, 8, dtype=torch.float64, generator=random)

    def value():
        leaf = points.clone().requires_grad_()
        return constraints.penalty(constraints.gradient_norms(critic, leaf), form, 10.0)

    total = value()
    critic.zero_grad()
    total.backward()
    assert float(total.detach()) > 0.1
    checked = 0
    for parameter in critic.parameters():
        flat = parameter.data.view(-1)
        for index in range(0, flat.numel(), max(1, flat.numel() // 5)):
            original = float(flat[index])
            flat[index] = original + 1e-6
            above = float(value().detach())
            flat[index] = original - 1e-6
            below = float(value().detach())
            flat[index] = original
            found = 0.0 if parameter.grad is None else float(parameter.grad.view(-1)[index])
            assert found == pytest.approx((above - below) / 2e-6, rel=2e-5, abs=2e-6)
            checked += 1
    assert checked >= 20


def test_a_dead_critic_has_a_finite_penalty_gradient():
    weight = torch.zeros(3, requires_grad=True)
    points = torch.randn(4, 3, requires_grad=True)
    norms = constraints.gradient_norms(lambda x: torch.relu(x @ weight - 1), points)
    constraints.penalty(norms, "two_sided", 10.0).backward()
    assert torch.isfinite(norms).all()
    assert torch.isfinite(weight.grad).all()


def test_interpolation_uses_one_u_per_example_between_its_own_pair():
    real, fake = torch.zeros(200, 2, 3, 3), torch.ones(200, 2, 3, 3)
    points = constraints.interpolate(real, fake, torch.Generator().manual_seed(0)).detach()
    u = points[:, 0, 0, 0]
    assert torch.equal(points, u.view(-1, 1, 1, 1).expand_as(points))
    assert 0 <= float(u.min()) < 0.05
    assert 0.95 < float(u.max()) < 1
    assert len(torch.unique(u)) > 190


def test_clipping_reaches_every_parameter_and_its_limit():
    module = modules.Stack([Layer("a", "conv", 1, 2, 4, 5, 2, "layer", "relu")], torch.Generator().manual_seed(0))
    constraints.clip_(module.parameters(), 0.01)
    for parameter in module.parameters():
        assert float(parameter.detach().abs().max()) <= 0.01 + 1e-9
    assert float(module.a.norm.scale.detach().min()) == pytest.approx(0.01)


def _same_convolution(x, w, b, stride):
    """TensorFlow's SAME convolution, by loops: x [C, n, n], w [O, C, k, k]."""
    n, k = x.shape[-1], w.shape[-1]
    m = -(-n // stride)
    before = max((m - 1) * stride + k - n, 0) // 2
    out = np.zeros((w.shape[0], m, m))
    for o, i, j in np.ndindex(out.shape):
        total = b[o]
        for p, q in np.ndindex(k, k):
            y, z = i * stride - before + p, j * stride - before + q
            if 0 <= y < n and 0 <= z < n:
                total += (x[:, y, z] * w[o, :, p, q]).sum()
        out[o, i, j] = total
    return out


@pytest.mark.parametrize(("n", "kernel", "stride"), [(8, 5, 2), (7, 5, 2), (16, 5, 2), (8, 3, 2), (4, 3, 1), (5, 5, 1)])
def test_same_convolution_against_loops(n, kernel, stride):
    layer = modules.SameConv2d(2, 3, kernel, stride, torch.Generator().manual_seed(0)).double()
    nn.init.normal_(layer.bias)
    x = torch.randn(1, 2, n, n, dtype=torch.float64)
    expected = _same_convolution(x[0].numpy(), layer.weight.detach().numpy(), layer.bias.detach().numpy(), stride)
    np.testing.assert_allclose(layer(x)[0].detach().numpy(), expected, atol=1e-10)


@pytest.mark.parametrize(("n", "kernel", "stride"), [(4, 5, 2), (8, 5, 2), (2, 5, 2), (4, 3, 2)])
def test_transposed_convolution_is_the_adjoint_of_the_convolution(n, kernel, stride):
    """<conv(x), y> = <x, transposed(y)> with the same weights and no bias, for the loop reference's convolution."""
    layer = modules.SameConvTranspose2d(3, 2, kernel, stride, torch.Generator().manual_seed(0)).double()
    y = torch.randn(1, 3, n, n, dtype=torch.float64)
    x = torch.randn(1, 2, n * stride, n * stride, dtype=torch.float64)
    forward = _same_convolution(x[0].numpy(), layer.weight.detach().numpy(), np.zeros(3), stride)
    assert float((x * layer(y)).sum()) == pytest.approx(float((forward * y[0].numpy()).sum()), rel=1e-10)


def test_layer_norm_normalises_each_example_over_all_axes_with_an_affine_per_channel():
    norm = modules.LayerNorm(3).double()
    nn.init.normal_(norm.scale)
    nn.init.normal_(norm.offset)
    x = torch.randn(4, 3, 5, 5, dtype=torch.float64) * 3 + 1
    v = x.numpy()
    mean, variance = v.mean(axis=(1, 2, 3), keepdims=True), v.var(axis=(1, 2, 3), keepdims=True)
    affine = norm.scale.detach().numpy().reshape(1, 3, 1, 1), norm.offset.detach().numpy().reshape(1, 3, 1, 1)
    np.testing.assert_allclose(
        norm(x).detach().numpy(), (v - mean) / np.sqrt(variance + 1e-5) * affine[0] + affine[1], atol=1e-10
    )


def test_batch_norm_uses_the_batch_at_evaluation_too():
    norm = modules.BatchNorm(3).double().eval()
    x = torch.randn(4, 3, 5, 5, dtype=torch.float64) * 3 + 1
    v = x.numpy()
    mean, variance = v.mean(axis=(0, 2, 3), keepdims=True), v.var(axis=(0, 2, 3), keepdims=True)
    np.testing.assert_allclose(norm(x).detach().numpy(), (v - mean) / np.sqrt(variance + 1e-5), atol=1e-10)


@pytest.mark.parametrize(
    ("layer", "variance"),
    [
        (lambda s: modules.Linear(300, 500, s), 2 / (300 + 500)),
        (lambda s: modules.SameConv2d(32, 64, 5, 2, s), 4 / (32 * 25 + 64 * 25 / 4)),
        (lambda s: modules.SameConv2d(32, 32, 3, 1, s), 4 / (32 * 9 + 32 * 9)),
        (lambda s: modules.SameConvTranspose2d(64, 32, 5, 2, s), 4 / (64 * 25 / 4 + 32 * 25)),
    ],
)
def test_initial_weights_are_uniform_with_the_official_variance(layer, variance):
    built = layer(torch.Generator().manual_seed(0))
    weights = built.weight.detach().double()
    assert float(weights.var()) == pytest.approx(variance, rel=0.03)
    assert float(weights.abs().max()) == pytest.approx(math.sqrt(3 * variance), rel=0.01)
    assert float(built.bias.abs().max()) == 0.0


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("relu", lambda x: max(x, 0.0)),
        ("leaky_relu", lambda x: max(x, 0.2 * x)),
        ("smooth_elu", lambda x: math.log1p(math.exp(2 * x + 2)) / 2 - 1),
        ("tanh", math.tanh),
    ],
)
def test_nonlinearities_are_their_formulas(name, function):
    x = torch.linspace(-3, 3, 31, dtype=torch.float64)
    assert modules.NONLINEARITIES[name](x).tolist() == pytest.approx([function(v) for v in x.tolist()], abs=1e-12)


def test_the_l2_term_reaches_all_but_linear_biases_and_is_in_the_gradient():
    critic = modules.Stack(
        [Layer("a", "conv", 1, 2, 4, 5, 2, "layer", "relu"), Layer("b", "linear", 2, 1, 1, kernel=4)],
        torch.Generator().manual_seed(0),
    )
    for parameter in critic.parameters():
        nn.init.constant_(parameter, 2.0)
    optimizer = torch.optim.SGD(critic_parameter_groups(critic, 1e-3), lr=1.0)
    for parameter in critic.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    # Gradient of 1e-3 / 2 |w|^2 at w = 2 is 2e-3.
    moved = {name: 2.0 - float(p.detach().flatten()[0]) for name, p in critic.named_parameters()}
    assert moved.pop("b.weight.bias") == 0.0
    assert set(moved) == {"a.weight.weight", "a.weight.bias", "a.norm.scale", "a.norm.offset", "b.weight.weight"}
    assert list(moved.values()) == pytest.approx([2e-3] * 5, rel=1e-3)


def test_streams_differ_by_name_and_seed_and_repeat():
    draws = {
        (s, n): torch.rand(4, generator=stream(s, n)).tolist() for s in (0, 1) for n in ("init", "data", "noise", "scoring")
    }
    assert len({tuple(v) for v in draws.values()}) == 8
    assert torch.rand(4, generator=stream(1, "noise")).tolist() == draws[1, "noise"]
