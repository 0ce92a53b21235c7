"""Classifiers and scores are made on the device that is asked for, and say so."""

import json
from types import SimpleNamespace

import pytest
import torch
from conftest import make_spec, wganlib
from torch import nn

from wganlib.datasets.spec import DatasetSpec
from wganlib.files import read_json
from wganlib.judging.score_names import COLUMNS
from wganlib.scoring import inception, scorer
from wganlib.scoring.inception_scorer import InceptionScorer
from wganlib.spec.scoring import ClassifierSpec, ScoringSpec
from wganlib.training import provenance, runs

CLASSIFIER = ClassifierSpec(dataset=DatasetSpec(name="digits", image_size=16), epochs=1, seed=0)
SCORING = ScoringSpec(network="classifier", num_samples=60, splits=2, batch_size=30)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A trained run, and a classifier on the CPU."""
    results = tmp_path_factory.mktemp("results")
    spec = make_spec(snapshots=(2,))
    runs.train(spec, results, device="cpu")
    scorer.make_classifier(CLASSIFIER, SCORING, results / "c")
    return spec, results / "runs" / spec.key, results / "c"


def test_every_network_goes_to_the_device_whose_name_is_told(run, monkeypatch, tmp_path):
    spec, folder, judge = run
    scorer.score_run(spec, SCORING, folder, judge)
    plain = read_json(folder / "scores.json")
    assert "device" not in plain  # scores by the CPU are the same bytes as ever
    card, moved, processor = SimpleNamespace(type="cuda"), [], provenance.device_name(torch.device("cpu"))

    def to(self, device):
        assert device is card
        moved.append(type(self).__name__)
        return self

    monkeypatch.setattr(nn.Module, "to", to)
    for module in (scorer, provenance):
        monkeypatch.setattr(module, "device_name", lambda device: "A Card" if device is card else "A Processor")
    scorer.score_run(spec, SCORING, folder, judge, card)
    assert sorted(moved) == sorted(["Classifier", *["Stack"] * 3])  # untrained, its snapshot, trained
    assert read_json(folder / "scores.json") == plain | {"device": "A Card"}
    monkeypatch.setattr(torch.Tensor, "to", lambda self, device: self)
    scorer.make_classifier(CLASSIFIER, SCORING, tmp_path, card)
    described = read_json(tmp_path / "classifier.json")
    assert described["provenance"]["device"] == "A Card"
    assert moved[-1] == "Classifier"
    assert (tmp_path / "classifier.safetensors").read_bytes() == (judge / "classifier.safetensors").read_bytes()
    assert read_json(judge / "classifier.json")["provenance"]["device"] == processor


def test_inception_goes_to_the_device_too(monkeypatch):
    card, asked = torch.device("cuda"), []
    monkeypatch.setattr(inception, "load", lambda sha256, device: asked.append(device))
    assert InceptionScorer(SCORING, -1.0, card).device == card
    assert asked == [card]


def test_the_commands_take_the_device_and_the_workflow_s_setting(run, tmp_path):
    spec, folder, judge = run
    commands = (
        ["classifier", CLASSIFIER.canonical(), "--scoring", SCORING.canonical()],
        ["score", spec.canonical(), "--scoring", SCORING.canonical(), "--results", str(folder.parents[1])],
    )
    for command in commands:
        done = wganlib(tmp_path, *command, WGANLIB_DEVICE="tpu")
        assert (done.returncode, done.stderr) == (2, "error: device: found 'tpu', allowed are auto, cpu, cuda\n")
    done = wganlib(tmp_path, *commands[1], "--classifier", str(judge), "--device", "cpu")
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a graphics card")
def test_scores_by_a_graphics_card_are_those_of_the_cpu(run, tmp_path):
    spec, folder, judge = run
    card = torch.device("cuda")
    scores = {}
    for device in (torch.device("cpu"), card):
        scorer.score_run(spec, SCORING, folder, judge, device)
        scores[device.type] = json.loads((folder / "scores.json").read_text())
    for name in COLUMNS["classifier"][:3:2]:
        assert scores["cuda"][name] == pytest.approx(scores["cpu"][name], rel=1e-2)
    scorer.make_classifier(CLASSIFIER, SCORING, tmp_path, card)
    assert read_json(tmp_path / "classifier.json")["provenance"]["device"] == torch.cuda.get_device_name(card)
