"""Critic losses on held-out data: quantities and claims from made-up curves whose slopes and gaps are known."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from made_up import failed, made_up, values, verdict, with_measured

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


def falling(entry):
    """Up to a maximum at iteration 50, then exponentially down; held out 5 % below."""
    training = np.where(AT < 50, AT * 1.0, 50.0 * np.exp(-(AT - 50) / 50))
    return losses(training, 0.95 * training)


def curve_tables(curves=falling, distance=lambda entry, i: 1000.0 - i, scores=lambda entry: {}):
    def snapshots(entry):
        return {i: {"frechet_classifier_distance": distance(entry, i)} for i in entry.spec.snapshots}

    return with_measured(made_up("negative_critic_loss", scores, snapshots, curves=curves), negative_critic_loss.measure)


def test_the_trend_is_taken_before_and_after_the_maximum():
    made = negative_critic_loss.measure(curve_tables())
    assert values(made, "trend", part="training", phase="after its maximum") == pytest.approx([-1.0] * 8)
    assert values(made, "trend", part="held_out", phase="before its maximum") == pytest.approx([1.0] * 8)
    assert values(made, "gap") == pytest.approx([0.05] * 8)
    # Smoothed over 4 of 40 points, at the end over the 3 that there are.
    smooth = negative_critic_loss.smoothed(pd.Series(-falling(None)["training_critic_loss"]))
    assert values(made, "end", part="training") == pytest.approx([smooth.iloc[-1] / smooth.max()] * 8)
    assert smooth.iloc[-1] / smooth.max() == pytest.approx(np.exp(-145 / 50), rel=0.12)


def test_smoothing_averages_a_tenth_of_the_points():
    smooth = negative_critic_loss.smoothed(pd.Series([0.0] * 25 + [5.0] + [0.0] * 24))
    assert smooth[23:28].tolist() == pytest.approx([1.0] * 5)
    assert smooth[22] == smooth[28] == 0.0


def test_a_loss_tells_quality_where_both_move_together_beyond_time():
    """A loss with a bump that the distance shares, and one that the distance does not."""

    def curves(entry):
        training = 100 - 0.4 * AT + 8 * np.sin(AT / 15.0)
        return losses(training, training)

    together = curve_tables(curves, lambda entry, i: 100 - 0.4 * i + 8 * np.sin(i / 15.0))
    apart = curve_tables(curves, lambda entry, i: 100 - 0.4 * i - 8 * np.sin(i / 15.0))
    assert np.mean(values(negative_critic_loss.measure(together), "tells_quality")) > 0.6
    assert np.mean(values(negative_critic_loss.measure(apart), "tells_quality")) < 0.1


@pytest.mark.parametrize(
    ("claim", "curves", "expected"),
    [
        ("gp.fig5a.conv", falling, "holds"),
        ("gp.fig5a.conv", lambda entry: losses(AT * 1.0, AT * 1.0), "fails"),
        ("gp.fig5a.conv", lambda entry: losses(100 - 0.1 * AT, 100 - 0.1 * AT), "fails"),
        ("gp.fig5a.val", falling, "holds"),
        ("gp.fig5a.val", lambda entry: losses(AT * 1.0, AT * 1.3), "fails"),
    ],
)
def test_losses_decide(claim, curves, expected):
    assert verdict(claim, curve_tables(curves)).verdict == expected


@pytest.mark.parametrize(("outcome", "rows"), [("diverged", 8), ("out_of_memory", 0)])
def test_a_failed_run_leaves_its_claims_undecided_or_not_run(outcome, rows):
    tables = curve_tables(scores=lambda e: failed(outcome))
    assert len(values(negative_critic_loss.measure(tables), "gap")) == rows
    assert np.isnan(values(negative_critic_loss.measure(tables), "gap")).all()
    assert verdict("gp.fig5a.val", tables).verdict == ("undecided" if rows else "not run")
    assert pdf(negative_critic_loss.report(tables).pictures[0].figure)


# Few digits and all.

DIGITS_AT = np.arange(10, 210, 10)


def digit_losses(few=(4.0, -10.0), clipping=None):
    """Few digits: slopes of training and held-out loss per 1,000 iterations; all digits: both fall, close together."""

    def curves(entry):
        t, seed = DIGITS_AT / 1000, entry.spec.seed
        if entry.labels["training_set"] == "limited":
            first, second = clipping if clipping and entry.labels["method"] == "wgan" else few
            return losses(first * t + 2 + seed / 10, second * t + 2 + seed / 10, DIGITS_AT)
        return losses(3 - 2 * t, 0.99 * (3 - 2 * t), DIGITS_AT)

    return curves


def digits(curves=None, scores=lambda e: {"classifier_score": 5.0 + e.spec.seed / 50}):
    return with_measured(made_up("mnist_overfitting", scores, curves=curves or digit_losses()), mnist_overfitting.measure)


def test_slopes_and_gaps_of_few_digits_and_of_all():
    made, gp = mnist_overfitting.measure(digits()), "wgan_gp_appendix_e"
    # Over the whole training, which ends at 200.
    assert values(made, "slope", method=gp, training_set="limited", part="training") == pytest.approx([0.8] * 7)
    assert values(made, "slope", method=gp, training_set="limited", part="held_out") == pytest.approx([-2.0] * 7)
    assert values(made, "slope", method="wgan", training_set="whole", part="training") == pytest.approx([-0.4] * 7)
    # The last fifth are iterations 170 to 200, whose mean is 185.
    assert values(made, "gap", method=gp, training_set="limited") == pytest.approx([14 * 0.185] * 7)
    expected = [(14 * 0.185) / (4 * 0.185 + 2 + seed / 10) for seed in range(7)]
    assert values(made, "relative_gap", method="wgan", training_set="limited") == pytest.approx(expected)
    assert values(made, "loss", method=gp, training_set="whole", part="training") == pytest.approx([3 - 0.37] * 7)


@pytest.mark.parametrize(
    ("claim", "curves", "expected"),
    [
        ("gp.fig5b.diverge-gp", digit_losses(), "holds"),
        ("gp.fig5b.diverge-gp", digit_losses((4.0, 4.0)), "fails"),
        ("gp.fig5b.diverge-clip", digit_losses(clipping=(4.0, -10.0)), "holds"),
        ("gp.fig5b.diverge-clip", digit_losses(clipping=(4.0, 4.0)), "fails"),
        ("gp.fig5b.rise", digit_losses(), "holds"),
        ("gp.fig5b.rise", digit_losses((-4.0, -10.0)), "fails"),
        ("gp.fig5b.fall", digit_losses(), "holds"),
        ("gp.fig5b.fall", digit_losses((4.0, 1.0)), "fails"),
    ],
)
def test_curves_of_digits_decide(claim, curves, expected):
    assert verdict(claim, digits(curves)).verdict == expected


def test_nothing_is_said_of_clipping_that_does_not_train():
    tables = digits(scores=lambda e: {"classifier_score": 1.4 + e.spec.seed / 50 if e.labels["method"] == "wgan" else 5.0})
    judged = verdict("gp.fig5b.diverge-clip", tables)
    assert judged.verdict == "not testable here"
    assert "clipping trains on all digits" in judged.reason
    assert verdict("gp.fig5b.diverge-gp", tables).verdict in ("holds", "undecided")


def test_a_failed_run_has_no_gap_though_its_losses_are_finite_until_it_fails():
    def scores(entry):
        chosen = entry.spec.seed == 1 and entry.labels == {"method": "wgan", "training_set": "whole"}
        return failed("diverged") if chosen else {}

    tables = digits(scores=scores)
    gaps = values(mnist_overfitting.measure(tables), "gap", method="wgan", training_set="whole")
    assert list(np.isnan(gaps)) == [seed == 1 for seed in range(7)]
    assert pdf(mnist_overfitting.report(tables).pictures[0].figure)


def test_the_page_has_a_row_for_each_method_and_set():
    first, second = mnist_overfitting.report(digits()).tables
    assert [row[:2] for row in first.rows] == [
        ["WGAN-GP", "limited"],
        ["WGAN-GP", "whole"],
        ["WGAN, clipping", "limited"],
        ["WGAN, clipping", "whole"],
    ]
    assert first.rows[0][4].mean == pytest.approx(14 * 0.185)
    assert second.rows[0][2] == (7, 7)
    assert "Limited: 100 digits" in first.caption
