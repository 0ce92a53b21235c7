"""ReLU, leaky ReLU and mean pooling without second derivatives: torch's numbers, and no backward pass of zeros."""

from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F
from conftest import make_data, make_spec, trained

from wganlib.architectures.modules import NONLINEARITIES
from wganlib.architectures.piecewise import differentiated_twice, leaky_relu, mean_pool
from wganlib.training import trainer

FUNCTIONS = {
    "relu": (lambda x: leaky_relu(x, 0.0), F.relu),
    "leaky_relu": (lambda x: leaky_relu(x, 0.2), lambda x: F.leaky_relu(x, 0.2)),
    "mean_pool": (mean_pool, lambda x: F.avg_pool2d(x, 2)),
}
SPECIAL = torch.tensor([0.0, -0.0, 1e-40, -1e-40, 1.0, -1.0, float("inf"), -float("inf"), float("nan"), 3e38, -3e38, 0.5])

RESNET = {"family": "cifar_resnet", "width": 0.0625}
CRITICS = {
    "residual blocks": make_spec(architecture=RESNET),
    "leaky ReLU": make_spec(**{"architecture.critic_normalization": "none"}),
    "layer norm": make_spec(**{"architecture.critic_nonlinearity": "relu"}),
    "AC-GAN": make_spec(
        architecture=RESNET | {"conditional": True},
        **{"method.auxiliary": {"critic_weight": 1.0, "generator_weight": 0.1}},
    ),
    "text": make_spec(
        architecture={"family": "language", "width": 0.0625},
        dataset={"name": "sklearn_texts", "length": 32, "vocabulary_size": 89},
    ),
}
"""Specs whose critics have a gradient penalty."""


def _values_and_gradient(function, x):
    x = x.clone().requires_grad_()
    values = function(x)
    return values, torch.autograd.grad(values, x, torch.arange(1.0, 1 + values.numel()).view(values.shape))[0]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients_are_torch_s_to_the_bit(name):
    function, plain = FUNCTIONS[name]
    for x in (SPECIAL.view(1, 2, 2, 3)[..., :2], SPECIAL.view(1, 1, 6, 2), torch.randn(2, 3, 8, 8)):
        with differentiated_twice():
            inside = _values_and_gradient(function, x)
        for ours, torchs in zip(inside, _values_and_gradient(plain, x), strict=True):
            assert torch.equal(ours.view(torch.int32), torchs.view(torch.int32))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_first_and_second_derivatives_against_differences(name):
    x = torch.randn(2, 2, 4, 4, dtype=torch.float64)
    x = (x.sign() * (x.abs() + 0.1)).requires_grad_()  # away from the bend
    with differentiated_twice():
        assert torch.autograd.gradcheck(FUNCTIONS[name][0], x)
        assert torch.autograd.gradgradcheck(FUNCTIONS[name][0], x)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_is_handed_back_but_to_the_gradient(name):
    function, _ = FUNCTIONS[name]
    x, weights = torch.randn(1, 1, 4, 4, requires_grad=True), torch.ones(1, requires_grad=True)

    def through(x):
        values = function(x)
        (gradient,) = torch.autograd.grad(values, x, weights.expand(values.shape), create_graph=True)
        return torch.autograd.grad(gradient.square().sum(), (x, weights), allow_unused=True)

    with differentiated_twice():
        second, mixed = through(x)
    zeros, plain = through(x)
    assert second is None
    assert not zeros.any()
    assert torch.equal(mixed, plain)


def test_outside_and_after_an_error_the_functions_are_torch_s():
    x = torch.ones(1, 1, 2, 2, requires_grad=True)
    with pytest.raises(IndexError), differentiated_twice():
        mean_pool(x[0, 0, 0])
    assert "AvgPool2D" in mean_pool(x).grad_fn.name()
    assert "Relu" in leaky_relu(x, 0.0).grad_fn.name()


@pytest.mark.parametrize("name", CRITICS)
def test_a_training_has_the_bits_that_torch_s_own_functions_give_it(name, monkeypatch):
    spec = CRITICS[name]
    ours = trained(spec, make_data(spec.dataset), 3).state()
    monkeypatch.setattr(trainer, "differentiated_twice", nullcontext)
    plain = trained(spec, make_data(spec.dataset), 3).state()
    kept = [key for key in plain if key not in ("seconds", "history")]
    assert [key for key in kept if not torch.equal(ours[key], plain[key])] == []


@pytest.mark.parametrize(("name", "convolutions"), [("residual blocks", 10), ("leaky ReLU", 3), ("text", 11)])
def test_a_critic_step_has_no_backward_pass_of_zeros(name, convolutions):
    """One backward pass of each convolution for the loss, one for the penalty's gradient: the second derivative adds none."""
    spec = CRITICS[name]
    training = trained(spec, make_data(spec.dataset), 0)
    with torch.profiler.profile() as profile:
        training.critic_step()
    counts = {event.key: event.count for event in profile.key_averages()}
    assert counts["aten::convolution_backward"] == 2 * convolutions


def test_smooth_elu_has_the_bits_of_its_formula_in_three_derivatives():
    x = torch.cat([torch.randn(1000) * 4, torch.tensor([0.0, -1.0, 9.0, 8.999, 9.001, 30.0, -30.0])])

    def derivatives(function):
        at = x.clone().requires_grad_()
        values = function(at)
        (first,) = torch.autograd.grad(values, at, x.cos(), create_graph=True)
        (second,) = torch.autograd.grad(first, at, x.sin(), create_graph=True)
        return values, first, second, torch.autograd.grad(second.sum(), at)[0]

    formula = derivatives(lambda x: F.softplus(2 * x + 2) / 2 - 1)
    for ours, plain in zip(derivatives(NONLINEARITIES["smooth_elu"]), formula, strict=True):
        assert torch.equal(ours, plain)
