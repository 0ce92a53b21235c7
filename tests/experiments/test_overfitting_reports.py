"""Reports of critic losses on held-out data from made-up curves whose slopes and gaps are known."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from made_up import failed, made_up, values

from wganlib.experiments import mnist_overfitting, negative_critic_loss
from wganlib.reporting.style import pdf

AT = np.arange(5, 205, 5)


@pytest.fixture(autouse=True)
def figures_are_closed():
    yield
    plt.close("all")


def losses(training, held_out, at=AT):
    """History columns whose negatives are the given values."""
    return {"generator_iteration": at, "training_critic_loss": -training, "held_out_critic_loss": -held_out}


def test_a_falling_loss_has_the_papers_trend():
    def curves(entry):
        training = 50.0 * np.exp(-AT / 50)
        return losses(training, 0.95 * training)

    content = negative_critic_loss.report(made_up("negative_critic_loss", lambda e: {}, curves=curves))
    assert values(content, "trend") == pytest.approx([-1.0, -1.0])
    assert values(content, "gap") == pytest.approx([0.05])
    smooth = [50 * np.exp(-AT[rows] / 50).mean() for rows in (slice(0, 2), slice(-3, None))]
    assert values(content, "end", "training") == pytest.approx([smooth[1] / smooth[0]], rel=0.05)
    assert pdf(content.pictures[0].figure)


def test_a_rising_loss_has_the_opposite_trend_and_ends_at_its_maximum():
    content = negative_critic_loss.report(
        made_up("negative_critic_loss", lambda e: {}, curves=lambda e: losses(AT * 1.0, AT * 1.3))
    )
    assert values(content, "trend", "training") == pytest.approx([1.0])
    assert values(content, "end", "held out") == pytest.approx([1.0])
    # Held-out above training is a distance too; the table keeps its sign.
    assert values(content, "gap") == pytest.approx([0.3])
    assert content.tables[0].rows[0][6] == "−30.0 %"


@pytest.mark.parametrize(("outcome", "score", "measured"), [("diverged", "1.00", 5), ("out_of_memory", "–", 0)])
def test_a_failed_run_has_a_row_and_meets_no_criterion(outcome, score, measured):
    def curves(entry):
        return losses(np.full(40, np.nan), np.full(40, np.inf))

    content = negative_critic_loss.report(made_up("negative_critic_loss", lambda e: failed(outcome), curves=curves))
    assert content.tables[0].rows == [["0", outcome, *["–"] * 5, score, "–"]]
    assert len(content.findings.rows) == measured
    assert all(np.isnan(row["value"]) for row in content.findings.rows)


def test_smoothing_averages_a_tenth_of_the_points():
    smooth = negative_critic_loss.smoothed(pd.Series([0.0] * 25 + [5.0] + [0.0] * 24))
    assert smooth[23:28].tolist() == pytest.approx([1.0] * 5)
    assert smooth[22] == smooth[28] == 0.0


DIGITS_AT = np.arange(10, 210, 10)


def digit_losses(entry):
    """Few digits: training rises by 4 in 1,000 iterations, held-out falls by 10; all digits: both fall, close together."""
    t, seed = DIGITS_AT / 1000, entry.spec.seed
    if entry.labels["training_set"] == "limited":
        return losses(4 * t + 2 + seed, -10 * t + 2 + seed, DIGITS_AT)
    return losses(3 - 2 * t, 0.95 * (3 - 2 * t), DIGITS_AT)


def digits_content(scores=lambda e: {}, curves=digit_losses):
    return mnist_overfitting.report(made_up("mnist_overfitting", scores, curves=curves))


def test_slopes_and_gaps_of_few_digits_and_of_all():
    content = digits_content()
    assert values(content, "rise") == pytest.approx([4.0] * 3)
    assert values(content, "fall") == pytest.approx([-10.0] * 3)
    assert values(content, "training_slope", "WGAN, clipping, all digits") == pytest.approx([-2.0] * 3)
    assert values(content, "held_out_slope", "WGAN-GP, all digits") == pytest.approx([-1.9] * 3)
    # The last fifth are iterations 170 to 200, whose mean is 185.
    expected = [(14 * 0.185) / (4 * 0.185 + 2 + seed) for seed in range(3)]
    assert values(content, "gap_limited", "WGAN-GP") == pytest.approx(expected)
    assert values(content, "gap_whole", "WGAN-GP") == pytest.approx([0.05] * 3)
    assert values(content, "gap_difference", "WGAN, clipping") == pytest.approx([e - 0.05 for e in expected])


def test_each_training_set_is_named_by_its_size():
    first, pairs, scores = digits_content().tables
    assert [row[:3] for row in first.rows] == [
        ["WGAN-GP", "100 digits", "3 of 3"],
        ["WGAN-GP", "all digits", "3 of 3"],
        ["WGAN, clipping", "100 digits", "3 of 3"],
        ["WGAN, clipping", "all digits", "3 of 3"],
    ]
    assert pairs.columns[2] == "gap with 100 digits minus gap with all"
    assert [row[1] for row in scores.rows] == ["100 digits", "all digits"] * 2


@pytest.mark.parametrize(("outcome", "seeds"), [("diverged", [0, 1, 2]), ("out_of_memory", [0, 2])])
def test_pairs_are_of_one_seed_and_a_failed_run_has_no_gap(outcome, seeds):
    def chosen(entry):
        return entry.spec.seed == 1 and entry.labels["training_set"] == "whole" and entry.labels["method"] == "wgan"

    # Its losses are finite until it fails: they are not those of an end.
    content = digits_content(lambda e: failed(outcome) if chosen(e) else {})
    rows = [row for row in content.findings.rows if row["quantity"] == "gap_difference" and row["case"] == "WGAN, clipping"]
    assert [row["seed"] for row in rows] == seeds
    assert [row["seed"] for row in rows if np.isnan(row["value"])] == [seed for seed in seeds if seed == 1]
    assert content.tables[0].rows[3][2] == "2 of 3"
    assert content.tables[1].rows[1][1] == "2"
    assert pdf(content.pictures[0].figure)
