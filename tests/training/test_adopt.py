"""Runs trained elsewhere: what is taken over, what is refused, and that the workflow then has nothing to train there."""

import base64
import json
import os
import re
import shutil
import subprocess

import pytest
from conftest import REPOSITORY, Killed, four_run_project, make_spec, snakemake, wganlib
from test_stacks import KINDS

from wganlib.errors import WganlibError
from wganlib.layout import RUN_FILES, STACK_FILES
from wganlib.planning.plan import load_plan
from wganlib.training import runs
from wganlib.training.adopt import adopt
from wganlib.training.trainer import Trainer

SPECS = {kind: make(generator_iterations=2, snapshots=(1, 2)) for kind, make in KINDS.items()}
OUTCOMES = {"run": "ok", "stack": "2 ok"}
SNAPSHOTS = ("snapshots/1.safetensors", "snapshots/2.safetensors")
FILES = {"run": (*RUN_FILES, *SNAPSHOTS), "stack": STACK_FILES}
EACH_FILE = [(kind, name) for kind, names in FILES.items() for name in names]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """The results of trainings elsewhere."""
    results = tmp_path_factory.mktemp("elsewhere")
    for kind, spec in SPECS.items():
        assert runs.train(spec, results, device="cpu") == OUTCOMES[kind]
    return results


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def made(elsewhere, kind):
    """A trained folder elsewhere."""
    return SPECS[kind].folder(elsewhere)


@pytest.fixture
def carried(made, tmp_path):
    """A copy of the folder, named anyhow, with a file that is none of the training's."""
    folder = shutil.copytree(made, tmp_path / "carried" / "first")
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


@pytest.mark.parametrize("place", ["its folder", "folders", "results"])
def test_what_was_trained_is_copied_as_it_was_made(kind, made, carried, tmp_path, place):
    spec, results, given = SPECS[kind], tmp_path / "results", carried.parent
    if place == "its folder":
        given = carried
    if place == "results":
        given = tmp_path / "other"
        shutil.copytree(carried, given / f"{kind}s" / "x")
        (given / "checkpoints").mkdir()
    stale = results / "checkpoints" / spec.key / "checkpoint.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    target, outcome = spec.folder(results), OUTCOMES[kind]
    assert list(adopt(given, results)) == [(target, f"adopted ({outcome})")]
    assert files(target) == files(made)
    assert set(files(target)) == set(FILES[kind])
    assert not stale.exists()
    times = {p: p.stat().st_mtime_ns for p in target.rglob("*")}
    assert list(adopt(given, results)) == [(target, f"already there ({outcome})")]
    assert times == {p: p.stat().st_mtime_ns for p in target.rglob("*")}
    assert runs.train(spec, results, device="cpu") == outcome
    assert times == {p: p.stat().st_mtime_ns for p in target.rglob("*")}


def test_files_that_came_in_pieces_are_joined(kind, made, carried, tmp_path):
    generator = {"run": "generator.safetensors", "stack": "generators.safetensors"}[kind]
    for name in (generator, SNAPSHOTS[0]) if kind == "run" else STACK_FILES[1:3]:
        size = (carried / name).stat().st_size // 3
        command = ["split", "-b", str(size), "-d", "-a", "3", carried / name, f"{carried / name}."]
        subprocess.run(command, check=True)
        (carried / name).unlink()
        assert len(list(carried.glob(f"{name}.*"))) > 2
    list(adopt(carried, tmp_path / "results"))
    assert files(SPECS[kind].folder(tmp_path / "results")) == files(made)
    (carried / f"{generator}.001").rename(tmp_path / "kept")
    refused(carried, tmp_path / "empty", f"{generator}.001: no such piece, but {generator}.002 is there")
    (tmp_path / "kept").rename(carried / f"{generator}.001")
    sorted(carried.glob(f"{generator}.*"))[-1].unlink()
    refused(carried, tmp_path / "empty", f"{generator}: found sha256", "pieces, expected", "carry first here again")


@pytest.mark.parametrize(("kind", "name"), EACH_FILE, indirect=["kind"])
def test_a_missing_file_is_named(carried, tmp_path, name):
    (carried / name).unlink()
    refused(carried.parent, tmp_path / "results", f"{carried / name}: no such file", "finish the training there, or carry")


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, name in EACH_FILE if name != "provenance.json"], indirect=["kind"]
)
def test_an_altered_file_is_named_with_both_digests(carried, tmp_path, name):
    path = carried / name
    if name in ("spec.json", "stack.json"):
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
    ("kind", "name", "change", "words"),
    [
        ("run", "spec.json", lambda v: v["numerics"].update(training=999), ["another version", "training differ"]),
        ("run", "spec.json", lambda v: v.update(sead=1), ["spec.json: sead: unknown key; did you mean 'seed'"]),
        ("run", "provenance.json", lambda v: v.pop("sha256"), ["'sha256' is missing", "train the run again"]),
        ("run", "provenance.json", lambda v: v.update(sha256={"a": 1}), ["'sha256' is {'a': 1}"]),
        ("run", "provenance.json", lambda v: v.update(outcome="good"), ["'outcome' is 'good', allowed are ok, diverged,"]),
        ("run", "provenance.json", lambda v: v["sha256"].pop(SNAPSHOTS[1]), [f"sha256 has no '{SNAPSHOTS[1]}'"]),
        ("stack", "stack.json", lambda v: v["numerics"].update(stack=999), ["another version"]),
        ("stack", "stack.json", lambda v: v["runs"][1]["numerics"].update(training=999), ["runs.1", "training differ"]),
        ("stack", "stack.json", lambda v: v["runs"][1].update(sead=1), ["runs.1.sead: unknown key; did you mean 'seed'"]),
        ("stack", "provenance.json", lambda v: v.pop("sha256"), ["'sha256' is missing", "train the run again"]),
        ("stack", "provenance.json", lambda v: v.update(outcomes=["ok", "good"]), ["'outcomes' is ['ok', 'good'], allowed"]),
        ("stack", "provenance.json", lambda v: v["outcomes"].pop(), ["'outcomes' is ['ok'], allowed"]),
        ("stack", "provenance.json", lambda v: v["sha256"].pop("critics.safetensors"), ["sha256 has no 'critics.safet"]),
    ],
    indirect=["kind"],
)
def test_a_wrong_spec_or_provenance_is_refused(carried, tmp_path, name, change, words):
    edit(carried / name, change)
    refused(carried, tmp_path / "results", name, *words)


def test_a_folder_without_runs_is_refused_by_the_command(tmp_path):
    (tmp_path / "empty").mkdir()
    done = wganlib(tmp_path, "adopt", "empty")
    assert done.returncode == 2
    assert done.stderr.startswith("error: empty: no trained run, expected spec.json")
    assert "or of a stack stack.json" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("part", ["generator", "critic"])
def test_nothing_is_overwritten_and_one_bad_run_stops_all(kind, made, carried, tmp_path, part):
    results, spec = tmp_path / "results", SPECS[kind]
    target = spec.folder(results)
    other = make_spec(generator_iterations=2, seed=8)
    runs.train(other, tmp_path / "second", device="cpu")
    second = other.folder(tmp_path / "second")
    shutil.copytree(second, carried.parent / "another")
    shutil.copytree(made, target)
    # Other weights of the same run; the folder's other run comes first and must not be written either.
    weights = f"{part}.safetensors" if kind == "run" else f"{part}s.safetensors"
    shutil.copy(second / f"{part}.safetensors", target / weights)
    refused(carried.parent, results, f"{target}/{weights}: already there with sha256", "nothing is overwritten")
    # An incomplete run with a file of its own.
    (target / "provenance.json").unlink()
    refused(carried.parent, results, f"{target}/{weights}: already there", f"delete {target}")
    shutil.rmtree(target)
    shutil.copytree(carried, carried.parent / "twice")
    refused(carried.parent, results, f"{carried.parent / 'twice'}: the run {spec.key}, which is in {carried} too")
    shutil.rmtree(carried.parent / "twice")
    assert len(list(adopt(carried.parent, results))) == 2
    assert files(other.folder(results)) == files(second)


def test_a_kill_leaves_a_run_that_counts_as_missing_and_the_same_call_completes_it(kind, made, carried, tmp_path, monkeypatch):
    target, replace = SPECS[kind].folder(tmp_path / "results"), os.replace
    for number in range(len(FILES[kind])):
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
        assert not all((target / name).exists() for name in SPECS[kind].files)
        assert list(adopt(carried, tmp_path / "results")) == [(target, f"adopted ({OUTCOMES[kind]})")]
        written = {name: content for name, content in files(target).items() if not name.endswith(".tmp")}
        assert written == files(made)


def test_snapshots_may_be_missing_after_an_early_end(tmp_path, monkeypatch):
    def starved(self, logged=False):
        if self.iteration == 1:
            raise MemoryError
        return original(self, logged)

    original = Trainer.step
    monkeypatch.setattr(Trainer, "step", starved)
    spec, results = SPECS["run"], tmp_path / "results"
    runs.train(spec, tmp_path / "elsewhere", device="cpu")
    target, folder = spec.folder(results), spec.folder(tmp_path / "elsewhere")
    assert list(adopt(folder, results)) == [(target, "adopted (out_of_memory)")]
    assert set(files(target)) == {*RUN_FILES, SNAPSHOTS[0]}
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
        for name in RUN_FILES:
            (marks / base64.b64encode(f"results/runs/{run}/{name}".encode()).decode()).write_text("{}")
    done = wganlib(project, "adopt", str(tmp_path / "elsewhere"))
    assert done.returncode == 2
    assert "adopted (ok)" in done.stdout
    assert "call `adopt` in the workflow's folder" in done.stderr
    (project / "workflow").symlink_to(REPOSITORY / "workflow")
    done = wganlib(project, "adopt", str(tmp_path / "elsewhere"))
    assert (done.returncode, done.stdout) == (0, f"results/runs/{key}: already there (ok)\n"), done.stderr
    assert len(list(marks.iterdir())) == len(RUN_FILES)
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
