"""Tiny trainings, scored by the real scorer with Inception's stand-in, through collected tables into reports' numbers."""

import json
import math
import statistics
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest
import torch
from conftest import copy_params, edit_yaml
from pypdf import PdfReader
from safetensors.torch import load_file, save_file
from stand_in import install_stand_in

from wganlib.collecting.collect import collect
from wganlib.collecting.ledger import judge_experiment
from wganlib.files import read_json, write_json
from wganlib.planning.plan import load_plan
from wganlib.reporting.report import write_report
from wganlib.scoring import inception_scorer, scorer
from wganlib.training import runs

GAN, GP = "nonsaturating_gan", "wgan_gp"
NAMES = ("table2", "penalty_sides", "pilot", "wgan_generators")
THRESHOLDS = [1.0, 1.05, 1.1, 1.15, 1.2, 1.3, 1.5, 2.0, 3.0]


def params_of(folder, sha256):
    """Parameters by which everything is small and Inception scores the runs."""
    params = copy_params(folder)
    scoring = {"network": "inception", "num_samples": 100, "splits": 2, "batch_size": 100, "inception_sha256": sha256}
    classifier = {"epochs": 8, "seed": 0}
    edit_yaml(params / "scales/demo.yaml", width=0.03125, scoring=scoring, classifier=classifier)
    few = {"log_every": 1, "generator_iterations": 3}
    at = "scales.demo."
    edit_yaml(
        params / "experiments/table2.yaml",
        **{at + "architectures": 3, at + "options": {}, at + "spec": few},
        **{at + "settings": {"thresholds": THRESHOLDS, "primary_threshold": 1.1}},
    )
    edit_yaml(params / "experiments/penalty_sides.yaml", **{at + "architectures": 3, at + "spec": few, at + "options": {}})
    edit_yaml(
        params / "experiments/pilot.yaml",
        **{at + "seeds": [1000, 1001], at + "grid": {"learning_rates": [1e-3], "critic_factors": [1.0]}},
        **{at + "options": {}, at + "spec": few | {"snapshots": [1, 3]}, "settings.thresholds": THRESHOLDS},
    )
    spec = {"architecture": {"width": 0.03125}, "generator_iterations": 3, "snapshots": [3], "log_every": 1}
    for name in ("wgan_generators", "wgan_loss_quality"):
        edit_yaml(params / f"experiments/{name}.yaml", **{at + "spec": spec, at + "seeds": [0], at + "group_seeds": {}})
    return params


def fail(folder, outcome):
    """Let a trained run be one that failed: a diverged one's last weights are not finite."""
    write_json(folder / "provenance.json", read_json(folder / "provenance.json") | {"outcome": outcome})
    if outcome == "diverged":
        weights = load_file(folder / "generator.safetensors")
        save_file({name: torch.full_like(value, math.nan) for name, value in weights.items()}, folder / "generator.safetensors")


def failing(experiment):
    """Of Table 2's three architectures the second has no GAN for want of memory, the third a WGAN-GP that diverged."""

    def key(group=None, **labels):
        (run,) = {e.run for e in experiment.entries if labels.items() <= e.labels.items() and group in (None, e.group)}
        return run

    if experiment.name == "table2":
        return {key(architecture=2, method=GAN): "out_of_memory", key(architecture=3, method=GP): "diverged"}
    if experiment.name == "penalty_sides":
        return {key(penalty="one-sided", architecture=1): "out_of_memory"}
    if experiment.name == "wgan_generators":
        constant = "no batch norm, constant filters"
        return {
            key(generator=constant, method=GAN): "out_of_memory",
            key(generator="MLP", method=GAN): "diverged",
        }
    return {}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The plan, and by name the numbers, the text and the metrics of reports, and every run's `scores.json`."""
    folder = tmp_path_factory.mktemp("real")
    results, reports, texts, metrics = folder / "results", {}, {}, {}
    with pytest.MonkeyPatch.context() as patch:
        for module in (scorer, inception_scorer):
            patch.setattr(module, "RESAMPLES", 2)  # nothing here looks at sampling errors
        plan = load_plan(params_of(folder, install_stand_in(folder / "inception.pt", patch)), "demo")
        failures = {run: outcome for name in NAMES for run, outcome in failing(plan.experiment(name)).items()}
        for name in NAMES:
            experiment = plan.experiment(name)
            for run in experiment.run_keys:
                spec, how, classifier = plan.runs[run], plan.scoring_of(run), plan.classifier_of(run)
                judge = results / "classifiers" / classifier.key
                if not judge.exists():
                    scorer.make_classifier(classifier, how, judge)
                if (results / "runs" / run / "scores.json").exists():
                    continue
                runs.train(spec, results, device="cpu")
                if run in failures:
                    fail(results / "runs" / run, failures[run])
                scorer.score_run(spec, how, results / "runs" / run, judge)
            tables = collect(plan, experiment, results)
            judge_experiment(plan, experiment, results)
            pdf = write_report(experiment, plan, results, folder / "reports")
            reports[name], metrics[name] = read_json(pdf.with_suffix(".json")), read_json(tables / "metrics.json")
            texts[name] = " ".join(" ".join(page.extract_text().split()) for page in PdfReader(pdf).pages)
    plt.close("all")
    scores = {path.parent.name: json.loads(path.read_text()) for path in results.glob("runs/*/scores.json")}
    real = read_json(next(results.glob("classifiers/*/classifier.json")))
    return SimpleNamespace(plan=plan, reports=reports, texts=texts, metrics=metrics, scores=scores, real=real)


def by_labels(made, name):
    """Scores of an experiment's runs by their labels, as the scorer wrote them."""
    return [(entry.labels | {"group": entry.group}, made.scores[entry.run]) for entry in made.plan.experiment(name).entries]


def ended(made, name, **labels):
    return [s for of, s in by_labels(made, name) if labels.items() <= of.items() and s["outcome"] == "ok"]


def test_the_two_kinds_of_score_differ_so_that_a_mistaken_one_shows(made):
    for name in ("inception_score", "untrained_inception_score"):
        pairs = [(s[name], s[name.replace("inception", "classifier")]) for s in made.scores.values() if s["outcome"] == "ok"]
        assert all(a != b for a, b in pairs)
        assert abs(max(a for a, _ in pairs) - max(b for _, b in pairs)) > 0.01
    by_classifier = {(of["architecture"], of["method"]): s["classifier_score"] for of, s in by_labels(made, "table2")}
    rows = made.reports["table2"]["tables"][0]["rows"]
    wrong = [[sum(by_classifier[a, method] > row[0]["value"] for a in (1, 3)) for method in (GAN, GP)] for row in rows]
    assert wrong != [[row[1] + row[3], row[2] + row[3]] for row in rows]


def test_table2_counts_ranks_and_shows_the_inception_score(made):
    numbers, text = made.reports["table2"], made.texts["table2"]
    score = {(of["architecture"], of["method"]): s for of, s in by_labels(made, "table2")}
    outcomes, factors, architectures = (table["rows"] for table in numbers["tables"])
    # Of the second architecture one run has no result, so that its pair is left out; the third's WGAN-GP diverged: 1.
    pairs = [(score[1, GAN]["inception_score"], score[1, GP]["inception_score"]), (score[3, GAN]["inception_score"], 1.0)]
    for row in outcomes:
        above = [(a > row[0]["value"], b > row[0]["value"]) for a, b in pairs]
        assert row[1:5] == [above.count(case) for case in ((True, False), (False, True), (True, True), (False, False))]
    assert sum(row[2]["of"] for row in factors[:4]) == 2
    for row in architectures:
        for method, (shown, distance) in zip((GAN, GP), (row[9:11], row[11:13]), strict=True):
            one = score[row[0], method]
            if one["outcome"] == "ok":
                assert shown["value"] == pytest.approx(one["inception_score"])
                assert distance["value"] == pytest.approx(one["frechet_inception_distance"])
            else:
                assert shown["value"] == {"diverged": 1.0, "out_of_memory": None}[one["outcome"]]
    untrained = [s["untrained_inception_score"] for s in score.values()]
    assert f"score up to {max(untrained):.2f}" in text
    assert "Inception Score" in text
    assert "lassifier score" not in text
    assert "FID" in text


def test_metrics_hold_fid_and_count_failures_by_the_rule(made):
    for method, one in made.metrics["table2"].items():
        runs_ok = ended(made, "table2", method=method)
        values = [s["inception_score"] for s in runs_ok] + [1.0] * one["diverged"]
        distances = [s["frechet_inception_distance"] for s in runs_ok] + [math.inf] * one["diverged"]
        assert one["runs"] == 3
        assert (one["diverged"], one["out_of_memory"]) == ((0, 1) if method == GAN else (1, 0))
        assert one["inception_score_mean"] == pytest.approx(statistics.mean(values), abs=1e-6)
        assert one["inception_score_median"] == pytest.approx(statistics.median(values), abs=1e-6)
        assert one["frechet_inception_distance_median"] == pytest.approx(statistics.median(distances), abs=1e-6)
        if one["diverged"]:
            assert one["frechet_inception_distance_mean"] is None
        else:
            assert one["frechet_inception_distance_mean"] == pytest.approx(statistics.mean(distances), abs=1e-6)


def test_penalties_are_compared_on_pairs_that_have_a_result(made):
    (counts,) = made.reports["penalty_sides"]["tables"]
    sides = {}
    for of, s in by_labels(made, "penalty_sides"):
        value = {"ok": s["inception_score"], "diverged": 1.0, "out_of_memory": None}[s["outcome"]]
        sides.setdefault(of["architecture"], {})[of["penalty"]] = value
    pairs = [(one["two-sided"], one["one-sided"]) for one in sides.values() if one["one-sided"] is not None]
    wins, losses = (sum(sign * (two - one) > 0 for two, one in pairs) for sign in (1, -1))
    assert sides[1]["one-sided"] is None
    assert [row[1] for row in counts["rows"][:4]] == [wins, losses, 2 - wins - losses, 2]


def test_the_pilot_chooses_by_the_inception_score(made):
    (table,) = made.reports["pilot"]["tables"]
    untrained = statistics.mean(s["untrained_inception_score"] for _, s in by_labels(made, "pilot"))
    assert f"Untrained generators score {untrained:.2f}" in table["caption"]
    for method, row in zip((GAN, GP), table["rows"], strict=True):
        means = [
            statistics.mean(s["snapshots"][i]["inception_score"] for s in ended(made, "pilot", method=method)) for i in "13"
        ]
        assert row[3] == (1 if means[0] >= means[1] else 3)
        assert row[4]["mean"] == pytest.approx(max(means))
    assert "Mean Inception Score over the pilot" in made.texts["pilot"]


def test_a_gan_without_memory_has_no_score_and_one_that_diverged_the_worst(made):
    (table,) = made.reports["wgan_generators"]["tables"]
    rows = {(row[0], row[1]): dict(zip(table["columns"], row, strict=True)) for row in table["rows"]}
    constant = "no batch norm, constant filters"
    without = {of for of, row in rows.items() if row["runs ok"]["cases"] == 0}
    assert without == {(constant, "GAN"), ("MLP", "GAN")}
    means = [[rows[of][name]["mean"] for name in ("Inception Score", "FID")] for of in ((constant, "GAN"), ("MLP", "GAN"))]
    assert means == [[None, None], [1.0, "∞"]]
    (wgan,) = ended(made, "wgan_generators", method="wgan_2017", generator="MLP")
    assert rows["MLP", "WGAN"]["Inception Score"]["mean"] == pytest.approx(wgan["inception_score"])
    assert rows["MLP", "WGAN"]["FID"]["mean"] == pytest.approx(wgan["frechet_inception_distance"])
    assert "one that ran out of memory has no result and is left out" in made.texts["wgan_generators"]
