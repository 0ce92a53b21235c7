"""The engine: determinism, exact resume, divergence, golden trajectories, data, bad folders."""

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from conftest import BIN, environment, make_spec, trained
from safetensors.torch import load_file, save_file

from wganlib import files
from wganlib.datasets.batches import Batches
from wganlib.errors import WganlibError
from wganlib.spec.run import Spec
from wganlib.training import runs
from wganlib.training.checkpoints import load_checkpoint, save_checkpoint
from wganlib.training.engine import HISTORY_COLUMNS
from wganlib.training.member import Member
from wganlib.training.trainer import Trainer

METHODS = ["wgan_gp", "nonsaturating_gan"]


def weights(trainer):
    return {k: v for k, v in trainer.state().items() if k.startswith(("generator.", "critic."))}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


@pytest.mark.parametrize("method", METHODS)
def test_same_seed_same_weights_another_seed_others(digits, method):
    once, again = trained(make_spec(method), digits), trained(make_spec(method), digits)
    assert same(weights(once), weights(again))
    assert [row[:-1] for row in once.history] == [row[:-1] for row in again.history]
    assert not same(weights(once), weights(trained(make_spec(method, seed=4), digits)))


def test_the_global_generator_plays_no_part(digits):
    torch.manual_seed(1)
    first = weights(trained(make_spec(), digits))
    torch.manual_seed(2)
    torch.rand(100)
    np.random.rand(100)
    before = torch.get_rng_state()
    assert same(first, weights(trained(make_spec(), digits)))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stop", [1, 3, 5])
def test_resume_is_exact_in_every_part_of_the_state(digits, tmp_path, method, stop):
    spec = make_spec(method, generator_iterations=7)
    save_checkpoint(trained(spec, digits, stop), tmp_path)
    resumed = Trainer(spec, digits, torch.device("cpu"))
    load_checkpoint(resumed, tmp_path)
    assert resumed.iteration == stop
    for _ in resumed.run():
        pass
    straight = trained(spec, digits).state()
    state = resumed.state()
    assert torch.equal(straight.pop("history")[:, :-1], state.pop("history")[:, :-1])
    del straight["seconds"], state["seconds"]
    assert any(k.startswith("optimizer.critic.") and k.endswith("exp_avg_sq") for k in state)
    assert same(straight, state)


def test_resume_of_a_diverged_run_stays_where_it_ended(digits, tmp_path):
    huge = {"name": "adam", "learning_rate": 1e30, "beta1": 0.0, "beta2": 0.9}
    spec = make_spec(generator_iterations=40, **{"method.generator_optimizer": huge, "method.critic_optimizer": huge})
    straight = Trainer(spec, digits, torch.device("cpu"))
    for _ in straight.run():
        save_checkpoint(straight, tmp_path)
    assert straight.iteration < 40
    resumed = Trainer(spec, digits, torch.device("cpu"))
    load_checkpoint(resumed, tmp_path)
    assert list(resumed.run()) == []
    assert (resumed.iteration, len(resumed.history)) == (straight.iteration, len(straight.history))


def test_resume_crosses_the_end_of_an_epoch(digits, tmp_path):
    spec = make_spec("nonsaturating_gan", generator_iterations=6, **{"method.batch_size": 600})
    save_checkpoint(trained(spec, digits, 3), tmp_path)
    resumed = Trainer(spec, digits, torch.device("cpu"))
    load_checkpoint(resumed, tmp_path)
    for _ in resumed.run():
        pass
    assert same(weights(resumed), weights(trained(spec, digits)))


def test_generator_and_critic_move_the_right_way(digits):
    """Critic steps widen its gap between real and generated examples; generator steps raise the critic's values of fakes."""
    spec = make_spec(**{"method.critic_steps": 1, "method.batch_size": 256})
    trainer = Trainer(spec, digits, torch.device("cpu"))
    real = digits.preprocess(digits.train[:512], torch.Generator().manual_seed(0))
    noise = torch.randn(512, 128, generator=torch.Generator().manual_seed(0))

    def gap():
        with torch.no_grad():
            return float(trainer.critic(real).mean() - trainer.critic(trainer.generator(noise)).mean())

    start = gap()
    for _ in range(5):
        trainer.critic_step()
    assert gap() > start
    with torch.no_grad():
        before = float(trainer.critic(trainer.generator(noise)).mean())
    for _ in range(3):
        trainer.generator_step()
    with torch.no_grad():
        assert float(trainer.critic(trainer.generator(noise)).mean()) > before


def test_critic_steps_and_fresh_noise(digits, monkeypatch):
    trainer = Trainer(make_spec(**{"method.critic_steps": 3}), digits, torch.device("cpu"))
    sizes, drawn = [], []
    original = Member.noise

    def counted(self, count, draws):
        drawn.append(original(self, count, draws))
        sizes.append(count)
        return drawn[-1]

    monkeypatch.setattr(Member, "noise", counted)
    trainer.step()
    assert len(sizes) == 4
    assert len({float(d.sum()) for d in drawn}) == 4


def test_a_diverging_run_ends_early_with_its_outcome_and_files(tmp_path):
    huge = {"name": "adam", "learning_rate": 1e30, "beta1": 0.0, "beta2": 0.9}
    spec = make_spec(generator_iterations=400, **{"method.generator_optimizer": huge, "method.critic_optimizer": huge})
    assert runs.train(spec, tmp_path, device="cpu") == "diverged"
    folder = tmp_path / "runs" / spec.key
    assert json.loads((folder / "provenance.json").read_text())["outcome"] == "diverged"
    assert pq.read_table(folder / "history.parquet")["generator_iteration"].to_pylist()[-1] < 400


def test_a_run_s_folder(tmp_path):
    spec = make_spec(snapshots=(2, 4))
    assert runs.train(spec, tmp_path, device="cpu", checkpoint_seconds=0.0) == "ok"
    folder = tmp_path / "runs" / spec.key
    found = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert found == {
        "spec.json",
        "provenance.json",
        "history.parquet",
        "generator.safetensors",
        "critic.safetensors",
        "snapshots/2.safetensors",
        "snapshots/4.safetensors",
    }
    assert [p.name for p in (tmp_path / "checkpoints" / spec.key).iterdir()] == ["lock"]
    assert Spec.model_validate_json((folder / "spec.json").read_text(), strict=True) == spec
    history = pq.read_table(folder / "history.parquet").to_pandas()
    assert list(history["generator_iteration"]) == [2, 4, 6]
    assert list(history.columns) == list(HISTORY_COLUMNS)
    provenance = json.loads((folder / "provenance.json").read_text())
    assert provenance["threads"] == 1
    assert len(provenance["data_sha256"]) == 64
    assert provenance["sha256"] == {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in found - {"provenance.json"}
    }
    before = {p: p.stat().st_mtime_ns for p in folder.iterdir()}
    assert runs.train(spec, tmp_path, device="cpu") == "ok"
    assert before == {p: p.stat().st_mtime_ns for p in folder.iterdir()}
    weights = (folder / "generator.safetensors").read_bytes()
    (folder / "generator.safetensors").unlink()
    assert runs.train(spec, tmp_path, device="cpu") == "ok"
    assert (folder / "generator.safetensors").read_bytes() == weights


def test_a_spec_of_another_version_is_refused(tmp_path):
    with pytest.raises(WganlibError, match="another version of the library \\(training differ\\)"):
        runs.train(make_spec(numerics={**make_spec().numerics, "training": 999}), tmp_path)


def test_an_unknown_or_missing_device_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(WganlibError, match="'tpu', allowed are auto, cpu, cuda"):
        runs.choose_device("tpu")
    with pytest.raises(WganlibError, match="no CUDA device"):
        runs.choose_device("cuda")
    assert runs.choose_device("auto").type == "cpu"


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(WganlibError, match="batch_size 11 is larger than the data set's 10 examples"):
        Batches(10, 11, torch.Generator())


def test_batches_are_permutations_of_the_data():
    batches = Batches(10, 3, torch.Generator().manual_seed(0))
    epochs = [torch.cat([batches.next() for _ in range(3)]) for _ in range(2)]
    assert all(len(set(e.tolist())) == 9 for e in epochs)
    assert not torch.equal(*epochs)


def test_digits_are_dequantised_over_one_grey_level_and_resized(digits):
    raw = digits.train[:50]
    stream = torch.Generator().manual_seed(0)
    images = digits.preprocess(raw, stream)
    assert images.shape == (50, 1, 16, 16)
    assert float(images.min()) >= -1
    assert float(images.max()) < 1
    assert not torch.equal(images, digits.preprocess(raw, stream))
    # Bilinear by a factor of two: each output pixel mixes 3/4 and 1/4 of its neighbours, so interior means agree.
    mean = torch.stack([digits.preprocess(raw, stream) for _ in range(400)]).mean(dim=0)
    expected = torch.nn.functional.interpolate((raw.float() + 0.5) * 2 / 17 - 1, scale_factor=2, mode="bilinear")
    assert float((mean - expected).abs().max()) < 0.02
    quarter = (raw[0, 0, 0, 0].float() * 9 + raw[0, 0, 0, 1] * 3 + raw[0, 0, 1, 0] * 3 + raw[0, 0, 1, 1]) / 16
    assert float(expected[0, 0, 1, 1]) == pytest.approx(float((quarter + 0.5) * 2 / 17 - 1), abs=1e-6)
    assert (len(digits.train), len(digits.test)) == (1437, 360)
    assert not {r.numpy().tobytes() for r in digits.train} & {r.numpy().tobytes() for r in digits.test}


def test_files_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "a" / "file.json"
    files.write_json(path, {"old": 1})

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WganlibError, match=r"cannot write .*file\.json: No space left on device"):
        files.write_json(path, {"new": 2})
    assert json.loads(path.read_text()) == {"old": 1}
    assert [p.name for p in path.parent.iterdir()] == ["file.json"]


def test_a_write_that_fails_on_a_full_disk_loses_nothing(tmp_path):
    """A real limit: the process may not write files of more than 40 kB, as on a disk that fills up halfway."""
    spec = make_spec()
    code = "import resource, signal, sys; from wganlib.cli import main; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    code += (
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)); sys.argv = ['wganlib', 'train', *sys.argv[1:]]; main()"
    )
    arguments = [spec.canonical(), "--results", str(tmp_path), "--device", "cpu", "--checkpoint-seconds", "0"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment())
    assert done.returncode == 2
    assert "cannot write" in done.stderr
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert not [p for p in tmp_path.rglob("*") if p.suffix in (".tmp", ".safetensors", ".piece")]
    assert runs.train(spec, tmp_path, device="cpu") == "ok"


def test_an_output_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "results").write_text("a file where the folder should be")
    done = subprocess.run(
        [str(BIN / "wganlib"), "train", make_spec().canonical(), "--results", "results"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot write results/")
    assert len(done.stderr.splitlines()) == 1


def test_a_second_training_of_a_run_waits_and_is_told(tmp_path):
    lock = tmp_path / "lock"
    with files.exclusive(lock, 1, "has been training this run"):
        code = "import sys; from pathlib import Path; from wganlib.files import exclusive\n"
        code += "with exclusive(Path(sys.argv[1]), 0.2, 'has been training this run'): pass"
        done = subprocess.run([sys.executable, "-c", code, str(lock)], capture_output=True, text=True, env=environment())
    assert "another process has been training this run" in done.stderr


def test_an_orphan_stops(monkeypatch):
    monkeypatch.setenv(files.PARENT_VARIABLE, str(os.getppid()))
    files.stop_if_orphaned()
    monkeypatch.setenv(files.PARENT_VARIABLE, "999999")
    with pytest.raises(WganlibError, match="999999"):
        files.stop_if_orphaned()


def test_weights_of_another_network_are_refused(tmp_path):
    spec = make_spec()
    runs.train(spec, tmp_path, device="cpu")
    folder = tmp_path / "runs" / spec.key
    state = load_file(folder / "critic.safetensors")
    save_file(state, folder / "generator.safetensors")
    with pytest.raises(WganlibError, match=r"not this run's generator"):
        runs.load_generator(folder, spec)
    (folder / "generator.safetensors").unlink()
    with pytest.raises(WganlibError, match=r"no such file; train the run first"):
        runs.load_generator(folder, spec)
