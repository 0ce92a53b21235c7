"""Trained runs on disk: found by their key, alone or in a stack, with networks, history and outcome; samples of them."""

import hashlib
import json
import shutil

import pandas as pd
import pytest
import torch
from conftest import make_spec
from conftest import wganlib as command
from PIL import Image
from test_stacks import GIVEN, stack_of, toy

import wganlib
from wganlib import cli
from wganlib.datasets.loading import load
from wganlib.errors import WganlibError
from wganlib.layout import STACK_FILES
from wganlib.spec.stack import StackSpec
from wganlib.training import runs
from wganlib.training.engine import HISTORY_COLUMNS
from wganlib.training.stacked_trainer import COLUMNS
from wganlib.training.stacks import load_stack

ALONE = make_spec(generator_iterations=4, snapshots=(2,))
AVERAGED = make_spec(generator_iterations=2, seed=5, **{"method.generator_ema": 0.5})
STACK = stack_of(generator_iterations=4, snapshots=(2,))
CRITICS = StackSpec(
    runs=(
        toy("lgan_case1", seed=0, architecture=GIVEN, generator_iterations=2),
        toy("lgan_case3", seed=1, architecture=GIVEN, generator_iterations=2),
    )
)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "results"
    for spec in (ALONE, AVERAGED, STACK, CRITICS):
        runs.train(spec, folder, device="cpu")
    return folder


def weights(module):
    assert not module.training
    return module.state_dict()


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_a_run_of_its_own_is_found(results):
    run = runs.find_run(results, ALONE.key)
    assert (run.spec, run.folder, run.stack, run.outcome) == (ALONE, results / "runs" / ALONE.key, None, "ok")
    assert list(run.history().columns) == list(HISTORY_COLUMNS)
    assert run.history()["generator_iteration"].tolist() == [2, 4]
    assert run.snapshots() == [2]
    last, snapshot = run.generator(), run.generator(2)
    assert same(weights(last), weights(runs.load_generator(run.folder, ALONE)))
    assert same(weights(snapshot), weights(runs.load_generator(run.folder, ALONE, "snapshots/2.safetensors")))
    assert not same(weights(last), weights(snapshot))
    assert run.critic()(torch.zeros(2, 1, 16, 16)).shape == (2, 1)


def test_a_moving_average_stands_for_its_run(results):
    run = runs.find_run(results, AVERAGED.key)
    last = runs.load_generator(run.folder, AVERAGED, averaged=False)
    assert same(weights(run.generator()), weights(runs.load_generator(run.folder, AVERAGED)))
    assert not same(weights(run.generator()), weights(last))


@pytest.mark.parametrize("place", [0, 1])
def test_a_run_of_a_stack_is_found_by_its_key(results, place):
    spec, expected = STACK.runs[place], load_stack(results, STACK)[place]
    run = runs.find_run(results, spec.key)
    assert (run.spec, run.folder, run.stack) == (spec, results / "stacks" / STACK.key, STACK)
    assert run.outcome == expected.outcome == "ok"
    assert same(weights(run.critic()), weights(expected.critic))
    assert same(weights(run.generator()), weights(expected.generator))
    assert run.snapshots() == list(expected.snapshots) == [2]
    assert same(weights(run.generator(2)), weights(expected.snapshots[2]))
    other = runs.find_run(results, STACK.runs[1 - place].key)
    assert not same(weights(run.generator()), weights(other.generator()))
    pd.testing.assert_frame_equal(run.history(), expected.history)
    assert list(run.history().columns) == list(COLUMNS[1:])
    whole = pd.read_parquet(run.folder / "history.parquet")
    assert run.history()["critic_loss"].tolist() == whole[whole["run"] == place]["critic_loss"].tolist()


def test_a_run_without_a_generating_network_has_none(results):
    run = runs.find_run(results, CRITICS.runs[1].key)
    assert run.snapshots() == []
    assert run.critic()(torch.zeros(3, 2)).shape == (3, 1)
    with pytest.raises(WganlibError, match="its generator has no network to sample from"):
        run.generator()


def test_a_run_that_is_there_alone_too_is_found_there(results, tmp_path):
    spec = STACK.runs[0]
    copy = shutil.copytree(results, tmp_path / "results")
    runs.train(spec, copy, device="cpu")
    assert runs.find_run(copy, spec.key).folder == copy / "runs" / spec.key
    (copy / "runs" / spec.key / "provenance.json").unlink()  # killed while it was written
    assert runs.find_run(copy, spec.key).stack == STACK


@pytest.mark.parametrize("name", STACK_FILES)
def test_a_stack_that_is_not_complete_has_no_runs(results, tmp_path, name):
    copy, key = shutil.copytree(results, tmp_path / "results"), STACK.runs[0].key
    (copy / "stacks" / STACK.key / name).unlink()
    with pytest.raises(WganlibError, match=rf"^{key}: no such run; train it first.*, alone or in a stack, has this key$"):
        runs.find_run(copy, key)


def test_a_damaged_stack_hides_no_run_of_another(results, tmp_path):
    copy = shutil.copytree(results, tmp_path / "results")
    for name, text in (("0", "{not json"), ("1", '{"runs": [1]}')):
        folder = copy / "stacks" / name
        folder.mkdir()
        (folder / "stack.json").write_text(text)
    assert runs.find_run(copy, STACK.runs[1].key).stack == STACK


def test_damaged_files_of_a_run_in_a_stack_are_named(results, tmp_path):
    copy = shutil.copytree(results, tmp_path / "results")
    run = runs.find_run(copy, STACK.runs[0].key)
    for name, read in (
        ("critics.safetensors", run.critic),
        ("generators.safetensors", run.generator),
        ("history.parquet", run.history),
    ):
        (run.folder / name).write_bytes(b"damaged")
        with pytest.raises(WganlibError, match=rf"{name}: not .*; delete the folder and train it again"):
            read()
        (run.folder / name).unlink()
        with pytest.raises(WganlibError, match=rf"{name}: "):
            read()


def test_a_stack_s_provenance_tells_of_its_files_and_of_each_run(results):
    folder = results / "stacks" / CRITICS.key
    known = json.loads((folder / "provenance.json").read_text())
    names = set(STACK_FILES) - {"provenance.json"}
    assert known["sha256"] == {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    assert known["data_sha256"] == [load(run.dataset).sha256 for run in CRITICS.runs]
    assert len(set(known["data_sha256"])) == 2
    assert known["outcomes"] == ["ok", "ok"]
    assert {"commit", "device", "threads", "versions", "started", "seconds"} < known.keys()


def test_the_command_draws_from_a_run_in_a_stack(results, tmp_path):
    key, out = STACK.runs[1].key, tmp_path / "stack.png"
    done = command(tmp_path, "sample", key, "--results", str(results), "--out", str(out))
    assert (done.returncode, done.stdout) == (0, f"{out}\n"), done.stderr
    assert Image.open(out).size[0] > 100  # points
    for run, words in (
        (str(results / "stacks" / STACK.key), "a stack's folder; name one of its runs by its key"),
        (CRITICS.runs[0].key, "its generator has no network to sample from"),
    ):
        with pytest.raises(WganlibError, match=words):
            cli.sample(run, results=results)


def test_python_takes_stacks_and_runs_in_them(results):
    assert wganlib.train(STACK, results, device="cpu") == wganlib.train(json.loads(STACK.canonical()), results)
    assert wganlib.train(STACK, str(results)) == results / "stacks" / STACK.key
    run = runs.find_run(results, STACK.runs[1].key)
    assert same(weights(wganlib.load_generator(run.spec.key, str(results))), weights(run.generator()))
    assert same(
        weights(wganlib.load_generator(results / "runs" / ALONE.key)), weights(runs.find_run(results, ALONE.key).generator())
    )


def test_a_run_s_key_and_its_folder_give_the_same_samples(results, tmp_path):
    for name, run in (("key", ALONE.key), ("folder", str(results / "runs" / ALONE.key))):
        cli.sample(run, tmp_path / f"{name}.png", rows=2, columns=3, results=results)
    assert Image.open(tmp_path / "key.png").size == (3 * 17 - 1, 2 * 17 - 1)
    assert (tmp_path / "key.png").read_bytes() == (tmp_path / "folder.png").read_bytes()
