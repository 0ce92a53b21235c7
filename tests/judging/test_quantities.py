"""The quantities that every scored run has, from a made-up table of runs."""

import math

import pandas as pd
import pytest

from wganlib.judging.quantities import SCORES, scores
from wganlib.judging.score_names import COLUMNS

RUNS = pd.DataFrame(
    {
        "run": ["a", "b", "c"],
        "method": ["gp", "gp", "gan"],
        "seed": [0, 1, 0],
        "outcome": ["ok", "diverged", "out_of_memory"],
        "classifier_score": [5.0, 1.0, math.nan],
        "frechet_classifier_distance": [math.e**2, math.inf, math.nan],
        "untrained_classifier_score": [1.5, 1.2, 1.1],
        "pairwise_ssim": [0.25, 1.0, math.nan],
        "pairwise_ssim_training": [0.2, math.nan, math.nan],
        "seconds": [7.0, 3.0, 1.0],
    }
)


def measured(runs=RUNS):
    table = scores(runs, COLUMNS["classifier"])
    return {(row.quantity, row.run): row.value for row in table.itertuples()}


def test_failed_runs_have_the_worst_values_and_those_out_of_memory_none():
    values = measured()
    assert {quantity for quantity, _ in values} == set(SCORES)
    assert {run for _, run in values} == {"a", "b"}
    expected = {
        "score": (5.0, 1.0),
        "gain": (3.5, -0.2),
        "log_distance": (2.0, math.inf),
        "similarity": (0.05, 0.8),
        "diverged": (0.0, 1.0),
        "seconds": (7.0, 3.0),
    }
    for quantity, (first, second) in expected.items():
        assert (values[quantity, "a"], values[quantity, "b"]) == (pytest.approx(first), pytest.approx(second))


def test_real_images_of_other_data_do_not_stand_in_for_a_failed_runs():
    more = pd.concat([RUNS, RUNS[:1].assign(run="d", pairwise_ssim_training=0.4)])
    values = measured(more)
    assert math.isnan(values["similarity", "b"])
    assert values["similarity", "d"] == pytest.approx(-0.15)
