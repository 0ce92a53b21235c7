"""Reports on WGAN's losses, generators and optimisers, from made-up tables whose answers are known."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
from made_up import failed, made_up, values

from wganlib.experiments import wgan_generators, wgan_loss_quality, wgan_momentum
from wganlib.experiments.wgan_loss_quality import interval, js_estimate
from wganlib.experiments.wgan_momentum import blow_ups

MLPS = "MLP with MLP critic"
CONSTANT = "no batch norm, constant filters"
ORDER = [4, 1, 3, 2, 5, 7, 6, 9, 8, 10]


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def is_wgan(entry):
    return entry.labels["method"] == "wgan_2017"


def moments(entry, scale=1.0):
    """Ten checkpoints whose distance falls from 100 by 9 each time, and the untrained generator."""
    found = {0: {"frechet_classifier_distance": 200.0}}
    for place, iteration in enumerate(entry.spec.snapshots):
        distance = {"frechet_classifier_distance": 100.0 - 9 * place * scale, "classifier_score": 2.0 + place}
        found[iteration] = distance | {"frechet_classifier_distance_standard_error": 3.0}
    return found


def history(entry):
    """WGAN: loss from -2 linearly to -1, that of the pair of MLPs constant but for 5 % in the last half; GAN: see below."""
    i = np.arange(5, 1001, 5)
    if not is_wgan(entry):
        # A discriminator that says 1/2 at first and is perfect in the end; the generator's cost rises by 0.004 an iteration.
        loss, cost = 2 * math.log(2) * (1 - i / 1000), 0.004 * i
    elif entry.labels["generator"] == MLPS:
        loss, cost = -2.0 + 0.1 * np.clip(i - 500, 0, None) / 500, 0.0 * i
    else:
        loss, cost = -2.0 + i / 1000, 0.0 * i
    medians = {"critic_loss_median": loss, "generator_loss_median": cost}
    return {"generator_iteration": i, "critic_loss": 99.0, "generator_loss": 99.0} | medians


def loss_quality(curves=history, scores=lambda e: {}, snapshots=moments):
    return wgan_loss_quality.report(made_up("wgan_loss_quality", scores, snapshots, curves))


def test_estimates_fall_with_the_distance_for_wgan_and_rise_for_gan():
    content = loss_quality()
    assert values(content, "w_correlation", "DCGAN") == pytest.approx([1.0])
    assert len(values(content, "w_correlation")) == 2
    assert values(content, "js_correlation", "GAN; DCGAN") == pytest.approx([-1.0])
    assert max(values(content, "js_correlation_low")) < 0
    assert values(content, "gain") == pytest.approx([2.0, 2.0])


def test_the_failing_pair_is_judged_by_its_last_half():
    content = loss_quality()
    # From 2.0 to 1.9, and from 46 (iteration 500, the seventh checkpoint) to 19 with an error of 3 each.
    assert values(content, "w_change", MLPS) == pytest.approx([0.05])
    assert values(content, "w_improvement", MLPS) == pytest.approx([(100 - 54 - 19) / math.sqrt(18)])
    assert len(values(content, "w_change")) == 1


def test_js_estimate_lies_between_nothing_and_log_2():
    assert js_estimate(np.array([0.0, 2 * math.log(2), 1.0])) == pytest.approx([math.log(2), 0.0, math.log(2) - 0.5])
    content = loss_quality()
    assert values(content, "js_most", "GAN; MLP") == pytest.approx([math.log(2)])
    assert values(content, "js_least", "GAN; MLP") == pytest.approx([math.log(2) * 0.005])
    # Iterations 805 to 1000, whose median is 902.5; quarters' medians are 127.5 and 877.5.
    assert values(content, "js_last", "GAN; DCGAN") == pytest.approx([math.log(2) * 0.9025])
    assert values(content, "cost", "GAN; DCGAN") == pytest.approx([0.004 * 750])
    assert len(values(content, "cost")) == len(values(content, "js_last")) == 2
    assert len(values(content, "js_most")) == 3


def test_correlation_is_of_ranks_and_without_the_untrained_generator():
    def shuffled(entry):
        found = moments(entry)
        for iteration, rank in zip(entry.spec.snapshots, ORDER, strict=True):
            found[iteration]["frechet_classifier_distance"] = float(10**rank)
        found[0]["frechet_classifier_distance"] = 0.0
        return found

    # Losses fall, ranks 10 to 1: the sum of squared differences by hand.
    squares = sum((10 - place - rank) ** 2 for place, rank in enumerate(ORDER))
    content = loss_quality(snapshots=shuffled)
    assert values(content, "w_correlation", "MLP") == pytest.approx([1 - 6 * squares / 990])


def test_interval_of_a_rank_correlation():
    # r = 0.5, n = 28: z = 0.549306 ± 1.959964 * sqrt(1.125 / 25), by hand
    one = interval([0.5], [28])
    assert (one.low, one.high) == pytest.approx((0.132748, 0.746533), abs=1e-5)
    three = interval([0.5, 0.5, 0.5], [28, 28, 28])
    assert math.atanh(three.high) - math.atanh(0.5) == pytest.approx((math.atanh(one.high) - math.atanh(0.5)) / math.sqrt(3))
    perfect = interval([1.0], [10])
    assert 0.9 < perfect.low < perfect.high < 1
    assert interval([math.nan], [10]) is None
    assert interval([0.5], [3]) is None


def test_a_diverged_run_has_no_last_half():
    def cut(entry):
        columns = history(entry)
        if entry.labels["generator"] != MLPS:
            return columns
        return {name: value[:50] if np.ndim(value) else value for name, value in columns.items()}

    content = loss_quality(cut, lambda e: failed("diverged") if e.labels["generator"] == MLPS else {})
    assert math.isnan(values(content, "w_change")[0])
    assert math.isnan(values(content, "w_improvement")[0])
    assert math.isnan(values(content, "js_correlation", f"GAN; {MLPS}")[0])
    correlations = [row for row in content.tables[0].rows if row[0] == MLPS]
    assert [row[1] for row in correlations] == ["WGAN", "GAN"]


def test_a_loss_that_stays_at_nothing_has_not_changed():
    def dead(entry):
        return history(entry) | ({"critic_loss_median": np.zeros(200)} if entry.labels["generator"] == MLPS else {})

    content = loss_quality(dead)
    assert values(content, "w_change") == [0.0]
    row = next(row for row in content.tables[0].rows if row[:2] == [MLPS, "WGAN"])
    assert row[4:6] == ["–", "–"]


def test_a_run_without_any_finite_loss_is_reported():
    def broken(entry):
        columns = history(entry)
        return columns | {"critic_loss_median": np.full(200, np.nan)} if entry.labels["generator"] == "MLP" else columns

    content = loss_quality(broken)
    assert math.isnan(values(content, "w_correlation", "MLP")[0])
    assert values(content, "w_correlation", "DCGAN") == pytest.approx([1.0])


def test_without_checkpoints_there_are_no_correlations():
    content = loss_quality(snapshots=lambda e: {})
    assert all(math.isnan(value) for value in values(content, "w_correlation"))
    assert values(content, "js_correlation_low") == []
    assert values(content, "js_last", "GAN; DCGAN") == pytest.approx([math.log(2) * 0.9025])


def similar(entry):
    wgan, generator = is_wgan(entry), entry.labels["generator"]
    alike = 0.30 if wgan else {"MLP": 0.90}.get(generator, 0.32)
    distance = 10.0 if wgan else {CONSTANT: 35.0}.get(generator, 12.0)
    pairs = {"pairwise_ssim": alike, "pairwise_ssim_standard_error": 0.01, "pairwise_ssim_training": 0.28}
    return pairs | {"frechet_classifier_distance": distance}


def untrained(entry):
    return {0: {"frechet_classifier_distance": 80.0}, 1000: {"frechet_classifier_distance": 10.0}}


def test_collapse_and_failure_of_three_generators():
    content = wgan_generators.report(made_up("wgan_generators", similar, untrained))
    assert values(content, "ratio") == pytest.approx([3.5])
    assert values(content, "collapse") == pytest.approx([0.6])
    assert values(content, "collapse_data") == pytest.approx([0.62])
    assert values(content, "learnt") == pytest.approx([0.125] * 3)
    assert values(content, "diverse") == pytest.approx([0.02] * 3)
    scores, collapse = content.tables
    assert [row[:2] for row in scores.rows[:4]] == [["DCGAN", "WGAN"], ["DCGAN", "GAN"], [CONSTANT, "WGAN"], [CONSTANT, "GAN"]]
    assert [row[0] for row in collapse.rows] == ["5", "5", "6", "6", "7", "7"]
    assert collapse.rows[3][4:] == ["0.320", "0.010", "0.280", "0.44", "3.50"]


def test_parameters_of_the_paper_s_generators():
    content = wgan_generators.report(made_up("wgan_generators", similar, untrained))
    expected = {row["case"]: row["expected"] for row in content.findings.rows if row["quantity"] == "parameters"}
    # The official code's DCGAN and MLP, and 64 filters in each of five layers, without biases.
    dcgan, mlp = 3_576_704, 512 * 101 + 2 * 512 * 513 + 12288 * 513
    constant = 100 * 64 * 16 + 3 * 64 * 64 * 16 + 64 * 3 * 16
    assert expected == pytest.approx({CONSTANT: constant / dcgan, "MLP": mlp / dcgan})
    assert dcgan / constant > 10
    assert f"{dcgan:,} (DCGAN)" in content.tables[1].caption


NO_MEASURES = {"pairwise_ssim": None, "pairwise_ssim_standard_error": None, "pairwise_ssim_training": None}


def generators_with(outcome, wgan=False):
    """The report where GAN's runs, or WGAN's, failed with all but the DCGAN."""

    def scores(entry):
        chosen = is_wgan(entry) == wgan and entry.labels["generator"] != "DCGAN"
        return similar(entry) | (failed(outcome) | NO_MEASURES if chosen else {})

    return wgan_generators.report(made_up("wgan_generators", scores, untrained))


def test_a_gan_that_diverges_is_infinitely_worse_and_has_collapsed():
    content = generators_with("diverged")
    assert values(content, "ratio") == [math.inf]
    assert values(content, "collapse") == pytest.approx([1.0 - 0.30])
    # The similarity of real images is that of the other runs.
    assert values(content, "collapse_data") == pytest.approx([1.0 - 0.28])
    assert content.tables[1].rows[3][4:] == ["1.000", "–", "0.280", "∞", "∞"]


def test_a_gan_without_memory_is_compared_with_nothing():
    content = generators_with("out_of_memory")
    assert values(content, "ratio") == values(content, "collapse") == values(content, "collapse_data") == []
    assert content.tables[1].rows[3][4:] == ["–"] * 5


def test_a_wgan_that_diverges_meets_no_criterion():
    content = generators_with("diverged", wgan=True)
    for quantity, value in (("ratio", 0.0), ("collapse", 0.90 - 1.0)):
        assert values(content, quantity) == pytest.approx([value])
    assert values(content, "learnt", "MLP") == [math.inf]
    assert values(content, "diverse", "MLP") == pytest.approx([1.0 - 0.28])
    without = generators_with("out_of_memory", wgan=True)
    assert [values(without, quantity) for quantity in ("ratio", "collapse")] == [[], []]
    assert len(values(without, "learnt")) == 1


def test_without_scores_of_the_untrained_generator_the_share_is_not_known():
    content = wgan_generators.report(made_up("wgan_generators", similar, lambda e: {1000: untrained(e)[1000]}))
    assert all(math.isnan(value) for value in values(content, "learnt"))


def test_blow_ups_are_above_a_multiple_of_the_median_before():
    iterations = np.arange(2.0, 202, 2)
    losses = np.where(iterations == 100, -3.5, -1.0)
    losses[iterations == 20] = 50.0  # within the first window
    losses[iterations == 150] = 2.9
    found = blow_ups(iterations, losses, window=50, factor=3.0)
    assert iterations[found].tolist() == [100.0]
    losses[-1] = math.nan
    assert iterations[blow_ups(iterations, losses, window=50, factor=3.0)].tolist() == [100.0, 200.0]


def momentum(entry):
    i = np.arange(2, 501, 2)
    columns = {"generator_iteration": i, "critic_loss": np.full(250, -1.0), "critic_step_cosine": np.full(250, 0.5)}
    if entry.labels["critic_optimiser"] == "Adam, β1 = 0.9":
        columns["critic_loss"][150:154] = -10.0
        columns["critic_step_cosine"][151:154] = -0.2
        columns["critic_step_cosine"][:2] = -0.1
    return columns


def test_cosines_at_blow_ups_and_elsewhere():
    content = wgan_momentum.report(made_up("wgan_momentum", lambda e: {}, curves=momentum))
    assert values(content, "negative", "Adam, β1 = 0.9") == pytest.approx([5 / 250])
    assert values(content, "at_blow_ups") == pytest.approx([0.75])
    assert values(content, "elsewhere", "Adam, β1 = 0.9") == pytest.approx([2 / 246])
    assert values(content, "blow_ups") == pytest.approx([0, 0, 0, 4 / 250])
    expected = {row["case"]: row["expected"] for row in content.findings.rows if row["quantity"] == "negative"}
    assert expected == {"RMSProp": 0.0, "Adam, β1 = 0": 0.0, "Adam, β1 = 0.5": None, "Adam, β1 = 0.9": None}
    assert content.tables[0].rows[3] == ["Adam, β1 = 0.9", "1 ok", "250", "0.50", "−0.20", "0.020", "4", "0.750", "0.008"]
    assert not any("blew up" in note for note in content.notes)


def test_steps_of_a_run_without_memory_are_left_out():
    chosen = "Adam, β1 = 0.9"
    scores = lambda e: failed("out_of_memory") if e.labels["critic_optimiser"] == chosen else {}  # noqa: E731
    content = wgan_momentum.report(made_up("wgan_momentum", scores, curves=momentum))
    assert values(content, "negative", chosen) == []
    assert content.tables[0].rows[3][1:3] == ["1 out_of_memory", "0"]


def test_without_blow_ups_the_report_says_so():
    def calm(entry):
        return momentum(entry) | {"critic_loss": np.full(250, -1.0)}

    content = wgan_momentum.report(made_up("wgan_momentum", lambda e: {}, curves=calm))
    assert values(content, "at_blow_ups") == []
    assert any("blew up" in note for note in content.notes)
