"""The matrix of networks and methods from made-up tables whose answers are known, and the plan behind it."""

import math

import numpy as np
import pytest
from conftest import committed_plan
from made_up import failed, made_up, values, verdict, with_measured
from PIL import Image

from wganlib.experiments import lsun_matrix
from wganlib.reporting.content import Count
from wganlib.reporting.grammar import cut
from wganlib.reporting.style import pdf

GP = "wgan_gp_appendix_e"
SHIFTS = (0.0, 0.1, -0.1, 0.05, -0.05, 0.02, -0.02, 0.01)


def plan_of(name, scale="demo"):
    return committed_plan(scale).experiment(name)


def shifted(value, entry):
    """A value that differs a little by seed, and not by the same for all options."""
    return value + SHIFTS[(entry.spec.seed + len("".join(map(str, entry.labels.values())))) % 8]


# Figure 2: seven pairs of networks, four methods. Untrained generators are 5,000 far, real images 8.8, noise 500.

FAR, NEAR = 4000.0, 40.0


def matrix(distances, scores=None, alike=None, start=5000.0):
    """Tables by method, or by method and networks, of distances, of scores (untrained: 1.5) and of similarities."""

    def pick(given, entry, otherwise):
        method, networks = entry.labels["method"], entry.labels["networks"]
        return (given or {}).get((method, networks), (given or {}).get(method, otherwise))

    def of(entry):
        if (distance := pick(distances, entry, NEAR)) == "diverged":
            return failed("diverged") | {"pairwise_ssim": math.nan, "pairwise_ssim_training": math.nan}
        near = math.exp(SHIFTS[entry.spec.seed] + math.log(distance))
        return {
            "frechet_classifier_distance": near,
            "classifier_score": shifted(pick(scores, entry, 6.0), entry),
            "pairwise_ssim": 0.2 + shifted(pick(alike, entry, 0.0), entry) / 10,
            "pairwise_ssim_training": 0.2,
        }

    curve = lambda e: {"generator_iteration": [1, 40], "critic_loss": [0.0, -float(sum(map(ord, e.labels["networks"])))]}  # noqa: E731
    first = lambda e: {0: {"frechet_classifier_distance": start * math.exp(SHIFTS[e.spec.seed])}}  # noqa: E731
    tables = made_up("lsun_matrix", of, first, curve)
    return with_measured(tables, lsun_matrix.measure)


def test_the_way_goes_from_the_untrained_generator_to_real_images():
    tables = matrix({"dcgan": 5000.0, GP: math.sqrt(5000 * 8.8), ("lsgan", "tanh"): "diverged"})
    measured = lsun_matrix.measure(tables)
    whole = math.log(5000 / 8.8)
    at = {"networks": "tanh", "seed": 0}
    assert values(measured, "way", method="dcgan", **at) == pytest.approx([0.0])
    assert values(measured, "way", method=GP, **at) == pytest.approx([0.5])
    assert values(measured, "way", method="lsgan", networks="tanh") == [-math.inf] * 3
    assert values(measured, "way", method="uniform noise", **at) == pytest.approx([math.log(10) / whole])
    assert values(measured, "way", method="held-out images", **at) == [1.0]
    assert len(values(measured, "way", method="uniform noise")) == 21


def test_likeness_is_measured_of_runs_that_gained():
    measured = lsun_matrix.measure(matrix({}, {"dcgan": 2.0}, {"lsgan": 3.0}))
    assert values(measured, "alike", method="dcgan") == []
    assert min(values(measured, "alike", method="lsgan")) == pytest.approx(0.29)


def test_all_seven_must_train_and_noise_must_not():
    assert verdict("gp.fig2.gp-all", matrix({})).verdict == "holds"
    failing = verdict("gp.fig2.gp-all", matrix({(GP, "tanh"): FAR}))
    assert failing.verdict == "fails"
    assert [part.says for part in failing.parts if part.verdict == "fails"] == ["tanh"]
    # Where untrained generators are no farther than noise nearly is, the rule tells nothing of it.
    assert [part.verdict for part in verdict("gp.fig2.gp-all", matrix({})).controls] == ["fails"]


@pytest.mark.parametrize(("short", "method"), [("dcgan", "dcgan"), ("lsgan", "lsgan"), ("clip", "wgan")])
def test_other_methods_failures_count_where_they_train_their_baseline(short, method):
    worse = matrix({(method, "tanh"): FAR})
    assert verdict(f"gp.fig2.others-fail-{short}", worse).verdict == "holds"
    assert verdict(f"gp.fig2.others-fail-{short}", matrix({})).verdict == "fails"
    both = verdict(f"gp.fig2.others-fail-{short}", matrix({(method, "tanh"): FAR, (GP, "tanh"): FAR}))
    assert both.verdict == "not testable here"
    broken = matrix({method: FAR}, {(method, "baseline DCGAN"): 1.5})
    for claim in ("others-fail", "distance"):
        assert verdict(f"gp.fig2.{claim}-{short}", broken).verdict == "not testable here"
    assert verdict(f"gp.fig2.distance-{short}", matrix({method: 80.0})).verdict == "holds"
    assert verdict(f"gp.fig2.distance-{short}", matrix({GP: 80.0})).verdict == "fails"


def test_collapse_depth_and_structure():
    assert verdict("gp.fig2.collapse", matrix({}, alike={("lsgan", "gated"): 3.0})).verdict == "holds"
    assert verdict("gp.fig2.collapse", matrix({})).verdict == "fails"
    both = matrix({}, alike={("lsgan", "gated"): 3.0, (GP, "gated"): 3.0})
    assert verdict("gp.fig2.collapse", both).verdict == "not testable here"
    deep = ("dcgan", "101-layer ResNet"), (GP, "101-layer ResNet")
    assert verdict("gp.fig2.deep", matrix({}, {deep[0]: 1.5})).verdict == "holds"
    assert verdict("gp.fig2.deep", matrix({}, {deep[0]: 1.5, deep[1]: 1.6})).verdict == "fails"
    assert values(lsun_matrix.measure(matrix({})), "layers", networks="101-layer ResNet") == [101, 101]
    assert values(lsun_matrix.measure(matrix({})), "layers", networks="baseline DCGAN") == [5, 5]


def test_losses_are_ranked_against_distances_over_networks():
    # The negative loss is the sum of the letters of the networks' name; the distance falls with it, or rises.
    names = {n: sum(map(ord, n)) for n in plan_of("lsun_matrix").axes["networks"]}
    assert len(set(names.values())) == 7
    tables = matrix({(GP, name): 5e4 / size for name, size in names.items()})
    assert values(lsun_matrix.measure(tables), "loss_rank") == pytest.approx([-1.0] * 3)
    assert verdict("w.sec4.scale", tables).by_rule.effect == pytest.approx(-1.0)
    tables = matrix({(GP, name): 0.05 * size for name, size in names.items()})
    assert verdict("w.sec4.scale", tables).by_rule.effect == pytest.approx(1.0)


def test_the_matrix_on_the_page():
    tables = matrix({"dcgan": FAR, ("wgan", "tanh"): FAR})
    came, distances, likeness = lsun_matrix.report(tables).tables
    assert came.columns == ["|networks", "DCGAN", "LSGAN", "WGAN, clipping", "WGAN-GP", "uniform noise"]
    assert came.rows[7] == ["succeed", Count(0, 7), Count(7, 7), Count(6, 7), Count(7, 7), Count(0, 7)]
    assert came.rows[8] == ["the paper, by eye", None, None, None, Count(7, 7), None]
    assert distances.rows[0][4].mean == pytest.approx(np.mean([NEAR * math.exp(s) for s in SHIFTS[:3]]))
    assert [len(table.rows) for table in (distances, likeness)] == [7, 7]


@pytest.mark.parametrize("scale", ["demo", "paper"])
def test_matrix_gives_each_critic_the_norm_that_its_method_allows(scale):
    entries = plan_of("lsun_matrix", scale).entries
    assert len({entry.run for entry in entries}) == 3 * 28
    assert len({(entry.labels["method"], entry.labels["networks"]) for entry in entries}) == 28
    for entry in entries:
        under_penalty = entry.spec.method.constraint.kind == "gradient_penalty"
        expected = "none" if entry.spec.architecture.variant == "no_normalization" else "layer" if under_penalty else "batch"
        assert entry.spec.architecture.critic_normalization == expected
        assert under_penalty == (entry.labels["method"] == GP)


def test_the_first_images_of_a_sheet_are_cut_out():
    # A sheet of 6 x 10 images of 16 pixels, one pixel apart, whose grey says row and column.
    sheet = np.full((101, 169), 255, dtype=np.uint8)
    for row in range(6):
        for column in range(10):
            sheet[17 * row : 17 * row + 16, 17 * column : 17 * column + 16] = 10 * row + column
    corner = np.array(cut(Image.fromarray(sheet), (0.3, 0.5)))
    assert sorted(set(corner.ravel().tolist()) - {255}) == sorted(10 * r + c for r in range(3) for c in range(3))


def test_pictures_can_be_drawn_and_quantities_are_those_described():
    tables = matrix({})
    assert all(pdf(picture.figure) for picture in lsun_matrix.report(tables).pictures)
    assert set(tables.quantities["quantity"]) == set(lsun_matrix.QUANTITIES)
