"""Reports of WGAN-GP's image experiments from made-up tables whose answers are known, and the plans behind them."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from made_up import failed, made_up, values
from PIL import Image

from wganlib.experiments import cifar_convergence, cifar_samples, gp_v1, lsun_matrix, lsun_samples_128
from wganlib.judging.quantities import meets
from wganlib.planning.plan import load_plan
from wganlib.reporting.grammar import paired, whole_sheets

GP = "wgan_gp_appendix_e"


@pytest.fixture
def with_seeds(tmp_path):
    """A copy of `params/` in which an experiment has other seeds at scale demo."""

    def changed(name, seeds):
        shutil.copytree("params", tmp_path / "params")
        path = tmp_path / "params" / "experiments" / f"{name}.yaml"
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
        value["scales"]["demo"]["seeds"] = seeds
        path.write_text(yaml.safe_dump(value, allow_unicode=True, sort_keys=False), encoding="utf-8")
        return tmp_path / "params"

    return changed


# The mean of differences.


def test_the_interval_of_paired_differences_is_students():
    # Of 1, 2, 3: mean 2, standard deviation 1; Student's 97.5 % quantile with two degrees of freedom is 4.30265.
    found = paired([1.0, 2.0, 3.0, math.nan])
    half = 4.30265 / math.sqrt(3)
    assert (found.mean, found.low, found.high, found.pairs) == pytest.approx((2.0, 2.0 - half, 2.0 + half, 3), abs=1e-4)
    assert found.text() == "2.00 [−0.48, 4.48]"
    assert paired([0.25]).text() == "0.25"
    assert paired([]).text() == "–"


# Figure 2: seven pairs of networks, four methods.

DISTANCES = {"dcgan": 24.0, "lsgan": 26.0, "wgan": 28.0, GP: 20.0}


def _cells(changes):
    """Scores of a run by (method, networks): everything succeeds but what `changes` says."""

    def scores(entry):
        found = {
            "frechet_classifier_distance": DISTANCES[entry.labels["method"]],
            "pairwise_ssim": 0.2,
            "pairwise_ssim_standard_error": 0.004,
            "pairwise_ssim_training": 0.2,
            "pairwise_ssim_training_standard_error": 0.004,
        }
        return found | changes.get((entry.labels["method"], entry.labels["networks"]), {})

    return scores


def _row(table, name):
    return next(row for row in table.rows if row[0] == name)


def test_matrix_judges_every_cell_by_the_rule():
    # The best baseline is WGAN-GP's 20, so the limit is 30; training images are alike by 0.2, so samples may be by 0.35.
    changes = {
        ("dcgan", "no normalisation"): failed("diverged") | {"pairwise_ssim": math.nan},
        ("dcgan", "gated"): {"frechet_classifier_distance": 30.0},  # not below the limit
        ("dcgan", "tanh"): {"frechet_classifier_distance": 29.9},
        ("lsgan", "gated"): {"pairwise_ssim": 0.36},
        ("lsgan", "tanh"): {"pairwise_ssim": 0.34},
        ("wgan", "101-layer ResNet"): {"frechet_classifier_distance": 80.0, "pairwise_ssim": 0.9},
    }
    content = lsun_matrix.report(made_up("lsun_matrix", _cells(changes)))
    distances, similarities, against, _ = content.tables
    assert _row(distances, "baseline DCGAN") == ["baseline DCGAN", *(f"{d:.1f} success" for d in DISTANCES.values())]
    assert _row(distances, "no normalisation")[1] == "∞ diverged"
    assert _row(distances, "gated")[1:3] == ["30.0 far", "26.0 alike"]
    assert _row(distances, "tanh")[1:3] == ["29.9 success", "26.0 success"]
    assert _row(distances, "101-layer ResNet")[3] == "80.0 far, alike"
    assert _row(distances, "successes")[1:] == ["5 of 7", "6 of 7", "6 of 7", "7 of 7"]
    assert _row(distances, "the paper, by eye")[1:] == ["not all", "not all", "not all", "7 of 7"]
    assert _row(similarities, "gated")[1:] == ["0.20", "0.36", "0.20", "0.20"]
    assert _row(similarities, "no normalisation")[1] == "1.00"
    assert _row(similarities, "training images")[1:] == ["0.20"] * 4
    assert values(content, "claimed") == [7]
    assert [values(content, "others", title) for title in ("DCGAN", "LSGAN", "WGAN, clipping")] == [[5], [6], [6]]
    assert values(content, "limit") == [30.0]
    # Only it, only WGAN-GP, both, neither; two discordant pairs in one direction: p is 2 (1/2)^2.
    assert _row(against, "DCGAN")[1:6] == ["0", "2", "5", "0", "0.500"]


def test_matrix_compares_distances_on_the_same_networks():
    # DCGAN's distances are WGAN-GP's times 1, 2, 4 where both have one: geometric mean 2, logarithms ln 2 apart.
    networks = list(load_plan(Path("params"), "demo").experiment("lsun_matrix").axes["networks"])
    changes = {("dcgan", pair): failed("out_of_memory") for pair in networks[3:]}
    changes |= {("dcgan", networks[i]): {"frechet_classifier_distance": 20.0 * 2**i} for i in range(3)}
    content = lsun_matrix.report(made_up("lsun_matrix", _cells(changes)))
    half = 4.30265 * math.log(2) / math.sqrt(3)
    low, high = 2 * math.exp(-half), 2 * math.exp(half)
    assert _row(content.tables[2], "DCGAN")[-2:] == [f"2.00 [{low:.2f}, {high:.2f}]", "3"]
    assert values(content, "ratio", "DCGAN") == pytest.approx([2.0])
    assert values(content, "ratio", "LSGAN") == pytest.approx([1.3])
    # Four of DCGAN's cells have no result, so that nothing is said of all seven.
    assert values(content, "others", "DCGAN") == []
    assert _row(content.tables[0], "tanh")[1] == "no result"
    assert _row(content.tables[0], "successes")[1] == "1 of 3"
    assert _row(content.tables[2], "DCGAN")[1:5] == ["0", "2", "1", "0"]


@pytest.mark.parametrize(("method", "shown"), [("dcgan", "∞"), (GP, "0.00")])
def test_matrix_has_an_infinite_ratio_where_one_method_diverged(method, shown):
    content = lsun_matrix.report(made_up("lsun_matrix", _cells({(method, "tanh"): failed("diverged")})))
    assert _row(content.tables[2], "DCGAN")[-2:] == [shown, "7"]


def test_matrix_without_a_baseline_that_ended_has_no_success():
    changes = {(method, "baseline DCGAN"): {"outcome": "diverged"} for method in DISTANCES}
    content = lsun_matrix.report(made_up("lsun_matrix", _cells(changes)))
    assert values(content, "claimed") == [0]
    assert _row(content.tables[0], "tanh")[1] == "24.0 far"


def test_matrix_takes_each_seeds_own_limit_and_most_seeds_decide(with_seeds):
    # Seed 2's baseline is better: its limit is 15, which nothing else meets.
    def scores(entry):
        better = entry.spec.seed == 2 and entry.labels["networks"] == "baseline DCGAN"
        lonely = entry.labels["networks"] == "gated" and entry.spec.seed == 1
        found = _cells({})(entry) | ({"frechet_classifier_distance": 10.0} if better else {})
        return found | (failed("diverged") if lonely else {})

    content = lsun_matrix.report(made_up("lsun_matrix", scores, params=with_seeds("lsun_matrix", [0, 1, 2])))
    assert values(content, "limit") == [30.0, 30.0, 15.0]
    assert values(content, "claimed") == [7, 6, 1]
    assert _row(content.tables[0], "tanh")[4] == "20.0 ± 0.0 2 of 3"
    assert _row(content.tables[0], "gated")[4] == "∞ 1 of 3"
    assert _row(content.tables[0], "successes")[4] == "6 of 7"


@pytest.mark.parametrize("scale", ["demo", "paper"])
def test_matrix_gives_each_critic_the_norm_that_its_method_allows(scale):
    entries = load_plan(Path("params"), scale).experiment("lsun_matrix").entries
    assert len({entry.run for entry in entries}) == (28 if scale == "demo" else 3 * 28)
    assert len({(entry.labels["method"], entry.labels["networks"]) for entry in entries}) == 28
    for entry in entries:
        under_penalty = entry.spec.method.constraint.kind == "gradient_penalty"
        expected = "none" if entry.spec.architecture.variant == "no_normalization" else "layer" if under_penalty else "batch"
        assert entry.spec.architecture.critic_normalization == expected
        assert under_penalty == (entry.labels["method"] == GP)


def test_matrix_shows_the_first_images_of_each_sheet():
    # A sheet of 6 x 10 images of 4 pixels, one pixel apart, whose grey says row and column.
    sheet = np.full((29, 49), 255, dtype=np.uint8)
    for row in range(6):
        for column in range(10):
            sheet[5 * row : 5 * row + 4, 5 * column : 5 * column + 4] = 10 * row + column
    corner = np.array(lsun_matrix._corner(Image.fromarray(sheet)))
    assert corner.shape == (19, 29)
    assert sorted(set(corner.ravel().tolist()) - {255}) == sorted(10 * r + c for r in range(4) for c in range(6))


# Figure 3: convergence.

FINAL = {"weight clipping": 4.0, "gradient penalty (RMSProp)": 5.0, "gradient penalty (Adam)": 5.5, "DCGAN": 5.75}


def _course(entry):
    """Scores at the six snapshots: the last two are a method's own spread apart."""
    last, spread = FINAL[entry.labels["method"]], {"DCGAN": 0.5}.get(entry.labels["method"], 0.2)
    shares = [0.3, 0.5, 0.91, 0.8] if entry.labels["method"] == "DCGAN" else [0.3, 0.4, 0.5, 0.89]
    scores = [share * last for share in shares] + [last - spread, last]
    return {i: {"classifier_score": s} for i, s in zip(entry.spec.snapshots, scores, strict=True)}


def _history(entry):
    # Seconds grow with the square of the share of training: only interpolation within the history is exact.
    iterations = np.linspace(0, entry.spec.generator_iterations, 13)[1:]
    whole = 8.0 if entry.labels["method"] == "DCGAN" else 18.0
    return {"generator_iteration": iterations, "seconds": whole * (iterations / entry.spec.generator_iterations) ** 2}


def test_convergence_measures_the_protocols_criteria():
    scores = lambda entry: {"classifier_score": FINAL[entry.labels["method"]]}  # noqa: E731
    tables = made_up("cifar_convergence", scores, _course, _history)
    content = cifar_convergence.report(tables)
    assert values(content, "adam_rmsprop") == [0.5]
    assert values(content, "rmsprop_clipping") == [1.0]
    assert values(content, "adam_dcgan") == [-0.25]
    # DCGAN has 90 % of its highest at the third of six snapshots: 8 (1/2)^2 s; the others at the fifth: 18 (5/6)^2 s.
    assert values(content, "first") == pytest.approx([2.0 - 12.5])
    # Two scores in the last quarter: their standard deviation is their difference by the root of 2.
    assert values(content, "stability") == pytest.approx([(0.2 - 0.5) / math.sqrt(2)])
    for row in content.findings.rows:
        assert meets(row["criterion"], row["value"])
    assert _row(content.tables[0], "DCGAN")[-2:] == ["2.0", "10.0"]
    assert _row(content.tables[0], "weight clipping")[3:8] == ["1 of 1", "4.00", "0.10", "4.00", "0.14"]


def test_convergence_interpolates_between_logged_iterations_from_zero():
    history = lambda entry: {"generator_iteration": [100.0, 150.0, 600.0], "seconds": [10.0, 20.0, 110.0]}  # noqa: E731
    course = cifar_convergence.courses(made_up("cifar_convergence", lambda e: {}, _course, history))
    clipping = course[course["method"] == "weight clipping"]
    assert list(clipping["generator_iteration"]) == [25, 50, 75, 100, 125, 150]
    assert list(clipping["seconds"]) == pytest.approx([2.5, 5.0, 7.5, 10.0, 15.0, 20.0])


@pytest.mark.parametrize(
    ("outcome", "difference", "row", "pair"),
    [("diverged", [4.0], "1.00", ["1", "4.00"]), ("out_of_memory", [], "–", ["0", "–"])],
)
def test_convergence_counts_a_diverged_run_as_the_worst_and_leaves_out_one_without_memory(outcome, difference, row, pair):
    def scores(entry):
        return failed(outcome) if entry.labels["method"] == "gradient penalty (RMSProp)" else {"classifier_score": 5.0}

    content = cifar_convergence.report(made_up("cifar_convergence", scores, _course, _history))
    assert values(content, "adam_rmsprop") == difference
    assert values(content, "adam_dcgan") == [0.0]
    # Neither a pace nor a stability of a run that did not end: the fastest is one of the others.
    assert values(content, "first") == pytest.approx([2.0 - 12.5])
    assert _row(content.tables[0], "gradient penalty (RMSProp)")[3:5] == ["0 of 1", row]
    assert _row(content.tables[0], "gradient penalty (RMSProp)")[7:] == ["–"] * 3
    assert content.tables[1].rows[0][1:] == pair


def test_convergence_of_a_diverged_dcgan_meets_no_criterion():
    scores = lambda e: failed("diverged") if e.labels["method"] == "DCGAN" else {}  # noqa: E731
    content = cifar_convergence.report(made_up("cifar_convergence", scores, _course, _history))
    assert not any(meets(r["criterion"], r["value"]) for r in content.findings.rows if r["quantity"] in ("first", "stability"))


def test_convergence_controls_for_the_optimiser():
    experiment = load_plan(Path("params"), "paper").experiment("cifar_convergence")
    clipping, penalty = (experiment.spec_of(method=m) for m in ("weight clipping", "gradient penalty (RMSProp)"))
    assert clipping.method.critic_optimizer == penalty.method.critic_optimizer
    assert clipping.method.generator_optimizer == penalty.method.generator_optimizer
    assert (clipping.architecture.critic_normalization, penalty.architecture.critic_normalization) == ("batch", "none")
    assert (experiment.scoring.num_samples, experiment.scoring.splits) == (1000, 10)


# Figures 4 and 6: samples.


def test_samples_of_cifar_are_those_of_the_first_seed_with_a_class_a_column(monkeypatch):
    tables = made_up("cifar_samples", lambda e: {"classifier_score": 4.0 + e.spec.seed + 0.5 * (e.labels["model"] == "AC-GAN")})
    shown = []
    monkeypatch.setattr(cifar_samples, "whole_sheets", lambda panels, caption: shown.append(panels) or whole_sheets(panels, ""))
    content = cifar_samples.report(tables)
    first = {e.labels["model"]: e.run for e in tables.experiment.entries if e.spec.seed == 0}
    (panels,) = shown
    assert [(title, list(classes)) for title, _, classes in panels] == [
        ("unsupervised", []),
        ("AC-GAN", [str(digit) for digit in range(10)]),
    ]
    assert all(sheet is tables.sheets[first[title]] for title, sheet, _ in panels)
    assert values(content, "score") == [4.0, 4.5]
    assert [row[2] for row in content.tables[0].rows] == ["4.00", "4.50"]
    assert [row[-1] for row in content.tables[0].rows] == ["7.86 ± 0.07", "8.42 ± 0.10"]
    assert {e.run for e in tables.experiment.entries} == set(
        load_plan(Path("params"), "demo").experiment("cifar_table3").run_keys
    )


def test_names_of_columns_stand_below_the_middle_of_their_images():
    picture = whole_sheets([("a", Image.new("RGB", (49, 29)), [*"0123456789"])], "")
    (axes,) = picture.figure.axes
    assert axes.get_xticks() == pytest.approx([2.45 + 4.9 * k for k in range(10)])
    assert [label.get_text() for label in axes.get_xticklabels()] == [*"0123456789"]


def test_samples_of_bedrooms_have_the_development_codes_settings():
    content = lsun_samples_128.report(made_up("lsun_samples_128", lambda e: {"frechet_classifier_distance": 12.0}))
    assert values(content, "distance") == [12.0]
    line = content.tables[0].rows[0]
    assert line[0] == "digits, 32 × 32"
    assert line[-1] == "none"
    spec = load_plan(Path("params"), "paper").experiment("lsun_samples_128").entries[0].spec
    for optimizer in (spec.method.generator_optimizer, spec.method.critic_optimizer):
        assert (optimizer.learning_rate, optimizer.beta1, optimizer.beta2) == (1e-4, 0.0, 0.9)
        assert optimizer.decay.kind == "linear"
    # Batch norm over 8 images in both steps.
    assert spec.method.batch_size // spec.method.generator_sub_batches == 8
    assert spec.method.generator_batch_size // spec.method.generator_sub_batches == 8


# Version 1.


def test_versions_are_compared_on_the_same_seed():
    # ResNet: differences 0.1, 0.2, 0.6 on seeds 0, 1, 2; DCGAN: −0.5 on its one seed.
    def scores(entry):
        later = entry.spec.method.critic_optimizer.beta1 == 0.0
        gain = {0: 0.1, 1: 0.2, 2: 0.6}[entry.spec.seed] if entry.spec.architecture.family == "cifar_resnet" else -0.5
        return {
            "classifier_score": 5.0 + entry.spec.seed + (0.0 if later else gain),
            "frechet_classifier_distance": 50.0 if later else 47.0,
        }

    content = gp_v1.report(made_up("gp_v1", scores, lambda e: {i: {"classifier_score": 2.0} for i in e.spec.snapshots}))
    assert values(content, "difference", "ResNet") == pytest.approx([0.1, 0.2, 0.6])
    assert values(content, "difference", "DCGAN") == pytest.approx([-0.5])
    assert values(content, "distance") == [-3.0] * 4
    table, differences, texts = content.tables
    assert [row[:4] for row in table.rows] == [
        ["DCGAN", "0.5 (v1)", "1 of 1", "4.50"],
        ["DCGAN", "0 (v3)", "1 of 1", "5.00"],
        ["ResNet", "0.5 (v1)", "3 of 3", "6.30 ± 1.25"],
        ["ResNet", "0 (v3)", "3 of 3", "6.00 ± 1.00"],
    ]
    half = 4.30265 * np.std([0.1, 0.2, 0.6], ddof=1) / math.sqrt(3)
    mean = differences.rows[-1]
    assert mean[2] == f"0.30 [{0.3 - half:.2f}, {0.3 + half:.2f}]".replace("-", "−")
    assert mean[4] == f"{0.3 / np.std([0.1, 0.2, 0.6], ddof=1):.2f}"
    assert differences.rows[1] == ["DCGAN", "mean", "−0.50", "−3.0", "–"]
    assert "beta1 0.5" in texts.rows[0][1]
    assert "beta1 0," in texts.rows[0][2]


def test_a_run_without_memory_has_no_difference_and_a_diverged_one_the_largest():
    def of(outcome):
        # Seed 1's run with beta1 0.5 failed.
        scores = lambda e: failed(outcome) if (e.spec.seed, e.spec.method.critic_optimizer.beta1) == (1, 0.5) else {}  # noqa: E731
        return gp_v1.report(made_up("gp_v1", scores))

    content = of("out_of_memory")
    assert values(content, "difference", "ResNet") == [0.0, 0.0]
    assert content.tables[0].rows[2][2] == "2 of 3"
    assert content.pictures == []
    content = of("diverged")
    assert values(content, "difference", "ResNet") == [0.0, -4.0, 0.0]
    assert values(content, "distance", "ResNet") == [0.0, math.inf, 0.0]
    mean = next(row for row in content.tables[1].rows if row[:2] == ["ResNet", "mean"])
    assert mean[3] == "∞"


@pytest.mark.parametrize("scale", ["demo", "paper"])
def test_versions_differ_in_beta1_alone(scale):
    pairs = {}
    for entry in load_plan(Path("params"), scale).experiment("gp_v1").entries:
        value = entry.spec.model_dump(mode="json")
        betas = [value["method"][f"{side}_optimizer"].pop("beta1") for side in ("generator", "critic")]
        assert betas[0] == betas[1]
        pairs.setdefault((entry.spec.architecture.family, entry.spec.seed), []).append((betas[0], value))
    for (_, first), (_, second) in pairs.values():
        assert first == second
    assert all(sorted(beta for beta, _ in pair) == [0.0, 0.5] for pair in pairs.values())


def test_versions_share_the_runs_of_other_experiments_at_scale_demo():
    plan = load_plan(Path("params"), "demo")
    own = (
        set(plan.experiment("gp_v1").run_keys)
        - set(plan.experiment("cifar_table3").run_keys)
        - set(plan.experiment("cifar_convergence").run_keys)
    )
    assert sorted(key.split("-")[1] for key in own) == ["cifar_dcgan", *["cifar_resnet"] * 3]
