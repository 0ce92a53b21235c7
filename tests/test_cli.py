"""The command line's refusals: one line, exit code 2, nothing lost."""

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY, copy_params, edit_yaml, environment, make_spec, wganlib

from wganlib.planning import plan
from wganlib.training import runs


def refused(done, *words):
    assert done.returncode == 2, done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("error: ")
    for word in words:
        assert word in done.stderr


def test_plan_prints_runs_and_cost_and_writes_specs(tmp_path):
    done = wganlib(REPOSITORY, "plan", "--scale", "paper", "--experiment", "table2", "--write", str(tmp_path))
    assert done.returncode == 0
    assert "table2" in done.stdout
    assert "400" in done.stdout
    assert len(list(tmp_path.glob("*.json"))) == 400


def test_wrong_parameters(tmp_path):
    params = copy_params(tmp_path)
    refused(wganlib(tmp_path, "plan", "--scale", "papre"), "unknown scale 'papre'", "demo", "did you mean 'paper'")
    refused(wganlib(tmp_path, "plan", "--experiment", "table9"), "unknown experiment", "table2")
    refused(wganlib(tmp_path, "plan", "--params", "nowhere"), "nowhere/scales: no such folder", "--params")
    edit_yaml(params / "methods/wgan_gp.yaml", **{"scales.demo.critic_stepz": 5})
    refused(wganlib(tmp_path, "plan"), "wgan_gp.yaml: scales.demo: critic_stepz: unknown key; did you mean 'critic_steps'")
    (params / "scales/demo.yaml").write_text("dataset: [")
    refused(wganlib(tmp_path, "plan"), "demo.yaml: not readable as YAML")


def test_wrong_specs(tmp_path):
    refused(wganlib(tmp_path, "train", "nowhere.json"), "nowhere.json: no such file")
    refused(wganlib(tmp_path, "train", "{not json"), "spec: not readable as JSON")
    (tmp_path / "cut.json").write_text(make_spec().canonical()[:-20])
    refused(wganlib(tmp_path, "train", "cut.json"), "cut.json: not readable as JSON")
    data = json.loads(make_spec().canonical())
    data["method"]["generator_optimizer"]["learning_rate"] = -0.1
    refused(wganlib(tmp_path, "train", json.dumps(data)), "method.generator_optimizer.learning_rate", "-0.1")
    refused(wganlib(tmp_path, "train", make_spec().canonical(), "--device", "tpu"), "'tpu', allowed are auto, cpu, cuda")
    planned = make_spec(dataset={"name": "imagenet32", "image_size": 32})
    refused(wganlib(tmp_path, "train", planned.canonical()), "imagenet32", "is missing", "set DATA_ROOT")
    assert not (tmp_path / "results/runs").exists()


def test_collect_and_report_without_their_inputs(tmp_path):
    copy_params(tmp_path)
    making = "`snakemake --cores all results/demo/{}/runs.csv --config scale=demo`"
    refused(
        wganlib(tmp_path, "collect", "check"), "scores.json: no such file: 6 of 6 runs are not scored", making.format("check")
    )
    refused(wganlib(tmp_path, "collect", "gp_fig1a"), "provenance.json: no such file", "stacks are not trained")
    for command in ("judge", "report"):
        done = wganlib(tmp_path, command, "table2")
        refused(done, "results/demo/table2/runs.csv: no such file", "`wganlib collect table2 --scale demo`")
        assert making.format("table2") in done.stderr
    scoring = '{"network": "classifier", "num_samples": 200, "splits": 2}'
    done = wganlib(tmp_path, "score", make_spec().canonical(), "--scoring", scoring, "--classifier", "c")
    refused(done, "c/classifier.json: no such file; `wganlib classifier` makes it")
    refused(wganlib(tmp_path, "claims"), "claims.json: no such file", "`wganlib judge ")
    refused(wganlib(tmp_path, "publish", "--scale", "paper"), "`snakemake --cores all reports --config scale=paper` makes it")
    refused(wganlib(tmp_path, "report", "table9"), "unknown experiment at scale demo 'table9'", "table2")


def test_sample_draws_a_sheet_and_refuses_a_folder_that_is_no_run(tmp_path):
    spec = make_spec()
    runs.train(spec, tmp_path / "results", device="cpu")
    done = wganlib(tmp_path, "sample", f"results/runs/{spec.key}", "--out", "sheet.png", "--rows", "2", "--columns", "3")
    assert done.returncode == 0
    from PIL import Image

    assert Image.open(tmp_path / "sheet.png").size == (3 * 17 - 1, 2 * 17 - 1)
    refused(wganlib(tmp_path, "sample", "params"), "params: no such run; train it first")


def test_samples_under_another_name_than_png_are_refused_before_anything_is_loaded(tmp_path):
    for name in ("sheet.jpg", "sheet", "sheet.png.gz"):
        refused(wganlib(tmp_path, "sample", "no-run", "--out", name), f"--out: found {name}", "let the name end in .png")


def test_a_folder_to_adopt_that_is_not_there_or_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    refused(wganlib(tmp_path, "adopt", "nowhere"), "nowhere: no such folder; name the folder that")
    refused(wganlib(tmp_path, "adopt", "file"), "file: a file, no folder")


def test_a_spec_that_is_no_json_is_the_user_s_and_nobody_is_told_to_delete_it(tmp_path):
    (tmp_path / "spec.json").write_text("seed: 3\n")
    (tmp_path / "latin.json").write_bytes('{"a": "Fréchet"}'.encode("latin-1"))
    (tmp_path / "deep.json").write_text('{"a": ' + "[" * 9000 + "]" * 9000 + "}")
    for name in ("spec.json", "latin.json", "deep.json"):
        done = wganlib(tmp_path, "train", name)
        refused(done, f"{name}: not readable as JSON (", "`wganlib plan --write DIR`")
        assert "delete" not in done.stderr
    refused(wganlib(tmp_path, "train", '{"a":' * 9000), "spec: not readable as JSON (nested too deeply)")
    refused(wganlib(tmp_path, "train", "a" * 300), "not readable: File name too long")
    refused(wganlib(tmp_path, "train", "."), ".: a folder, expected a file")


def command_line(folder, *arguments, **options):
    """A process of its own, whose output is a real file."""
    command = [sys.executable, "-m", "wganlib", *arguments]
    return subprocess.Popen(command, cwd=folder, env=environment(), stderr=subprocess.PIPE, text=True, **options)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("arguments", [("list",), ("--help",), ("data", "list")])
def test_a_full_standard_output_is_one_line(arguments):
    with open("/dev/full", "w") as full:
        process = command_line(REPOSITORY, *arguments, stdout=full)
        _, said = process.communicate()
    assert said == "error: standard output: No space left on device; free some space\n"
    assert process.returncode == 2


def test_a_reader_that_has_enough_is_no_error():
    process = command_line(REPOSITORY, "list", stdout=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "results/x"), 2, "results/x: Permission denied; choose a place"),
        (OSError(errno.EIO, "Input/output error", "a", None, "b"), 2, "error: a, b: Input/output error\n"),
        (OSError(errno.EMFILE, "Too many open files"), 2, "Too many open files; allow more open files (ulimit -n)"),
        (ConnectionResetError("the other\nside"), 2, "error: the other side\n"),
        (MemoryError("Unable to allocate\n3 TiB"), 2, "out of memory (Unable to allocate 3 TiB): close other programs"),
        (MemoryError(), 2, "error: out of memory: close"),
        (KeyboardInterrupt(), 130, "stopped; every file is whole or not there: the same command begins again\n"),
    ],
)
def test_what_the_system_refuses_is_one_line(monkeypatch, tmp_path, error, code, words):
    def fails(*_):
        raise error

    monkeypatch.setattr(plan, "load_plan", fails)
    done = wganlib(tmp_path, "list")
    assert done.returncode == code
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_fault_of_the_library_shows_where(monkeypatch, tmp_path):
    monkeypatch.setattr(plan, "load_plan", lambda *_: {}["scale"])
    with pytest.raises(KeyError):
        wganlib(tmp_path, "list")


def test_plan_says_what_its_columns_are():
    done = wganlib(REPOSITORY, "plan", "--experiment", "elu")
    assert done.stdout.splitlines()[-1].startswith("not above: jobs that no line above has")


@pytest.mark.parametrize("command", ["train", "plan"])
def test_usage_errors_exit_2(tmp_path, command):
    assert wganlib(tmp_path, command, "--wrong").returncode == 2


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a file system on which nobody may create folders")
def test_a_read_only_folder_is_named(tmp_path):
    refused(wganlib(tmp_path, "train", make_spec().canonical(), "--results", "/sys/kernel"), "cannot write /sys/kernel/")
