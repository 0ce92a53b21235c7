"""Collected tables from made-up runs' folders: labels, flattened scores, medians, sheets."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import committed_plan
from PIL import Image

from wganlib.collecting.collect import _sheets, collect
from wganlib.errors import WganlibError
from wganlib.experiments import mnist_overfitting
from wganlib.files import write_json
from wganlib.judging.score_names import COLUMNS
from wganlib.reporting.content import finite, mean_sd
from wganlib.reporting.report import load
from wganlib.scoring.scorer import FAILED
from wganlib.spec.scoring import ScoringSpec

ITERATIONS = list(range(10, 110, 10))


def estimate(value):
    return {"value": value, "standard_error": value / 100, "num_samples": 2000}


def write_runs(plan, name, folder):
    """Folders of an experiment's runs whose values follow from their seed and place."""
    experiment = plan.experiment(name)
    for place, entry in enumerate(experiment.entries):
        run, value = folder / "runs" / entry.run, 3.0 + entry.spec.seed
        classifier = plan.classifier_of(entry.run)
        moment = {
            "classifier_score": value,
            "classifier_score_split_std": 0.1,
            "frechet_classifier_distance": 10.0 * value,
            "frechet_classifier_distance_standard_error": 1.0,
            "measures": {"pairwise_ssim": estimate(0.25)},
        }
        failed = place == 1
        scores = moment | {"outcome": "diverged" if failed else "ok", "untrained_classifier_score": 1.5}
        scores |= {"measures": None} if failed else {}
        scores |= {"untrained": moment | {"classifier_score": 1.5}, "snapshots": {"50": moment | {"classifier_score": 2.0}}}
        if failed:
            scores["snapshots"]["100"] = COLUMNS["classifier"].named(FAILED) | {"measures": None}
        scores |= {"scoring": json.loads(experiment.scoring.canonical()), "classifier": classifier.key, "run": entry.run}
        write_json(run / "scores.json", scores)
        write_json(run / "spec.json", json.loads(entry.spec.canonical()))
        provenance = {"commit": "c" * 40, "device": "A Processor", "threads": 1, "seconds": 7.5, "sha256": {}}
        write_json(run / "provenance.json", provenance)
        losses = [float(i == 4) * 100 + i for i in range(10)]
        columns = {"generator_iteration": ITERATIONS, "critic_loss": losses, "generator_loss": losses, "seconds": losses}
        columns |= {"training_critic_loss": losses, "held_out_critic_loss": losses}
        pq.write_table(pa.table(columns), run / "history.parquet")
        shade = 40 + place
        for picture in ("samples", "progress"):
            Image.fromarray(np.full((12, 20, 3), shade, dtype=np.uint8)).save(run / f"{picture}.png")
        description = {"accuracy": 0.9, "held_out_images": 1, "scoring": {}, "uniform_noise": {"classifier_score": 1.0}}
        real = {"real_training_images": {"classifier_score": 9.0}, "real_held_out_images": {"classifier_score": 8.0}}
        write_json(folder / "classifiers" / classifier.key / "classifier.json", description | real)


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    plan = committed_plan()
    write_runs(plan, "mnist_overfitting", results)
    collect(plan, plan.experiment("mnist_overfitting"), results)
    return plan, results


def test_quantities_keep_their_titles_and_whole_seeds_though_some_have_none(collected, tmp_path):
    plan, results = collected
    experiment = plan.experiment("mnist_overfitting")
    assert load(plan, experiment, results).facts["quantities"].keys() == mnist_overfitting.QUANTITIES.keys()
    shutil.copytree(results, tmp_path / "results")
    path = tmp_path / "results/demo/mnist_overfitting/quantities.csv"
    head = path.read_text().splitlines()[0]
    names = head.split(",")
    rows = [dict.fromkeys(names, "") | {"quantity": "q", "value": "1.5", "seed": seed} for seed in ("3", "")]
    path.write_text("\n".join([head, *(",".join(row[name] for name in names) for row in rows)]) + "\n")
    seeds = load(plan, experiment, tmp_path / "results").quantities["seed"]
    assert (str(seeds[0]), seeds.isna().tolist()) == ("3", [False, True])


def test_labels_scores_and_measures_stand_in_columns(collected):
    plan, results = collected
    tables = load(plan, plan.experiment("mnist_overfitting"), results)
    entries = plan.experiment("mnist_overfitting").entries
    assert list(tables.runs["run"]) == [e.run for e in entries]
    for axis in plan.experiment("mnist_overfitting").axes:
        assert list(tables.runs[axis]) == [e.labels[axis] for e in entries]
    # The second run diverged: what it wrote counts as the score of a constant.
    assert list(tables.runs["classifier_score"]) == [1.0 if i == 1 else 3.0 + e.spec.seed for i, e in enumerate(entries)]
    assert tables.runs["outcome"].tolist() == ["ok", "diverged"] + ["ok"] * (len(entries) - 2)
    assert tables.runs["pairwise_ssim"][1] == 1.0
    assert np.isnan(tables.runs["pairwise_ssim_standard_error"][1])
    assert tables.runs["frechet_classifier_distance"][1] == np.inf
    assert tables.runs["pairwise_ssim_standard_error"][0] == 0.0025
    first = tables.snapshots[tables.snapshots["run"] == entries[0].run]
    assert list(first["generator_iteration"]) == [0, 50]
    assert list(first["classifier_score"]) == [1.5, 2.0]
    assert list(first["pairwise_ssim"]) == [0.25, 0.25]
    # What a run was before it diverged counts as it was measured.
    diverged = tables.snapshots[tables.snapshots["run"] == entries[1].run]
    assert list(diverged["outcome"]) == ["ok", "ok", "diverged"]
    assert list(diverged["classifier_score"]) == [1.5, 2.0, 1.0]
    assert list(diverged["frechet_classifier_distance"]) == [30.0, 30.0, np.inf]
    assert list(diverged["pairwise_ssim"]) == [0.25, 0.25, 1.0]
    assert tables.real["digits"]["real_training_images"] == {"classifier_score": 9.0}
    metrics = json.loads((results / "demo/mnist_overfitting/metrics.json").read_text())
    assert sum(one["runs"] for one in metrics.values()) == len(entries)
    assert sum(one["diverged"] for one in metrics.values()) == 1


def test_sheets_are_of_the_first_seed_each_with_its_run(collected):
    plan, results = collected
    entries = plan.experiment("mnist_overfitting").entries
    sheets = load(plan, plan.experiment("mnist_overfitting"), results).sheets
    first = [(place, e.run) for place, e in enumerate(entries) if e.spec.seed == 0]
    assert list(sheets) == [run for _, run in first]
    for place, run in first:
        assert sheets[run].size == (20, 12)
        assert set(np.unique(np.asarray(sheets[run]))) == {40 + place}


def test_sheets_of_random_architectures_are_the_best_and_the_worst_by_the_score_that_heads_the_report(tmp_path):
    plan = committed_plan()
    scoring = ScoringSpec(network="inception", num_samples=100, splits=2)
    experiment = replace(plan.experiment("table2"), scoring=scoring)
    rows = []
    for entry in experiment.entries:
        place = int(entry.labels["architecture"])
        scores = {"inception_score": 2.0 + (place * 5) % 24, "classifier_score": 2.0 + place}
        rows.append({"run": entry.run, "seed": 0, "outcome": "ok", **entry.labels, **scores})
        (tmp_path / "runs" / entry.run).mkdir(parents=True)
        Image.new("L", (4, 4)).save(tmp_path / "runs" / entry.run / "samples.png")
    runs = {(row["method"], row["architecture"]): row["run"] for row in rows}
    # 5 p modulo 24 is largest at 19 and smallest at 24.
    expected = [f"sheets/{runs[method, place]}" for method in experiment.methods for place in (19, 24)]
    assert [name for name, _ in _sheets(pd.DataFrame(rows), experiment, tmp_path)] == expected


def test_running_medians_leave_a_spike_out_and_thinning_keeps_both_ends(collected, tmp_path):
    plan, results = collected
    experiment = plan.experiment("mnist_overfitting")
    changed = experiment.scale.model_copy(update={"median_iterations": 30, "curve_points": 4})
    object.__setattr__(experiment, "scale", changed)
    collect(plan, experiment, results)
    curves = pd.read_csv(results / "demo/mnist_overfitting/curves.csv")
    one = curves[curves["run"] == experiment.entries[0].run]
    # 30 iterations are three logged ones; at the ends two.
    assert experiment.entries[0].spec.log_every == 10
    assert list(one["generator_iteration"]) == [10, 40, 70, 100]
    assert list(one["critic_loss"]) == [0.0, 3.0, 6.0, 9.0]
    assert list(one["critic_loss_median"]) == [0.5, 3.0, 6.0, 8.5]


def test_scores_made_otherwise_are_refused(collected):
    plan, results = collected
    run = plan.experiment("mnist_overfitting").entries[0].run
    path = results / "runs" / run / "scores.json"
    before = path.read_text()
    write_json(path, json.loads(before) | {"classifier": "another"})
    with pytest.raises(WganlibError, match="made with classifier 'another'"):
        collect(plan, plan.experiment("mnist_overfitting"), results)
    path.write_text(before)


def test_spread_is_over_seeds_and_an_infinite_value_leaves_none():
    assert mean_sd([1.0, 2.0, 4.0, None, float("nan")]) == "2.33 ± 1.53"
    assert mean_sd([1.0, float("inf")]) == "∞"
    assert mean_sd([-float("inf"), float("inf")]) == "–"
    assert list(finite([None, 1, float("nan"), 2.5])) == [1.0, 2.5]


def test_samples_by_stage_are_kept_of_runs_with_snapshots_alone(tmp_path):
    plan = committed_plan()
    for name, staged in (("wgan_loss_quality", True), ("wgan_momentum", False)):
        experiment = plan.experiment(name)
        rows = pd.DataFrame([{"run": e.run, "seed": e.spec.seed} for e in experiment.entries])
        for run in rows["run"]:
            (tmp_path / "runs" / run).mkdir(parents=True, exist_ok=True)
            for shade, picture in ((10, "samples"), (200, "progress")):
                Image.new("L", (4, 4), shade).save(tmp_path / "runs" / run / f"{picture}.png")
        first = [e.run for e in experiment.entries if e.spec.seed == 0]
        pictures = dict(_sheets(rows, experiment, tmp_path))
        kinds = ("sheets", "stages") if staged else ("sheets",)
        assert set(pictures) == {f"{kind}/{run}" for kind in kinds for run in first}
        assert {int(p.max()) for key, p in pictures.items() if key.startswith("stages")} == ({200} if staged else set())
