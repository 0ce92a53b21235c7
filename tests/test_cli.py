"""The command line's refusals: one line, exit code 2, nothing lost."""

import json
from pathlib import Path

import pytest
from conftest import REPOSITORY, copy_params, edit_yaml, make_spec, wganlib

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
    refused(wganlib(tmp_path, "collect", "check"), "scores.json: no such file")
    refused(wganlib(tmp_path, "report", "table2"), "results/demo/table2/runs.csv: no such file")
    refused(wganlib(tmp_path, "report", "table9"), "unknown experiment at scale demo 'table9'", "table2")


def test_sample_draws_a_sheet_and_refuses_a_folder_that_is_no_run(tmp_path):
    spec = make_spec()
    runs.train(spec, tmp_path / "results", device="cpu")
    done = wganlib(tmp_path, "sample", f"results/runs/{spec.key}", "--out", "sheet.png", "--rows", "2", "--columns", "3")
    assert done.returncode == 0
    from PIL import Image

    assert Image.open(tmp_path / "sheet.png").size == (3 * 17 - 1, 2 * 17 - 1)
    refused(wganlib(tmp_path, "sample", "params"), "params: no such run; train it first")


@pytest.mark.parametrize("command", ["train", "plan"])
def test_usage_errors_exit_2(tmp_path, command):
    assert wganlib(tmp_path, command, "--wrong").returncode == 2


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a file system on which nobody may create folders")
def test_a_read_only_folder_is_named(tmp_path):
    refused(wganlib(tmp_path, "train", make_spec().canonical(), "--results", "/sys/kernel"), "cannot write /sys/kernel/")
