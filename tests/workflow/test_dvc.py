"""DVC around Snakemake: nothing trained again, clean after dry runs, push, pull in a clone, parameters, metrics, publishing."""

import json
import re
import shutil
import subprocess

import pytest
import yaml
from conftest import BIN, REPOSITORY, committed_plan, edit_yaml, environment

from wganlib.planning.snakemake import collected_from

STAGE = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())


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


def snakemake(folder, *arguments):
    return call(folder, str(BIN / "snakemake"), *arguments)


def changes(folder):
    return call(folder, "git", "status", "--porcelain").split("\n")[:-1]


@pytest.fixture(scope="module")
def project(built, tmp_path_factory):
    """This repository's files, without what is published, as a git repository in which a four-run table2 was made."""
    folder = tmp_path_factory.mktemp("dvc") / "project"
    for name in call(REPOSITORY, "git", "ls-files").split():
        if (REPOSITORY / name).is_file() and name.split("/")[0] not in ("params", "results", "reports"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)
    (folder / "dvc.lock").unlink(missing_ok=True)
    shutil.copytree(built, folder, dirs_exist_ok=True)
    call(folder, "git", "init", "-q", "-b", "main")
    call(folder, "git", "add", "-A")
    call(folder, "git", "commit", "-q", "-m", "start")
    return folder


@pytest.fixture(scope="module")
def reproduced(project):
    output = dvc(project, "repro")
    assert "Running stage 'benchmark'" in output
    assert "Nothing to be done" in output
    assert changes(project) == ["A  dvc.lock"]
    call(project, "git", "add", "-A")
    call(project, "git", "commit", "-q", "-m", "lock")
    dvc(project, "remote", "add", "--local", "-d", "folder", str(project.parent / "remote"))
    dvc(project, "push")
    return project


@pytest.fixture(scope="module")
def clone(reproduced):
    folder = reproduced.parent / "clone"
    call(reproduced.parent, "git", "clone", "-q", str(reproduced), str(folder))
    dvc(folder, "remote", "add", "--local", "-d", "folder", str(reproduced.parent / "remote"))
    dvc(folder, "pull")
    return folder


def test_what_the_workflow_makes_is_not_git_s(project):
    assert changes(project) == []
    assert call(project, "git", "ls-files", "results", "reports") == ""


def test_nothing_is_done_twice_and_a_dry_run_leaves_all_clean(reproduced):
    assert "Nothing to be done" in snakemake(reproduced, "-n", "all")
    assert "up to date" in dvc(reproduced, "status")
    assert "didn't change, skipping" in dvc(reproduced, "repro")
    assert changes(reproduced) == []


def test_the_stage_notices_parts_with_versions_and_not_how_reports_look(reproduced):
    for name, noticed in (("reporting/style.py", False), ("methods/objectives.py", True)):
        path = reproduced / "wganlib" / name
        text = path.read_text()
        path.write_text(text + "\n")
        assert (f"modified:           wganlib/{name.split('/')[0]}" in dvc(reproduced, "status")) == noticed
        path.write_text(text)


def test_a_clone_after_a_pull_has_nothing_to_do(clone):
    assert "Nothing to be done" in snakemake(clone, "-n", "all")
    assert "up to date" in dvc(clone, "status")
    assert "didn't change, skipping" in dvc(clone, "repro")
    assert changes(clone) == []


def test_parameters_metrics_and_plots(clone, tmp_path):
    metrics = json.loads(dvc(clone, "metrics", "show", "--json"))
    assert "wgan_gp" in json.dumps(metrics)
    edit_yaml(clone / "params/methods/wgan_gp.yaml", **{"scales.demo.critic_steps": 4})
    assert re.search(r"wgan_gp\.yaml +scales\.demo\.critic_steps", dvc(clone, "params", "diff"))
    call(clone, "git", "checkout", "-q", "params")
    path = clone / "results/demo/table2/metrics.json"
    changed = json.loads(path.read_text())
    changed["wgan_gp"]["classifier_score_mean"] += 1
    path.write_text(json.dumps(changed))
    assert re.search(r"wgan_gp\.classifier_score_mean.* 1\.0", dvc(clone, "metrics", "diff"))
    dvc(clone, "checkout", "--force", "results/demo")
    page = dvc(clone, "plots", "show", "--out", str(tmp_path / "plots"))
    assert page.strip().endswith("index.html")
    assert "critic_loss" in (tmp_path / "plots/index.html").read_text()


def test_publishing_is_for_git_and_dvc_does_not_notice(clone):
    assert "20 files written" in call(clone, str(BIN / "wganlib"), "publish")
    copied = call(clone, "git", "ls-files", "--others", "--exclude-standard").split()
    assert len(copied) == 21
    assert all(path.split("/")[1:3] == ["published", "demo"] for path in copied)
    call(clone, "git", "add", "-A")
    call(clone, "git", "commit", "-q", "-m", "published")
    call(clone, str(BIN / "wganlib"), "publish")
    assert changes(clone) == []
    assert "up to date" in dvc(clone, "status")


def test_everything_that_the_rules_make_lies_in_an_output_of_the_stage():
    plan = committed_plan()
    outputs = [next(iter(out)).replace("${scale}", plan.scale) for out in STAGE["stages"]["benchmark"]["outs"]]
    made = [path for name in plan.experiments for path in collected_from(plan, name)]
    made += [f"results/{plan.scale}/{name}/runs.csv" for name in plan.experiments]
    made += [f"reports/{plan.scale}/{name}.pdf" for name in plan.reports()] + [".snakemake/metadata/x"]
    for output in outputs:
        inside = [path for path in made if path.startswith(f"{output}/")]
        assert inside, output
        made = [path for path in made if path not in set(inside)]
    assert made == []
    folders = STAGE["stages"]["benchmark"]["cmd"][0].replace("${scale}", plan.scale)
    assert folders == f"mkdir -p {' '.join(outputs)}"
    assert all(out[next(iter(out))]["persist"] for out in STAGE["stages"]["benchmark"]["outs"])


def test_metrics_and_parameters_are_those_of_what_the_configured_targets_make():
    config = yaml.safe_load((REPOSITORY / "params/config.yaml").read_text())
    plan = committed_plan()
    names = [re.fullmatch(r"reports/(\w+)\.pdf", target)[1] for target in config["targets"]]
    scored = [name for name in names if plan.experiment(name).params.scored and plan.experiment(name).params.trained]
    assert STAGE["metrics"] == [f"results/${{scale}}/{name}/metrics.json" for name in scored]
    methods = dict.fromkeys(method for name in names for method in plan.experiment(name).methods)
    files = ["config", "published", "scales/${scale}"]
    files += [f"methods/{method}" for method in methods] + [f"experiments/{name}" for name in names]
    assert STAGE["params"] == [f"params/{file}.yaml" for file in files]
