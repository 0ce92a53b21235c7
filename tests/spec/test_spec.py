"""Specs: validation, canonical form, keys; plans: expansion, sharing, cost, no torch."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import REPOSITORY, committed_plan, copy_params, edit_yaml, make_spec, spec_is_refused
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from wganlib import architectures
from wganlib.architectures.families import random_set
from wganlib.architectures.nodes import forward_flops, weight_layers
from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import WganlibError, parse
from wganlib.planning.cost import run_flops, run_seconds
from wganlib.planning.params import Throughput
from wganlib.planning.plan import load_plan
from wganlib.spec.run import Spec
from wganlib.training.networks import build_critic, build_generator
from wganlib.training.trainer import Trainer


def test_equal_specs_have_one_key_and_any_change_another():
    assert make_spec().key == make_spec().key
    changes = [
        {"seed": 4},
        {"generator_iterations": 7},
        {"method.critic_steps": 3},
        {"method.constraint": {"kind": "gradient_penalty", "form": "one_sided", "weight": 10.0}},
        {"architecture.width": 0.125},
        {"method.generator_optimizer": {"name": "adam", "learning_rate": 2.1e-3, "beta1": 0.0, "beta2": 0.9}},
        {"numerics": {**make_spec().numerics, "training": 999}},
    ]
    keys = {make_spec(**change).key for change in changes} | {make_spec().key}
    assert len(keys) == len(changes) + 1


def test_canonical_form_does_not_depend_on_the_order_of_keys_and_survives_a_file():
    spec = make_spec()
    shuffled = json.dumps(dict(reversed(list(spec.model_dump(mode="json").items()))))
    assert Spec.model_validate_json(shuffled, strict=True).canonical() == spec.canonical()


def test_settings_digest_ignores_the_seed_alone():
    assert make_spec(seed=1).settings_digest() == make_spec(seed=2).settings_digest()
    assert make_spec(generator_iterations=8).settings_digest() != make_spec().settings_digest()


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("method.generator_optimizer.learning_rate", -1.0, ["learning_rate", "greater than or equal to 0", "-1.0"]),
        ("generator_iterations", 0, ["generator_iterations", "greater than 0", "0"]),
        ("generator_iterations", "many", ["generator_iterations", "integer", "many"]),
        ("generator_iterations", 5.5, ["generator_iterations", "integer", "5.5"]),
        ("method.critic_stepz", 5, ["critic_stepz", "did you mean 'critic_steps'"]),
        ("method.objective", "wgam", ["objective", "wgam", "wgan", "nonsaturating_gan"]),
        ("method.constraint.kind", "clip", ["constraint", "clipping", "gradient_penalty"]),
        ("dataset.name", "digit", ["data set", "digit", "did you mean 'digits'"]),
        ("architecture.generator_depth", 5, ["generator_depth", "4, 8, 12 or 20"]),
        ("architecture.critic_normalization", "batch", ["gradient_penalty", "batch", "layer"]),
        ("method.generator_optimizer.beta1", 1.0, ["beta1", "less than 1"]),
        ("method.batch_size", 1, ["batch_size", "greater than or equal to 2"]),
        ("snapshots", [4, 2], ["snapshots", "increase"]),
        ("snapshots", [99], ["snapshots", "generator_iterations"]),
        ("seed", -1, ["seed", "greater than or equal to 0"]),
    ],
)
def test_a_wrong_spec_gets_one_line_that_names_key_value_and_what_is_allowed(path, value, words):
    spec_is_refused(make_spec(), {path: value}, words)


def test_the_set_is_the_paper_s_and_is_drawn_as_documented():
    product = list(itertools.product(*random_set.FACTORS.values()))
    assert len(product) == 9216
    assert product[1] == (*product[0][:-1], 64)
    np.random.RandomState(42).shuffle(product)
    assert [tuple(a.values()) for a in random_set.sample(200)] == product[:200]


def test_a_wrong_architecture_factor_is_named():
    with pytest.raises(WganlibError, match="'activation': allowed are generator_nonlinearity"):
        random_set.architecture({**random_set.BASE, "activation": "relu"}, width=1.0, critic_norm="layer")
    with pytest.raises(WganlibError, match="generator_depth: found 5, allowed are 4, 8, 12, 20"):
        random_set.architecture({**random_set.BASE, "generator_depth": 5}, width=1.0, critic_norm="layer")
    with pytest.raises(WganlibError, match="1 to 9216"):
        random_set.sample(9217)


SHAPE = DatasetSpec(name="imagenet32", image_size=32).shape


def _closed_form(factors, latent=128, channels=3, start=4):
    """Parameters of the pair, written out by hand from the layers' shapes, at the paper's size."""
    f, extra = factors["generator_filters"], factors["generator_depth"] - 4
    norm = 2 if factors["generator_normalized"] else 0
    generator = (latent + 1) * 4 * f * start**2 + norm * 4 * f
    generator += 4 * f * 2 * f * 25 + 2 * f + norm * 2 * f
    generator += extra * (2 * f * 2 * f * 9 + 2 * f + norm * 2 * f)
    generator += 2 * f * f * 25 + f + norm * f + f * channels * 25 + channels
    g, extra = factors["critic_filters"], factors["critic_depth"] - 4
    norm = 2 if factors["critic_normalized"] else 0
    critic = channels * g * 25 + g + g * 2 * g * 25 + 2 * g + norm * 2 * g
    critic += extra * (2 * g * 2 * g * 9 + 2 * g + norm * 2 * g)
    critic += 2 * g * 4 * g * 25 + 4 * g + norm * 4 * g + 4 * g * start**2 + 1
    return generator, critic


def test_parameter_counts_of_all_9216_architectures_match_a_hand_written_formula():
    for factors in random_set.sample(9216):
        spec = random_set.architecture(factors, width=1.0, critic_norm="layer")
        counted = tuple(architectures.parameters(spec, SHAPE, network) for network in ("generator", "critic"))
        assert counted == _closed_form(factors)


@pytest.mark.parametrize("index", range(0, 200, 25))
@pytest.mark.parametrize("layer_norm", [True, False])
def test_built_modules_have_the_counted_parameters(index, layer_norm):
    factors = random_set.sample(200)[index]
    norm = "layer" if layer_norm else "batch"
    base = make_spec("wgan_gp" if layer_norm else "nonsaturating_gan").model_dump()
    base["dataset"] = {"name": "imagenet32", "image_size": 32}
    base["architecture"] = random_set.architecture(factors, width=1.0, critic_norm=norm).model_dump()
    spec = Spec.model_validate(base | {"numerics": {}})
    stream = torch.Generator().manual_seed(0)
    built = build_generator(spec, stream), build_critic(spec, stream)
    assert tuple(sum(p.numel() for p in m.parameters()) for m in built) == _closed_form(factors)
    images = built[0](torch.zeros(2, 128))
    assert images.shape == (2, 3, 32, 32)
    assert built[1](images).shape == (2, 1)
    weighted = [m for m in built[0].modules() if hasattr(m, "bias")]
    assert len(weighted) == factors["generator_depth"]


class CountedFlops(TorchDispatchMode):
    """Torch's own formulas for every operation run; FlopCounterMode's module hooks do not allow autograd.grad."""

    total = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        formula = flop_registry.get(function._overloadpacket)
        if formula is not None:
            self.total += formula(*args, **(kwargs or {}), out_val=result)
        return result


@pytest.mark.parametrize("index", [1, 3, 6, 7, 10])
def test_flops_per_iteration_match_torch_s_counter(index, digits):
    """Within 2 %, for smooth and piecewise linear critics alike."""
    factors = random_set.sample(200)[index]
    for method, norm in (("wgan_gp", "layer"), ("nonsaturating_gan", "batch")):
        base = make_spec(method).model_dump()
        base["architecture"] = random_set.architecture(factors, width=0.125, critic_norm=norm).model_dump()
        spec = Spec.model_validate(base)
        trainer = Trainer(spec, digits, torch.device("cpu"))
        with CountedFlops() as counter:
            trainer.step()
        counted, formula = counter.total, run_flops(spec) / spec.generator_iterations
        assert abs(counted / formula - 1) < 0.02, (counted, formula)


def test_flops_of_one_layer_pair_by_hand():
    spec = make_spec("nonsaturating_gan", **{"method.batch_size": 2, "method.generator_batch_size": 2})
    generator, critic = (
        weight_layers(*architectures.nodes(spec.architecture, spec.dataset.shape, n)) for n in ("generator", "critic")
    )
    f = 2
    g = [128 * 4 * f * 4, 4 * f * 2 * f * 25 * 4, 2 * f * f * 25 * 16, f * 25 * 64]
    d = [f * 25 * 64, f * 2 * f * 25 * 16, 2 * f * 4 * f * 25 * 4, 4 * f * 4]
    assert [2 * v for v in g] == [forward_flops(*layer) for layer in generator]
    assert [2 * v for v in d] == [forward_flops(*layer) for layer in critic]
    plain = 2 * (sum(g) + 2 * (3 * sum(d) - d[0]) + 3 * sum(g) - g[0] + 2 * sum(d))
    assert run_flops(spec) == 2 * spec.generator_iterations * plain


@pytest.mark.parametrize(("norm", "reached"), [("none", 0), ("layer", 3)])
def test_calls_of_layers_by_hand(norm, reached):
    """Seconds where an operation costs nothing to speak of and a call of a layer one second; each network has four layers.

    A critic step: the generator forward, two passes of the critic and back (three products a layer each), the penalty's pass
    forward, its gradient, two products back through that, and two more in each layer below the last norm.
    """
    spec = make_spec().model_dump(exclude={"numerics"})
    spec["architecture"] = random_set.architecture(random_set.BASE, width=0.0625, critic_norm=norm).model_dump()
    calls = Throughput(device="", flops_per_second=1e30, seconds_per_layer_call=1.0)
    critic_step, generator_step = 4 + 6 * 4 + 4 * 4 + 2 * reached, 3 * 4 + 2 * 4
    assert run_seconds(Spec.model_validate(spec), calls) == pytest.approx(6 * (2 * critic_step + generator_step))


def test_the_paper_s_plan_is_the_paper_s_protocol():
    plan = committed_plan("paper")
    experiment = plan.experiment("table2")
    assert len(experiment.entries) == 400
    runs = {key: plan.runs[key] for key in plan.experiment("table2").run_keys}
    assert len(runs) == 400
    assert {e.labels["architecture"] for e in experiment.entries} == set(range(1, 201))
    for spec in runs.values():
        gp = spec.method.objective == "wgan"
        adam = spec.method.generator_optimizer
        assert spec.dataset.name == "imagenet32"
        assert spec.generator_iterations == 100_000
        assert spec.architecture.width == 1.0
        assert (adam.learning_rate, adam.beta1, adam.beta2) == ((1e-4, 0.0, 0.9) if gp else (2e-4, 0.5, 0.999))
        assert spec.method.generator_optimizer == spec.method.critic_optimizer
        assert spec.method.critic_steps == (5 if gp else 1)
        assert spec.method.batch_size == 64
        normalised = spec.architecture.critic_normalization
        assert normalised in (("none", "layer") if gp else ("none", "batch"))
        assert spec.method.critic_l2 == (0.0 if normalised == "none" else 1e-3)
        assert spec.method.constraint.kind == ("gradient_penalty" if gp else "none")
    assert (plan.params.scoring.num_samples, plan.params.scoring.splits) == (50_000, 10)
    assert sum(run_seconds(s, plan.params.throughput) for s in runs.values()) > 0


def test_a_plan_needs_no_torch():
    code = "import sys; from pathlib import Path; from wganlib.planning.plan import load_plan; "
    code += "load_plan(Path('params'), 'paper'); "
    code += "import wganlib.cli, wganlib.planning.snakemake; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY).returncode == 0


def test_two_experiments_that_share_a_run_score_it_alike(tmp_path):
    params = copy_params(tmp_path)
    edit_yaml(params / "experiments/check.yaml", **{"scales.demo.seeds": [100], "scales.demo.scoring": {"splits": 5}})
    with pytest.raises(WganlibError, match=r"experiments 'base_net' and 'check' have the run .* another scoring"):
        load_plan(params, "demo")


def test_runs_of_another_experiment_come_with_its_labels_and_stand_once(tmp_path):
    params = copy_params(tmp_path)
    edit_yaml(params / "experiments/check.yaml", runs_of={"table2": {"method": ["wgan_gp"]}})
    plan = load_plan(params, "demo")
    own, shared = (set(plan.experiment(name).run_keys) for name in ("check", "table2"))
    assert len(own & shared) == 24
    assert len(own) == 30
    assert {e.labels["architecture"] for e in plan.experiment("check").entries} == {"base", *range(1, 25)}


def test_two_experiments_share_a_run(tmp_path):
    params = copy_params(tmp_path)
    edit_yaml(params / "experiments/check_baseline.yaml", **{"scales.demo.seeds": [0, 100]})
    plan = load_plan(params, "demo")
    shared = set(plan.experiment("check").run_keys) & set(plan.experiment("check_baseline").run_keys)
    assert len(shared) == 2


def _without(*paths):
    data = json.loads(make_spec().canonical())
    for *parents, last in (path.split(".") for path in paths):
        part = data
        for name in parents:
            part = part[name]
        del part[last]
    return data


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            _without("dataset", "method.batch_size", "method.critic_optimizer.learning_rate", "seed"),
            "dataset, method.critic_optimizer.learning_rate, method.batch_size, seed: required keys are missing",
        ),
        (_without("seed"), "spec: seed: required key is missing"),
        (
            _without("dataset", "seed") | {"datset": {"name": "digits"}},
            "datset: unknown key; did you mean 'dataset'?; seed: required key is missing",
        ),
        (
            _without() | {"dataset": {"name": "digits", "siz": 16}},
            "dataset.siz: unknown key; remove it; allowed are folder",
        ),
        (_without() | {"snapshots": 4}, "snapshots: a list is needed, as [0, 1], found 4"),
        (_without() | {"dataset": "digits"}, 'dataset: a mapping of keys is needed, found "digits"'),
        (_without() | {"a": 1, "b": 2}, "a: unknown key; remove it (and 1 more)"),
        (_without("seed") | {"log_every": 0, "threads": 0}, "seed: required key is missing (and 2 more)"),
    ],
)
def test_a_spec_s_missing_and_unknown_keys_are_all_told(data, words):
    with pytest.raises(WganlibError) as error:
        parse(Spec, data, "spec")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_the_allowed_keys_of_a_part_stand_beside_an_unknown_one():
    data = _without()
    data["method"]["critic_optimizer"]["lr"] = 1e-3
    with pytest.raises(WganlibError, match=r"critic_optimizer\.lr: .*; allowed are beta1, beta2, decay, learning_rate, name$"):
        parse(Spec, data, "spec")


@pytest.mark.parametrize(
    ("file", "keys", "value", "words"),
    [
        (
            "experiments/table2.yaml",
            "settings.thresholds",
            [1.0, 3.0, 2.0],
            ["demo: thresholds: must increase", "[1.0, 3.0, 2.0]"],
        ),
        ("experiments/table2.yaml", "settings.thresholdz", [1.0], ["thresholdz", "did you mean 'thresholds'"]),
        (
            "experiments/table2.yaml",
            "groups.runs.methods",
            ["wgan_gp", "wgan_gq"],
            ["groups.runs.methods: unknown method 'wgan_gq'"],
        ),
        (
            "experiments/check.yaml",
            "groups.runs.axes",
            {"a": {"b": {"method": {"use": "wgan_gq"}}}},
            ["check.yaml: groups.runs.axes.a.b.method.use: unknown method 'wgan_gq'", "did you mean 'wgan_gp'"],
        ),
        ("experiments/table2.yaml", "scales.demo.architectures", 0, ["architectures", "0"]),
        ("experiments/table2.yaml", "scales.demo.architectures", None, ["architectures is missing: a number, or base"]),
        (
            "experiments/cifar_table3.yaml",
            "scales.demo.architectures",
            3,
            ["architectures is for groups with random_set alone"],
        ),
        ("experiments/table2.yaml", "scales.demo.options.method", {"wgan_gp": {}}, ["generator_iterations", "missing"]),
        ("experiments/table2.yaml", "scales.demo.options", {"methode": {}}, ["options", "unknown axis 'methode'"]),
        ("experiments/table2.yaml", "scales.demo.seeds", [0, 0], ["seeds must be distinct"]),
        ("experiments/check.yaml", "scales.demo.seeds", [], ["seeds", "at least 1"]),
        ("experiments/check.yaml", "scales.demo.seeds", 0, ["scales.demo.seeds: a list is needed, as [0, 1], found 0"]),
        (
            "experiments/check.yaml",
            "groups.runs.spec",
            {"method": {"use": 3}},
            ["spec.method.use: unknown method '3'"],
        ),
        ("experiments/check.yaml", "groups.runs.methods", "wgan_gp", ["groups.runs.methods: a list is needed"]),
        (
            "experiments/table2.yaml",
            "scales.paper.spec",
            {"method": {"use": "wgan_gpp"}},
            ["table2.yaml: scales.paper.spec.method.use: unknown method 'wgan_gpp'", "did you mean 'wgan_gp'"],
        ),
        ("experiments/table2.yaml", "scales.demo.seeds", [0, 1], ["table2 needs", "exactly one seed"]),
        ("experiments/table2.yaml", "scales.demo.settings.primary_threshold", 4.2, ["primary_threshold must be one of", "4.2"]),
        (
            "experiments/table2.yaml",
            "scales.demo.settings",
            {},
            ["demo: primary_threshold: required key is missing"],
        ),
        ("experiments/table2.yaml", "scales.demo.only", {"method": ["wgan_gp"]}, ["exactly two methods, found 1"]),
        (
            "experiments/table2.yaml",
            "scales.demo.scoring",
            {"splits": 7},
            ["num_samples (2000) must be a multiple of splits (7)"],
        ),
        (
            "experiments/check.yaml",
            "runs_of",
            {"table3": {}},
            ["runs_of", "unknown experiment at scale demo 'table3'", "table2"],
        ),
        ("experiments/check.yaml", "runs_of", {"table2": {"metod": ["wgan_gp"]}}, ["runs_of.table2", "unknown axis 'metod'"]),
        (
            "experiments/check.yaml",
            "runs_of",
            {"table2": {"method": ["wgangp"]}},
            ["runs_of.table2.method", "did you mean 'wgan_gp'"],
        ),
        ("experiments/check.yaml", "runs_of", {"check": {}}, ["runs_of", "unknown experiment at scale demo 'check'"]),
        ("experiments/pilot.yaml", "reports", ["table1"], ["reports: unknown key", "did you mean 'report'"]),
        ("methods/wgan_gp.yaml", "scales.demo.generator_optimizer.learning_rate", -1.0e-3, ["learning_rate", "-0.001"]),
        ("methods/wgan_gp.yaml", "scales.demo.generator_optimizer.learning_rate", "1e-4", ["reads as text", "write 1.0e-4"]),
        ("methods/wgan_gp.yaml", "scales.dema", {"critic_steps": 1}, ["unknown scale 'dema'", "did you mean 'demo'"]),
        ("scales/demo.yaml", "device", "gpu", ["device", "cuda", "gpu"]),
        ("scales/demo.yaml", "scoring.splits", 7, ["num_samples (2000) must be a multiple of splits (7)"]),
        ("methods/wgan_gp.yaml", "settings.critic_steps", 0, ["critic_steps", "greater than 0"]),
        ("config.yaml", "scale", "dem", ["unknown scale 'dem'", "did you mean 'demo'"]),
        ("config.yaml", "target", [], ["target: unknown key", "did you mean 'targets'"]),
    ],
)
def test_wrong_parameters_get_one_line_that_names_the_file(tmp_path, file, keys, value, words):
    params = copy_params(tmp_path)
    edit_yaml(params / file, **{keys: value})
    with pytest.raises(WganlibError) as error:
        load_plan(params)
    text = str(error.value)
    assert "\n" not in text
    for word in words:
        assert word in text
    if "unknown scale" not in text and "already made" not in text:
        assert file in text
