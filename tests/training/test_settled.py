"""What trainings and scores rest on besides their spec: torch's settings, and the threads that the spec names."""

import json

import pytest
import torch
from conftest import committed_plan, copy_params, edit_yaml, make_spec

from wganlib.planning.plan import load_plan
from wganlib.scoring import scorer
from wganlib.spec.run import Spec
from wganlib.streams import settle
from wganlib.training import runs


@pytest.fixture
def put_back():
    yield
    torch.set_flush_denormal(False)
    torch.set_num_threads(1)


@pytest.mark.usefixtures("put_back")
def test_new_memory_is_not_filled_before_it_is_written():
    torch.utils.deterministic.fill_uninitialized_memory = True
    settle(1)
    with torch.profiler.profile() as profile:
        torch.empty(1000)
    assert not [event.key for event in profile.key_averages() if "fill" in event.key]


@pytest.mark.usefixtures("put_back")
def test_numbers_below_the_normal_range_are_zero_and_the_threads_are_those_asked_for():
    torch.set_flush_denormal(False)
    tiny = torch.full((8,), 2e-38)
    assert float((tiny * 0.01).max()) > 0
    settle(2)
    assert float((tiny * 0.01).max()) == 0
    assert torch.get_num_threads() == 2
    assert torch.get_deterministic_debug_mode() == 1  # warns


@pytest.mark.usefixtures("put_back")
@pytest.mark.parametrize("threads", [1, 2])
def test_a_training_and_its_score_take_the_threads_of_the_spec(tmp_path, monkeypatch, threads):
    asked = []
    for module in (runs, scorer):
        monkeypatch.setattr(module, "settle", lambda count: asked.append(count))
    spec = make_spec(threads=threads, generator_iterations=1, log_every=1)
    runs.train(spec, tmp_path, device="cpu")
    provenance = json.loads((spec.folder(tmp_path) / "provenance.json").read_text())
    assert provenance["threads"] == threads
    assert asked == [threads]


def test_threads_are_part_of_a_key_and_a_scale_s_are_those_of_its_runs_but_of_stacks(tmp_path):
    assert make_spec(threads=2).key != make_spec().key
    assert Spec.model_validate_json(make_spec(threads=2).canonical(), strict=True).threads == 2
    params = copy_params(tmp_path)
    edit_yaml(params / "scales/demo.yaml", threads=3)
    plan, before = load_plan(params, "demo"), committed_plan()
    assert {spec.threads for spec in plan.runs.values()} == {3}
    assert {spec.threads for spec in plan.classifiers().values()} == {3}
    assert plan.stacks.keys() == before.stacks.keys()
    assert not plan.runs.keys() & before.runs.keys()
