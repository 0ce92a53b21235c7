"""Constraints: penalties and their gradients, points, buffer, clipping, spectral norm."""

import numpy as np
import pytest
import torch
from conftest import make_spec
from formulas import computed
from torch import nn

from wganlib.architectures import modules
from wganlib.architectures.build import spectrally_normalize
from wganlib.architectures.nodes import conv, linear
from wganlib.methods import constraints
from wganlib.methods.constraints import FORMS, gradient_penalty
from wganlib.training.trainer import Trainer


@pytest.mark.parametrize("form", FORMS)
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
        excess = norm if form in ("max", "centralised") else norm - 1
        if form == "one_sided":
            excess = max(excess, 0.0)
        assert float(value.detach()) == pytest.approx(10 * excess**2, rel=1e-9, abs=1e-12)
        expected = 10 * 2 * excess * w.detach() / norm
        assert w.grad.tolist() == pytest.approx(expected.tolist(), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("nonlinearity", ["smooth_elu", "tanh"])
def test_the_penalty_s_gradient_matches_finite_differences_in_float64(form, nonlinearity):
    random = torch.Generator().manual_seed(2)
    layers = [
        conv("a", 3, 5, 2, nonlinearity=nonlinearity),
        conv("b", 4, 3, normalization="layer", nonlinearity=nonlinearity),
        linear("c", 1),
    ]
    critic = modules.Stack(layers, (1, 8, 8), random).double()
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


@pytest.mark.parametrize("form", FORMS)
def test_a_dead_critic_has_a_finite_penalty_gradient(form):
    weight = torch.zeros(3, requires_grad=True)
    points = torch.randn(4, 3, requires_grad=True)
    norms = constraints.gradient_norms(lambda x: torch.relu(x @ weight - 1), points)
    constraints.penalty(norms, form, 10.0).backward()
    assert torch.isfinite(norms).all()
    assert torch.isfinite(weight.grad).all()


def test_penalties_of_unequal_norms_by_hand_and_the_max_has_one_example_s_gradient():
    norms = torch.tensor([0.5, 3.0, 2.0], requires_grad=True)
    expected = {"two_sided": 0.25 + 4 + 1, "one_sided": 4 + 1, "centralised": 0.25 + 9 + 4}
    for form, total in expected.items():
        assert float(constraints.penalty(norms, form, 2.0).detach()) == pytest.approx(2 * total / 3, rel=1e-6)
    largest = constraints.penalty(norms, "max", 2.0)
    assert float(largest.detach()) == 18.0
    (gradient,) = torch.autograd.grad(largest, norms)
    assert gradient.tolist() == [0.0, 12.0, 0.0]
    with pytest.raises(ValueError, match="unknown form of the gradient penalty 'both': allowed are centralised, max"):
        constraints.penalty(norms, "both", 1.0)


def test_interpolation_uses_one_u_per_example_between_its_own_pair():
    real, fake = torch.zeros(200, 2, 3, 3), torch.ones(200, 2, 3, 3)
    points = constraints.interpolate(real, fake, torch.Generator().manual_seed(0)).detach()
    u = points[:, 0, 0, 0]
    assert torch.equal(points, u.view(-1, 1, 1, 1).expand_as(points))
    assert 0 <= float(u.min()) < 0.05
    assert 0.95 < float(u.max()) < 1
    assert len(torch.unique(u)) > 190


def test_pairs_are_rows_or_independent():
    """With fakes = reals + 100 the coupled points lie 0 to 100 above their own reals; permuted ones do not."""
    real = torch.arange(50.0).unsqueeze(1) * 1000
    fake = real + 100
    coupled = constraints.interpolate(real, fake, torch.Generator().manual_seed(0)).detach() - real
    assert float(coupled.min()) >= 0
    assert float(coupled.max()) <= 100
    independent = constraints.interpolate(real, fake, torch.Generator().manual_seed(0), "independent").detach() - real
    assert int(((independent < 0) | (independent > 100)).sum()) > 40


def test_the_penalty_is_taken_where_it_is_asked_for():
    """On f(x) = |x|^2 / 2 the gradient's norm at a point is the point's own: R1 and R2 are the mean squares of the examples."""
    real, fake = torch.full((4, 3), 2.0, dtype=torch.float64), torch.full((4, 3), 5.0, dtype=torch.float64)

    def critic(x):
        return x.square().sum(dim=1) / 2

    def taken(at):
        drawn = torch.Generator().manual_seed(0)
        return float(gradient_penalty(critic, real, fake, weight=0.5, form="centralised", stream=drawn, at=at).detach())

    assert taken("real") == pytest.approx(0.5 * 3 * 4)
    assert taken("generated") == pytest.approx(0.5 * 3 * 25)
    assert 0.5 * 3 * 4 < taken(None) < 0.5 * 3 * 25
    # A batch of equal examples has no spread, and so no noise.
    assert taken("around_real") == pytest.approx(0.5 * 3 * 4)
    with pytest.raises(ValueError, match="unknown place of the gradient penalty 'fake': allowed are around_real, "):
        taken("fake")


def test_noise_around_real_examples_has_half_their_standard_deviation():
    real = torch.randn(500, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 3 + 1
    points = constraints.penalty_points(real, real, torch.Generator().manual_seed(0), at="around_real")
    noise = points.detach() - real
    assert float(noise.std()) == pytest.approx(0.5 * float(real.std()), rel=0.02)
    assert float(noise.mean()) == pytest.approx(0.0, abs=0.03)
    assert points.is_leaf
    assert points.requires_grad
    assert not torch.equal(constraints.penalty_points(real, real, None, at="real"), points)


def test_points_are_cut_off_from_the_networks_that_made_them():
    real, fake = torch.randn(4, 2), torch.randn(4, 2, requires_grad=True)
    points = constraints.interpolate(real, fake * 2, torch.Generator().manual_seed(0))
    assert points.is_leaf
    joined = constraints.with_buffer(points, fake * 3, "extend")
    assert joined.is_leaf
    assert joined.requires_grad
    norms = constraints.gradient_norms(lambda x: x.square().sum(dim=1), joined)
    kept = constraints.steepest(joined, norms, 2)
    assert not kept.requires_grad


@pytest.mark.parametrize("mode", ["replace", "extend"])
def test_the_buffer_keeps_the_steepest_of_all_points_by_their_slopes_before_the_update(mode, digits, monkeypatch):
    """f = |x|^2 / 2 has slope |x|: the buffer is followed by NumPy over four steps."""
    form = {"kind": "gradient_penalty", "form": "max", "weight": 0.0, "buffer": {"size": 3, "mode": mode}}
    trainer = Trainer(make_spec(**{"method.constraint": form, "method.batch_size": 8}), digits, torch.device("cpu"))
    drawn, measured = [], []

    def recorded(original, results):
        def record(*arguments):
            results.append(original(*arguments))
            return results[-1]

        return record

    class Bowl(nn.Module):
        """The second column, as of class logits, must play no part."""

        def forward(self, x):
            values = x.flatten(1).square().sum(dim=1, keepdim=True) / 2
            return torch.cat([values, 7 * values], dim=1)

    monkeypatch.setattr(constraints, "interpolate", recorded(constraints.interpolate, drawn))
    monkeypatch.setattr(constraints, "gradient_norms", recorded(constraints.gradient_norms, measured))
    trainer.critic = Bowl()
    expected = None
    for step in range(4):
        fake = torch.randn(8, 1, 16, 16, generator=torch.Generator().manual_seed(step)) * (1 + step % 2)
        trainer.penalties(torch.zeros(8, 1, 16, 16), fake)
        norms = measured[-1].detach().numpy()
        new = drawn[-1].detach().numpy()
        points = new if expected is None else np.concatenate([expected, new if mode == "extend" else new[3:]])
        slopes = np.sqrt((points.reshape(len(points), -1) ** 2).sum(axis=1))
        assert len(norms) == (11 if mode == "extend" and expected is not None else 8)
        np.testing.assert_allclose(norms, slopes, rtol=1e-4)
        expected = points[np.argsort(-slopes)[:3]]
        np.testing.assert_array_equal(trainer.member.buffer.numpy(), expected)


def test_the_penalty_of_a_linear_critic_has_its_closed_form_and_a_gradient_for_the_critic_alone():
    """f(x) = w.x: weight (|w| - 1)^2 with the gradient 2 weight (|w| - 1) w / |w|, wherever the points lie; here |w| = 5."""
    w = torch.tensor([3.0, 0.0, -4.0], dtype=torch.float64, requires_grad=True)
    real, fake = (torch.randn(6, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    for critic in (lambda x: x @ w, lambda x: (x @ w).unsqueeze(1)):
        value = gradient_penalty(critic, real, fake)
        assert float(value.detach()) == pytest.approx(10 * 16, rel=1e-9)
        (gradient,) = torch.autograd.grad(value, w)
        assert gradient.tolist() == pytest.approx((10 * 2 * 4 * w.detach() / 5).tolist(), rel=1e-9)
    three = gradient_penalty(lambda x: x @ w, real, fake, weight=3.0, form="max")
    assert float(three.detach()) == pytest.approx(3 * 25, rel=1e-9)
    three.backward()
    assert real.grad is None
    assert fake.grad is None


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("pairs", [None, "independent"])
def test_the_penalty_of_a_curved_critic_is_that_of_its_points_by_hand_with_second_derivatives_by_differences(form, pairs):
    """f(x) = a sum tanh(x / a): the norms at the points are known by hand; the slope in a is a central difference of values."""
    random = torch.Generator().manual_seed(5)
    real, fake = 3 * torch.randn(5, 2, 2, dtype=torch.float64, generator=random), torch.zeros(5, 2, 2, dtype=torch.float64)
    fake += torch.arange(5.0).view(5, 1, 1)
    a = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)

    def value(scale):
        def critic(x):
            return (scale * torch.tanh(x / scale)).flatten(1).sum(dim=1)

        drawn = torch.Generator().manual_seed(7)
        return gradient_penalty(critic, real, fake, weight=2.0, form=form, stream=drawn, pairs=pairs)

    drawn = torch.Generator().manual_seed(7)
    order = torch.randperm(5, generator=drawn) if pairs else torch.arange(5)
    u = torch.rand((5, 1, 1), generator=drawn, dtype=torch.float64)
    points = (real + u * (fake[order] - real)).numpy()
    g = np.sqrt((np.cosh(points / 1.3) ** -4.0).reshape(5, -1).sum(axis=1))
    penalty = value(a)
    assert float(penalty.detach()) == pytest.approx(2 * computed(FORMS[form].formula, g=g), rel=1e-9)
    (slope,) = torch.autograd.grad(penalty, a)
    above, below = (float(value(torch.tensor(1.3 + h, dtype=torch.float64)).detach()) for h in (1e-6, -1e-6))
    assert float(slope) == pytest.approx((above - below) / 2e-6, rel=1e-6)


@pytest.mark.parametrize(
    ("fake", "words"),
    [
        ((1, 3), ["fake: found shape (1, 3)", "real examples of (4, 3)"]),
        ((4, 1), ["found shape (4, 1)"]),
        ((3,), ["found shape (3,)"]),
    ],
)
def test_shapes_that_would_broadcast_are_refused(fake, words):
    for function in (
        lambda: constraints.interpolate(torch.zeros(4, 3), torch.zeros(fake), torch.Generator()),
        lambda: gradient_penalty(lambda x: x.sum(dim=1), torch.zeros(4, 3), torch.zeros(fake)),
    ):
        with pytest.raises(ValueError, match=r"^fake: ") as error:
            function()
        assert "\n" not in str(error.value)
        for word in words:
            assert word in str(error.value)


@pytest.mark.parametrize(
    ("critic", "shape"), [(lambda x: x, "(4, 3)"), (lambda x: x.sum(), "()"), (lambda x: x[:2, 0], "(2,)")]
)
def test_a_critic_that_does_not_give_one_value_for_each_point_is_refused(critic, shape):
    with pytest.raises(ValueError, match=r"critic: found values of shape .* for 4 points: give one value for each") as error:
        gradient_penalty(critic, torch.zeros(4, 3), torch.zeros(4, 3))
    assert shape in str(error.value)


def test_an_unknown_way_to_pair_or_form_is_refused():
    examples = torch.zeros(4, 3)
    with pytest.raises(ValueError, match="pairs: found 'rows', allowed are 'independent' and None"):
        gradient_penalty(lambda x: x.sum(dim=1), examples, examples, pairs="rows")
    with pytest.raises(ValueError, match=r"unknown form of the gradient penalty 'two-sided'.* did you mean 'two_sided'"):
        gradient_penalty(lambda x: x.sum(dim=1), examples, examples, form="two-sided")


def test_clipping_reaches_every_parameter_and_its_limit():
    layer = conv("a", 2, 5, 2, normalization="layer", nonlinearity="relu")
    module = modules.Stack([layer], (1, 8, 8), torch.Generator().manual_seed(0))
    constraints.clip_(module.parameters(), 0.01)
    for parameter in module.parameters():
        assert float(parameter.detach().abs().max()) <= 0.01 + 1e-9
    assert float(module.a.norm.scale.detach().min()) == pytest.approx(0.01)


@pytest.mark.parametrize("order", ["after", "before"])
def test_clipping_comes_after_the_step_or_before_it(order, digits):
    """A step of size 1 ends inside the box, or outside of it; either way the next step starts from inside."""
    rate = {"name": "adam", "learning_rate": 1.0, "beta1": 0.0, "beta2": 0.9}
    changes = {
        "method.constraint": {"kind": "clipping", "limit": 0.01, "order": order},
        "method.critic_optimizer": rate,
        "architecture.critic_normalization": "none",
    }
    trainer = Trainer(make_spec(**changes), digits, torch.device("cpu"))
    started = []
    trainer.critic.register_forward_pre_hook(
        lambda m, _: started.append(max(float(p.detach().abs().max()) for p in m.parameters()))
    )
    trainer.critic_step()
    ended = max(float(p.detach().abs().max()) for p in trainer.critic.parameters())
    if order == "after":
        assert started[0] > 0.1
        assert ended <= 0.01 + 1e-8
    else:
        assert started[0] <= 0.01 + 1e-8
        assert ended > 0.5
        trainer.critic_step()
        assert started[1] <= 0.01 + 1e-8


@pytest.mark.parametrize("layer", [linear("a", 6), conv("a", 6, 5, 2), conv("a", 6, 3)])
def test_spectral_norm_divides_by_the_largest_singular_value(layer):
    stack = modules.Stack([layer], (4, 8, 8), torch.Generator().manual_seed(0)).double()
    weight = stack.a.weight.weight.detach().numpy().reshape(6, -1).copy()
    state = torch.random.get_rng_state()
    spectrally_normalize(stack, torch.Generator().manual_seed(0))
    assert torch.equal(torch.random.get_rng_state(), state)
    for _ in range(300):
        stack(torch.zeros(1, 4, 8, 8, dtype=torch.float64))
    expected = weight / np.linalg.svd(weight, compute_uv=False)[0]
    np.testing.assert_allclose(stack.a.weight.effective().detach().numpy().reshape(6, -1), expected, atol=1e-6)


def test_spectral_norm_begins_at_the_stream_s_vectors_and_norms_an_equalised_layer_once():
    from wganlib.architectures.nodes import Init

    def built(seed):
        layer = linear("a", 6, init=Init("equalised_uniform", 2.0))
        stack = modules.Stack([layer], (50,), torch.Generator().manual_seed(0))
        spectrally_normalize(stack, torch.Generator().manual_seed(seed))
        return stack

    once, again, other = built(1), built(1), built(2)
    assert torch.equal(once.a.weight.parametrizations.weight[0]._u, again.a.weight.parametrizations.weight[0]._u)
    assert not torch.equal(once.a.weight.parametrizations.weight[0]._u, other.a.weight.parametrizations.weight[0]._u)
    for _ in range(100):
        once(torch.zeros(1, 50))
    assert float(torch.linalg.matrix_norm(once.a.weight.effective().detach(), 2)) == pytest.approx(1, abs=1e-4)
