"""The regression check end to end: three fresh seeds pass against the committed baseline, each planted fault fails."""

import dataclasses
import shutil

import pytest
import torch
from conftest import REPOSITORY, committed_plan

import wganlib.training.engine
import wganlib.training.trainer
from wganlib.collecting.collect import collect
from wganlib.collecting.tables import CHECKED_COLUMNS, read_table
from wganlib.judging.baseline import compare, load_baseline
from wganlib.methods import constraints, objectives
from wganlib.scoring import scorer as scoring
from wganlib.training import runs

pytestmark = pytest.mark.slow


def no_penalty(monkeypatch):
    original = constraints.penalty
    monkeypatch.setattr(constraints, "penalty", lambda norms, form, weight: original(norms, form, 0.0))


def wrong_sign(monkeypatch):
    original = constraints.penalty
    monkeypatch.setattr(constraints, "penalty", lambda norms, form, weight: -original(norms, form, weight))


def swapped_at_random(monkeypatch):
    coin = torch.Generator().manual_seed(0)
    original = objectives.critic_loss

    def swapped(objective, real, fake):
        if torch.rand((), generator=coin) < 0.5:
            real, fake = fake, real
        return original(objective, real, fake)

    monkeypatch.setattr(wganlib.training.trainer, "critic_loss", swapped)


def frozen_generator(monkeypatch):
    original = wganlib.training.engine.make_optimizer
    seen = []

    def frozen(spec, groups):
        # Of each trainer's two optimisers the generator's is made second.
        seen.append(spec)
        return original(spec if len(seen) % 2 else spec.model_copy(update={"learning_rate": 0.0}), groups)

    monkeypatch.setattr(wganlib.training.engine, "make_optimizer", frozen)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    plan = committed_plan()
    spec = plan.classifier_of(plan.experiment("check").run_keys[0])
    folder = tmp_path_factory.mktemp("classifiers") / spec.key
    scoring.make_classifier(spec, plan.params.scoring, folder)
    return folder


def regressed(plan, methods, results, classifier):
    """Train and score the check's runs of some methods, collect them, and compare with the committed baseline."""
    shutil.copytree(classifier, results / "classifiers" / classifier.name)
    experiment = plan.experiment("check")
    entries = tuple(e for e in experiment.entries if e.labels["method"] in methods)
    params = experiment.params.model_copy(update={"methods": methods})
    for entry in entries:
        spec = plan.runs[entry.run]
        runs.train(spec, results, device="cpu")
        scoring.score_run(spec, plan.params.scoring, results / "runs" / entry.run, classifier)
    collect(plan, dataclasses.replace(experiment, entries=entries, params=params), results)
    baseline = load_baseline(REPOSITORY / "params/baselines/demo.json")
    kept = tuple(g for g in baseline.groups if g.method in methods)
    table = read_table(results / "demo/check/runs.csv", CHECKED_COLUMNS)
    comparisons = compare(table, baseline.model_copy(update={"groups": kept}))
    return [c for c in comparisons if c.regressed]


@pytest.mark.parametrize("method", ["wgan_gp", "nonsaturating_gan"])
def test_three_fresh_seeds_pass(tmp_path, classifier, method):
    assert not regressed(committed_plan(), (method,), tmp_path, classifier)


@pytest.mark.parametrize("fault", [no_penalty, wrong_sign, swapped_at_random, frozen_generator])
def test_a_planted_fault_is_found(tmp_path, classifier, monkeypatch, fault):
    fault(monkeypatch)
    assert regressed(committed_plan(), ("wgan_gp",), tmp_path, classifier)
