"""Toys of Lipschitz GANs: quantities on critics that are known, claims on made-up quantities, and their pages."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from known import member, trained
from made_up import measured, values
from scipy.optimize import minimize_scalar
from test_stacks import GIVEN, toy
from torch import Tensor

from wganlib.collecting.collected import Tables
from wganlib.experiments import lgan_fig1, lgan_fig2, lgan_fig6_toy
from wganlib.judging.quantities import Findings
from wganlib.judging.verdicts import Verdict, judge
from wganlib.measuring.study import Member, Study

X, SIGMOID, SQRT, EXP = "x", "−log σ(−x)", "x + √(x² + 1)", "exp x"
ALL, CONVEX = (X, SIGMOID, SQRT, EXP), (SIGMOID, SQRT, EXP)
PLANE = {"samples": 200, "x": [-2.0, 2.0], "y": [-1.5, 1.5], "grid": [5, 4], "arrows": 7, "apart": 0.15, "radius": 0.05}


def made(name: str, module: Any, *rows: tuple[str, float, dict[str, Any]], units: str = "seed") -> Tables:
    """Tables of six units whose values spread by 0.001 about a mean, each row's by itself."""
    findings = Findings(module.QUANTITIES)
    for index, (quantity, mean, labels) in enumerate(rows):
        shifts = np.random.default_rng(index).normal(0, 0.001, 6)
        for unit in range(6):
            shift = shifts[unit] - shifts.mean()
            findings.add(quantity, mean + shift, **({units: unit} | labels))  # type: ignore[arg-type]
    return measured(name, findings)


def verdict(claim: str, tables: Tables) -> Verdict:
    params = tables.experiment.params
    return judge(params.claims[claim], params.gates, tables.quantities, tables.scale)


# Figure 1.


def test_the_unrestricted_optimum() -> None:
    for real, fake in ((0.2, 0.8), (0.8, 0.2), (0.5, 0.1)):
        best = minimize_scalar(lambda f, r=real, g=fake: g * (f + 1) ** 2 + r * (f - 1) ** 2).x
        assert lgan_fig1.optimum(real, fake) == pytest.approx(best, abs=1e-6)


def test_gradients_that_point_to_the_data_and_away_from_it() -> None:
    members = []
    for seed in range(4):
        spec, sign = (
            toy("lgan_case1", "quadratic_lsgan", {"kind": "none"}, architecture=GIVEN, seed=seed),
            1 if seed < 3 else -1,
        )
        labels = {"appendix case": "disjoint squares", "network": "a"}
        members.append(member(spec, lambda x, sign=sign: sign * x[:, 0], "appendix", **labels))
    findings = lgan_fig1.measure(Study(tuple(members), PLANE))
    cosines = values(findings, "cosine")
    assert cosines[0] > 0.85  # every real example lies right of every generated one, two units away
    assert cosines[3] < -0.85
    assert values(findings, "pointing")[0] > 0.9
    assert values(findings, "pointing")[3] == 0
    # Pairs of seeds without a common one: alike, and opposite.
    assert values(findings, "agreement") == pytest.approx([1, -1])
    assert values(findings, "effect", of="network") == pytest.approx([np.mean(cosines) * 2])
    assert values(findings, "effect", of="seed") == pytest.approx(
        [(cosines[0] - cosines[1]) / math.sqrt(2), (cosines[2] - cosines[3]) / math.sqrt(2)]
    )
    assert values(findings, "second_cosine") == []
    labels = {"appendix case": "disjoint squares", "network": "b"}
    upwards = member(
        toy("lgan_case1", "quadratic_lsgan", {"kind": "none"}, architecture=GIVEN), lambda x: x[:, 1], "appendix", **labels
    )
    both = lgan_fig1.measure(Study((*members, upwards), PLANE))
    assert values(both, "second_cosine") == [min(cosines[0], values(both, "cosine", network="b")[0])]
    figure = member(
        toy("lgan_case1", "quadratic_lsgan", {"kind": "none"}, architecture=GIVEN),
        lambda x: x[:, 0],
        "figure",
        case="disjoint squares",
        network="a",
    )
    findings = lgan_fig1.measure(Study((*members, figure), PLANE))
    assert len(values(findings, "cosine")) == 4  # a run that stands for two is measured once
    content = lgan_fig1.report(measured("lgan_fig1", findings))
    assert content.tables[0].rows[0][:3] == ["least squares", "disjoint squares", "a"]


def test_scaled_effects_of_networks_and_of_seeds_vary_alike_where_networks_do_not_differ() -> None:
    source, ratios = np.random.default_rng(0), []
    for _ in range(400):
        findings = Findings(lgan_fig1.QUANTITIES)
        for network in "abcde":
            one = lgan_fig1.Setting("least squares", "disjoint squares", network)
            lgan_fig1._effects(findings, dict(enumerate(source.normal(0.3, 0.2, 8))), one)
        both = [np.var(values(findings, "effect", of=of), ddof=1) for of in ("network", "seed")]
        ratios.append(both[0] / both[1])
    # Of F with 4 and 19 degrees of freedom the mean is 19 / 17, and 2.895 is passed by 5 %.
    assert np.mean(ratios) == pytest.approx(19 / 17, abs=0.12)
    assert 0.02 < np.mean(np.array(ratios) > 2.895) < 0.09


def test_values_in_overlapping_squares() -> None:
    squares = toy("lgan_case2", "quadratic_lsgan", {"kind": "none"}, architecture=GIVEN)
    best = member(squares, lambda x: 0.6 * torch.sign(x[:, 0]) + 0 * x[:, 1], "figure", case="overlapping squares")
    findings = lgan_fig1.measure(Study((best,), PLANE))
    assert values(findings, "square", critic="trained") == pytest.approx([-0.6, 0.6], abs=1e-6)
    assert [row["expected"] for row in findings.rows if row["quantity"] == "square"][::2] == pytest.approx([-0.6, 0.6])
    assert abs(values(findings, "square", critic="over both squares")[0]) < 0.1
    assert values(findings, "square_spread") == pytest.approx([0, 0], abs=1e-6)
    sloping = member(squares, lambda x: x[:, 1], "figure", case="overlapping squares")
    spreads = values(lgan_fig1.measure(Study((sloping,), PLANE)), "square_spread", square="right")
    assert spreads == pytest.approx([math.sqrt(1 / 12)], abs=0.03)  # of a uniform variable on a unit interval


NETWORKS = (
    "1 layer, ReLU, Adam 0.01",
    "4 layers, ReLU, Adam 0.01",
    "4 layers, ReLU, Adam 0.00001",
    "64 layers, SELU, SGD 0.001",
    "64 layers, SELU, SGD 0.0001",
)
LEAST, DEEP = {"method": "least squares"}, {"network": NETWORKS[-1]}
LIPSCHITZ = [{"method": name, "data": "Gaussians", "network": lgan_fig1.LIPSCHITZ} for name in ALL]


@pytest.mark.parametrize(("pointing", "word"), [(0.4, "holds"), (0.95, "fails")])
def test_unrestricted_gradients_point_less_than_those_of_lipschitz_gans(pointing: float, word: str) -> None:
    rows = [("pointing", 0.98, labels) for labels in LIPSCHITZ]
    tables = made("lgan_fig1", lgan_fig1, ("pointing", pointing, LEAST | {"data": "Gaussians"}), *rows)
    assert verdict("l.fig1.random", tables).verdict == word


@pytest.mark.parametrize(
    ("own", "others", "word"), [(0.05, 0.9, "holds"), (0.8, 0.9, "fails"), (0.05, 0.0, "not testable here")]
)
def test_unrestricted_gradients_of_two_seeds_do_not_agree(own: float, others: float, word: str) -> None:
    cases = ("disjoint squares", "overlapping squares", "Gaussians")
    rows = [("agreement", own, LEAST | DEEP | {"data": case}) for case in cases]
    rows += [("agreement", others, labels) for labels in LIPSCHITZ]
    assert verdict("l.fig1.seeds", made("lgan_fig1", lgan_fig1, *rows, units="pair")).verdict == word


@pytest.mark.parametrize(("step", "word"), [(0.5, "holds"), (0.0, "undecided"), (0.0005, "undecided")])
def test_networks_differ_more_than_seeds(step: float, word: str) -> None:
    findings = Findings(lgan_fig1.QUANTITIES)
    for index, network in enumerate(NETWORKS):
        labels = LEAST | {"data": "disjoint squares", "network": network}
        findings.add("effect", step * index + 0.01 * (-1) ** index, of="network", **labels)
        for pair in range(4):
            findings.add("effect", 0.01 * (-1) ** pair, of="seed", **labels)
    assert verdict("l.fig1.hyper", measured("lgan_fig1", findings)).verdict == word


@pytest.mark.parametrize(("second", "word"), [(0.3, "holds"), (0.9, "fails")])
def test_uninformative_networks_are_common(second: float, word: str) -> None:
    rows = [("second_cosine", second, {"data": "disjoint squares"}), ("cosine", 0.9, LIPSCHITZ[0])]
    assert verdict("l.fig1.common", made("lgan_fig1", lgan_fig1, *rows)).verdict == word


@pytest.mark.parametrize(("left", "spread", "word"), [(-0.6, 0.02, "holds"), (-0.4, 0.02, "fails"), (-0.6, 0.3, "fails")])
def test_values_of_squares_are_judged_side_by_side(left: float, spread: float, word: str) -> None:
    rows: list[tuple[str, float, dict[str, Any]]] = []
    for square, value, expected in (("left", left, -0.6), ("right", 0.6, 0.6)):
        labels = {"data": "overlapping squares", "square": square}
        rows += [("square", value, labels | {"critic": "trained", "expected": expected})]
        rows += [
            ("square", 0.0, labels | {"critic": "over both squares", "expected": expected}),
            ("square_spread", spread, labels),
        ]
    assert verdict("l.fig1.optimum", made("lgan_fig1", lgan_fig1, *rows)).verdict == word


# Figure 2.


def test_gradients_on_two_gaussians() -> None:
    spec = toy("lgan_case3", architecture=GIVEN)
    modes = torch.tensor([[-1.25, 0.0], [1.0, 0.0]])

    def transported(x: Tensor) -> Tensor:
        # Right of the generated mean towards the right mode, left of it towards the left one: what exact transport does.
        target = modes[(x[:, 0] > -0.75).long()]
        return -(x - target).norm(dim=1)

    findings = lgan_fig2.measure(Study((member(spec, transported, objective="x"),), PLANE))
    of = {"direction": "gradient"}
    # Not 1: near examples travel 0.4, and transport matches them with examples that spread by 0.15.
    assert values(findings, "cosine", **of)[0] > 0.7
    assert values(findings, "pointing", **of)[0] > 0.95
    right = next(row for row in findings.rows if row["quantity"] == "right")
    assert abs(right["value"] - right["expected"]) < 0.1
    assert right["expected"] == pytest.approx(0.5, abs=0.1)
    against = lgan_fig2.measure(Study((member(spec, lambda x: -transported(x), objective="x"),), PLANE))
    assert values(against, "cosine", **of)[0] < -0.7
    for name in ("pointing", "cosine"):
        assert values(against, name, **of) == pytest.approx(values(findings, name, direction="opposite"))
    # What knows nothing leads to a real example now and then, and what knows their mean more often.
    random, mean = (values(findings, "pointing", direction=d)[0] for d in ("random", "to the mean real example"))
    assert 0.2 < random < 0.6
    assert random < mean < 0.98
    assert values(findings, "pointing", direction="to the nearest real example") == [1]
    content = lgan_fig2.report(measured("lgan_fig2", findings))
    assert [row[:2] for row in content.tables[0].rows][:3] == [["x", "gradient"], ["x", "opposite"], ["any", "random"]]


def directed(quantity: str, means: dict[str, float], **others: float) -> list[tuple[str, float, dict[str, Any]]]:
    """A quantity of the four objectives' gradients, and of other directions alike for all."""
    rows = [(quantity, mean, {"objective": name, "direction": "gradient"}) for name, mean in means.items()]
    rows += [
        (quantity, mean, {"objective": name, "direction": direction.replace("_", " ")})
        for direction, mean in others.items()
        for name in ALL
    ]
    return [(q, mean, labels | {"expected": 0.5}) for q, mean, labels in rows]


@pytest.mark.parametrize(
    ("of_sqrt", "mean", "word"), [(0.97, 0.7, "holds"), (0.5, 0.7, "fails"), (0.97, 0.97, "not testable here")]
)
def test_every_objective_must_point_to_real_examples(of_sqrt: float, mean: float, word: str) -> None:
    means = dict.fromkeys(ALL, 0.98) | {SQRT: of_sqrt}
    rows = directed("pointing", means, random=0.35, to_the_mean_real_example=mean)
    assert verdict("l.fig2.pointing", made("lgan_fig2", lgan_fig2, *rows)).verdict == word


@pytest.mark.parametrize(("of_x", "right", "word"), [(0.95, 0.5, "holds"), (0.6, 0.5, "fails"), (0.95, 0.8, "fails")])
def test_the_plan_is_asked_of_x(of_x: float, right: float, word: str) -> None:
    rows = directed("cosine", dict.fromkeys(ALL, 0.4) | {X: of_x}, random=0.0)
    rows += directed("right", dict.fromkeys(ALL, 0.0) | {X: right})
    assert verdict("l.fig2.transport-x", made("lgan_fig2", lgan_fig2, *rows)).verdict == word


@pytest.mark.parametrize(("of_exp", "word"), [(0.9, "holds"), (0.4, "fails")])
def test_directions_are_alike_or_one_is_not(of_exp: float, word: str) -> None:
    rows = directed("cosine", dict.fromkeys(ALL, 0.9) | {EXP: of_exp}, random=0.0)
    assert verdict("l.fig2.alike", made("lgan_fig2", lgan_fig2, *rows)).verdict == word


@pytest.mark.parametrize(("of_exp", "word"), [(0.5, "holds"), (0.2, "fails")])
def test_both_modes_are_led_to_or_not(of_exp: float, word: str) -> None:
    rows = directed("right", dict.fromkeys(ALL, 0.5) | {EXP: of_exp}, to_the_nearest_real_example=0.05)
    assert verdict("l.fig2.modes", made("lgan_fig2", lgan_fig2, *rows)).verdict == word


# The free offset on the toy.


def test_wandering_offsets() -> None:
    steps = np.arange(200)
    sway = np.sin(steps)

    def history(offset: Any, gap: float) -> pd.DataFrame:
        return pd.DataFrame(
            {"generator_iteration": steps, "critic_on_real": offset + gap / 2, "critic_on_fake": offset - gap / 2}
        )

    assert lgan_fig6_toy.wander(history(3 + 0.01 * steps, 2.0)) == pytest.approx(0, abs=1e-9)  # a trend does not count
    assert lgan_fig6_toy.wander(history(sway, 2.0)) == pytest.approx(sway[100:].std() / 2, rel=0.01)
    assert lgan_fig6_toy.wander(history(sway, 4.0)) == pytest.approx(sway[100:].std() / 4, rel=0.01)
    members = []
    for objective, size in (("x", 1.0), ("exp x", 0.1)):
        for seed in (0, 1):
            spec = toy("two_points", seed=seed, architecture=GIVEN)
            run = trained(spec, lambda x: x[:, 0], history(size * (sway + 10 * seed), 2.0))
            members.append(Member("critics", {"objective": objective}, run))
    findings = lgan_fig6_toy.measure(Study(tuple(members), {}))
    # Between two points all batches are equal: nothing is taken out.
    assert values(findings, "drift", objective="x") == pytest.approx(values(findings, "wander", objective="x"))
    last = values(findings, "last_offset", objective="x")
    assert last[1] - last[0] == pytest.approx(10 / 2)
    assert len(lgan_fig6_toy.report(measured("lgan_fig6_toy", findings)).tables[0].rows) == 2


def test_the_draw_of_batches_alone_makes_an_offset_wander() -> None:
    # f = x on N(0, 1) and N(5, 1): the offset of a batch of 16 has the standard deviation sqrt(2 / 16) / 2, its gap is -5.
    run = trained(toy("two_gaussians", architecture=GIVEN), lambda x: x[:, 0])
    assert lgan_fig6_toy.batch_noise(run) == pytest.approx(math.sqrt(2 / 16) / 2 / 5, rel=0.25)
    assert lgan_fig6_toy.drift(0.5, 0.3) == pytest.approx(0.4)
    assert lgan_fig6_toy.drift(0.3, 0.5) == 0


@pytest.mark.parametrize(("of_x", "word"), [(0.5, "holds"), (0.02, "fails")])
def test_drift_is_that_of_x_or_not(of_x: float, word: str) -> None:
    rows = [("drift", of_x if name == X else 0.05, {"objective": name}) for name in ALL]
    assert verdict("l.fig6.toy", made("lgan_fig6_toy", lgan_fig6_toy, *rows)).verdict == word


@pytest.mark.parametrize(("of_x", "word"), [(5.0, "holds"), (0.001, "fails"), (0.2, "undecided")])
def test_last_offsets_of_x_spread_or_not(of_x: float, word: str) -> None:
    findings = Findings(lgan_fig6_toy.QUANTITIES)
    for index, name in enumerate(ALL):
        for seed in range(8):
            spread = of_x if name == X else 0.2
            findings.add("last_offset", spread * ((seed * (index + 1)) % 5 - 2), seed=seed, objective=name)
    assert verdict("l.fig6.seeds", measured("lgan_fig6_toy", findings)).verdict == word
