"""WGAN's losses, generators, optimisers and critics, from made-up tables whose answers are known, and the claims on them."""

import math
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from made_up import failed, made_up

from wganlib.experiments import wgan_critics, wgan_generators, wgan_loss_quality, wgan_momentum
from wganlib.experiments.wgan_loss_quality import js_estimate, partial, spearman
from wganlib.judging.quantities import scores
from wganlib.judging.verdicts import judge, text

WGAN, GAN = "wgan_2017", "nonsaturating_gan"
MLPS, CONSTANT = "MLP with MLP critic", "no batch norm, constant filters"
MOMENTS = [20, 50, 100, 200, 300, 400, 500, 600, 800, 1000]
ZIGZAG = np.array([4, 10, 5, 9, 1, 8, 2, 7, 3, 6.0])
"""Ranks that hardly go with time."""
FALLING = np.arange(10, 0, -1.0)
OTHER = np.array([5, 1, 9, 4, 8, 2, 10, 3, 7, 6.0])
"""Ranks that go with neither."""


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def values(tables, module, quantity, **labels):
    """The measured values of a quantity with these labels."""
    frame = module.measure(tables).frame()
    frame = frame[frame["quantity"] == quantity]
    for name, label in labels.items():
        frame = frame[frame[name].map(text) == text(label)]
    return frame["value"].tolist()


def verdicts(tables, module):
    """Of every claim of the experiment; seeds differ a little, as equal values have no spread to go by."""
    table = pd.concat([scores(tables.runs, tables.columns), module.measure(tables).frame()], ignore_index=True)
    seeds = table["seed"].notna() & (table["quantity"] != "blow_ups")
    table["value"] += np.random.default_rng(0).normal(0, 1e-6, len(table)) * seeds
    params = tables.experiment.params
    return {name: judge(claim, params.gates, table, "demo").verdict for name, claim in params.claims.items()}


# Losses and the quality of samples.


def profile(entry, as_paper):
    """A run's losses, costs, distances and transport costs at the ten checkpoints, as the paper says or the other way round."""
    wgan, generator, seed = entry.labels["method"] == WGAN, entry.labels["generator"], entry.spec.seed
    level = {"DCGAN": 50.0, "MLP": 400.0, MLPS: 800.0}[generator] * (1 + 0.02 * seed)
    ranks = {True: ZIGZAG, False: OTHER if generator == MLPS else FALLING}[wgan]
    distance = level * np.exp(0.2 * ranks)
    transport = 10 + (OTHER if as_paper else 11 - ranks)
    if not wgan:
        if generator == MLPS:
            js = 0.01 + 0.001 * (FALLING if as_paper else OTHER)
        else:
            js = 0.6 + 0.005 * (11 - ranks) if as_paper else 0.1 * ranks - 0.1
        return {"loss": js, "cost": 3 + (11 - ranks if as_paper else ranks), "distance": distance, "transport": transport}
    size = {"DCGAN": 0.01, "MLP": 0.1 if as_paper else 0.001, MLPS: 0.001 if as_paper else 1.0}[generator]
    loss = size * (ranks if as_paper else 11 - ranks)
    if entry.labels.get("rates") == "× 10":
        late = np.arange(10) >= 5
        distance = np.where(late, 6e4, 1e3 * 3.0**ranks) if as_paper else 100 * np.exp(0.1 * ranks)
        loss = np.where(late, 0.02, 0.1) if as_paper else loss
    if entry.labels.get("rates") == "× 100":
        distance = np.full(10, 1e20 if as_paper else 100.0)
    return {"loss": loss, "cost": 0 * loss, "distance": distance, "transport": transport}


def qualities(as_paper, change=None, **more):
    """Tables of the experiment; `change` edits a run's profile."""

    def of(entry):
        given = profile(entry, as_paper)
        given |= change(entry, given) if change else {}
        return given

    def ends(entry):
        return {"frechet_classifier_distance": of(entry)["distance"][-1], "classifier_score": 4.0 + 0.01 * entry.spec.seed}

    def moments(entry):
        given = of(entry)
        result = {0: {"frechet_classifier_distance": 5000.0, "classifier_score": 1.5}}
        for i, place in zip(MOMENTS, range(10), strict=True):
            score = 9 - np.log(given["distance"][place])
            result[i] = {"frechet_classifier_distance": given["distance"][place], "classifier_score": score}
            result[i] |= {"frechet_classifier_distance_standard_error": 3.0, "transport_cost": given["transport"][place]}
        return result

    def history(entry):
        given, i = of(entry), np.arange(5, 1001, 5)
        loss, cost = (np.interp(i, MOMENTS, given[name]) for name in ("loss", "cost"))
        loss = -loss if entry.labels["method"] == WGAN else 2 * (math.log(2) - loss)
        medians = {"critic_loss_median": loss, "generator_loss_median": cost}
        return {"generator_iteration": i, "critic_loss": 99.0, "generator_loss": 99.0} | medians

    return made_up("wgan_loss_quality", more.get("scores", ends), moments, history)


def test_claims_on_losses_that_are_as_the_paper_says():
    found = verdicts(qualities(True), wgan_loss_quality)
    # The Fréchet distance goes as little with the transport cost as the loss does: nothing is learnt from that.
    assert found.pop("sta.notw") == "not testable here"
    assert found == dict.fromkeys(found, "holds")
    assert len(found) == 12


def test_claims_on_losses_that_are_not():
    found = verdicts(qualities(False), wgan_loss_quality)
    assert found.pop("w.js.bound") == "fails"
    assert found == dict.fromkeys(found, "fails")


def test_a_loss_beside_the_transport_cost_is_found_to_be_no_estimate_of_it():
    def apart(entry, given):
        wgan = entry.labels["method"] == WGAN
        return {"loss": 0.01 * OTHER, "transport": 10 + ZIGZAG} if wgan else {}

    assert verdicts(qualities(True, apart), wgan_loss_quality)["sta.notw"] == "holds"


def test_a_loss_that_is_a_clock_says_nothing_beyond_time_and_its_correlation_is_not_testable():
    def clock(entry, given):
        noisy = FALLING.copy()
        place = 2 * (entry.spec.seed % 4)
        noisy[[place, place + 1]] = noisy[[place + 1, place]]
        return {"loss": 0.01 * FALLING, "distance": 50 * np.exp(0.2 * noisy)} if entry.labels["method"] == WGAN else {}

    found = verdicts(qualities(True, clock), wgan_loss_quality)
    assert found["w.fig3.corr-dcgan"] == found["w.fig3.corr-mlp"] == "not testable here"
    assert found["w.fig3.beyond-time"] == "undecided"


def test_a_generator_that_never_moves_again_is_no_failed_training():
    def frozen(entry, given):
        return {"distance": np.full(10, 1e20)} if entry.labels.get("rates") == "× 10" else {}

    assert verdicts(qualities(True, frozen), wgan_loss_quality)["w.fig3.fail"] == "not testable here"


def test_correlations_against_their_formulas():
    tables = qualities(True)
    squares = float(((ZIGZAG - FALLING) ** 2).sum())
    own = {"method": WGAN, "generator": "DCGAN", "quality": "distance"}
    assert values(tables, wgan_loss_quality, "correlation", loss="own", **own) == pytest.approx([1.0] * 5)
    assert values(tables, wgan_loss_quality, "correlation", loss="the clock", **own) == pytest.approx(
        [1 - 6 * squares / 990] * 5
    )
    score = own | {"quality": "score", "loss": "own"}
    assert values(tables, wgan_loss_quality, "beyond_time", **score) == pytest.approx([-1.0] * 5)


def test_a_partial_correlation_is_that_of_what_lines_over_the_third_leave():
    x, y, z = np.random.default_rng(0).permuted(np.tile(np.arange(10.0), (3, 1)), axis=1)
    left = [v - np.polyval(np.polyfit(z, v, 1), z) for v in (x, y)]  # ranks already
    assert partial(x, y, z) == pytest.approx(np.corrcoef(*left)[0, 1])
    assert partial(x, z, z) == 0
    assert math.isnan(partial(np.zeros(10), y, z))
    assert math.isnan(spearman(x[:3], y[:3]))
    assert math.isnan(spearman(np.where(x == 0, np.nan, x), y))


def test_what_losses_say_by_hand():
    tables = qualities(True)
    failing = {"method": WGAN, "generator": MLPS, "rates": "× 10"}
    assert values(tables, wgan_loss_quality, "change", **failing) == pytest.approx([0.0] * 3)
    half = qualities(True, lambda e, g: {"loss": np.where(np.arange(10) > 6, 0.03, 0.02)} if e.labels.get("rates") else {})
    assert values(half, wgan_loss_quality, "change", **failing) == pytest.approx([0.5] * 3)
    distances = profile(tables.experiment.entries[1], True)["distance"]
    first = {"method": WGAN, "generator": "DCGAN", "rates": "usual"}
    by_name = {
        "end": math.log(distances[-1]),
        "fall": math.log(distances[0] / distances[-1]),
        "moved": 0.2 * 8,  # from rank 9 to rank 1
        "improvement": (distances[6] - distances[9]) / math.sqrt(18),
    }
    for name, expected in by_name.items():
        assert values(tables, wgan_loss_quality, name, **first)[0] == pytest.approx(expected), name
    # GAN's cost rises by one from a checkpoint to the next: medians at 877.5 and at 127.5.
    cost = np.interp(877.5, MOMENTS, range(10)) - np.interp(127.5, MOMENTS, range(10))
    assert values(tables, wgan_loss_quality, "cost", method=GAN, generator="DCGAN")[0] == pytest.approx(cost)


def test_js_estimate_lies_between_nothing_and_log_2():
    assert js_estimate(np.array([0.0, 2 * math.log(2), 1.0])) == pytest.approx([math.log(2), 0.0, math.log(2) - 0.5])
    tables = qualities(True)
    assert values(tables, wgan_loss_quality, "estimate_most", method=GAN, generator="DCGAN") == pytest.approx([0.65] * 5)


def test_of_a_run_that_diverged_no_loss_is_measured():
    diverged = {"scores": lambda e: failed("diverged") if e.labels["generator"] == "MLP" else {"classifier_score": 4.0}}
    tables = qualities(True, **diverged)
    for quantity in ("change", "estimate_most", "rise"):
        assert all(math.isnan(v) for v in values(tables, wgan_loss_quality, quantity, generator="MLP"))
    found = verdicts(tables, wgan_loss_quality)
    assert found["w.fig4.js-nocorr"] != "holds"
    assert found["w.js.bound"] == "undecided"


def test_the_report_on_losses_shows_every_pair():
    tables = qualities(True)
    tables = replace(tables, quantities=wgan_loss_quality.measure(tables).frame())
    content = wgan_loss_quality.report(tables)
    correlations, ends = content.tables
    assert [row[:3] for row in ends.rows[:2]] == [["MLP", "WGAN", "usual"], ["DCGAN", "WGAN", "usual"]]
    assert correlations.rows[1][3].mean == pytest.approx(1.0)
    assert len(content.pictures) == 2


# Three generators.


def cells(as_paper):
    def ends(entry):
        wgan, generator, seed = entry.labels["method"] == WGAN, entry.labels["generator"], entry.spec.seed
        pairs = {"pairwise_ssim_training": 0.15, "pairwise_ssim": 0.17, "pairwise_ssim_standard_error": 0.01}
        score, distance, kept = 5.5 + 0.01 * seed, 50.0 + seed, 1.0
        if generator == "MLP":
            score, distance = (3.5, 370.0) if wgan else (1.1, 2700.0)
            pairs |= {} if wgan else {"pairwise_ssim": 0.9}
        if as_paper:
            if generator == CONSTANT and not wgan:
                score, distance = 1.5, 1000.0
            kept = 1.0 if wgan else 0.8
        else:
            if generator == CONSTANT:
                score, distance = (1.5, 900.0) if wgan else (5.5, 50.0)
            if generator == "DCGAN" and not wgan:
                score = 4.5
            if generator == "MLP":
                score, distance = (3.5, 20.0) if wgan else (5.0, 200.0)
                pairs |= {"pairwise_ssim": 0.4 if wgan else 0.17}
        columns = {"classifier_score": score, "untrained_classifier_score": 1.0, "frechet_classifier_distance": distance}
        return columns | {"kept_classes": kept} | pairs

    def moments(entry):
        end = ends(entry)
        rows = {i: {"frechet_classifier_distance": 5000.0, "pairwise_ssim": 0.9} for i in (0, 300)}
        return rows | {600: {"frechet_classifier_distance": 60.0, "pairwise_ssim": end["pairwise_ssim"] + 0.01}}

    return made_up("wgan_generators", ends, moments)


def test_claims_on_generators():
    found = verdicts(cells(True), wgan_generators)
    assert found == dict.fromkeys(found, "holds")
    found = verdicts(cells(False), wgan_generators)
    assert found == dict.fromkeys(found, "fails")


def test_a_generator_that_exploded_has_not_collapsed():
    tables = cells(True)
    exploded = (tables.runs["method"] == GAN) & (tables.runs["generator"] == "MLP")
    tables.runs.loc[exploded, "frechet_classifier_distance"] = 7e8
    assert verdicts(tables, wgan_generators)["w.fig7.gan-mlp-collapse"] == "not testable here"


def test_what_is_measured_of_generators():
    tables = cells(True)
    of = {"method": WGAN, "generator": "DCGAN"}
    assert values(tables, wgan_generators, "nearer", **of)[0] == pytest.approx(math.log(5000 / 50))
    assert values(tables, wgan_generators, "dropped", method=GAN) == pytest.approx([0.2] * 15)
    assert values(tables, wgan_generators, "alike_trained", **of) == pytest.approx([0.02] * 5)
    assert values(tables, wgan_generators, "alike", method=GAN, generator="MLP") == pytest.approx([0.75] * 5)
    tables.snapshots.loc[tables.snapshots["generator_iteration"] == 600, "pairwise_ssim"] = 0.3
    assert values(tables, wgan_generators, "alike_trained", **of) == []


def test_parameters_of_the_paper_s_generators():
    # The official code's DCGAN and MLP, and 64 filters in each of five layers, without biases.
    dcgan, mlp = 3_576_704, 512 * 101 + 2 * 512 * 513 + 12288 * 513
    constant = 100 * 64 * 16 + 3 * 64 * 64 * 16 + 64 * 3 * 16
    for generator, count in ((CONSTANT, constant), ("MLP", mlp)):
        found = values(cells(True), wgan_generators, "parameters", generator=generator, networks="the paper's")
        assert found == pytest.approx([dcgan / count])


def test_the_report_on_generators_is_in_the_paper_s_order():
    tables = cells(True)
    content = wgan_generators.report(replace(tables, quantities=wgan_generators.measure(tables).frame()))
    rows = content.tables[0].rows
    assert [row[:2] for row in rows[:4]] == [["DCGAN", "WGAN"], ["DCGAN", "GAN"], [CONSTANT, "WGAN"], [CONSTANT, "GAN"]]
    titles = [panel.get_title().replace("\n", " ") for panel in content.pictures[0].figure.axes[:3]]
    assert titles == ["DCGAN", CONSTANT, "MLP"]


# Momentum.


def momenta(as_paper):
    def history(entry):
        i, option = np.arange(2, 501, 2), entry.labels["critic_optimiser"]
        columns = {"generator_iteration": i, "critic_loss": np.full(250, -1.0), "critic_step_cosine": np.full(250, 0.5)}
        columns["critic_loss"][:50] = -100.0  # the beginning
        if option == "Adam, β1 = 0.9":
            columns["critic_loss"][150:154] = -10.5
            columns["critic_step_cosine"][150:153] = -0.2 if as_paper else 0.1
        if not as_paper:
            columns["critic_step_cosine"][5] = -0.1
        return columns

    worse = math.e if as_paper else 1 / math.e
    distance = lambda e: 50.0 * (worse if e.labels["critic_optimiser"] == "Adam, β1 = 0.9" else 1.0)  # noqa: E731
    return made_up("wgan_momentum", lambda e: {"frechet_classifier_distance": distance(e)}, curves=history)


def test_claims_on_momentum():
    found = verdicts(momenta(True), wgan_momentum)
    assert found == dict.fromkeys(found, "holds")
    found = verdicts(momenta(False), wgan_momentum)
    assert found == dict.fromkeys(found, "fails")


def test_cosines_at_blow_ups_and_elsewhere():
    tables, momentum = momenta(True), {"critic_optimiser": "Adam, β1 = 0.9", "gradient": "as it is"}
    assert values(tables, wgan_momentum, "blow_ups", critic_optimiser="Adam, β1 = 0.9") == pytest.approx([4 / 250] * 5)
    assert values(tables, wgan_momentum, "blow_ups", critic_optimiser="RMSProp") == [0] * 5
    assert values(tables, wgan_momentum, "largest", critic_optimiser="Adam, β1 = 0.9") == pytest.approx([10.5] * 5)
    assert values(tables, wgan_momentum, "uphill", at="blow-ups", **momentum) == pytest.approx([0.75] * 5)
    assert values(tables, wgan_momentum, "uphill", at="all steps", **momentum) == pytest.approx([3 / 250] * 5)
    assert values(tables, wgan_momentum, "uphill", at="other steps", **momentum) == [0] * 5
    tables = replace(tables, quantities=wgan_momentum.measure(tables).frame())
    assert len(wgan_momentum.report(tables).tables) == 2


def test_a_loss_is_no_blow_up_below_ten_times_rmsprop_s_largest_and_without_one_the_cosine_is_not_testable():
    tables = momenta(True)
    tables.curves["critic_loss"] = tables.curves["critic_loss"].clip(lower=-9.5)
    assert sum(values(tables, wgan_momentum, "blow_ups")) == 0
    assert verdicts(tables, wgan_momentum)["w.mom.cosine"] == "not testable here"
    tables.curves.loc[tables.curves.index[-1], "critic_loss"] = np.nan
    assert sum(values(tables, wgan_momentum, "blow_ups")) == pytest.approx(1 / 250)


# Critics.


def critics(as_paper):
    def ends(entry):
        wgan, steps, width = (entry.labels.get(name) for name in ("method", "critic_steps", "critic_width"))
        wgan, jitter = wgan == WGAN, 1 + 0.01 * entry.spec.seed
        if steps is not None:
            power = -0.5 if wgan == as_paper else 0.3
            return {"frechet_classifier_distance": 100 * jitter * int(steps) ** power}
        swing = 0.1 if wgan == as_paper else 1.0 + 0.1 * entry.spec.seed
        level = 900.0 if wgan == as_paper else 100.0  # the range counts, not the level
        return {"frechet_classifier_distance": level * math.exp(swing * (width == "× ¼"))}

    return made_up("wgan_critics", lambda e: ends(e) | {"classifier_score": 5.0})


def test_claims_on_critics():
    found = verdicts(critics(True), wgan_critics)
    assert found.pop("w.clip.sphere") == "not testable here"
    assert found == dict.fromkeys(found, "holds")
    found = verdicts(critics(False), wgan_critics)
    assert {found["w.sec4.critic-optimal"], found["w.sec1.balance"]} == {"fails"}


def test_slopes_of_the_distance_over_the_critic_s_steps():
    tables = critics(True)
    assert values(tables, wgan_critics, "slope", method=WGAN) == pytest.approx([-0.5] * 5)
    tables = replace(tables, quantities=wgan_critics.measure(tables).frame())
    content = wgan_critics.report(tables)
    assert [row[0] for row in content.tables[2].rows] == ["WGAN", "GAN"]
    diverged = critics(True)
    diverged.runs.loc[diverged.runs.index[0], "frechet_classifier_distance"] = np.inf
    assert math.isnan(values(diverged, wgan_critics, "slope", method=WGAN)[0])
