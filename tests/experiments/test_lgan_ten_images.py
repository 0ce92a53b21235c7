"""Ten noise images against ten real ones: quantities on critics that are known, claims on made-up quantities, pages."""

from typing import Any

import numpy as np
import pytest
import torch
from known import member
from made_up import measured, values
from test_lgan_toys import ALL, CONVEX, EXP, SQRT, X, made, verdict
from test_stacks import GIVEN, toy
from torch import Tensor

from wganlib.collecting.collected import Tables
from wganlib.datasets.loading import load
from wganlib.experiments import lgan_fig3, lgan_fig12
from wganlib.judging.quantities import Findings
from wganlib.measuring import maps, ten_images
from wganlib.measuring.study import Study

# Figures 3 and 12.

PAIRS = {"architecture": GIVEN, "dataset": {"image_size": 8}}
MAX = {"kind": "gradient_penalty", "form": "max", "weight": 1.0}


def pairs(phi: str = "wgan", seed: int = 0) -> Any:
    return toy("digits_pairs", phi, MAX, seed=seed, **PAIRS)


def transported(x: Tensor) -> Tensor:
    """A critic that leads each noise image to the real one that transport gives it."""
    supports = load(pairs().dataset).supports
    assert supports is not None
    real, fake = supports
    plan = maps.assignment(fake.numpy(), real.numpy())[0]
    target = real[plan][torch.cdist(x.flatten(1), fake.flatten(1)).argmin(dim=1)]
    return -(x - target).flatten(1).norm(dim=1)


def bright(x: Tensor) -> Tensor:
    return x.sum(dim=(1, 2, 3))


def test_gradients_of_known_critics_on_images() -> None:
    study = Study((member(pairs(), transported, objective="x"), member(pairs("exp"), bright, objective=EXP)), {"steps": 9})
    findings = lgan_fig3.measure(study)
    of = {"objective": "x", "direction": "gradient"}
    assert values(findings, "max_cosine", **of) == pytest.approx([1], abs=1e-5)
    for name in ("distinct", "transport", "bounded"):
        assert values(findings, name, **of) == [10]
    assert values(findings, "max_cosine", objective=EXP, direction="gradient")[0] < 0.9
    assert values(findings, "bounded", objective=EXP, direction="exact optimum") == [10]
    assert values(findings, "max_cosine", objective="x", direction="random")[0] < 0.4
    assert values(findings, "same_bounds", image="own") == [10]
    assert values(findings, "same_bounds", image="next")[0] < 10
    assert values(findings, "kinks", support="one image half way between two") == [1]
    rows = findings.arrays["rows"]
    assert rows.shape == (10, 12, 1, 8, 8)
    real, fake = (part.numpy() for part in load(pairs().dataset).supports or ())
    np.testing.assert_allclose(rows[0, 0], fake[0], atol=1e-6)
    np.testing.assert_allclose(rows[0, -1], real[maps.assignment(fake, real)[0][0]], atol=1e-6)
    assert abs(rows[0, 1]).max() == pytest.approx(1)
    content = lgan_fig3.report(measured("lgan_fig3", findings))
    assert content.tables[0].rows[0][:2] == ["x", "gradient"]


def test_agreement_counts_images_that_two_objectives_lead_to_alike() -> None:
    same = Study((member(pairs(), transported, objective="x"), member(pairs("exp"), transported, objective=EXP)), {"steps": 9})
    assert values(lgan_fig3.measure(same), "agreement", direction="gradient") == [10]
    assert values(lgan_fig3.measure(same), "agreement", direction="random")[0] < 6


def test_the_loss_above_the_optimum_is_none_at_it_and_one_of_a_constant_critic() -> None:
    flat = member(pairs("sqrt"), lambda x: 0 * bright(x))
    best = ten_images.exact_optimum(flat)
    assert ten_images.excess_loss(flat, best) == pytest.approx(1, abs=1e-6)
    assert flat.run.data.supports is not None
    real, fake = flat.run.data.supports
    points, f = torch.cat([real, fake]).flatten(1), torch.tensor(np.concatenate([best.on_real, best.on_fake]))

    def extended(x: Tensor) -> Tensor:
        # McShane's extension of the best values has the same constant.
        return (f + best.constant * torch.cdist(x.flatten(1).double(), points.double())).min(dim=1).values

    assert ten_images.excess_loss(member(pairs("sqrt"), extended), best) == pytest.approx(0, abs=1e-5)
    half = ten_images.excess_loss(member(pairs("sqrt"), lambda x: extended(x) / 2), best)
    assert 0.05 < half < 0.6

    def loss(scale: float) -> float:
        # Equation 12 with x + sqrt(x^2 + 1) and weight 1.
        sides = [g + np.sqrt(g**2 + 1) for g in (scale * best.on_fake, -scale * best.on_real)]
        return float(sum(side.mean() for side in sides)) + (scale * best.constant) ** 2

    assert half == pytest.approx((loss(0.5) - loss(1)) / (loss(0) - loss(1)), abs=1e-4)
    assert half == pytest.approx(ten_images.excess_loss(member(pairs("sqrt"), extended), best, 0.5), abs=1e-5)


def test_slopes_along_matched_lines() -> None:
    real, fake = (part.numpy() for part in load(pairs().dataset).supports or ())
    plan = maps.assignment(fake, real)[0]
    flat = lgan_fig12.slopes(member(pairs(), lambda x: 3 * bright(x), constraint="maximum"), 5)
    np.testing.assert_allclose(flat, np.full(50, 3 * 8.0), rtol=1e-5)  # 3 in each of 64 pixels
    bowl = lgan_fig12.slopes(member(pairs(), lambda x: x.square().sum(dim=(1, 2, 3)), constraint="maximum"), 5).reshape(5, 10)
    np.testing.assert_allclose(bowl[0], 2 * np.linalg.norm(fake.reshape(10, -1), axis=1), rtol=1e-5)
    np.testing.assert_allclose(bowl[-1], 2 * np.linalg.norm(real[plan].reshape(10, -1), axis=1), rtol=1e-5)


def test_constraints_are_compared_on_one_optimum() -> None:
    members = (
        member(pairs("sqrt"), transported, constraint="maximum, steepest kept"),
        member(pairs("sqrt"), bright, constraint="two-sided"),
    )
    findings = lgan_fig12.measure(Study(members, {"steps": 9, "along": 5}))
    assert values(findings, "max_cosine", constraint="two-sided", direction="exact optimum") == values(
        findings, "max_cosine", constraint="maximum, steepest kept", direction="exact optimum"
    )
    assert values(findings, "excess_loss", constraint="two-sided") == []
    assert len(values(findings, "excess_loss", critic="trained")) == 1
    assert values(findings, "slope", constraint="two-sided") == pytest.approx([8.0], rel=1e-5)
    content = lgan_fig12.report(measured("lgan_fig12", findings))
    assert [row[0] for row in content.tables[0].rows] == ["maximum, steepest kept", "two-sided"]


FIG3 = [
    ("l.fig3.same", "agreement", {"one": X, "other": EXP}, 9.5, 1.7, 1.0),
    ("l.fig3.plan", "transport", {"objective": X}, 9.5, 2.6, 1.0),
]


@pytest.mark.parametrize(("claim", "quantity", "labels", "good", "bad", "chance"), FIG3)
def test_images_that_are_led_to(
    claim: str, quantity: str, labels: dict[str, Any], good: float, bad: float, chance: float
) -> None:
    for value, word in ((good, "holds"), (bad, "fails")):
        rows = [(quantity, value, labels | {"direction": "gradient"}), (quantity, chance, labels | {"direction": "random"})]
        rows.append(("distinct", 10.0, {"objective": X, "direction": "gradient"}))
        assert verdict(claim, made("lgan_fig3", lgan_fig3, *rows)).verdict == word
    few = [(quantity, good, labels | {"direction": "gradient"}), ("distinct", 1.0, {"objective": X, "direction": "gradient"})]
    assert verdict(claim, made("lgan_fig3", lgan_fig3, *few)).verdict == "fails"


@pytest.mark.parametrize(
    ("quantity", "claim", "good", "bad"), [("max_cosine", "points", 0.96, 0.9), ("bounded", "bounded", 9.5, 5.0)]
)
def test_each_objective_must_lead_to_real_images(quantity: str, claim: str, good: float, bad: float) -> None:
    for of_exp, word in ((good, "holds"), (bad, "fails")):
        rows = [(quantity, good, {"objective": name, "direction": "gradient"}) for name in ALL[:-1]]
        rows.append((quantity, of_exp, {"objective": EXP, "direction": "gradient"}))
        for direction, value in (("random", 0.08), ("to the mean real image", 0.94)):
            rows += [(quantity, value, {"objective": name, "direction": direction}) for name in ALL]
        assert verdict(f"l.fig3.{claim}", made("lgan_fig3", lgan_fig3, *rows)).verdict == word


@pytest.mark.parametrize(("number", "word"), [(0.0, "holds"), (8.0, "fails")])
def test_a_smooth_optimum_has_no_image_that_several_bound(number: float, word: str) -> None:
    findings = Findings(lgan_fig3.QUANTITIES)
    for name in CONVEX:
        findings.add("kinks", number, objective=name, support="ten images")
    findings.add("kinks", 1.0, objective=SQRT, support="one image half way between two")
    assert verdict("l.thm2.smooth", measured("lgan_fig3", findings)).verdict == word


@pytest.mark.parametrize(("number", "word"), [(10.0, "holds"), (9.0, "fails")])
def test_bounds_agree_for_every_image_or_not(number: float, word: str) -> None:
    findings = Findings(lgan_fig3.QUANTITIES)
    for other in CONVEX:
        findings.add("same_bounds", number if other == EXP else 10.0, one=X, other=other, image="own")
        findings.add("same_bounds", 2.0, one=X, other=other, image="next")
    assert verdict("l.fig3.same-exact", measured("lgan_fig3", findings)).verdict == word


OTHERS = {"two-sided": 0.8, "one-sided": 0.8, "centralised": 0.8, "spectral normalisation": 0.6}


def constraints(quantity: str = "max_cosine", **changed: float) -> Tables:
    means = {"maximum, steepest kept": 0.96, "maximum": 0.955} | OTHERS
    means |= {
        name.replace("_", " ").replace("two sided", "two-sided").replace("one sided", "one-sided"): v
        for name, v in changed.items()
    }
    rows = [(quantity, mean, {"constraint": name, "direction": "gradient"}) for name, mean in means.items()]
    for direction, value in (("random", 0.08), ("to the mean real image", 0.937)):
        rows += [(quantity, value, {"constraint": name, "direction": direction}) for name in means]
    return made("lgan_fig12", lgan_fig12, *rows)


@pytest.mark.parametrize(
    ("claim", "changed"),
    [
        ("l.fig12.gp-fails", {"two_sided": 0.96}),
        ("l.fig12.lp-fails", {"one_sided": 0.96}),
        ("l.fig12.cp-fails", {"centralised": 0.96}),
        ("l.fig12.sn-fails", {"spectral_normalisation": 0.96}),
        ("l.fig12.buffer", {"maximum": 0.8}),
        ("pet.fig12", {"one_sided": 0.6}),
    ],
)
def test_constraints_that_fail_or_do_not(claim: str, changed: dict[str, float]) -> None:
    assert verdict(claim, constraints()).verdict == "holds"
    assert verdict(claim, constraints(**changed)).verdict == "fails"


def test_the_maximum_penalty_is_measured_by_the_mean_image() -> None:
    assert verdict("l.fig12.max", constraints()).verdict == "holds"
    below = measured("lgan_fig12", Findings(lgan_fig12.QUANTITIES))
    assert verdict("l.fig12.max", below).verdict == "not run"
    findings = Findings(lgan_fig12.QUANTITIES)
    for seed in range(5):
        for direction, value in (("gradient", 0.91), ("to the mean real image", 0.937), ("random", 0.08)):
            findings.add(
                "max_cosine",
                value + 0.001 * seed * (direction != "to the mean real image"),
                seed=seed,
                constraint="maximum, steepest kept",
                direction=direction,
            )
    assert verdict("l.fig12.max", measured("lgan_fig12", findings)).verdict == "fails"


@pytest.mark.parametrize(("excess", "word"), [(0.02, "holds"), (0.3, "fails")])
def test_the_loss_ends_near_its_minimum_or_not(excess: float, word: str) -> None:
    labels = {"constraint": "maximum, steepest kept"}
    rows = [("excess_loss", excess, labels | {"critic": "trained"}), ("excess_loss", 0.3, labels | {"critic": "half as steep"})]
    assert verdict("l.fig12.max-loss", made("lgan_fig12", lgan_fig12, *rows)).verdict == word


@pytest.mark.parametrize(("of_gp", "word"), [(0.5, "holds"), (0.1, "fails")])
def test_slopes_are_most_uniform_under_the_maximum_or_not(of_gp: float, word: str) -> None:
    means = {"maximum, steepest kept": 0.2, "maximum": 0.2} | dict.fromkeys(OTHERS, 0.5) | {"two-sided": of_gp}
    rows = [("slope_spread", mean, {"constraint": name}) for name, mean in means.items()]
    assert verdict("l.fig12.uniform", made("lgan_fig12", lgan_fig12, *rows)).verdict == word
