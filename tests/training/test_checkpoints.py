"""Checkpoints in pieces: exact, whole after any kill, carried elsewhere; trainings that stop early or run out of memory."""

import contextlib
import itertools
import json
import math
import os
import shutil
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
import torch
from conftest import Killed, make_spec, trained, wganlib
from safetensors.torch import load, load_file
from test_stacks import KINDS, stack_of

from wganlib.errors import WganlibError
from wganlib.training import checkpoints, provenance, runs
from wganlib.training.checkpoints import load_checkpoint, save_checkpoint
from wganlib.training.member import load_all
from wganlib.training.stacked_trainer import StackedTrainer
from wganlib.training.stacks import load_stack
from wganlib.training.trainer import Trainer

CPU = torch.device("cpu")


def pieces(folder):
    return sorted(folder.glob("*.piece"))


def state_of(folder):
    return load(b"".join(p.read_bytes() for p in pieces(folder)))


def test_pieces_are_small_and_make_the_same_state(digits, tmp_path, monkeypatch):
    spec = make_spec()
    trainer = trained(spec, digits, 3)
    save_checkpoint(trainer, tmp_path)
    assert len(pieces(tmp_path)) == 1
    monkeypatch.setattr(checkpoints, "PIECE_BYTES", 10_000)
    save_checkpoint(trainer, tmp_path)
    sizes = [p.stat().st_size for p in pieces(tmp_path)]
    assert len(sizes) > 10
    assert sizes[:-1] == [10_000] * (len(sizes) - 1)
    elsewhere = shutil.copytree(tmp_path, tmp_path / "elsewhere")
    resumed = Trainer(spec, digits, CPU)
    load_checkpoint(resumed, elsewhere)
    expected, found = trainer.state(), resumed.state()
    assert expected.keys() == found.keys()
    for key, value in expected.items():
        assert found[key].dtype == value.dtype, key
        assert torch.equal(found[key], value), key


def test_no_file_of_a_large_state_is_above_16_mebibytes(tmp_path):
    large = {"weights": torch.randint(256, (33 * 2**20,), dtype=torch.uint8)}
    loaded = []
    trainer = SimpleNamespace(spec=make_spec(), iteration=7, state=lambda: large, load=loaded.append)
    save_checkpoint(trainer, tmp_path)
    assert [p.stat().st_size for p in pieces(tmp_path)][:-1] == [15 * 2**20] * 2
    assert max(p.stat().st_size for p in tmp_path.iterdir()) <= 16 * 2**20
    load_checkpoint(trainer, tmp_path)
    assert torch.equal(loaded[0]["weights"], large["weights"])


def test_the_order_of_rows_is_stored_in_32_bits(digits, tmp_path):
    trainer = trained(make_spec(), digits, 1)
    save_checkpoint(trainer, tmp_path / "run")
    stack = stack_of()
    member = StackedTrainer(stack, load_all(stack.runs), CPU)
    save_checkpoint(member, tmp_path / "stack")
    for folder, keys in (("run", ["run0.order"]), ("stack", ["run0.order", "run1.order"])):
        found = state_of(tmp_path / folder)
        assert [key for key in sorted(found) if "order" in key] == keys
        for key in keys:
            assert found[key].dtype == torch.int32
            assert sorted(found[key].tolist()) == list(range(len(found[key])))
    load_checkpoint(member, tmp_path / "stack")
    assert all(m.batches.order.dtype == torch.int64 for m in member.members)


def test_a_kill_at_any_change_of_the_folder_leaves_the_old_or_the_new_checkpoint(digits, tmp_path, monkeypatch):
    """Killed before each rename and each removal of a save in turn; what is there resumes, and the next save clears up."""
    monkeypatch.setattr(checkpoints, "PIECE_BYTES", 40_000)
    spec, changes, limit = make_spec(), 0, 0

    def counted(original):
        def change(*arguments, **options):
            nonlocal changes
            if changes == limit:
                raise Killed
            changes += 1
            return original(*arguments, **options)

        return change

    trainer = trained(spec, digits, 1)
    save_checkpoint(trainer, tmp_path / "first")
    states = {1: {key: value.clone() for key, value in trainer.state().items()}}
    next(trainer.run())
    states[2] = trainer.state()
    seen, killed = [], True
    while killed:
        folder = shutil.copytree(tmp_path / "first", tmp_path / str(limit))
        changes = 0
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", counted(os.replace))
            patch.setattr(os, "unlink", counted(os.unlink))
            try:
                save_checkpoint(trainer, folder)
                killed = False
            except Killed:
                limit += 1
        resumed = Trainer(spec, digits, CPU)
        load_checkpoint(resumed, folder)
        seen.append(resumed.iteration)
        assert all(torch.equal(states[resumed.iteration][key], value) for key, value in resumed.state().items())
        save_checkpoint(trainer, folder)
        listed = [p["name"] for p in json.loads((folder / "checkpoint.json").read_text())["pieces"]]
        assert sorted(p.name for p in folder.iterdir()) == sorted([*listed, "checkpoint.json"])
    count = len(pieces(tmp_path / "first"))
    assert count > 2
    # New pieces, the list, removal of the old pieces, and a last save that nothing killed.
    assert seen == [1] * (count + 1) + [2] * (count + 1)


def _change_a_byte(path):
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("which", "damage", "words"),
    [
        ("*.piece", lambda p: p.write_bytes(p.read_bytes()[:-1000]), ["not a whole checkpoint (found", "bytes, expected"]),
        ("*.piece", lambda p: p.write_bytes(b""), ["not a whole checkpoint (found 0 bytes"]),
        ("*.piece", lambda p: p.unlink(), ["not a whole checkpoint (No such file", "checkpoint.json lists it"]),
        ("*.piece", _change_a_byte, ["content does not match its checksum (found sha256"]),
        ("*.json", lambda p: p.write_bytes(p.read_bytes()[:-100]), ["not a whole checkpoint (not a list of its pieces)"]),
        ("*.json", lambda p: p.write_bytes(b"\x80\x04pickle" * 100), ["not a whole checkpoint"]),
        ("*.json", lambda p: p.write_text('{"a": 1}'), ["not a whole checkpoint"]),
        ("*.json", lambda p: p.write_text(p.read_text().replace('"name": "', '"name": "../')), ["not a whole checkpoint"]),
    ],
)
def test_a_damaged_checkpoint_is_refused_and_kept(tmp_path, digits, monkeypatch, which, damage, words):
    monkeypatch.setattr(checkpoints, "PIECE_BYTES", 100_000)
    spec = make_spec()
    folder = tmp_path / "checkpoints" / spec.key
    save_checkpoint(trained(spec, digits, 2), folder)
    path = sorted(folder.glob(which))[-1]
    damage(path)
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    with pytest.raises(WganlibError) as error:
        runs.train(spec, tmp_path, device="cpu")
    for word in [str(path), *words, "here again if it came from elsewhere, or delete it to train from the start"]:
        assert word in str(error.value)
    assert "\n" not in str(error.value)
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "lock"} == before


def test_another_spec_s_checkpoint_and_results_are_refused(tmp_path, digits):
    spec, other = make_spec(), make_spec(seed=9)
    folder = tmp_path / "checkpoints" / spec.key
    save_checkpoint(trained(other, digits, 2), folder)
    with pytest.raises(WganlibError, match="checkpoint of another spec"):
        runs.train(spec, tmp_path, device="cpu")
    shutil.rmtree(folder)
    runs.train(other, tmp_path, device="cpu")
    (tmp_path / "runs" / other.key).rename(tmp_path / "runs" / spec.key)
    with pytest.raises(WganlibError, match="results of another spec"):
        runs.train(spec, tmp_path, device="cpu")


def test_a_checkpoint_of_another_kind_of_device_is_refused(digits, tmp_path):
    trainer = trained(make_spec(), digits, 2)
    state = trainer.state()
    state["run0.stream.noise"] = torch.zeros(16, dtype=torch.uint8)  # the size of a CUDA generator's state
    trainer.state = lambda: state
    save_checkpoint(trainer, tmp_path)
    with pytest.raises(WganlibError, match="does not fit this kind of device"):
        load_checkpoint(Trainer(make_spec(), digits, CPU), tmp_path)


def run_of(results, spec):
    """All that must be equal in a trained folder, bit for bit."""
    folder = spec.folder(results)
    weights = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.safetensors"))}
    return weights, pq.read_table(folder / "history.parquet").drop_columns(["seconds"]).to_pydict()


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_in_pieces_each_in_another_place_ends_as_a_straight_one(tmp_path, kind):
    """Only the checkpoint's folder is carried: it must bring the snapshots that were taken before."""
    spec = KINDS[kind](snapshots=(1, 2, 5))
    outcome = runs.train(spec, tmp_path / "straight", device="cpu")
    assert outcome == {"run": "ok", "stack": "2 ok"}[kind]
    places = [tmp_path / f"place{i}" for i in range(6)]
    for iteration, (place, following) in enumerate(itertools.pairwise(places), 1):
        with pytest.raises(runs.Stopped) as stop:
            runs.train(spec, place, device="cpu", stop_after_seconds=0.0)
        assert (stop.value.iteration, stop.value.iterations) == (iteration, 6)
        assert not spec.folder(place).exists()
        shutil.copytree(place / "checkpoints", following / "checkpoints")
    # The last iteration ends the training, however late.
    assert runs.train(spec, places[-1], device="cpu", stop_after_seconds=0.0) == outcome
    assert run_of(places[-1], spec) == run_of(tmp_path / "straight", spec)
    assert [p.name for p in (places[-1] / "checkpoints" / spec.key).iterdir()] == ["lock"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_snapshot_is_refused_before_the_training_goes_on(tmp_path, kind):
    spec = KINDS[kind](snapshots=(1,))
    with pytest.raises(runs.Stopped):
        runs.train(spec, tmp_path, device="cpu", stop_after_seconds=0.0)
    folder = tmp_path / "checkpoints" / spec.key
    (path,) = folder.glob("snapshot-1-*.piece")
    _change_a_byte(path)
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    with pytest.raises(WganlibError, match=r"snapshot-1-.*content does not match its checksum"):
        runs.train(spec, tmp_path, device="cpu", checkpoint_seconds=0.0)
    assert before == {p.name: p.read_bytes() for p in folder.iterdir()}


@pytest.mark.parametrize(("kind", "outcome"), [("run", "ok"), ("stack", "2 ok")])
def test_the_command_stops_with_3_and_goes_on(tmp_path, kind, outcome):
    spec = KINDS[kind](generator_iterations=2)
    first = wganlib(tmp_path, "train", spec.canonical(), "--device", "cpu", "--stop-after-seconds", "0")
    assert (first.returncode, first.stdout) == (3, "")
    assert first.stderr == "iteration 0 of 2\nstopped after 0 s at iteration 1 of 2; the same command goes on\n"
    again = wganlib(tmp_path, "train", spec.canonical(), "--device", "cpu", "--stop-after-seconds", "0")
    assert again.returncode == 0
    assert again.stderr == "iteration 1 of 2\n"
    assert again.stdout == f"results/{kind}s/{spec.key}: {outcome}\n"


@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_while_a_lost_file_is_made_again_leaves_a_folder_that_counts_as_missing(tmp_path, monkeypatch, kind):
    """The provenance of before would vouch for files that are no longer the same."""
    spec, replace = KINDS[kind](generator_iterations=2), os.replace

    def dying(source, target):
        if target.name == "provenance.json":
            raise Killed
        replace(source, target)

    outcome = runs.train(spec, tmp_path, device="cpu")
    folder = spec.folder(tmp_path)
    (folder / spec.files[1]).unlink()
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", dying)
        with pytest.raises(Killed):
            runs.train(spec, tmp_path, device="cpu")
    assert [name for name in spec.files if not (folder / name).exists()] == ["provenance.json"]
    assert runs.train(spec, tmp_path, device="cpu") == outcome
    assert runs.is_complete(folder, spec.files)


@pytest.mark.parametrize(("kind", "outcomes"), [("run", ["diverged"]), ("stack", ["diverged", "ok"])])
def test_a_loss_that_was_infinite_once_is_remembered_by_a_checkpoint(tmp_path, kind, outcomes):
    """Of the generator, in an iteration that is not logged; weights stay finite, as an infinite constant has no gradient."""
    spec = KINDS[kind](log_every=6)

    def started():
        data = load_all(spec.runs)
        return Trainer(spec, data[0], CPU) if kind == "run" else StackedTrainer(spec, data, CPU)

    stopped, resumed = started(), started()
    losses, constants = stopped.generator_losses, {"run": torch.tensor(math.inf), "stack": torch.tensor([math.inf, 0.0])}
    stopped.generator_losses = lambda: losses() + constants[kind]
    next(stopped.run())
    assert all(torch.isfinite(value).all() for value in stopped.generator_weights().values())
    assert stopped.outcomes() == outcomes
    save_checkpoint(stopped, tmp_path)
    load_checkpoint(resumed, tmp_path)
    assert resumed.outcomes() == outcomes


MEMORY_ERRORS = {
    "cuda": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    "cpu": None,
}


@pytest.mark.parametrize("kind", MEMORY_ERRORS)
@pytest.mark.parametrize("step", [1, 4])
def test_a_training_that_runs_out_of_memory_has_its_outcome_and_files(tmp_path, monkeypatch, digits, kind, step):
    spec = make_spec(snapshots=(2, 4))
    original = Trainer.step

    def starved(self, logged=False):
        if self.iteration + 1 == step:
            if kind == "cpu":
                torch.empty(10**15)  # more than any machine has: the allocator's own error
            raise MEMORY_ERRORS[kind]
        return original(self, logged)

    monkeypatch.setattr(Trainer, "step", starved)
    assert runs.train(spec, tmp_path, device="cpu") == "out_of_memory"
    folder = tmp_path / "runs" / spec.key
    assert json.loads((folder / "provenance.json").read_text())["outcome"] == "out_of_memory"
    history = pq.read_table(folder / "history.parquet")
    assert history["generator_iteration"].to_pylist() == ([] if step == 1 else [2])
    assert {str(field.type) for field in history.schema} == {"int64", "double"}
    monkeypatch.setattr(Trainer, "step", original)
    expected = trained(spec, digits, step - 1)
    found = load_file(folder / "generator.safetensors")
    assert all(torch.equal(value, found[key]) for key, value in expected.generator_weights().items())
    assert [p.name for p in folder.glob("snapshots/*")] == ([] if step == 1 else ["2.safetensors"])
    assert runs.train(spec, tmp_path, device="cpu") == "out_of_memory"  # a result, not tried again


@pytest.mark.parametrize("step", [1, 4])
def test_a_stack_that_runs_out_of_memory_has_its_outcomes_and_files(tmp_path, monkeypatch, step):
    """What has diverged before has diverged."""
    spec = stack_of(snapshots=(2, 4))
    original = StackedTrainer.step

    def starved(self, logged=False):
        if self.iteration + 1 == step:
            self.finite[1] = False
            raise MEMORY_ERRORS["cuda"]
        return original(self, logged)

    monkeypatch.setattr(StackedTrainer, "step", starved)
    assert runs.train(spec, tmp_path, device="cpu") == "1 out_of_memory, 1 diverged"
    monkeypatch.setattr(StackedTrainer, "step", original)
    expected = StackedTrainer(spec, load_all(spec.runs), CPU)
    steps = expected.run()
    for _ in range(step - 1):
        next(steps)
    first, second = load_stack(tmp_path, spec)
    assert (first.outcome, second.outcome) == ("out_of_memory", "diverged")
    assert first.history["generator_iteration"].tolist() == ([] if step == 1 else [2])
    assert list(first.snapshots) == list(second.snapshots) == ([] if step == 1 else [2])
    for place, run in enumerate((first, second)):
        for name, value in expected.generator_weights().items():
            assert torch.equal(run.generator.state_dict()[name], value[place]), name
    assert runs.train(spec, tmp_path, device="cpu") == "1 out_of_memory, 1 diverged"


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_that_goes_on_on_another_device_says_so(tmp_path, monkeypatch, kind):
    """One that stays on its device lists none."""
    spec, devices = KINDS[kind](), []
    monkeypatch.setattr(runs, "device_name", lambda device: devices[-1])
    monkeypatch.setattr(provenance, "device_name", lambda device: devices[-1])

    def train(device, results, stop_after_seconds):
        devices.append(device)
        with contextlib.suppress(runs.Stopped):
            runs.train(spec, results, device="cpu", stop_after_seconds=stop_after_seconds)

    for device in ("A", "A", "B", "A"):
        train(device, tmp_path / "moved", 0.0)
    train("A", tmp_path / "moved", None)
    known = json.loads((spec.folder(tmp_path / "moved") / "provenance.json").read_text())
    assert (known["device"], known["devices"]) == ("A", ["A", "B", "A"])
    train("A", tmp_path / "stayed", 0.0)
    train("A", tmp_path / "stayed", None)
    known = json.loads((spec.folder(tmp_path / "stayed") / "provenance.json").read_text())
    assert known["device"] == "A"
    assert "devices" not in known


def test_other_errors_of_a_step_and_memory_that_ends_elsewhere_are_no_outcome(tmp_path, monkeypatch):
    def broken(self, logged=False):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", broken)
        with pytest.raises(RuntimeError, match="mat1"):
            runs.train(make_spec(), tmp_path, device="cpu")

    def starved(self, logged=False):
        raise MEMORY_ERRORS["cuda"]

    monkeypatch.setattr(Trainer, "state", starved)
    with pytest.raises(torch.OutOfMemoryError):
        runs.train(make_spec(), tmp_path, device="cpu", checkpoint_seconds=0.0)
    assert not (tmp_path / "runs").exists()
