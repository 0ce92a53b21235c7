"""Stacks: each run trains as it would alone; files, resume, refusals."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import make_spec

from wganlib.datasets.loading import load
from wganlib.errors import WganlibError, parse
from wganlib.layout import STACK_FILES
from wganlib.spec.run import Spec
from wganlib.spec.stack import StackSpec, stacked
from wganlib.training.checkpoints import load_checkpoint, save_checkpoint
from wganlib.training.member import load_all
from wganlib.training.runs import train
from wganlib.training.stacked_trainer import COLUMNS, StackedTrainer
from wganlib.training.stacks import load_stack
from wganlib.training.trainer import Trainer

CPU = torch.device("cpu")
ADAM = {"name": "adam", "learning_rate": 1e-3, "beta1": 0.5, "beta2": 0.9}
RMSPROP = {"name": "rmsprop_tf", "learning_rate": 1e-3}
PENALTY = {"kind": "gradient_penalty", "form": "two_sided", "weight": 10.0}
MAX = {"kind": "gradient_penalty", "form": "max", "weight": 0.1, "buffer": {"size": 3, "mode": "replace"}}


def toy(
    data: str = "gaussians8",
    objective: str = "wgan",
    constraint: dict[str, Any] = PENALTY,
    optimizer: dict[str, Any] = ADAM,
    seed: int = 0,
    architecture: dict[str, Any] | None = None,
    dataset: dict[str, Any] | None = None,
    **changes: Any,
) -> Spec:
    """A small toy run; its critic alone is trained unless the architecture says otherwise."""
    value = {
        "dataset": {"name": data} | (dataset or {}),
        "architecture": {"family": "toy", "generator": "data_plus_noise", "hidden_layers": 2, "hidden_units": 12}
        | (architecture or {}),
        "method": {
            "objective": objective,
            "constraint": constraint,
            "critic_optimizer": optimizer,
            "generator_optimizer": optimizer,
            "critic_steps": 1,
            "batch_size": 16,
            "generator_batch_size": 16,
        },
        "generator_iterations": 12,
        "log_every": 4,
        "seed": seed,
    }
    return parse(Spec, value | changes, "toy")


GIVEN = {"generator": "given"}
MLP = {"generator": "mlp", "latent_size": 3}
STACKS = {
    "penalty": [toy(seed=0), toy("swiss_roll", seed=1), toy("gaussians25", seed=2, constraint=PENALTY | {"weight": 0.1})],
    "forms": [toy(constraint=PENALTY | {"form": form}) for form in ("two_sided", "one_sided", "centralised", "max")],
    "buffer": [toy("lgan_case3", objective=o, constraint=MAX, architecture=GIVEN) for o in ("wgan", "sqrt", "exp")],
    "limits": [toy(constraint={"kind": "clipping", "limit": c}, optimizer=RMSPROP) for c in (0.1, 0.01)],
    "before": [toy(constraint={"kind": "clipping", "limit": c, "order": "before"}, optimizer=RMSPROP) for c in (0.1, 0.01)],
    "spectral": [toy(constraint={"kind": "spectral_normalization"}, seed=s) for s in (0, 1)],
    "sgd": [
        toy(
            "lgan_case1",
            "quadratic_lsgan",
            {"kind": "none"},
            {"name": "sgd", "learning_rate": 0.01},
            s,
            GIVEN | {"nonlinearity": "selu", "initialization": "equalised_normal"},
        )
        for s in (0, 1)
    ],
    "generators": [
        toy(d, o, c, architecture=MLP, snapshots=(4, 12))
        for d, o, c in (("gaussians8", "wgan", PENALTY), ("swiss_roll", "wgan", PENALTY))
    ],
    "decay": [toy(architecture=MLP, optimizer=ADAM | {"decay": {"kind": "linear"}}, seed=s) for s in (0, 1)],
    "dense": [
        toy("digits_pairs", "sqrt", MAX, architecture=GIVEN | {"dense": True}, seed=s, dataset={"image_size": 8})
        for s in (0, 1)
    ],
    "lines": [toy("parallel_lines", architecture=GIVEN, dataset={"offset": x}) for x in (-0.5, 1.0)],
    "alone": [toy()],
}


def stack_of(**changes: Any) -> StackSpec:
    """Two toy runs with generators, of the budget of `make_spec`."""
    budget = {"generator_iterations": 6, "log_every": 2} | changes
    return StackSpec(runs=tuple(toy(seed=seed, architecture=MLP, **budget) for seed in (0, 1)))


KINDS: dict[str, Callable[..., Spec | StackSpec]] = {"run": make_spec, "stack": stack_of}
"""What can be trained, with the same options: a run alone and a stack."""


@pytest.fixture
def double() -> Iterator[None]:
    """Everything in float64, where another order of sums does not show."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", STACKS)
def test_each_run_of_a_stack_trains_as_it_would_alone(name: str, double: None) -> None:
    if name == "dense":
        torch.set_default_dtype(torch.float32)  # images are float32
    exact = {"rtol": 2e-3, "atol": 2e-5} if name == "dense" else {"rtol": 1e-9, "atol": 1e-11}
    stack = StackSpec(runs=tuple(STACKS[name]))
    together = StackedTrainer(stack, load_all(stack.runs), CPU)
    list(together.run())
    weights = together.critic.state_dict()
    for index, spec in enumerate(stack.runs):
        alone = Trainer(spec, load(spec.dataset), CPU)
        before = {key: value.clone() for key, value in alone.critic.state_dict().items()}
        list(alone.run())
        for key, value in alone.critic.state_dict().items():
            torch.testing.assert_close(weights[key][index], value, **exact)
        assert any(not torch.equal(before[key], value) for key, value in alone.critic.state_dict().items())
        if alone.trains_generator:
            assert together.generator is not None
            for key, value in alone.generator.state_dict().items():
                torch.testing.assert_close(together.generator.state_dict()[key][index], value, **exact)
        logged = [row for row in together.history if row[0] == index]
        assert [row[1] for row in logged] == [row[0] for row in alone.history]
        for row, other in zip(logged, alone.history, strict=True):
            assert row[2:6] == pytest.approx(other[1:5], rel=exact["rtol"], abs=exact["atol"])


def test_a_run_does_not_depend_on_its_neighbours() -> None:
    run = toy(seed=7)
    first = StackSpec(runs=(run, toy(seed=1)))
    second = StackSpec(runs=(run, toy("swiss_roll", seed=2, constraint=PENALTY | {"form": "max"})))
    weights = []
    for stack in (first, second):
        trainer = StackedTrainer(stack, load_all(stack.runs), CPU)
        list(trainer.run())
        weights.append(trainer.critic.state_dict())
    for key, value in weights[0].items():
        torch.testing.assert_close(value[0], weights[1][key][0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["buffer", "generators", "spectral"])
def test_a_stack_resumed_from_a_checkpoint_ends_with_the_same_bits(name: str, tmp_path: Path) -> None:
    stack = StackSpec(runs=tuple(STACKS[name]))
    data = load_all(stack.runs)
    whole = StackedTrainer(stack, data, CPU)
    list(whole.run())
    part = StackedTrainer(stack, data, CPU)
    steps = part.run()
    for _ in range(5):
        next(steps)
    save_checkpoint(part, tmp_path)
    resumed = StackedTrainer(stack, data, CPU)
    load_checkpoint(resumed, tmp_path)
    list(resumed.run())
    one, other = whole.state(), resumed.state()
    assert one.keys() == other.keys()
    for key, value in one.items():
        if key == "history":
            assert torch.equal(value[:, :-1], other[key][:, :-1])
        elif key != "seconds":
            assert torch.equal(value, other[key]), key


def test_a_stack_on_disk_comes_back(tmp_path: Path) -> None:
    stack = StackSpec(runs=tuple(STACKS["generators"]))
    assert train(stack, tmp_path, device="cpu") == "2 ok"
    folder = tmp_path / "stacks" / stack.key
    assert sorted(path.name for path in folder.iterdir()) == sorted(STACK_FILES)
    runs = load_stack(tmp_path, stack)
    trainer = StackedTrainer(stack, load_all(stack.runs), CPU)
    list(trainer.run())
    x = torch.randn(1, 5, 2).repeat(2, 1, 1)
    for index, run in enumerate(runs):
        assert run.spec == stack.runs[index]
        torch.testing.assert_close(run.critic(x[index]), trainer.critic(x)[index], rtol=1e-5, atol=1e-6)
        assert sorted(run.snapshots) == [4, 12]
        assert run.generator is not None
        noise = torch.randn(4, 3)
        assert torch.equal(run.generator(noise), run.snapshots[12](noise))
        assert not torch.equal(run.generator(noise), run.snapshots[4](noise))
        assert list(run.history.columns) == list(COLUMNS[1:])
        own = [row[1:-1] for row in trainer.history if row[0] == index]
        assert run.history.iloc[:, :-1].to_numpy().tolist() == [pytest.approx(row) for row in own]
        assert run.history["generator_iteration"].tolist() == [4, 8, 12]
        assert run.outcome == "ok"
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert train(stack, tmp_path, device="cpu") == "2 ok"
    assert before == {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    (folder / "critics.safetensors").write_bytes(b"damaged")
    with pytest.raises(WganlibError, match="delete the folder and train it again"):
        load_stack(tmp_path, stack)


def test_a_run_that_diverges_leaves_its_neighbours_alone(tmp_path: Path) -> None:
    calm = {"name": "sgd", "learning_rate": 1e-3}
    stack = StackSpec(
        runs=(
            toy("two_points", "exp", {"kind": "none"}, calm, architecture=GIVEN),
            toy("parallel_lines", "wgan", {"kind": "none"}, calm, architecture=GIVEN, dataset={"offset": 1e30}),
        )
    )
    assert train(stack, tmp_path, device="cpu") == "1 ok, 1 diverged"
    runs = load_stack(tmp_path, stack)
    assert [run.outcome for run in runs] == ["ok", "diverged"]
    assert all(torch.isfinite(p).all() for p in runs[0].critic.parameters())


def test_weights_that_are_infinite_after_the_last_step_make_a_run_diverged() -> None:
    wild = {"name": "sgd", "learning_rate": 1e38}
    run = toy("parallel_lines", "quadratic_lsgan", {"kind": "none"}, wild, 0, GIVEN, {"offset": 100.0}, generator_iterations=1)
    trainer = StackedTrainer(StackSpec(runs=(run,)), load_all([run]), CPU)
    list(trainer.run())
    assert bool(trainer.finite.all())  # the loss was taken before the step
    assert trainer.outcomes() == ["diverged"]


def test_runs_are_stacked_by_form_in_order_and_once() -> None:
    a, b, c = toy(seed=0), toy(constraint={"kind": "none"}), toy(seed=1)
    stacks = stacked([a, b, c, a], size=8)
    assert [[run.key for run in stack.runs] for stack in stacks] == [[a.key, c.key], [b.key]]
    assert [len(stack.runs) for stack in stacked([a, b, c], size=1)] == [1, 1, 1]
    assert len({stack.key for stack in stacks}) == 2


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ([toy(), toy(optimizer=RMSPROP)], ["runs.1", "differs from the first run"]),
        ([toy(), toy(seed=1, generator_iterations=13)], ["runs.1", "differs"]),
        ([toy(), toy(seed=1, architecture={"hidden_units": 13})], ["runs.1", "differs"]),
        ([toy(architecture=MLP), toy(seed=1, architecture=MLP | {"latent_size": 4})], ["runs.1", "differs"]),
        ([toy(), toy()], ["distinct"]),
        ([], ["runs"]),
    ],
)
def test_bad_stacks_are_refused_in_one_line(runs: list[Spec], words: list[str]) -> None:
    value = {"runs": [json.loads(run.canonical()) for run in runs]}
    with pytest.raises(WganlibError) as error:
        parse(StackSpec, value, "stack.json")
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)
