"""The experiments on images and text: every target at every scale, shared runs once, the demo's cost."""

import json
import shutil

import pytest
import yaml
from conftest import REPOSITORY, committed_plan, copy_params, edit_yaml, snakemake, wganlib

from wganlib.errors import WganlibError
from wganlib.planning.describe import settings_lines
from wganlib.planning.differences import differences
from wganlib.planning.expansion import Surroundings, expand, merged
from wganlib.planning.experiment import ExperimentParams
from wganlib.planning.plan import load_plan

TARGETS = [
    *("table1", "table2", "lsun_matrix", "lsun_samples_128", "cifar_convergence", "cifar_table3", "cifar_samples"),
    *("base_net", "penalty_sides", "elu", "language_model", "negative_critic_loss", "mnist_overfitting", "gp_v1"),
    *("wgan_loss_quality", "wgan_generators", "wgan_momentum", "wgan_critics"),
    *("lgan_table2", "lgan_curves", "lgan_samples", "lgan_stability"),
]
BUDGET = 10_000.0
"""Core seconds that the demo's trainings may take, as the plan estimates them."""
WITHOUT_CLAIMS = {"table1", "lsun_samples_128"}
"""Reports that show what is planned, or samples alone."""


@pytest.mark.parametrize("scale", ["demo", "paper"])
def test_every_table_and_figure_exists_at_every_scale(scale):
    plan = committed_plan(scale)
    # The base network's variants are of the demo alone, as the runs that they share.
    asked = set(TARGETS) if scale == "demo" else set(TARGETS) - {"base_net"}
    assert asked == {name for name in plan.shown() if plan.experiment(name).params.scored} | {"table1"}
    assert {name for name in plan.shown() if not plan.experiment(name).params.claims} == WITHOUT_CLAIMS
    names = {spec.dataset.name for spec in plan.runs.values()}
    assert names == {"digits", "sklearn_texts"} if scale == "demo" else not names & {"digits", "sklearn_texts"}


def test_claims_are_many_each_once_and_ten_are_primary():
    plan = committed_plan()
    claims = {name: claim for experiment in plan.experiments.values() for name, claim in experiment.params.claims.items()}
    assert len(claims) >= 240
    assert sum(claim.primary for claim in claims.values()) == 10
    assert all(claim.control or claim.no_control or claim.not_testable for claim in claims.values())


def test_a_claim_that_stands_twice_is_refused(tmp_path):
    params = copy_params(tmp_path)
    data = yaml.safe_load((params / "experiments/elu.yaml").read_text(encoding="utf-8"))
    edit_yaml(
        params / "experiments/gp_v1.yaml", **{"claims": {"gp.appD.elu": data["claims"]["gp.appD.elu"]}, "gates": data["gates"]}
    )
    with pytest.raises(WganlibError, match=r"gp_v1.yaml: claims: gp.appD.elu stands in experiment 'elu' too: keep one of them"):
        load_plan(params, "demo")


def test_the_demo_s_trainings_fit_their_budget():
    plan = committed_plan()
    runs = {run for name in plan.shown() for run in plan.experiment(name).run_keys} & set(plan.runs)
    assert sum(map(plan.seconds, (*runs, *plan.stacks))) < BUDGET
    seeds = {name: {e.spec.seed for e in plan.experiment(name).entries} for name in plan.shown()}
    assert seeds["cifar_table3"] == set(range(6))
    assert seeds["cifar_convergence"] == set(range(5))
    assert max(spec.generator_iterations for spec in (plan.runs[run] for run in runs)) <= 2000


@pytest.mark.slow
def test_a_dry_run_of_the_paper_lists_every_run_once():
    plan = committed_plan("paper")
    done = snakemake(REPOSITORY, "-n", "-q", "rules", "--config", "scale=paper", "--", "reports")
    assert done.returncode == 0, done.stdout[-3000:]
    words = [line.split() for line in done.stdout.splitlines()]
    counts = {line[0]: int(line[1]) for line in words if len(line) == 2 and line[1].isdigit()}
    present = sum((REPOSITORY / "results/runs" / run / "spec.json").exists() for run in plan.runs)
    assert counts["train"] + present == len(plan.runs)
    assert counts["train"] + present < sum(len(plan.experiment(name).run_keys) for name in plan.shown())
    trained = sum((REPOSITORY / "results/stacks" / stack).exists() for stack in plan.stacks)
    assert counts["stack"] + trained == len(plan.stacks)


def test_the_plan_prints_runs_and_hours_of_every_experiment():
    done = wganlib(REPOSITORY, "plan", "--scale", "paper")
    assert done.returncode == 0
    lines = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line.split()}
    plan = committed_plan("paper")
    for name in plan.shown():
        assert int(lines[name][1]) == len({entry.run for entry in plan.experiment(name).trained_entries})
        assert (float(lines[name][-2]) > 0) == bool(int(lines[name][1]))


def base(**changes):
    return {
        "title": "t",
        "source": "s",
        "groups": {"a": {"spec": {"architecture": {"family": "cifar_resnet"}, "method": {"use": "wgan_gp"}}, "axes": {}}},
        "scales": {"demo": {"seeds": [0]}},
    } | changes


def expanded(params):
    plan = committed_plan()
    settings = {name: m.settings.model_dump(mode="json", exclude_none=True) for name, m in plan.methods.items()}
    read = ExperimentParams.model_validate_json(json.dumps(params), strict=True)
    around = Surroundings(settings, {"name": "digits", "image_size": 16}, 0.5, 1)
    return list(expand(read, read.scales["demo"], around, "x.yaml"))


def test_what_a_scale_says_goes_above_options_and_those_above_the_group():
    params = base()
    params["groups"]["a"]["spec"]["generator_iterations"] = 1
    params["groups"]["a"]["axes"] = {"size": {"small": {"generator_iterations": 2}, "large": {}}}
    assert [e.spec.generator_iterations for e in expanded(params)] == [2, 1]
    params["scales"]["demo"] |= {"spec": {"generator_iterations": 3}}
    assert [e.spec.generator_iterations for e in expanded(params)] == [3, 3]
    params["scales"]["demo"] |= {"options": {"size": {"large": {"generator_iterations": 4}}}}
    assert [e.spec.generator_iterations for e in expanded(params)] == [3, 4]
    params["scales"]["demo"] |= {"groups": {"a": {"generator_iterations": 5}}}
    assert [e.spec.generator_iterations for e in expanded(params)] == [5, 5]
    params["scales"]["demo"] |= {"only": {"size": ["large"]}, "group_seeds": {"a": [7, 8]}}
    assert [(e.labels, e.spec.seed) for e in expanded(params)] == [({"size": "large"}, 7), ({"size": "large"}, 8)]


def test_a_method_is_used_and_changed_and_another_kind_replaces_a_part_whole():
    params = base()
    params["groups"]["a"]["spec"]["generator_iterations"] = 1
    params["groups"]["a"]["axes"] = {
        "constraint": {
            "one-sided": {"method": {"constraint": {"form": "one_sided"}}},
            "clipping": {"method": {"constraint": {"kind": "clipping", "limit": 0.1}}},
        }
    }
    first, second = (e.spec for e in expanded(params))
    assert (first.method.constraint.form, first.method.constraint.weight) == ("one_sided", 10.0)
    assert second.method.constraint.model_dump(exclude_none=True) == {"kind": "clipping", "limit": 0.1, "order": "after"}
    assert first.method.critic_steps == 5
    assert first.dataset.name == "digits"


def test_merged_leaves_what_it_is_given_alone():
    first, second = {"a": {"b": 1}}, {"a": {"c": 2}, "d": {"e": 3}}
    assert merged(first, second) == {"a": {"b": 1, "c": 2}, "d": {"e": 3}}
    assert (first, second) == ({"a": {"b": 1}}, {"a": {"c": 2}, "d": {"e": 3}})
    assert merged({"a": {"name": "x", "b": 1}}, {"a": {"name": "x", "c": 2}}) == {"a": {"name": "x", "b": 1, "c": 2}}


def test_methods_are_an_axis_and_own_runs_come_seed_by_seed():
    params = base()
    spec = {"architecture": {"family": "cifar_resnet"}, "generator_iterations": 1}
    params["groups"]["a"] |= {"methods": ["wgan_gp", "lgan"], "spec": spec}
    params["scales"]["demo"]["seeds"] = [1, 0]
    found = [(e.labels["method"], e.spec.seed, e.spec.method.objective) for e in expanded(params)]
    assert found == [("wgan_gp", 1, "wgan"), ("lgan", 1, "sqrt"), ("wgan_gp", 0, "wgan"), ("lgan", 0, "sqrt")]


def test_a_run_s_classifier_is_that_of_its_whole_data_set_or_of_the_experiment_s_judge():
    demo, paper = (committed_plan(scale) for scale in ("demo", "paper"))
    limited = [run for run in demo.experiment("mnist_overfitting").run_keys if demo.runs[run].dataset.train_limit]
    assert limited
    assert {demo.classifier_of(run).key for run in limited} == {demo.classifier_of(demo.experiment("table2").run_keys[0]).key}
    assert {demo.classifier_of(run) for run in demo.experiment("language_model").run_keys} == {None}
    (judge,) = {paper.classifier_of(run).canonical() for run in paper.experiment("lsun_matrix").run_keys}
    assert json.loads(judge)["dataset"] == {"name": "tiny_imagenet", "image_size": 64}
    assert json.loads(judge)["judged"] == {"name": "lsun_bedrooms", "image_size": 64}
    assert set(demo.classifiers()) == {demo.classifier_of(run).key for run in demo.runs if demo.classifier_of(run)}


def test_architectures_of_the_random_set_have_l2_and_sub_batches_where_they_are_normalised():
    plan = committed_plan()
    for entry in plan.experiment("table2").entries:
        method, normalized = entry.spec.method, entry.labels["critic_normalized"]
        assert method.critic_l2 == (1e-3 if normalized else 0.0)
        assert method.generator_sub_batches == (2 if entry.labels["generator_normalized"] else None)
        assert method.critic_sub_batches == (2 if normalized and method.objective == "nonsaturating_gan" else None)
        assert entry.spec.dataset == plan.params.dataset
        assert entry.spec.architecture.width == plan.params.width


def test_a_method_of_one_s_own_goes_through_the_trials_as_the_page_tells(tmp_path):
    """docs/own-method.md: copies of the pilot and of Table 2 without report and settings, and a place in Table 2 itself."""
    params = copy_params(tmp_path)
    shutil.copy(params / "methods/wgan_gp.yaml", params / "methods/mine.yaml")
    for name, copied in (("mine_pilot", "pilot"), ("mine", "table2")):
        data = yaml.safe_load((params / f"experiments/{copied}.yaml").read_text())
        for key in ("settings", "gates", "claims"):
            data.pop(key, None)
        data["report"], data["groups"]["runs"]["methods"] = False, ["mine"]
        for scale in data["scales"].values():
            scale.pop("settings", None)
            if "options" in scale:
                scale["options"] = {"method": {"mine": scale["options"]["method"]["wgan_gp"]}}
        (params / f"experiments/{name}.yaml").write_text(yaml.safe_dump(data))
    plan = load_plan(params, "demo")
    assert plan.experiment("mine").methods == plan.experiment("mine_pilot").methods == ["mine"]
    table2 = params / "experiments/table2.yaml"
    table2.write_text(table2.read_text().replace("nonsaturating_gan", "mine"))
    assert load_plan(params, "demo").experiment("table2").methods == ["mine", "wgan_gp"]


def test_an_option_s_data_set_replaces_the_scale_s():
    params = base()
    params["groups"]["a"]["spec"]["generator_iterations"] = 1
    data = {"name": "cifar10", "image_size": 32}
    params["groups"]["a"]["axes"] = {
        "data": {"digits": {}, "limited": {"dataset": {"train_limit": 90}}, "CIFAR-10": {"dataset": data}}
    }
    found = [e.spec.dataset.model_dump(exclude_none=True) for e in expanded(params)]
    digits = {"name": "digits", "image_size": 16}
    assert found == [digits, digits | {"train_limit": 90}, data]


def test_runs_that_differ_in_the_constraint_alone_have_one_line_of_settings_with_all_constraints():
    entries = committed_plan().experiment("gp_fig1a").entries
    _, clipped, penalised = settings_lines(entries)
    assert clipped.startswith("clipping; none: ")
    assert penalised.startswith("penalty, one-sided penalty; 10, 1, 0.1: ")
    for form in ("two-sided", "one-sided"):
        assert f"{form} gradient penalty of weight 10, 1 and 0.1" in penalised
    assert "clipped at 0.01" in clipped
    assert "clipped" not in penalised


def test_versions_of_the_parts_are_no_difference_from_the_paper():
    here, paper = (committed_plan(s).experiment("gp_fig1a") for s in ("demo", "paper"))
    rows = differences(here, paper)
    assert ("generator iterations", "2,000", "10,000") in rows
    assert not [row for row in rows if "numerics" in row.setting]
