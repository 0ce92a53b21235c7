"""Optimisers, schedules, weight averages and the engine's options against their updates written in NumPy or by hand."""

import copy
import functools

import numpy as np
import pytest
import torch
from conftest import make_data, make_spec
from pydantic import TypeAdapter
from test_architectures import CONSTRAINTS, small_spec
from torch import nn

from wganlib.architectures import modules
from wganlib.architectures.build import critic_parameter_groups
from wganlib.architectures.nodes import conv, linear
from wganlib.datasets.loading import load
from wganlib.errors import WganlibError
from wganlib.layout import RUN_FILES
from wganlib.methods.method import ExponentialDecay, LinearDecay, OptimizerSpec
from wganlib.methods.optimizers import make_optimizer
from wganlib.training import member, runs
from wganlib.training import trainer as training
from wganlib.training.checkpoints import load_checkpoint, save_checkpoint
from wganlib.training.trainer import Trainer

ANY: TypeAdapter[OptimizerSpec] = TypeAdapter(OptimizerSpec)


def _adam(w, g, s, t):
    s["m"], s["v"] = 0.5 * s.get("m", 0) + 0.5 * g, 0.9 * s.get("v", 0) + 0.1 * g * g
    return w - 0.01 * (s["m"] / (1 - 0.5**t)) / (np.sqrt(s["v"] / (1 - 0.9**t)) + 1e-8)


def _rmsprop(w, g, s, t, epsilon=1e-8):
    s["v"] = 0.99 * s.get("v", 0) + 0.01 * g * g
    return w - 0.01 * g / (np.sqrt(s["v"]) + epsilon)


def _rmsprop_tf(w, g, s, t, epsilon=1e-10):
    s["v"] = 0.9 * s.get("v", 1) + 0.1 * g * g
    return w - 0.01 * g / np.sqrt(s["v"] + epsilon)


UPDATES = {
    "adam": ({"beta1": 0.5, "beta2": 0.9}, _adam),
    "rmsprop": ({}, _rmsprop),
    "rmsprop_tf": ({}, _rmsprop_tf),
    # Large ones show on which side of the root they stand.
    "rmsprop, epsilon": ({"epsilon": 0.1}, functools.partial(_rmsprop, epsilon=0.1)),
    "rmsprop_tf, epsilon": ({"epsilon": 0.1}, functools.partial(_rmsprop_tf, epsilon=0.1)),
    "sgd": ({}, lambda w, g, s, t: w - 0.01 * g),
}


@pytest.mark.parametrize("scale", [1.0, 1e-6])
@pytest.mark.parametrize("l2", [0.0, 0.1])
@pytest.mark.parametrize("name", UPDATES)
def test_optimisers_follow_their_updates_written_in_numpy(name, l2, scale):
    """Gradients of 1e-6 tell where epsilon stands and from where the accumulator starts."""
    options, update = UPDATES[name]
    weight = nn.Parameter(torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64) * scale)
    spec = ANY.validate_python({"name": name.partition(",")[0], "learning_rate": 0.01, **options})
    optimizer = make_optimizer(spec, [{"params": [weight], "weight_decay": l2}])
    expected, state, random = weight.detach().numpy().copy(), {}, np.random.default_rng(0)
    for t in range(1, 12):
        gradient = random.normal(size=3) * scale
        weight.grad = torch.from_numpy(gradient)
        optimizer.step()
        expected = update(expected, gradient + l2 * expected, state, t)
        np.testing.assert_allclose(weight.detach().numpy(), expected, rtol=1e-9)


def test_the_two_rmsprops_differ_by_the_known_factor_at_the_first_step():
    moved = {}
    for name in ("rmsprop", "rmsprop_tf"):
        weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))
        weight.grad = torch.tensor([1e-3], dtype=torch.float64)
        make_optimizer(ANY.validate_python({"name": name, "learning_rate": 1.0}), [{"params": [weight]}]).step()
        moved[name] = -float(weight.detach())
    assert moved["rmsprop"] == pytest.approx(10.0, rel=1e-3)  # 1 / sqrt(1 - 0.99)
    assert moved["rmsprop_tf"] == pytest.approx(1e-3 / np.sqrt(0.9), rel=1e-6)


def test_learning_rates_decay_to_zero_or_by_a_factor(digits):
    linear_decay = LinearDecay(kind="linear")
    assert [linear_decay.factor(i, 4) for i in range(6)] == [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    exponential = ExponentialDecay(kind="exponential", factor_per_period=0.1, period=100)
    assert [exponential.factor(i, 5) for i in (0, 50, 200)] == pytest.approx([1.0, 10**-0.5, 0.01])
    decaying = {"name": "adam", "learning_rate": 2e-3, "beta1": 0.0, "beta2": 0.9, "decay": {"kind": "linear"}}
    for name, other in (("critic", "generator"), ("generator", "critic")):
        trainer = Trainer(make_spec(**{f"method.{name}_optimizer": decaying}), digits, torch.device("cpu"))
        rates = []
        for _ in trainer.run():
            rates.append([trainer.optimizers[n].param_groups[0]["lr"] for n in (name, other)])
        assert np.allclose(rates, [[2e-3 * (1 - i / 6), 2e-3] for i in range(6)])


def test_the_critic_warms_up_as_wgan_s_code_does(digits):
    warmup = {"critic_steps": 100, "first_iterations": 25, "every": 500}
    method = make_spec(**{"method.critic_steps": 5, "method.critic_warmup": warmup}).method
    steps = [method.critic_steps_at(i) for i in range(1001)]
    assert [i for i, s in enumerate(steps) if s == 100] == [*range(25), 500, 1000]
    assert set(steps) == {5, 100}
    assert method.total_critic_steps(1001) == sum(steps)
    trainer = Trainer(
        make_spec(**{"method.critic_warmup": {"critic_steps": 4, "first_iterations": 1, "every": 3}}),
        digits,
        torch.device("cpu"),
    )
    counts, original = [], trainer.critic_step
    trainer.critic_step = lambda logged: (counts.append(trainer.iteration), original(logged))[1]
    list(trainer.run())
    assert [counts.count(i) for i in range(6)] == [4, 2, 2, 4, 2, 2]


def test_the_generator_s_moving_average_starts_at_its_initial_weights(digits, tmp_path):
    trainer = Trainer(make_spec(**{"method.generator_ema": 0.8}), digits, torch.device("cpu"))

    def weights():
        return {k: v.detach().numpy().astype(np.float64) for k, v in trainer.generator.named_parameters()}

    expected = weights()
    for _ in range(5):
        trainer.step()
        expected = {k: 0.8 * expected[k] + 0.2 * v for k, v in weights().items()}
    saved = trainer.generator_weights()
    for key, value in expected.items():
        np.testing.assert_allclose(saved[f"ema.{key}"].numpy(), value, atol=1e-6)
        assert not np.allclose(saved[key].detach().numpy(), value, atol=1e-6)
    assert all(torch.equal(saved[k], v) for k, v in trainer.generator.state_dict().items())


def test_samples_are_made_by_the_average_unless_told_otherwise(tmp_path):
    spec = make_spec(**{"method.generator_ema": 0.9})
    runs.train(spec, tmp_path, device="cpu")
    folder = tmp_path / "runs" / spec.key
    averaged, last = runs.load_generator(folder, spec), runs.load_generator(folder, spec, averaged=False)
    a, b = averaged.state_dict(), last.state_dict()
    assert a.keys() == b.keys()
    assert any(not torch.equal(a[k], b[k]) for k in a)
    assert not averaged.training


def test_moving_averages_of_batch_norm_move_in_generator_steps_alone():
    spec = small_spec("cifar_resnet lgan", CONSTRAINTS["none"])
    trainer = Trainer(spec, make_data(spec.dataset), torch.device("cpu"))

    def averages():
        return torch.cat([m.mean for m in trainer.generator.modules() if isinstance(m, modules.MovingBatchNorm)]).clone()

    start = averages()
    trainer.critic_step()
    assert torch.equal(averages(), start)
    trainer.generator_step()
    assert not torch.equal(averages(), start)


def test_sub_batches_are_normalised_apart():
    spec = small_spec("cifar_resnet", CONSTRAINTS["none"], generator_sub_batches=2)
    trainer = Trainer(spec, make_data(spec.dataset), torch.device("cpu"))
    noise = torch.randn(4, 128, generator=torch.Generator().manual_seed(0))
    trainer.member.noise = lambda shape, draws: noise
    with torch.no_grad():
        made = trainer._generated(4, None)
        assert torch.allclose(made, torch.cat([trainer.generator(noise[:2]), trainer.generator(noise[2:])]), atol=1e-5)
        assert not torch.allclose(made, trainer.generator(noise), atol=1e-4)


def test_a_critic_s_batch_norm_averages_over_sub_batches_in_both_steps():
    """Against a critic of the same weights that is given the halves one by one."""
    spec = small_spec("random_set (base)", CONSTRAINTS["none"], critic_sub_batches=2)
    trainer = Trainer(spec, make_data(spec.dataset), torch.device("cpu"))
    passes = []
    hook = trainer.critic.register_forward_hook(lambda m, given, output: passes.append((given[0].detach(), output.detach())))
    before = copy.deepcopy(trainer.critic)
    trainer.critic_step()
    after = copy.deepcopy(trainer.critic)
    trainer.generator_step()
    hook.remove()
    assert len(passes) == 2
    for (x, values), critic, parts in zip(passes[:2], (before, after), (4, 2), strict=True):
        with torch.no_grad():
            apart = torch.cat([critic(part) for part in x.chunk(parts)])
            assert torch.allclose(values, apart, atol=1e-5)
            assert not torch.allclose(values, critic(x), atol=1e-4)


def test_parts_of_a_batch_have_the_gradients_of_passes_of_their_own():
    """In float64, with every kind of batch norm; moving averages too are those of pass after pass."""
    torch.set_default_dtype(torch.float64)
    try:
        for norm in ("batch", "moving_batch"):
            nodes = [conv("a", 4, 3, normalization=norm, nonlinearity="tanh"), linear("b", 1)]
            one = modules.Stack(nodes, (2, 6, 6), torch.Generator().manual_seed(0))
            for module in one.modules():
                if isinstance(module, modules.MovingBatchNorm):
                    module.recording = True
            other, x = copy.deepcopy(one), torch.randn(6, 2, 6, 6, generator=torch.Generator().manual_seed(1))
            with modules.parts_of(one, 3):
                together = one(x)
            apart = torch.cat([other(part) for part in x.chunk(3)])
            for network, values in ((one, together), (other, apart)):
                (values.square().sum()).backward()
                assert all(part.parts == 1 for part in network.modules() if isinstance(part, modules.OverParts))
            torch.testing.assert_close(together, apart, rtol=1e-12, atol=1e-12)
            for p, q in zip(one.parameters(), other.parameters(), strict=True):
                torch.testing.assert_close(p.grad, q.grad, rtol=1e-9, atol=1e-12)
            torch.testing.assert_close(one.state_dict(), other.state_dict(), rtol=1e-12, atol=1e-12)
    finally:
        torch.set_default_dtype(torch.float32)


def test_acgan_classifies_reals_for_the_critic_and_fakes_for_the_generator(monkeypatch):
    weights = {"critic_weight": 0.5, "generator_weight": 0.1}
    spec = small_spec("cifar_resnet conditional", CONSTRAINTS["none"], auxiliary=weights)
    trainer = Trainer(spec, make_data(spec.dataset), torch.device("cpu"))
    seen, rows, made = [], [], []
    original_next = trainer.member.batches.next
    trainer.member.batches.next = lambda: rows.append(original_next()) or rows[-1]
    trainer.generator.register_forward_hook(lambda m, inputs, output: made.append((inputs[1], output.detach())))
    critic_inputs = []
    trainer.critic.register_forward_hook(lambda m, inputs, output: critic_inputs.append((inputs[0].detach(), output.detach())))
    monkeypatch.setattr(
        training, "auxiliary_loss", lambda logits, labels: seen.append((logits, labels)) or logits.sum() * 0 + 7.0
    )
    critic = trainer.critic_step()
    (logits, labels), (examples, outputs) = seen[0], critic_inputs[0]
    assert torch.equal(labels, trainer.member.images.train_labels[rows[0]])
    assert torch.equal(made[0][0], labels)  # the critic's fakes carry the real batch's labels
    assert torch.equal(examples[:4], trainer.member.images.train[rows[0]])
    assert torch.equal(logits.detach(), outputs[:4, 1:])
    plain = float(torch.nn.functional.softplus(outputs[4:, 0]).mean() + torch.nn.functional.softplus(-outputs[:4, 0]).mean())
    assert float(critic.total) == pytest.approx(plain + 0.5 * 7.0, rel=1e-5)
    loss = trainer.generator_step()
    (logits, labels), (_, outputs) = seen[1], critic_inputs[1]
    assert torch.equal(logits.detach(), outputs[:, 1:])
    assert torch.equal(made[1][0], labels)
    assert float(loss) == pytest.approx(float(-outputs[:, 0].mean()) + 0.7, rel=1e-5)


def test_sub_batches_keep_their_labels():
    spec = small_spec("cifar_resnet conditional", CONSTRAINTS["none"], generator_sub_batches=2)
    trainer = Trainer(spec, make_data(spec.dataset), torch.device("cpu"))
    noise = torch.randn(4, 128, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([3, 1, 4, 1])
    trainer.member.noise = lambda shape, draws: noise
    with torch.no_grad():
        for norm in (m for m in trainer.generator.modules() if isinstance(m, modules.ConditionalBatchNorm)):
            norm.scale.copy_(1 + torch.arange(len(norm.scale))[:, None] / 10)  # so that classes differ
        made = trainer._generated(4, labels)
        halves = [trainer.generator(noise[rows], labels[rows]) for rows in (slice(0, 2), slice(2, 4))]
        assert torch.allclose(made, torch.cat(halves), atol=1e-5)
        assert not torch.allclose(made, trainer._generated(4, labels.flip(0)), atol=1e-3)


def test_given_fakes_are_the_data_set_s_own():
    spec = small_spec("toy 4x1024", CONSTRAINTS["max"], batch_size=500)
    assert spec.architecture.generator == "given"
    trainer = Trainer(spec, load(spec.dataset), torch.device("cpu"))
    fakes = trainer.member.given(torch.zeros(500, 2))
    assert fakes.mean(dim=0).tolist() == pytest.approx([-0.75, 0.0], abs=0.03)
    assert fakes.std(dim=0).tolist() == pytest.approx([0.15, 0.15], abs=0.02)
    trainer.critic_step()


def test_the_fixed_generator_adds_standard_normal_noise_to_the_same_real_points(monkeypatch):
    spec = small_spec("toy fixed generator", CONSTRAINTS["two_sided"], batch_size=64)
    trainer = Trainer(spec, make_data(spec.dataset, 2000), torch.device("cpu"))
    pairs = []
    original = training.constraints.interpolate
    monkeypatch.setattr(
        training.constraints, "interpolate", lambda real, fake, *rest: pairs.append((real, fake)) or original(real, fake, *rest)
    )
    for _ in range(3):
        _, generator_loss = trainer.step()
    assert float(generator_loss) == 0.0
    noise = torch.cat([fake - real for real, fake in pairs])
    assert float(noise.mean()) == pytest.approx(0, abs=0.2)
    assert float(noise.std()) == pytest.approx(1, abs=0.15)
    reals = torch.cat([real for real, _ in pairs])
    assert abs(float(np.corrcoef(reals.flatten(), noise.flatten())[0, 1])) < 0.2
    assert "generator" not in trainer.optimizers


def test_the_l2_term_reaches_weights_and_scales_and_is_in_the_gradient():
    layers = [conv("a", 2, 5, 2, normalization="layer", nonlinearity="relu"), linear("b", 1)]
    critic = modules.Stack(layers, (1, 8, 8), torch.Generator().manual_seed(0))
    for parameter in critic.parameters():
        nn.init.constant_(parameter, 2.0)
    optimizer = torch.optim.SGD(critic_parameter_groups(critic, 1e-3), lr=1.0)
    for parameter in critic.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    # Gradient of 1e-3 / 2 |w|^2 at w = 2 is 2e-3.
    moved = {name: 2.0 - float(p.detach().flatten()[0]) for name, p in critic.named_parameters()}
    decayed = ("a.weight.weight", "a.norm.scale", "b.weight.weight")
    exempt = dict.fromkeys(("a.weight.bias", "a.norm.offset", "b.weight.bias"), 0.0)
    assert moved == pytest.approx(dict.fromkeys(decayed, 2e-3) | exempt, rel=1e-3)


RMS = {"learning_rate": 1e-3}
RESUMED = {
    "average, decay, rmsprop_tf": (
        "cifar_resnet",
        "none",
        {
            "generator_ema": 0.9,
            "generator_optimizer": {"name": "rmsprop_tf", **RMS, "decay": {"kind": "linear"}},
            "critic_optimizer": {"name": "rmsprop", **RMS},
        },
    ),
    "sgd, warm-up, clipping before": (
        "wgan dcgan",
        "clipping before",
        {
            "critic_optimizer": {"name": "sgd", **RMS},
            "critic_warmup": {"critic_steps": 2, "first_iterations": 1, "every": 2},
        },
    ),
    "buffer": ("toy 3x512", "max extend", {}),
    "spectral norm": ("mnist", "spectral", {}),
    "moving averages": ("cifar_resnet lgan", "max", {"generator_ema": 0.9}),
    "labels, sub-batches": ("cifar_resnet conditional", "two_sided", {"generator_sub_batches": 2}),
    "fixed generator": ("toy fixed generator", "two_sided", {}),
}


@pytest.mark.parametrize("case", RESUMED)
def test_every_option_resumes_exactly_from_a_checkpoint(case, tmp_path):
    name, constraint, method = RESUMED[case]
    spec = small_spec(name, CONSTRAINTS[constraint], **method)
    data = make_data(spec.dataset, 10)  # epochs end within the run

    def started():
        return Trainer(spec, data, torch.device("cpu"))

    straight, stopped, resumed = started(), started(), started()
    list(straight.run())
    next(stopped.run())
    save_checkpoint(stopped, tmp_path)
    load_checkpoint(resumed, tmp_path)
    list(resumed.run())
    expected, found = straight.state(), resumed.state()
    assert expected.keys() == found.keys()
    for key in expected.keys() - {"seconds", "history"}:
        assert torch.equal(expected[key], found[key]), key
    assert torch.equal(expected["history"][:, :-1], found["history"][:, :-1])
    assert ("run0.buffer" in found) is (case == "buffer")
    assert any(key.startswith("average.") for key in found) is ("generator_ema" in method)


def test_a_run_without_a_generator_has_its_files_and_says_why_it_makes_no_samples(tmp_path, monkeypatch):
    spec = small_spec("toy fixed generator", CONSTRAINTS["two_sided"])
    monkeypatch.setattr(member, "load", make_data)
    assert runs.train(spec, tmp_path, device="cpu") == "ok"
    folder = tmp_path / "runs" / spec.key
    assert all((folder / name).exists() for name in RUN_FILES)
    with pytest.raises(WganlibError, match="its generator has no network to sample from"):
        runs.load_generator(folder, spec)


def test_the_generator_s_own_labels_are_drawn_from_all_classes():
    spec = small_spec("cifar_resnet conditional", CONSTRAINTS["none"], generator_batch_size=64)
    trainer = Trainer(spec, make_data(spec.dataset), torch.device("cpu"))
    seen = []
    trainer.generator.register_forward_hook(lambda m, inputs, output: seen.append(inputs[1]))
    for _ in range(3):
        trainer.generator_step()
    counts = torch.bincount(torch.cat(seen), minlength=10)
    assert counts.tolist() == pytest.approx([19.2] * 10, abs=14)  # 192 draws: more than three standard deviations
    assert len(counts) == 10
