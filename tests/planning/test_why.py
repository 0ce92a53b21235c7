"""Why runs are trained again, and what Snakemake's arguments are refused for, in the user's words."""

import csv
import json
import shutil

import pytest
from conftest import REPOSITORY, committed_plan, copy_params, edit_yaml

from wganlib.errors import WganlibError
from wganlib.planning.plan import load_plan
from wganlib.planning.snakemake import check_targets, is_dry, stopped, targets_here
from wganlib.planning.why import why

SCALES = ("demo", "paper")


@pytest.fixture
def project(tmp_path):
    """A folder in which the runs of two experiments were trained and collected, as far as the reasons look."""
    params, plan = copy_params(tmp_path), committed_plan()
    for name in ("check", "gp_fig1b"):
        experiment = plan.experiment(name)
        rows = [{"run": e.run, "group": e.group, **e.labels, "seed": e.spec.seed} for e in experiment.trained_entries]
        path = tmp_path / "results/demo" / name / "runs.csv"
        path.parent.mkdir(parents=True)
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(dict.fromkeys(key for row in rows for key in row)))
            writer.writeheader()
            writer.writerows(rows)
        for job in experiment.stacks or [entry.spec for entry in experiment.entries]:
            target = job.folder(tmp_path / "results") / job.files[0]
            target.parent.mkdir(parents=True)
            target.write_text(json.dumps(json.loads(job.canonical()), indent=2))
    return params


def reasons(params, name):
    plan = load_plan(params, "demo")
    experiment = plan.experiment(name)
    jobs = [stack.key for stack in experiment.stacks] or experiment.run_keys
    results = params.parent / "results"
    missing = [key for key in jobs if not any((results / kind / key).exists() for kind in ("runs", "stacks"))]
    return why(plan, results, missing)


def test_nothing_is_said_where_nothing_is_trained(project):
    assert reasons(project, "check") == reasons(project, "gp_fig1b") == []


def test_a_changed_setting_is_named_with_its_method_and_the_number_of_runs(project):
    edit_yaml(project / "methods/wgan_gp.yaml", **{"scales.demo.critic_steps": 7})
    (line,) = reasons(project, "check")
    assert line == "wgan_gp: critic steps changed from 5 to 7: 3 runs to train"


def test_many_settings_are_counted_and_a_new_seed_is_new(project):
    optimizer = {"name": "rmsprop", "learning_rate": 1.0e-4}
    changes = {"scales.demo.generator_optimizer": optimizer, "scales.demo.critic_optimizer": optimizer}
    edit_yaml(project / "methods/wgan_gp.yaml", **changes)
    seeds = load_plan(REPOSITORY / "params").experiment("check").seeds
    edit_yaml(project / "experiments/check.yaml", **{"scales.demo.seeds": [*seeds, 77]})
    lines = reasons(project, "check")
    assert any(
        line.startswith("wgan_gp: ") and " settings changed, " in line and line.endswith(": 3 runs to train") for line in lines
    )
    assert "wgan_gp: not trained before: 1 run to train" in lines
    assert "nonsaturating_gan: not trained before: 1 run to train" in lines


def test_files_that_are_missing_and_folders_of_before_that_are_gone(project):
    folder = project.parent / "results/runs"
    victim = sorted(folder.iterdir())[0]
    shutil.rmtree(victim)
    (line,) = reasons(project, "check")
    assert line.endswith("trained before, but files are missing: 1 run to train")
    shutil.rmtree(folder)
    edit_yaml(project / "methods/wgan_gp.yaml", **{"scales.demo.critic_steps": 7})
    assert "wgan_gp: other settings than before, whose runs are not there any more: 3 runs to train" in reasons(
        project, "check"
    )


def test_runs_of_stacks_are_compared_one_by_one(project):
    key = "scales.demo.spec.generator_iterations"
    before = load_plan(REPOSITORY / "params").experiment("gp_fig1b").entries[0].spec.generator_iterations
    edit_yaml(project / "experiments/gp_fig1b.yaml", **{key: before + 1})
    lines = reasons(project, "gp_fig1b")
    assert lines
    assert all(f"generator iterations changed from {before} to {before + 1}" in line for line in lines)


def test_a_damaged_spec_or_table_stops_no_dry_run(project):
    edit_yaml(project / "methods/wgan_gp.yaml", **{"scales.demo.critic_steps": 7})
    next((project.parent / "results/runs").glob("*-wgan-*")).joinpath("spec.json").write_text("[1")
    assert len(reasons(project, "check")) == 2
    (project.parent / "results/demo/check/runs.csv").write_bytes(b"\xff\xfe,\x00")
    assert reasons(project, "check") == ["wgan_gp: not trained before: 3 runs to train"]


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("table2", "table2: no target, but a report's name: write reports/table2.pdf"),
        ("elu.pdf", "elu.pdf: no target, but a report's name: write reports/elu.pdf"),
        ("report/elu.pdf", "report/elu.pdf: no target; reports are reports/NAME.pdf, .* did you mean 'reports/elu.pdf'"),
        ("reports/dmo/pilot.pdf", "reports/dmo/pilot.pdf: no target; .* did you mean 'reports/pilot.pdf'"),
        ("reports/demo/dirca.pdf", "unknown report at scale demo 'dirca': .* did you mean 'dirac'"),
        ("reports/chekc.pdf", "reports/chekc.pdf: unknown report at scale demo"),
        ("reports/paper/table2.pdf", "of scale paper, but this is demo: add --config scale=paper"),
        ("results/paper/elu/runs.csv", "of scale paper, but this is demo: add --config scale=paper"),
        ("results/demo/piolt/runs.csv", "unknown experiment at scale demo 'piolt': .* did you mean 'pilot'"),
    ],
)
def test_misspelt_targets_are_refused_in_a_line(argument, words):
    with pytest.raises(WganlibError, match=words) as error:
        check_targets(committed_plan(), ["-n", argument, "--config", "scale=demo"], SCALES)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("reports/tabel1.pdf", "targets: unknown report at scale demo 'tabel1': .* did you mean 'table1'"),
        ("report/elu.pdf", "targets: report/elu.pdf: no target; .* did you mean 'reports/elu.pdf'"),
        ("results/demo/ellu/runs.csv", "targets: unknown experiment at scale demo 'ellu': .* did you mean 'elu'"),
    ],
)
def test_a_configured_target_is_refused_where_it_stands(tmp_path, target, words):
    params = copy_params(tmp_path)
    with pytest.raises(WganlibError, match=f"^--config: {words}"):
        targets_here(committed_plan(), [target], params)
    edit_yaml(params / "config.yaml", targets=["all", target])
    with pytest.raises(WganlibError, match=rf"/params/config\.yaml: {words}"):
        targets_here(committed_plan(), ["all", target], params)


def test_other_arguments_pass():
    arguments = [
        "all",
        "--cores",
        "2",
        "reports/elu.pdf",
        "reports/claims.pdf",
        "reports/demo/elu.pdf",
        "results/demo/claims.csv",
    ]
    arguments += ["results/demo/check/runs.csv", "results/runs/some-key/spec.json", "--report", "reports/index.html", "/x", ""]
    check_targets(committed_plan(), arguments, SCALES)
    assert not is_dry(["--cores", "2", "--configfile", "n", "-R", "reports/elu.pdf"])


def test_how_to_go_on_is_the_command_that_was_given():
    assert stopped(["reports/elu.pdf", "--config", "note=a b"]).endswith(": snakemake reports/elu.pdf --config 'note=a b'")
