"""How failed runs count, on tables whose answers are known by hand."""

import math
import subprocess
import sys

import pandas as pd
import pytest

from wganlib.collecting.tables import metrics, ranking
from wganlib.judging.failures import WORST, counted, with_result
from wganlib.judging.score_names import COLUMNS
from wganlib.scoring.diversity import scales_of

NAN = math.nan


def runs():
    """As the scorer writes them: a failure has the score of a constant and no distance, whatever it failed of."""
    return pd.DataFrame(
        {
            "run": ["a", "b", "c", "d", "e"],
            "method": "gan",
            "outcome": ["ok", "diverged", "out_of_memory", "ok", "ok"],
            "classifier_score": [2.0, 1.0, 1.0, 9.0, 3.0],
            "classifier_score_split_std": [0.1, 0.0, 0.0, 0.3, 0.2],
            "frechet_classifier_distance": [50.0, NAN, NAN, 10.0, 30.0],
            "frechet_classifier_distance_standard_error": [1.0, NAN, NAN, 1.0, 1.0],
            "mode_coverage": [0.5, NAN, NAN, 0.7, 0.6],
            "pairwise_ssim": [0.2, NAN, NAN, 0.3, 0.4],
            "pairwise_ssim_training": [0.1, NAN, NAN, 0.1, 0.1],
            "untrained_classifier_score": [1.5, 1.6, 1.7, 1.8, 1.9],
            "seconds": [1.0, 2.0, 3.0, 4.0, 5.0],
        }
    )


def known(values):
    return [None if math.isnan(value) else value for value in values]


def test_a_diverged_run_is_the_worst_and_one_without_memory_has_no_score():
    table = counted(runs())
    assert known(table["classifier_score"]) == [2.0, 1.0, None, 9.0, 3.0]
    assert known(table["classifier_score_split_std"]) == [0.1, None, None, 0.3, 0.2]
    assert known(table["frechet_classifier_distance"]) == [50.0, math.inf, None, 10.0, 30.0]
    assert known(table["frechet_classifier_distance_standard_error"]) == [1.0, None, None, 1.0, 1.0]
    assert known(table["mode_coverage"]) == [0.5, 0.0, None, 0.7, 0.6]
    assert known(table["pairwise_ssim"]) == [0.2, 1.0, None, 0.3, 0.4]
    for name in ("pairwise_ssim_training", "untrained_classifier_score", "seconds", "outcome"):
        assert table[name].equals(runs()[name])
    assert counted(table).equals(table)
    assert list(with_result(table)["run"]) == ["a", "b", "d", "e"]
    assert counted(runs().astype({"frechet_classifier_distance": object}))["frechet_classifier_distance"][1] == math.inf


def test_means_and_medians_of_metrics_count_failures_by_the_rule():
    one = metrics(counted(runs()), ["method"])["gan"]
    assert {name: one[name] for name in ("runs", "diverged", "out_of_memory")} == {"runs": 5, "diverged": 1, "out_of_memory": 1}
    # 1, 2, 3, 9: the mean is not the median.
    assert (one["classifier_score_mean"], one["classifier_score_median"]) == (3.75, 2.5)
    # 10, 30, 50, infinite.
    assert (one["frechet_classifier_distance_mean"], one["frechet_classifier_distance_median"]) == (None, 40.0)
    assert (one["pairwise_ssim_mean"], one["pairwise_ssim_median"]) == (0.475, 0.35)
    most = counted(runs().assign(outcome=["diverged", "diverged", "out_of_memory", "diverged", "ok"]))
    assert metrics(most, ["method"])["gan"]["frechet_classifier_distance_median"] is None


def test_every_score_that_is_written_is_in_metrics():
    table = counted(pd.DataFrame([{"group": "runs", "outcome": "ok"} | dict.fromkeys(WORST, 0.5)]))
    (one,) = metrics(table, []).values()
    assert set(one) == {"runs", "diverged", "out_of_memory"} | {
        f"{name}_{kind}" for name in WORST for kind in ("mean", "median")
    }
    for c in COLUMNS.values():
        assert {c.score, c.distance} <= set(WORST)
    for size in (64, 128, 256):
        assert f"pairwise_ms_ssim_{scales_of(size)}_scales" in WORST


@pytest.mark.parametrize(("score", "best"), [("inception_score", "b"), ("classifier_score", "a")])
def test_ranking_is_by_the_score_that_is_asked_for(score, best):
    table = counted(
        pd.DataFrame(
            {
                "run": ["a", "b", "c", "d", "e"],
                "outcome": ["ok", "ok", "out_of_memory", "diverged", "ok"],
                "inception_score": [2.0, 9.0, 9.5, 1.0, 1.0],
                "classifier_score": [9.0, 2.0, 9.5, 1.0, 1.0],
            }
        )
    )
    ranked = list(ranking(table, score)["run"])
    # The diverged run is behind an equal score, and one that has no result has no place.
    assert ranked == [best, *sorted({"a", "b"} - {best}), "e", "d"]


def test_names_of_columns_need_neither_torch_nor_pandas():
    code = "import sys, wganlib.judging.score_names, wganlib.judging.failures; "
    code += "print(sorted({'torch', 'pandas', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
