"""Layers against NumPy references: SAME padding, norms, initial weights, nonlinearities, operations."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from wganlib.architectures import modules
from wganlib.architectures.nodes import Dense, Heads, Init, Op, Residual, conv, linear
from wganlib.streams import stream


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
    layer = modules.SameConv(2, 3, kernel, stride, torch.Generator().manual_seed(0)).double()
    nn.init.normal_(layer.bias)
    x = torch.randn(1, 2, n, n, dtype=torch.float64)
    expected = _same_convolution(x[0].numpy(), layer.weight.detach().numpy(), layer.bias.detach().numpy(), stride)
    np.testing.assert_allclose(layer(x)[0].detach().numpy(), expected, atol=1e-10)


@pytest.mark.parametrize(("length", "kernel", "stride"), [(8, 5, 1), (7, 5, 2), (8, 5, 2), (8, 1, 1), (9, 4, 2)])
def test_one_dimensional_same_convolution_against_loops(length, kernel, stride):
    layer = modules.SameConv(2, 3, kernel, stride, torch.Generator().manual_seed(0), dims=1).double()
    nn.init.normal_(layer.bias)
    x, w = torch.randn(1, 2, length, dtype=torch.float64), layer.weight.detach().numpy()
    m = -(-length // stride)
    before = max((m - 1) * stride + kernel - length, 0) // 2
    expected = np.zeros((3, m))
    for o, i in np.ndindex(expected.shape):
        inside = [(i * stride - before + p, p) for p in range(kernel) if 0 <= i * stride - before + p < length]
        expected[o, i] = float(layer.bias[o]) + sum((x[0, :, y].numpy() * w[o, :, p]).sum() for y, p in inside)
    np.testing.assert_allclose(layer(x)[0].detach().numpy(), expected, atol=1e-10)


@pytest.mark.parametrize(("n", "kernel", "stride"), [(4, 5, 2), (8, 5, 2), (2, 5, 2), (4, 3, 2), (4, 4, 2), (1, 5, 2)])
def test_transposed_convolution_is_the_adjoint_of_the_convolution(n, kernel, stride):
    """<conv(x), y> = <x, transposed(y)> with the same weights and no bias, for the loop reference's convolution."""
    layer = modules.SameConvTranspose2d(3, 2, kernel, stride, torch.Generator().manual_seed(0)).double()
    y = torch.randn(1, 3, n, n, dtype=torch.float64)
    x = torch.randn(1, 2, n * stride, n * stride, dtype=torch.float64)
    forward = _same_convolution(x[0].numpy(), layer.weight.detach().numpy(), np.zeros(3), stride)
    assert float((x * layer(y).detach()).sum()) == pytest.approx(float((forward * y[0].numpy()).sum()), rel=1e-10)


def test_the_paper_s_4x4_layers_are_pytorch_s_with_padding_1():
    """Arjovsky et al.'s code uses PyTorch's own convolutions: kernel 4, stride 2, padding 1."""
    down = modules.SameConv(2, 3, 4, 2, torch.Generator().manual_seed(0), bias=False)
    up = modules.SameConvTranspose2d(2, 3, 4, 2, torch.Generator().manual_seed(0), bias=False)
    x = torch.randn(2, 2, 8, 8)
    assert torch.allclose(down(x), nn.functional.conv2d(x, down.weight, stride=2, padding=1), atol=1e-6)
    assert torch.allclose(up(x), nn.functional.conv_transpose2d(x, up.weight, stride=2, padding=1), atol=1e-6)


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


def test_batch_norm_of_a_linear_layer_is_per_channel_after_reshaping_or_per_unit_before():
    reshaped = modules.Stack([linear("a", 3, (4, 4), normalization="batch")], (5,), torch.Generator())
    units = modules.Stack([linear("a", 48, normalization="batch"), Op("reshape", (3, 4, 4))], (5,), torch.Generator())
    assert reshaped.a.norm.scale.shape == (3,)
    assert units.a.norm.scale.shape == (48,)
    x = torch.randn(6, 5)
    assert reshaped(x).mean(dim=(0, 2, 3)).abs().max() < 1e-5
    assert units(x).mean(dim=0).abs().max() < 1e-5


def test_moving_batch_norm_records_where_told_and_uses_its_averages_in_eval_mode():
    norm = modules.MovingBatchNorm(3).double()
    x = torch.randn(4, 3, 5, 5, dtype=torch.float64) * 3 + 1
    v = x.numpy()
    batch_mean, batch_variance = v.mean(axis=(0, 2, 3)), v.var(axis=(0, 2, 3))
    expected = (v - batch_mean.reshape(1, 3, 1, 1)) / np.sqrt(batch_variance + 1e-3).reshape(1, 3, 1, 1)
    np.testing.assert_allclose(norm(x).detach().numpy(), expected, atol=1e-10)
    assert norm.mean.tolist() == [0.0] * 3
    norm.recording = True
    np.testing.assert_allclose(norm(x).detach().numpy(), expected, atol=1e-10)
    unbiased = v.var(axis=(0, 2, 3), ddof=0) * 100 / 99
    np.testing.assert_allclose(norm.mean.numpy(), 0.01 * batch_mean, rtol=1e-10)
    np.testing.assert_allclose(norm.variance.numpy(), 0.99 + 0.01 * unbiased, rtol=1e-10)
    norm.recording = False
    mean, variance = norm.mean.numpy().reshape(1, 3, 1, 1), norm.variance.numpy().reshape(1, 3, 1, 1)
    np.testing.assert_allclose(norm.eval()(x).detach().numpy(), (v - mean) / np.sqrt(variance + 1e-3), atol=1e-10)


@pytest.mark.parametrize(
    ("layer", "variance"),
    [
        (lambda s: modules.Linear(300, 500, s), 2 / (300 + 500)),
        (lambda s: modules.Linear(300, 500, s, Init("fan_in")), 2 / 300),
        (lambda s: modules.Linear(300, 500, s, Init("uniform", 0.02)), 0.02**2),
        (lambda s: modules.SameConv(32, 64, 5, 2, s), 4 / (32 * 25 + 64 * 25 / 4)),
        (lambda s: modules.SameConv(32, 32, 3, 1, s), 4 / (32 * 9 + 32 * 9)),
        (lambda s: modules.SameConv(32, 64, 3, 1, s, Init("glorot")), 2 / (32 * 9 + 64 * 9)),
        (lambda s: modules.SameConv(32, 64, 3, 1, s, Init("glorot", 0.5)), 0.25 * 2 / (32 * 9 + 64 * 9)),
        (lambda s: modules.SameConv(32, 64, 3, 1, s, Init("fan_in")), 2 / (32 * 9)),
        (lambda s: modules.SameConv(64, 128, 5, 1, s, dims=1), 4 / (64 * 5 + 128 * 5)),
        (lambda s: modules.SameConvTranspose2d(64, 32, 5, 2, s), 4 / (64 * 25 / 4 + 32 * 25)),
    ],
)
def test_initial_weights_are_uniform_with_the_official_variance(layer, variance):
    built = layer(torch.Generator().manual_seed(0))
    weights = built.weight.detach().double()
    assert float(weights.var()) == pytest.approx(variance, rel=0.03)
    assert float(weights.abs().max()) == pytest.approx(math.sqrt(3 * variance), rel=0.01)
    assert float(built.bias.abs().max()) == 0.0


def test_normal_torch_s_default_and_equalised_weights():
    random = torch.Generator().manual_seed(0)
    normal = modules.SameConv(32, 64, 4, 2, random, Init("normal", 0.02)).weight.detach()
    assert float(normal.std()) == pytest.approx(0.02, rel=0.02)
    assert float(normal.abs().max()) > 0.06
    default = modules.Linear(400, 300, random, Init("torch"))
    for values in (default.weight.detach(), default.bias.detach()):
        assert float(values.abs().max()) == pytest.approx(1 / 20, rel=0.03)
        assert float(values.std()) == pytest.approx(1 / 20 / math.sqrt(3), rel=0.1)
    for rule, gain in (("equalised_normal", 1.0), ("equalised_uniform", 2.0)):
        layer = modules.Linear(400, 300, random, Init(rule, gain))
        assert float(layer.weight.detach().std()) == pytest.approx(1, rel=0.02)
        assert float(layer.effective().detach().std()) == pytest.approx(gain / 20, rel=0.02)
        x = torch.randn(5, 400)
        assert torch.allclose(layer(x), x @ layer.weight.T * gain / 20, atol=1e-5)
        # A step on the stored weight moves the used one by the factor: the layer's learning rate is lower by it.
        (gradient,) = torch.autograd.grad(layer(x).sum(), layer.weight)
        assert torch.allclose(gradient, x.sum(dim=0).expand(300, 400) * gain / 20, atol=1e-5)


def test_norm_scales_of_the_wgan_code_begin_around_one():
    layer = conv("a", 4000, 4, 2, normalization="batch", norm_std=0.02)
    scale = modules.Stack([layer], (1, 8, 8), torch.Generator().manual_seed(0)).a.norm.scale.detach()
    assert float(scale.mean()) == pytest.approx(1, abs=0.002)
    assert float(scale.std()) == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("relu", lambda x: max(x, 0.0)),
        ("leaky_relu", lambda x: max(x, 0.2 * x)),
        ("smooth_elu", lambda x: math.log1p(math.exp(2 * x + 2)) / 2 - 1),
        ("tanh", math.tanh),
        ("elu", lambda x: x if x > 0 else math.exp(x) - 1),
        ("selu", lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * (math.exp(x) - 1))),
        ("sigmoid", lambda x: 1 / (1 + math.exp(-x))),
    ],
)
def test_nonlinearities_are_their_formulas(name, function):
    x = torch.linspace(-3, 3, 31, dtype=torch.float64)
    assert modules.NONLINEARITIES[name](x).tolist() == pytest.approx([function(v) for v in x.tolist()], abs=1e-12)


def test_the_gate_takes_even_channels_as_gates_and_the_softmax_runs_over_channels():
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    v = x.numpy()
    expected = 1 / (1 + np.exp(-v[:, [0, 2, 4]])) * np.tanh(v[:, [1, 3, 5]])
    np.testing.assert_allclose(modules.NONLINEARITIES["gated"](x).numpy(), expected, atol=1e-12)
    exponentials = np.exp(v)
    softmax = modules.NONLINEARITIES["softmax"](x).numpy()
    np.testing.assert_allclose(softmax, exponentials / exponentials.sum(axis=1, keepdims=True), atol=1e-12)


def test_operations_against_numpy():
    x = torch.randn(2, 8, 4, 4)
    v = x.numpy()

    def made(kind, value=None):
        return modules.Operation(Op(kind, value))(x).numpy()

    phases = [v[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    np.testing.assert_allclose(made("mean_pool"), sum(phases) / 4, atol=1e-6)
    np.testing.assert_array_equal(made("upsample"), v.repeat(2, axis=2).repeat(2, axis=3))
    np.testing.assert_allclose(made("global_mean"), v.mean(axis=(2, 3)), atol=1e-6)
    np.testing.assert_array_equal(made("crop", 3), v[:, :, :3, :3])
    np.testing.assert_array_equal(made("scale", 0.5), v * 0.5)
    np.testing.assert_array_equal(made("reshape", (8 * 16,)), v.reshape(2, -1))
    shuffled = made("pixel_shuffle")
    assert shuffled.shape == (2, 2, 8, 8)
    np.testing.assert_array_equal(shuffled[:, 1, 1::2, 0::2], v[:, 4 + 2])


def test_residual_dense_and_heads_by_hand():
    random = torch.Generator().manual_seed(0)
    x = torch.randn(3, 4)
    residual = modules.Stack([Residual("r", (linear("a", 4),), (), 0.3)], (4,), random)
    assert torch.allclose(residual(x), x + 0.3 * residual.r.branch(x))
    shortcut = modules.Stack([Residual("r", (linear("a", 2),), (linear("b", 2),))], (4,), random)
    assert torch.allclose(shortcut(x), shortcut.r.shortcut.b(x) + shortcut.r.branch.a(x))
    dense = modules.Stack([Dense("d", (linear("a", 2, nonlinearity="relu"),))], (4,), random)
    assert torch.equal(dense(x)[:, :4], x)
    assert torch.equal(dense(x)[:, 4:], dense.d.branch(x))
    heads = modules.Stack([Heads("h", (linear("a", 1), linear("b", 3)))], (4,), random)
    assert torch.equal(heads(x), torch.cat([heads.h.heads["a"](x), heads.h.heads["b"](x)], dim=1))


def test_streams_differ_by_name_and_seed_and_repeat():
    draws = {
        (s, n): torch.rand(4, generator=stream(s, n)).tolist() for s in (0, 1) for n in ("init", "data", "noise", "scoring")
    }
    assert len({tuple(v) for v in draws.values()}) == 8
    assert torch.rand(4, generator=stream(1, "noise")).tolist() == draws[1, "noise"]
