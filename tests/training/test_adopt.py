"""Runs trained elsewhere: what is taken over, what is refused, and that the workflow then has nothing to train there."""

import base64
import json
import os
import re
import shutil
import subprocess

import pytest
from conftest import REPOSITORY, four_run_project, make_spec, snakemake, wganlib

from wganlib.errors import WganlibError
from wganlib.planning.plan import load_plan
from wganlib.training import runs
from wganlib.training.adopt import adopt
from wganlib.training.trainer import Trainer

SPEC = make_spec(generator_iterations=2, snapshots=(1, 2))
SNAPSHOTS = ("snapshots/1.safetensors", "snapshots/2.safetensors")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The results of a training elsewhere."""
    results = tmp_path_factory.mktemp("elsewhere")
    assert runs.train(SPEC, results, device="cpu") == "ok"
    return results


@pytest.fixture
def carried(made, tmp_path):
    """A copy of the run's folder, named anyhow, with a file that is none of the run's."""
    folder = shutil.copytree(made / "runs" / SPEC.key, tmp_path / "carried" / "first")
    (folder / "scores.json").write_text("{}")
    return folder


def files(folder):
    """Relative name and content of every file below a folder but the locks."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "lock"}


def refused(folder, results, *words):
    """The adoption is refused in one line with these words, and writes nothing."""
    before = files(results)
    with pytest.raises(WganlibError) as error:
        list(adopt(folder, results))
    for word in words:
        assert word in str(error.value), str(error.value)
    assert "\n" not in str(error.value)
    assert files(results) == before


@pytest.mark.parametrize("place", ["the run's folder", "folders", "runs"])
def test_a_run_is_copied_as_it_was_made(made, carried, tmp_path, place):
    results, given = tmp_path / "results", carried.parent
    if place == "the run's folder":
        given = carried
    if place == "runs":
        given = tmp_path / "other"
        shutil.copytree(carried, given / "runs" / "x")
        (given / "checkpoints").mkdir()
    stale = results / "checkpoints" / SPEC.key / "checkpoint.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    target = results / "runs" / SPEC.key
    assert list(adopt(given, results)) == [(target, "adopted (ok)")]
    assert files(target) == files(made / "runs" / SPEC.key)
    assert set(files(target)) == {*runs.FILES, *SNAPSHOTS}
    assert not stale.exists()
    times = {p: p.stat().st_mtime_ns for p in target.rglob("*")}
    assert list(adopt(given, results)) == [(target, "already there (ok)")]
    assert times == {p: p.stat().st_mtime_ns for p in target.rglob("*")}
    assert runs.train(SPEC, results, device="cpu") == "ok"
    assert times == {p: p.stat().st_mtime_ns for p in target.rglob("*")}


def test_files_that_came_in_pieces_are_joined(made, carried, tmp_path):
    for name in ("generator.safetensors", "snapshots/1.safetensors"):
        command = ["split", "-b", "9k", "-d", "-a", "3", carried / name, f"{carried / name}."]
        subprocess.run(command, check=True)
        (carried / name).unlink()
        assert len(list(carried.glob(f"{name}.*"))) > 2
    list(adopt(carried, tmp_path / "results"))
    assert files(tmp_path / "results/runs" / SPEC.key) == files(made / "runs" / SPEC.key)
    (carried / "generator.safetensors.001").rename(tmp_path / "kept")
    refused(carried, tmp_path / "empty", "generator.safetensors.001: no such piece, but generator.safetensors.002 is there")
    (tmp_path / "kept").rename(carried / "generator.safetensors.001")
    sorted(carried.glob("generator.safetensors.*"))[-1].unlink()
    refused(carried, tmp_path / "empty", "generator.safetensors: found sha256", "pieces, expected", "carry first here again")


@pytest.mark.parametrize("name", [*runs.FILES, *SNAPSHOTS])
def test_a_missing_file_is_named(carried, tmp_path, name):
    (carried / name).unlink()
    refused(carried.parent, tmp_path / "results", f"{carried / name}: no such file", "finish the training there, or carry")


@pytest.mark.parametrize("name", [*(name for name in runs.FILES if name != "provenance.json"), *SNAPSHOTS])
def test_an_altered_file_is_named_with_both_digests(carried, tmp_path, name):
    path = carried / name
    if name == "spec.json":
        path.write_text(path.read_text() + "\n")
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"\x55")
    expected = json.loads((carried / "provenance.json").read_text())["sha256"][name]
    refused(carried, tmp_path / "results", f"{path}: found sha256", f"expected {expected[:12]}", "carry first here again")


def edit(path, change):
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("spec.json", lambda v: v["numerics"].update(training=999), ["spec.json: made for another version", "training differ"]),
        ("spec.json", lambda v: v.update(sead=1), ["spec.json: sead: unknown key; did you mean 'seed'"]),
        ("provenance.json", lambda v: v.pop("sha256"), ["provenance.json: 'sha256' is missing", "train the run again"]),
        ("provenance.json", lambda v: v.update(sha256={"a": 1}), ["provenance.json: 'sha256' is {'a': 1}"]),
        (
            "provenance.json",
            lambda v: v.update(outcome="good"),
            ["'outcome' is 'good', allowed are ok, diverged,"],
        ),
        ("provenance.json", lambda v: v["sha256"].pop(SNAPSHOTS[1]), [f"sha256 has no '{SNAPSHOTS[1]}'"]),
    ],
)
def test_a_wrong_spec_or_provenance_is_refused(carried, tmp_path, name, change, words):
    edit(carried / name, change)
    refused(carried, tmp_path / "results", *words)


def test_a_folder_without_runs_is_refused_by_the_command(tmp_path):
    (tmp_path / "empty").mkdir()
    done = wganlib(tmp_path, "adopt", "empty")
    assert done.returncode == 2
    assert done.stderr.startswith("error: empty: no trained run, expected spec.json")
    assert len(done.stderr.splitlines()) == 1


def test_nothing_is_overwritten_and_one_bad_run_stops_all(made, carried, tmp_path):
    results, target = tmp_path / "results", tmp_path / "results/runs" / SPEC.key
    other = SPEC.model_copy(update={"seed": 8})
    runs.train(other, tmp_path / "second", device="cpu")
    second = tmp_path / "second/runs" / other.key
    shutil.copytree(second, carried.parent / "another")
    shutil.copytree(made / "runs" / SPEC.key, target)
    # Another generator of the same run; the folder's other run comes first and must not be written either.
    shutil.copy(second / "generator.safetensors", target)
    refused(carried.parent, results, f"{target}/generator.safetensors: already there with sha256", "nothing is overwritten")
    # An incomplete run with a file of its own.
    (target / "provenance.json").unlink()
    refused(carried.parent, results, f"{target}/generator.safetensors: already there", f"delete {target}")
    shutil.rmtree(target)
    shutil.copytree(carried, carried.parent / "twice")
    refused(carried.parent, results, f"{carried.parent / 'twice'}: the run {SPEC.key}, which is in {carried} too")
    shutil.rmtree(carried.parent / "twice")
    assert len(list(adopt(carried.parent, results))) == 2
    assert files(results / "runs" / other.key) == files(second)


class Killed(BaseException):
    """Like SIGKILL: nothing in the library catches it."""


def test_a_kill_leaves_a_run_that_counts_as_missing_and_the_same_call_completes_it(made, carried, tmp_path, monkeypatch):
    target, replace = tmp_path / "results/runs" / SPEC.key, os.replace
    count = len(runs.FILES) + len(SNAPSHOTS)
    for number in range(count):
        left = number

        def dying(*arguments):
            nonlocal left
            if not left:
                raise Killed
            left -= 1
            return replace(*arguments)

        shutil.rmtree(target, ignore_errors=True)
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", dying)
            with pytest.raises(Killed):
                list(adopt(carried, tmp_path / "results"))
        assert not all((target / name).exists() for name in runs.FILES)
        assert list(adopt(carried, tmp_path / "results")) == [(target, "adopted (ok)")]
        written = {name: content for name, content in files(target).items() if not name.endswith(".tmp")}
        assert written == files(made / "runs" / SPEC.key)


def test_snapshots_may_be_missing_after_an_early_end(tmp_path, monkeypatch):
    def starved(self, logged=False):
        if self.iteration == 1:
            raise MemoryError
        return original(self, logged)

    original = Trainer.step
    monkeypatch.setattr(Trainer, "step", starved)
    runs.train(SPEC, tmp_path / "elsewhere", device="cpu")
    results, target = tmp_path / "results", tmp_path / "results/runs" / SPEC.key
    folder = tmp_path / "elsewhere/runs" / SPEC.key
    assert list(adopt(folder, results)) == [(target, "adopted (out_of_memory)")]
    assert set(files(target)) == {*runs.FILES, SNAPSHOTS[0]}
    (folder / SNAPSHOTS[0]).unlink()
    refused(folder, tmp_path / "again", f"{SNAPSHOTS[0]}: no such file")  # taken, but lost on the way


def test_the_workflow_has_nothing_to_train_there(tmp_path):
    project = four_run_project(tmp_path / "project", gan_iterations=2, gp_iterations=1)
    plan = load_plan(project / "params")
    key = plan.experiment("table2").run_keys[0]
    runs.train(plan.runs[key], tmp_path / "elsewhere", device="cpu")
    # What a Snakemake that was killed while it trained two runs leaves behind: `adopt` cleans up after one of them alone.
    marks = project / ".snakemake/incomplete"
    marks.mkdir(parents=True)
    for run in plan.experiment("table2").run_keys[:2]:
        for name in runs.FILES:
            (marks / base64.b64encode(f"results/runs/{run}/{name}".encode()).decode()).write_text("{}")
    done = wganlib(project, "adopt", str(tmp_path / "elsewhere"))
    assert done.returncode == 2
    assert "adopted (ok)" in done.stdout
    assert "call `adopt` in the workflow's folder" in done.stderr
    (project / "workflow").symlink_to(REPOSITORY / "workflow")
    done = wganlib(project, "adopt", str(tmp_path / "elsewhere"))
    assert (done.returncode, done.stdout) == (0, f"results/runs/{key}: already there (ok)\n"), done.stderr
    assert len(list(marks.iterdir())) == len(runs.FILES)
    done = snakemake(project, "-n", "reports/table2.pdf")
    assert done.returncode == 0, done.stdout
    trained = re.findall(r"^rule train:\n(?:.+\n)*?    wildcards: run=(\S+)", done.stdout, re.M)
    assert sorted(trained) == sorted(set(plan.experiment("table2").run_keys) - {key})
    assert len(trained) == 3
    reasons = {line.strip() for line in done.stdout.splitlines() if "reason:" in line}
    assert all(reason.startswith("reason: Missing output files:") for reason in reasons), reasons
    # It is scored from what was adopted, not made again.
    scored = done.stdout.split(f"results/runs/{key}/scores.json")[0].rpartition("rule ")[2]
    assert scored.startswith("score:")
    assert f"input: results/runs/{key}/spec.json, results/runs/{key}/generator.safetensors" in done.stdout
