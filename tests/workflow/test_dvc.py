"""DVC around Snakemake: reproduce, nothing twice, push, pull in a fresh clone, parameters, metrics and plots."""

import json
import re
import shutil
import subprocess

import pytest
from conftest import BIN, REPOSITORY, edit_yaml, environment, four_run_project


def call(folder, *command):
    quiet = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment() | quiet | {"DVC_NO_ANALYTICS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


def dvc(folder, *arguments):
    return call(folder, str(BIN / "dvc"), *arguments)


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A git repository with this one's files and a four-run table2, reproduced and pushed to a folder."""
    root = tmp_path_factory.mktemp("dvc")
    project = root / "project"
    project.mkdir()
    for name in call(REPOSITORY, "git", "ls-files").split():
        if (REPOSITORY / name).is_file():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, project / name)
    for stale in ("dvc.lock", "results", "reports"):
        path = project / stale
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    shutil.rmtree(project / "params")
    four_run_project(project)
    call(project, "git", "init", "-q", "-b", "main")
    call(project, "git", "add", "-A")
    call(project, "git", "commit", "-q", "-m", "start")
    output = dvc(project, "repro")
    assert "Running stage 'benchmark'" in output
    call(project, "git", "add", "-A")
    call(project, "git", "commit", "-q", "-m", "results")
    dvc(project, "remote", "add", "--local", "-d", "folder", str(root / "remote"))
    dvc(project, "push")
    return root


def test_nothing_is_done_twice(repository):
    project = repository / "project"
    assert "up to date" in dvc(project, "status")
    assert "didn't change, skipping" in dvc(project, "repro")
    assert call(project, "git", "status", "--porcelain") == ""


def test_git_holds_tables_and_reports_dvc_the_runs(repository):
    tracked = call(repository / "project", "git", "ls-files", "results", "reports").split()
    assert "results/demo/table2/runs.csv" in tracked
    assert "reports/table2.pdf" in tracked
    assert not [name for name in tracked if name.startswith(("results/runs", "results/classifiers"))]


def test_a_fresh_clone_after_a_pull_has_nothing_to_do(repository, tmp_path):
    clone = tmp_path / "clone"
    call(tmp_path, "git", "clone", "-q", str(repository / "project"), str(clone))
    dvc(clone, "remote", "add", "--local", "-d", "folder", str(repository / "remote"))
    dvc(clone, "pull")
    assert "Nothing to be done" in call(clone, str(BIN / "snakemake"), "-n", "reports/table2.pdf")
    assert "up to date" in dvc(clone, "status")
    assert "didn't change, skipping" in dvc(clone, "repro")


def test_parameters_metrics_and_plots(repository, tmp_path):
    project = tmp_path / "project"
    call(tmp_path, "git", "clone", "-q", str(repository / "project"), str(project))
    metrics = json.loads(dvc(project, "metrics", "show", "--json"))
    assert "wgan_gp" in json.dumps(metrics)
    edit_yaml(project / "params/scales/demo.yaml", **{"methods.wgan_gp.critic_steps": 4})
    assert "wgan_gp.critic_steps" in dvc(project, "params", "diff")
    path = project / "results/demo/table2/metrics.json"
    changed = json.loads(path.read_text())
    changed["wgan_gp"]["classifier_score_mean"] += 1
    path.write_text(json.dumps(changed))
    assert re.search(r"wgan_gp\.classifier_score_mean.* 1\.0", dvc(project, "metrics", "diff"))
    page = dvc(project, "plots", "show", "--out", str(tmp_path / "plots"))
    assert page.strip().endswith("index.html")
    assert "critic_loss" in (tmp_path / "plots/index.html").read_text()
