"""What a training records beside its losses: values by hand, no effect on the training, exact resume, refusals."""

import copy
import dataclasses

import conftest
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import torch.nn.functional as F
from conftest import make_data, make_spec, spec_is_refused
from test_architectures import CONSTRAINTS, small_spec
from test_stacks import toy

from wganlib.datasets.dataset import Dataset
from wganlib.datasets.loading import load
from wganlib.errors import WganlibError
from wganlib.spec.run import RECORDS, Spec
from wganlib.spec.stack import StackSpec
from wganlib.streams import stream
from wganlib.training import engine, records, runs
from wganlib.training.checkpoints import load_checkpoint, save_checkpoint
from wganlib.training.engine import HISTORY_COLUMNS
from wganlib.training.records import step_cosine
from wganlib.training.trainer import Trainer

ALL = tuple(RECORDS)
SGD = {"name": "sgd", "learning_rate": 0.1}
CASES = {
    "penalty": lambda: make_spec(),
    "batch norm": lambda: make_spec("nonsaturating_gan"),
    "clipping": lambda: make_spec(**{"method.constraint": {"kind": "clipping", "limit": 0.05}}),
    "clipping before": lambda: make_spec(**{"method.constraint": {"kind": "clipping", "limit": 0.05, "order": "before"}}),
    "spectral": lambda: make_spec(
        **{"method.constraint": CONSTRAINTS["spectral"], "architecture.critic_normalization": "none"}
    ),
    "buffer": lambda: make_spec(**{"method.constraint": CONSTRAINTS["max replace"]}),
    "labels": lambda: small_spec(
        "cifar_resnet conditional",
        CONSTRAINTS["two_sided"],
        auxiliary={"critic_weight": 0.7, "generator_weight": 0.1},
        generator_sub_batches=2,
    ),
    "moving norm": lambda: small_spec("cifar_resnet lgan", CONSTRAINTS["max"], generator_ema=0.9),
    "fixed generator": lambda: small_spec("toy fixed generator", CONSTRAINTS["one_sided"]),
}


def recording(spec, *record):
    """The spec, recording."""
    return Spec.model_validate(spec.model_dump() | {"record": record, "numerics": {}})


def data_for(spec):
    """Training and held-out examples that differ, with labels, in parts of different sizes."""
    if spec.dataset.name == "digits":
        return load(spec.dataset)
    data = make_data(spec.dataset, 23)
    count = 12 if spec.dataset.shape.kind == "points" else 14  # batches of 4: with and without an incomplete one
    held_out, labels = data.test.flip(0)[:count], data.test_labels.flip(0)[:count]
    return dataclasses.replace(data, test=held_out, test_labels=labels)


def trained(spec, iterations=None):
    return conftest.trained(spec, data_for(spec), iterations)


def recorded(trainer, column):
    """A column of the history."""
    return [row[trainer.columns.index(column)] for row in trainer.history]


@pytest.mark.parametrize("case", CASES)
def test_recording_changes_no_bit_of_the_training(case):
    plain, recorder = trained(CASES[case]()), trained(recording(CASES[case](), *ALL))
    expected, found = plain.state(), recorder.state()
    assert expected.keys() == found.keys()
    for key in expected.keys() - {"seconds", "history"}:
        assert torch.equal(expected[key], found[key]), key
    assert plain.columns == HISTORY_COLUMNS
    assert len(recorder.columns) == len(HISTORY_COLUMNS) + 5 == len(recorder.history[0])
    for column in HISTORY_COLUMNS[:-1]:
        assert recorded(plain, column) == recorded(recorder, column)
    assert all(module.training for module in recorder.critic.modules())


def last_step(spec, before):
    """By hand, from the trainer's state before an iteration of one critic step: critic, real and generated batch, points."""
    trainer = Trainer(spec, data_for(spec), torch.device("cpu"))
    trainer.load(before)
    rows = trainer.member.batches.order[trainer.member.batches.position :][: spec.method.batch_size]
    real = trainer.member.images.preprocess(trainer.member.images.train[rows], trainer.member.data_stream)
    labels = trainer.member.images.train_labels[rows]
    latent = torch.randn((len(rows), spec.architecture.latent_size), generator=trainer.member.noise_stream)
    with torch.no_grad():
        fake = trainer.generator(latent, labels)
    u = torch.rand((len(rows), 1, 1, 1), generator=trainer.member.noise_stream)
    points = real + u * (fake - real)
    return trainer.critic.double(), real.double(), fake.double(), points.double()


def squared_slopes(critic, points):
    """By hand, the two-sided penalty without its weight."""
    points = points.requires_grad_()
    (slopes,) = torch.autograd.grad(critic(points)[:, 0].sum(), points, create_graph=True)
    return ((slopes**2).flatten(1).sum(dim=1).sqrt() - 1).square().mean()


@pytest.mark.parametrize("norm", ["layer", "batch"])
def test_critic_values_are_means_over_the_last_batches_before_the_update(norm):
    kind = CONSTRAINTS["none" if norm == "batch" else "two_sided"]
    changes = {"method.critic_steps": 2, "method.constraint": kind, "architecture.critic_normalization": norm}
    spec = make_spec(generator_iterations=4, **changes)
    stopped = trained(spec, 3)
    stopped.critic_step()  # the first of the fourth iteration's two steps
    critic, real, fake, _ = last_step(spec, stopped.state())
    trainer = trained(recording(spec, "critic_values"))
    assert recorded(trainer, "generator_iteration") == [2, 4]
    with torch.no_grad():
        expected = float(critic(real)[:, 0].mean()), float(critic(fake)[:, 0].mean())
    assert recorded(trainer, "critic_real_mean")[1] == pytest.approx(expected[0], abs=1e-5)
    assert recorded(trainer, "critic_fake_mean")[1] == pytest.approx(expected[1], abs=1e-5)
    assert abs(expected[0] - expected[1]) > 1e-3


def test_critic_values_leave_the_class_logits_out():
    spec = CASES["labels"]()
    seen = []
    trainer = Trainer(recording(spec, "critic_values"), data_for(spec), torch.device("cpu"))
    trainer.critic.register_forward_hook(lambda module, inputs, output: seen.append(output.detach().clone()))
    next(trainer.run())
    on_real, on_fake = seen[0][:4], seen[0][4:]  # one critic step; its first pass is over both batches
    assert recorded(trainer, "critic_real_mean") == [pytest.approx(float(on_real[:, 0].mean()), rel=1e-6)]
    assert recorded(trainer, "critic_fake_mean") == [pytest.approx(float(on_fake[:, 0].mean()), rel=1e-6)]


@pytest.mark.parametrize("order", ["after", "before"])
def test_the_cosine_of_gradient_descent_is_one_whatever_clipping_does(order):
    constraint = {"kind": "clipping", "limit": 0.01, "order": order}
    changes = {"method.critic_optimizer": SGD, "method.constraint": constraint, "method.critic_l2": 0.0, "log_every": 1}
    spec = recording(make_spec(**changes), "critic_step_cosine")
    assert recorded(trained(spec), "critic_step_cosine") == pytest.approx([1.0] * 6, abs=1e-6)


def test_the_cosine_of_adam_s_first_step_without_momentum_is_that_of_the_signs():
    """Its first step is - learning rate * sign(g): the cosine is |g|_1 / (|g|_2 sqrt(n))."""
    spec = make_spec(**{"method.critic_steps": 1, "method.critic_l2": 0.0, "log_every": 1})
    critic, real, fake, points = last_step(spec, Trainer(spec, data_for(spec), torch.device("cpu")).state())
    loss = critic(fake).mean() - critic(real).mean() + 10 * squared_slopes(critic, points)
    slopes = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(critic.parameters()))])
    expected = float(slopes.abs().sum() / (slopes.norm() * (slopes.abs() > 1e-8).sum().sqrt()))
    assert expected < 0.9
    assert recorded(trained(recording(spec, "critic_step_cosine")), "critic_step_cosine")[0] == pytest.approx(
        expected, rel=1e-3
    )


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop", "rmsprop_tf"])
def test_the_cosine_of_a_later_step_by_brute_force(optimizer):
    """L2, large here, is in the step and not in the gradient."""
    settings = {"name": optimizer, "learning_rate": 0.01} | ({"beta1": 0.9, "beta2": 0.9} if optimizer == "adam" else {})
    changes = {"method.critic_steps": 1, "method.critic_l2": 0.5, "method.critic_optimizer": settings, "log_every": 3}
    spec = make_spec(generator_iterations=3, **changes)
    critic, real, fake, points = last_step(spec, trained(spec, 2).state())
    loss = critic(fake).mean() - critic(real).mean() + 10 * squared_slopes(critic, points)
    slopes = torch.autograd.grad(loss, list(critic.parameters()))
    trainer = trained(recording(spec, "critic_step_cosine"))
    pairs = zip(critic.parameters(), trainer.critic.parameters(), strict=True)
    steps = [after.detach().double() - before.detach() for before, after in pairs]
    step, slope = (torch.cat([part.flatten() for part in parts]).detach().numpy() for parts in (steps, slopes))
    expected = -step @ slope / np.sqrt(step @ step * (slope @ slope))
    assert expected < 0.99
    assert recorded(trainer, "critic_step_cosine") == [pytest.approx(expected, abs=1e-4)]


def test_a_step_uphill_has_a_negative_cosine_and_no_step_has_none():
    weights = [torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([[5.0]], requires_grad=True)]
    before = [torch.tensor([0.0, 2.0]), torch.tensor([[7.0]])]  # the step is (1, 0, -2)
    weights[0].grad, weights[1].grad = torch.tensor([4.0, 0.0]), torch.tensor([[-3.0]])
    assert float(step_cosine(before, weights)) == pytest.approx(-10 / (5**0.5 * 5))
    assert np.isnan(float(step_cosine([w.detach().clone() for w in weights], weights)))


def test_cosines_are_computed_where_they_are_logged_alone(monkeypatch):
    calls, original = [], records.step_cosine
    monkeypatch.setattr(records, "step_cosine", lambda *arguments: calls.append(1) or original(*arguments))
    trainer = trained(recording(make_spec(generator_iterations=5, log_every=2), "critic_step_cosine"))
    assert len(calls) == len(trainer.history) == 3


def by_hand(trainer, examples, labels, count):
    """The critic's loss on the first `count` examples, from the trainer's weights in float64."""
    spec, method, form = trainer.spec, trainer.spec.method, getattr(trainer.spec.method.constraint, "form", None)
    critic = copy.deepcopy(trainer.critic).double().eval()
    data, noise = (
        torch.Generator().manual_seed(
            int(np.random.SeedSequence(spec.seed, spawn_key=(4, trainer.iteration, place)).generate_state(1, np.uint64)[0] // 2)
        )
        for place in (0, 1)
    )
    losses = []
    for first in range(0, count - method.batch_size + 1, method.batch_size):
        rows = slice(first, first + method.batch_size)
        real = trainer.member.images.preprocess(examples[rows], data)
        with torch.no_grad():
            if trainer.trains_generator:
                z = torch.randn((len(real), spec.architecture.latent_size), generator=noise)
                halves = (part.chunk(method.generator_sub_batches or 1) for part in (z, labels[rows]))
                fake = torch.cat([trainer.generator(*half) for half in zip(*halves, strict=True)])
            else:
                fake = real + torch.randn(real.shape, generator=noise)
        r, f = critic(real.double()), critic(fake.double())
        if method.objective == "wgan":
            loss = f[:, 0].mean() - r[:, 0].mean()
        else:  # nonsaturating_gan and log_sigmoid: the same for the critic
            loss = -F.logsigmoid(r[:, 0]).mean() - F.logsigmoid(-f[:, 0]).mean()
        if method.auxiliary:
            loss = loss - 0.7 * torch.log_softmax(r[:, 1:], dim=1)[torch.arange(len(r)), labels[rows]].mean()
        if form:
            u = torch.rand((len(real), *[1] * (real.ndim - 1)), generator=noise)
            points = (real + u * (fake - real)).double().requires_grad_()
            (slopes,) = torch.autograd.grad(critic(points)[:, 0].sum(), points)
            g = (slopes**2).flatten(1).sum(dim=1).sqrt()
            terms = {"two_sided": (g - 1) ** 2, "one_sided": (g - 1).clamp(min=0) ** 2, "max": g.max() ** 2}
            loss = loss + method.constraint.weight * terms[form].mean()
        losses.append(float(loss.detach()))
    return sum(losses) / len(losses), len(losses)


@pytest.mark.parametrize("case", CASES)
def test_losses_on_both_parts_by_brute_force(case):
    trainer = trained(recording(CASES[case](), "held_out_loss"))
    images = trainer.member.images
    count = 360 if trainer.spec.dataset.name == "digits" else len(images.test)
    expected, batches = by_hand(trainer, images.train, images.train_labels, count)
    assert batches == count // trainer.spec.method.batch_size
    assert recorded(trainer, "training_critic_loss")[-1] == pytest.approx(expected, rel=1e-4, abs=1e-5)
    other, _ = by_hand(trainer, images.test, images.test_labels, count)
    assert recorded(trainer, "held_out_critic_loss")[-1] == pytest.approx(other, rel=1e-4, abs=1e-5)
    assert abs(expected - other) > 2 * (1e-4 * abs(expected) + 1e-5)


def test_all_held_out_examples_are_compared_up_to_ten_thousand_and_no_more_for_training():
    examples, labels = torch.arange(25_000.0).view(-1, 1), torch.zeros(25_000, dtype=torch.int64)

    def parts(train, test):
        return Dataset(examples[:train], labels, examples[-test:], labels, lambda raw, _: raw, "0" * 64)

    sizes = ((12_000, 11_000), (1200, 30), (20, 1200))
    assert [records.compared(parts(*size), 16) for size in sizes] == [(10_000, 10_000), (30, 30), (20, 1200)]


def test_evaluation_does_not_count_as_the_training_s_time(monkeypatch):
    clock, original = [0.0], Trainer.held_out_losses

    def slow(self):
        clock[0] += 100
        return original(self)

    monkeypatch.setattr(Trainer, "held_out_losses", slow)
    monkeypatch.setattr(engine.time, "perf_counter", lambda: clock[0])
    trainer = trained(recording(make_spec(), *ALL))
    assert clock[0] == 300
    assert (trainer.seconds, recorded(trainer, "seconds")) == (0, [0, 0, 0])


@pytest.mark.parametrize("case", ["penalty", "labels", "spectral"])
@pytest.mark.parametrize("stop", [1, 2])
def test_resume_is_exact_with_what_is_recorded(case, stop, tmp_path):
    spec, path = recording(CASES[case](), *ALL), tmp_path / "checkpoint.safetensors"
    save_checkpoint(trained(spec, stop), path)
    resumed = Trainer(spec, data_for(spec), torch.device("cpu"))
    load_checkpoint(resumed, path)
    list(resumed.run())
    straight = trained(spec)
    assert [row[:-1] for row in resumed.history] == [row[:-1] for row in straight.history]
    assert not np.isnan(straight.history).any()


def test_a_run_s_history_has_the_columns(tmp_path):
    spec = recording(make_spec(), "held_out_loss", "critic_values")
    assert runs.train(spec, tmp_path, device="cpu", checkpoint_seconds=0.0) == "ok"
    history = pq.read_table(tmp_path / "runs" / spec.key / "history.parquet").to_pandas()
    further = ["critic_real_mean", "critic_fake_mean", "training_critic_loss", "held_out_critic_loss"]
    assert list(history.columns) == [*HISTORY_COLUMNS[:-1], *further, "seconds"]
    expected = trained(spec)
    for column in expected.columns[:-1]:
        assert history[column].tolist() == recorded(expected, column)


def test_a_diverging_run_ends_with_its_outcome(tmp_path):
    huge = {"name": "adam", "learning_rate": 1e30, "beta1": 0.0, "beta2": 0.9}
    changes = {"method.generator_optimizer": huge, "method.critic_optimizer": huge, "generator_iterations": 400}
    spec = recording(make_spec(**changes), *ALL)
    assert runs.train(spec, tmp_path, device="cpu") == "diverged"
    history = pq.read_table(tmp_path / "runs" / spec.key / "history.parquet").to_pandas()
    assert history["generator_iteration"].iloc[-1] < 400
    assert not np.isfinite(history["held_out_critic_loss"].iloc[-1])


def test_specs_that_record_nothing_are_what_they_were():
    """A key that moves trains every run again: it may move with the numbers alone."""
    spec = make_spec(numerics={"training": 1})
    assert spec.key == "digits16-random_set-wgan-s3-5696a2857b"
    assert "record" not in make_spec().canonical()
    assert len({spec.key, *(recording(spec, name).key for name in ALL), recording(spec, *ALL).key}) == 5
    assert recording(spec, *ALL).key == recording(spec, *reversed(ALL)).key
    assert tuple(sorted(ALL)) == ALL
    assert recording(make_spec(), "critic_values").numerics == make_spec().numerics | {"record:critic_values": 1}


def test_streams_that_were_there_are_what_they_were_and_every_iteration_has_its_own():
    known = {
        "init": 7224678797418390616,
        "data": 9221857584964276806,
        "noise": 608004686068262013,
        "scoring": 8529447876139971898,
    }
    assert {name: stream(3, name).initial_seed() for name in known} == known
    found = [stream(3, "held_out", "cpu", iteration, place).initial_seed() for iteration in (1, 2, 10) for place in (0, 1)]
    assert len({*found, stream(3, "held_out").initial_seed(), *known.values()}) == 11
    assert stream(4, "held_out", "cpu", 1, 0).initial_seed() != found[0]


@pytest.mark.parametrize("record", [[], ["critic_values", "critic_values"]])
def test_a_record_of_nothing_or_of_the_same_twice_is_refused(record):
    spec_is_refused(make_spec(), {"record": record}, ["record: found", "held_out_loss", "each once"])


def test_an_unknown_record_is_refused():
    words = ["record: unknown record 'critic_value'", "did you mean 'critic_values'"]
    spec_is_refused(make_spec(), {"record": ["critic_value"]}, words)


def test_parts_smaller_than_a_batch_are_refused_at_the_start(digits):
    spec = make_spec(**{"method.batch_size": 361})
    Trainer(recording(spec, "critic_values"), digits, torch.device("cpu"))
    with pytest.raises(WganlibError) as error:
        Trainer(recording(spec, "held_out_loss"), digits, torch.device("cpu"))
    text = str(error.value)
    assert "\n" not in text
    for words in (
        "held_out_loss compares 360 examples for training and 360 held out",
        "1437 and 360",
        "batch of 361",
        "at most 360",
    ):
        assert words in text


@pytest.mark.parametrize("name", ["swiss_roll", "gaussians8"])
def test_data_without_a_held_out_part_are_refused_at_the_start(name):
    spec = recording(toy(name), "held_out_loss")
    with pytest.raises(WganlibError, match=r"^record: held_out_loss needs held-out examples, .*: leave it out$"):
        Trainer(spec, load(spec.dataset), torch.device("cpu"))


def test_a_stack_refuses_to_record():
    with pytest.raises(ValueError, match=r"runs\.1: a stack does not record critic_values: leave record out"):
        StackSpec(runs=(toy(), recording(toy(seed=1), "critic_values")))
