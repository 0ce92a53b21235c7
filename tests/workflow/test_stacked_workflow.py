"""Experiments whose runs are trained in stacks: their parameters, and their way through the workflow."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from conftest import committed_plan, copy_params, edit_yaml, snakemake, wganlib
from test_workflow import dry_run

from wganlib.errors import WganlibError
from wganlib.files import read_json
from wganlib.planning.expansion import Experiment
from wganlib.planning.plan import Plan, load_plan
from wganlib.spec.run import Spec


def stacked(plan: Plan) -> list[Experiment]:
    return [e for e in plan.experiments.values() if e.params.stacked]


@pytest.mark.parametrize("scale", ["demo", "paper"])
def test_every_experiment_exists_at_every_scale_with_its_seeds(scale: str) -> None:
    plan = committed_plan(scale)
    assert len(stacked(plan)) == 11
    for experiment in stacked(plan):
        assert len(experiment.seeds) >= 3, experiment.name
        assert set(experiment.run_keys) == {run.key for stack in experiment.stacks for run in stack.runs}
        assert all(len(stack.runs) <= 64 for stack in experiment.stacks)
    assert not {key for stack in plan.stacks.values() for key in (run.key for run in stack.runs)} & set(plan.runs)
    borrowed = {stack.key for stack in plan.experiment("lgan_fig6_toy").stacks}
    assert borrowed == {stack.key for stack in plan.experiment("lgan_fig2").stacks}


def test_the_demo_is_a_quarter_as_wide_and_cheap() -> None:
    demo, paper = (committed_plan(scale) for scale in ("demo", "paper"))
    assert sum(map(demo.seconds, demo.stacks)) < 1800
    for name in ("gp_fig1a", "lgan_fig2", "lgan_fig3", "gp_toy_training", "gp_fig1b"):
        small, whole = (plan.experiment(name).entries[0].spec for plan in (demo, paper))
        assert small.architecture.width == 0.25 * whole.architecture.width
        assert small.method.batch_size <= whole.method.batch_size


def test_the_paper_s_settings_are_the_protocol_s() -> None:
    plan = committed_plan("paper")

    def spec(name: str, **labels: str) -> Spec:
        return plan.experiment(name).spec_of(**labels)

    penalty = spec("gp_fig1a", method="penalty")
    assert (penalty.generator_iterations, penalty.method.batch_size, penalty.method.constraint.weight) == (10_000, 256, 10.0)
    assert (penalty.architecture.hidden_layers, penalty.architecture.hidden_units) == (3, 512)
    assert (penalty.method.critic_optimizer.learning_rate, penalty.method.critic_optimizer.beta1) == (1e-4, 0.5)
    clipped = spec("gp_fig1a", method="clipping").method
    assert (clipped.constraint.limit, clipped.critic_optimizer.name, clipped.critic_optimizer.learning_rate) == (
        0.01,
        "rmsprop_tf",
        5e-5,
    )
    deep = spec("gp_fig1b", method="clipping", limit="0.001")
    assert (deep.architecture.hidden_layers, deep.method.constraint.limit, deep.generator_iterations) == (12, 0.001, 10_000)
    uninformative = spec("lgan_fig1", case="Gaussians")
    assert (uninformative.architecture.hidden_layers, uninformative.architecture.nonlinearity) == (64, "selu")
    assert (uninformative.method.critic_optimizer.name, uninformative.dataset.name) == ("sgd", "lgan_case3")
    directions = spec("lgan_fig2", objective="exp x").method
    assert (directions.objective, directions.constraint.form, directions.constraint.weight) == ("exp", "max", 0.1)
    assert directions.constraint.buffer.size == 32
    images = spec("lgan_fig3", objective="x + √(x² + 1)")
    assert (images.architecture.dense, images.method.constraint.weight, images.method.constraint.buffer.size) == (True, 1.0, 8)
    assert images.dataset.name == "cifar10_pairs"


SMALL: dict[str, Any] = {
    "title": "A small one",
    "source": "nowhere",
    "claim": "none",
    "stacked": True,
    "groups": {
        "critics": {
            "spec": {
                "dataset": {"name": "two_gaussians"},
                "architecture": {"family": "toy", "generator": "given", "hidden_layers": 1, "hidden_units": 8},
                "method": {
                    "objective": "wgan",
                    "constraint": {"kind": "none"},
                    "critic_steps": 1,
                    "batch_size": 8,
                    "generator_batch_size": 8,
                    "generator_optimizer": {"name": "sgd", "learning_rate": 0.1},
                },
                "generator_iterations": 20,
            },
            "axes": {
                "method": {
                    name: {
                        "method": {
                            "objective": objective,
                            "constraint": constraint,
                            "critic_optimizer": {"name": "adam", "learning_rate": 0.01, "beta1": 0.5, "beta2": 0.9},
                        }
                    }
                    for name, objective, constraint in (
                        ("discriminator", "minimax_gan", {"kind": "none"}),
                        ("clipping", "wgan", {"kind": "clipping", "limit": 0.1}),
                        ("penalty", "wgan", {"kind": "gradient_penalty", "form": "two_sided", "weight": 10.0}),
                    )
                }
            },
        }
    },
    "settings": {"points": 41, "limit": 8.0},
    "scales": {"demo": {"seeds": [0, 1]}},
}


def small_project(folder: Path) -> Path:
    """A working folder whose only experiment trains in a second."""
    params = copy_params(folder)
    for path in (params / "experiments").glob("*.yaml"):
        path.unlink()
    # Without the constraint of the group's spec, which the options say.
    value = yaml.safe_load(yaml.safe_dump(SMALL))
    del value["groups"]["critics"]["spec"]["method"]["constraint"], value["groups"]["critics"]["spec"]["method"]["objective"]
    (params / "experiments/wgan_fig2.yaml").write_text(yaml.safe_dump(value, allow_unicode=True))
    edit_yaml(params / "config.yaml", targets=["reports/wgan_fig2.pdf"])
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = small_project(tmp_path_factory.mktemp("toys"))
    done = snakemake(folder, "reports")
    assert done.returncode == 0, done.stdout
    return folder


@pytest.fixture
def project(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "project", symlinks=True))


def test_a_figure_comes_with_its_quantities_and_leads_to_its_runs(project: Path) -> None:
    assert (project / "reports/wgan_fig2.pdf").read_bytes()[:5] == b"%PDF-"
    assert (project / "reports/demo/wgan_fig2.png").exists()
    table = pd.read_csv(project / "results/demo/wgan_fig2/quantities.csv")
    assert {"quantity", "seed", "value", "expected", "method", "steps"} <= set(table.columns)
    assert set(table["seed"].dropna()) == {0, 1}
    assert not table["value"].isna().any()
    report = read_json(project / "reports/demo/wgan_fig2.json")
    assert (report["runs"], report["failed"], report["seeds"]) == (6, [], [0, 1])
    assert any("clipped at 0.1" in line for line in report["settings"])
    plan = load_plan(project / "params")
    assert {path.name for path in (project / "results/stacks").iterdir()} == set(plan.stacks)
    runs = pd.read_csv(project / "results/demo/wgan_fig2/runs.csv")
    assert list(runs["run"]) == plan.experiment("wgan_fig2").run_keys
    assert (runs["seconds"] > 0).all()
    page = (project / "results/demo/wgan_fig2/runs.html").read_text()
    assert all(key in page for key in runs["run"])
    assert page.count("<svg") == 6
    row = next(row for row in report["tables"][0]["rows"] if row[0] == "discriminator")
    assert row[-1]["mean"] == pytest.approx(table[table["quantity"] == "error"]["value"].mean())


def test_nothing_is_to_be_done_again(project: Path) -> None:
    assert dry_run(project, "reports") == {}


def test_a_setting_of_the_analysis_trains_nothing(project: Path) -> None:
    edit_yaml(project / "params/experiments/wgan_fig2.yaml", **{"settings.points": 51})
    assert dry_run(project, "reports") == {"collect": 1, "judge": 1, "report": 1, "current": 1, "reports": 1}


def test_an_option_s_learning_rate_trains_its_stack_alone(project: Path) -> None:
    path = "groups.critics.axes.method.penalty.method.critic_optimizer.learning_rate"
    edit_yaml(project / "params/experiments/wgan_fig2.yaml", **{path: 0.02})
    assert dry_run(project, "reports")["stack"] == 1


def test_lost_stacks_are_trained_again_though_the_figure_is_there(project: Path) -> None:
    shutil.rmtree(project / "results/stacks")
    assert dry_run(project, "reports") == {"stack": 3, "collect": 1, "judge": 1, "report": 1, "current": 1, "reports": 1}


def test_the_command_line_says_what_is_missing(project: Path) -> None:
    shutil.rmtree(project / "results/stacks")
    done = wganlib(project, "collect", "wgan_fig2")
    assert done.returncode == 2
    assert "stacks are not trained yet" in done.stderr
    assert done.stderr.count("\n") == 1
    done = wganlib(project, "collect", "wgan_fig3")
    assert "did you mean 'wgan_fig2'" in done.stderr
    (project / "results/demo/wgan_fig2/arrays.npz").write_bytes(b"PK\x03\x04 damaged")
    done = wganlib(project, "report", "wgan_fig2")
    assert done.returncode == 2
    assert "arrays.npz: not readable" in done.stderr


def test_plan_and_list_show_stacks(project: Path) -> None:
    shown = wganlib(project, "plan").stdout
    row = next(line for line in shown.splitlines() if line.startswith("wgan_fig2"))
    assert row.split()[1:4] == ["6", "3", "3"]
    assert "reports/wgan_fig2.pdf" in wganlib(project, "list").stdout


REFUSALS: list[tuple[dict[str, Any], list[str]]] = [
    ({"scales.demo.seeds": [1, 1]}, ["seeds must be distinct", "[1, 1]"]),
    ({"scales.demo.seeds": []}, ["seeds"]),
    ({"scales.demo.only": {"metod": ["penalty"]}}, ["unknown axis 'metod'", "did you mean 'method'"]),
    ({"scales.demo.only": {"method": ["penality"]}}, ["unknown option 'penality'", "did you mean 'penalty'"]),
    ({"scales.demo.groups": {"critic": {}}}, ["unknown group 'critic'", "critics"]),
    ({"scales.demo.group_seeds": {"critic": [0]}}, ["group_seeds", "unknown group 'critic'"]),
    ({"scales.demo.only": {"method": []}}, ["only.method"]),
    ({"runs_of": "wgan_fig1"}, ["runs_of", "a mapping of keys is needed", "wgan_fig1"]),
    ({"groups": {}, "runs_of": {"wgan_fig9": {}}, "scales.demo": {}}, ["unknown experiment at scale demo 'wgan_fig9'"]),
    ({"groups.critics.spec.architecture.hidden_layers": 0}, ["critics", "hidden_layers", "greater than 0"]),
    ({"scales.demo.scoring": {"nonsense": 1}}, ["scales.demo.scoring is not read", "stacked"]),
    ({"scales.demo.median_iterations": 5}, ["scales.demo.median_iterations is not read"]),
    ({"stacked": False, "scales.demo.runs_per_stack": 5}, ["scales.demo.runs_per_stack is not read"]),
    ({"claim_": "x"}, ["claim_", "did you mean 'claim"]),
    ({"groups.critics.axes.method.penalty.method.constraint.wieght": 1.0}, ["penalty", "wieght"]),
]


@pytest.mark.parametrize(("changes", "words"), REFUSALS)
def test_wrong_parameters_are_refused_in_one_line(changes: dict[str, Any], words: list[str], tmp_path: Path) -> None:
    project = small_project(tmp_path)
    path = project / "params/experiments/wgan_fig2.yaml"
    value = yaml.safe_load(path.read_text())
    for keys, new in changes.items():
        part = value
        *parents, last = keys.split(".")
        for name in parents:
            part = part[name]
        part[last] = new
    path.write_text(yaml.safe_dump(value, allow_unicode=True))
    with pytest.raises(WganlibError) as error:
        load_plan(project / "params")
    assert "wgan_fig2.yaml" in str(error.value)
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value), str(error.value)


def test_an_experiment_without_a_module_says_which_file_it_lacks(tmp_path: Path) -> None:
    project = small_project(tmp_path)
    path = project / "params/experiments/wgan_fig2.yaml"
    path.rename(path.with_name("my_figure.yaml"))
    done = wganlib(project, "plan")
    assert done.returncode == 2
    assert "params/experiments/my_figure.yaml" in done.stderr
    assert "wganlib/experiments/my_figure.py" in done.stderr
