"""The regression check's arithmetic and its refusals, on made-up tables."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from conftest import wganlib
from scipy import stats

from wganlib.collecting.tables import write_table
from wganlib.errors import WganlibError
from wganlib.judging.baseline import compare, load_baseline, record_baseline, render


def table(seeds, scores, distances=None, outcome="ok", settings="abc", method="wgan_gp"):
    distances = distances if distances is not None else [100.0 + s for s in range(len(seeds))]
    return pd.DataFrame(
        {
            "run": [f"run{s}" for s in seeds],
            "architecture": "base",
            "method": method,
            "settings": settings,
            "seed": seeds,
            "outcome": outcome,
            "classifier_score": scores,
            "frechet_classifier_distance": distances,
            "classifier_score_split_std": 0.1,
            "frechet_classifier_distance_standard_error": 0.1,
            "untrained_classifier_score": 1.5,
            "commit": "0" * 40,
            "device": "a processor",
            "threads": 1,
            "seconds": 1.0,
        }
    )


BASE = [6.0, 6.2, 5.8, 6.1, 5.9, 6.3]


@pytest.fixture
def baseline(tmp_path):
    path = tmp_path / "baseline.json"
    record_baseline(table(range(100, 106), BASE), path)
    return load_baseline(path)


def test_the_difference_is_in_standard_errors_of_the_baseline_s_spread(baseline):
    result = compare(table([0, 1], [5.5, 5.7]), baseline)
    score = next(c for c in result if c.metric == "classifier_score")
    expected = (np.mean(BASE) - 5.6) / (np.std(BASE, ddof=1) * math.sqrt(1 / 6 + 1 / 2))
    assert score.standard_errors == pytest.approx(expected)
    assert score.limit == pytest.approx(stats.t.ppf(0.999, 5))


def test_worse_regresses_better_does_not(baseline):
    def regressed(scores, distances=None):
        return {c.metric for c in compare(table([0, 1, 2], scores, distances), baseline) if c.regressed}

    assert regressed([6.0, 6.1, 5.9]) == set()
    assert regressed([2.0, 2.1, 1.9]) == {"classifier_score"}
    assert regressed([9.0, 9.1, 9.2]) == set()
    assert regressed([6.0, 6.1, 5.9], [1000.0, 1100.0, 900.0]) == {"log_frechet_classifier_distance"}
    assert regressed([6.0, 6.1, 5.9], [1.0, 1.1, 0.9]) == set()


def test_a_diverged_run_regresses(baseline):
    rows = table([0, 1, 2], [6.0, 6.1, 1.0], [100.0, 101.0, math.nan], outcome=["ok", "ok", "diverged"])
    assert all(c.regressed for c in compare(rows, baseline))


def test_a_run_without_memory_is_left_out(baseline):
    without = compare(table([0, 1], [5.5, 5.7]), baseline)
    rows = table([0, 1, 2], [5.5, 5.7, math.nan], [100.0, 101.0, math.nan], outcome=["ok", "ok", "out_of_memory"])
    assert compare(rows, baseline) == without
    with pytest.raises(WganlibError, match="no runs of architecture 'base' with method 'wgan_gp' that have a result"):
        compare(table([0], [math.nan], [math.nan], outcome="out_of_memory"), baseline)


def test_a_baseline_is_of_the_score_that_heads_a_report(tmp_path):
    inception = {"inception_score": BASE, "frechet_inception_distance": [math.e ** (s / 10) for s in range(6)]}
    rows = table(range(100, 106), BASE[::-1]).assign(**inception)
    record_baseline(rows, tmp_path / "b.json")
    (group,) = load_baseline(tmp_path / "b.json").groups
    assert group.values["inception_score"] == tuple(BASE)
    assert group.values["log_frechet_inception_distance"] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    worse = table([0, 1], BASE[:2]).assign(inception_score=2.0, frechet_inception_distance=1.1)
    assert [c.metric for c in compare(worse, load_baseline(tmp_path / "b.json")) if c.regressed] == ["inception_score"]
    with pytest.raises(WganlibError, match="the table has no column 'inception_score', which the baseline compares"):
        compare(table([0, 1], BASE[:2]), load_baseline(tmp_path / "b.json"))


def test_the_false_alarm_rate_is_about_what_is_said(tmp_path):
    """500 simulated checks of unchanged code, two metrics each: at 0.001, more than 5 alarms have probability 0.0006."""
    random = np.random.default_rng(0)
    alarms = 0
    for index in range(500):
        path = tmp_path / f"{index}.json"
        record_baseline(table(range(100, 108), random.normal(5, 1, 8), np.exp(random.normal(3, 1, 8))), path)
        fresh = table(range(3), random.normal(5, 1, 3), np.exp(random.normal(3, 1, 3)))
        alarms += sum(c.regressed for c in compare(fresh, load_baseline(path)))
    assert alarms <= 5


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (lambda: table([0, 105], [6.0, 6.0]), "seeds \\[105\\] are the baseline's own"),
        (lambda: table([0, 1], [6.0, 6.0], settings="xyz"), "settings xyz, the baseline with abc; record a new baseline"),
        (lambda: table([0, 1], [6.0, 6.0], method="gan"), "no runs of architecture 'base' with method 'wgan_gp'"),
    ],
)
def test_tables_that_cannot_be_compared_are_refused(baseline, rows, words):
    with pytest.raises(WganlibError, match=words):
        compare(rows(), baseline)


def test_a_baseline_needs_five_seeds_and_no_diverged_run(tmp_path):
    with pytest.raises(WganlibError, match="at least 5 seeds, found 4"):
        record_baseline(table(range(4), BASE[:4]), tmp_path / "b.json")
    with pytest.raises(WganlibError, match="diverged"):
        record_baseline(table(range(6), BASE, outcome="diverged"), tmp_path / "b.json")
    assert not (tmp_path / "b.json").exists()


def test_the_command_exits_0_1_and_2(tmp_path):
    write_table(tmp_path / "base.csv", table(range(100, 106), BASE))
    write_table(tmp_path / "good.csv", table([0, 1, 2], [6.0, 6.1, 5.9]))
    write_table(tmp_path / "bad.csv", table([0, 1, 2], [2.0, 2.1, 1.9]))
    assert wganlib(tmp_path, "check", "base.csv", "--baseline", "b.json", "--record").returncode == 0
    good = wganlib(tmp_path, "check", "good.csv", "--baseline", "b.json")
    assert (good.returncode, good.stderr) == (0, "")
    assert "0 of 2 regressed" in good.stdout
    bad = wganlib(tmp_path, "check", "bad.csv", "--baseline", "b.json")
    assert bad.returncode == 1
    assert bad.stdout.count("REGRESSED") == 1
    missing = wganlib(tmp_path, "check", "good.csv", "--baseline", "none.json")
    assert missing.returncode == 2
    assert missing.stderr == (
        "error: none.json: no such baseline; record one with `wganlib check --record` from at least 5 seeds\n"
    )
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    other = wganlib(tmp_path, "check", "other.csv", "--baseline", "b.json")
    assert other.returncode == 2
    assert "other.csv: not a collected table: column 'run' is missing" in other.stderr
    (tmp_path / "b.json").write_text(json.dumps({"groups": []}))
    assert wganlib(tmp_path, "check", "good.csv", "--baseline", "b.json").returncode == 2


def test_the_printed_table_has_a_line_for_each_comparison(baseline):
    text = render(compare(table([0, 1, 2], [6.0, 6.1, 5.9]), baseline))
    assert len(text.splitlines()) == 4
