"""WGAN-GP's toys: each claim in a made-up world in which it holds and in one in which it fails; pages."""

import dataclasses
import functools
import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from made_up import measured, verdict

from wganlib.collecting.collected import Tables
from wganlib.experiments import gp_fig1a, gp_fig1b, gp_toy_training
from wganlib.judging.quantities import Findings

CLIPPING, TEN = {"method": "clipping", "weight": "none"}, {"method": "penalty", "weight": "10"}


Value = Callable[[str, dict[str, Any]], float]


def surfaces(quantity: str, l: dict[str, Any]) -> float:  # noqa: E741
    """A world in which all claims on value surfaces hold."""
    method, start = l["method"], l["state"] == "untrained"
    ten = method == "penalty" and l["weight"] == "10"
    if quantity == "w1_attained":
        reversed_ = ten and l["seed"] == 0 and l["data"] == "25 Gaussians"
        return -0.1 if start else -0.4 if reversed_ else 0.3 if method == "clipping" else 0.8
    return {
        "norm_share": 0.2 if start else 0.99 if ten else 0.1,
        "gradient_norm": 1.0 if start else 1.02 if ten else 0.01 if method == "clipping" else 3.0,
        "beyond_quadratic": 0.2 if start else 0.1 if method == "clipping" else 0.4,
        "beyond_quadratic_near": 0.2 if start else 0.1 if method == "clipping" else 0.4,
        "discrimination": 0.0 if start else -0.01 if method == "clipping" else 0.1,
    }[quantity]


def layers(quantity: str, l: dict[str, Any]) -> float:  # noqa: E741
    """A world in which all claims on gradients through depth hold."""
    clipped, start = l["method"] == "clipping", l["state"] != "trained"
    slopes = {"0.1": 0.5, "0.07": 0.2, "0.05": 0.0, "0.03": -0.3, "0.01": -1.1, "0.001": -2.1, "none": 0.02}
    at_end = {"0.1": 0.4, "0.01": 0.9, "0.001": 0.99}
    return {
        "slope": -0.2 if start and l["limit"] in ("0.1", "none") else slopes[l["limit"]],
        "log_linear": 0.99 if clipped else 0.3,
        "window": 0.2 if clipped else 2.0,
        "at_limits": 0.0
        if not clipped
        else {"0.1": 0.36, "0.01": 0.6}.get(l["limit"], 0.99)
        if start
        else at_end.get(l["limit"], 0.5),
        "peaks": 2.0 if clipped else 1.0,
    }[quantity]


def generators(quantity: str, l: dict[str, Any]) -> float:  # noqa: E741
    """A world in which all claims on trained generators hold."""
    if quantity == "quality_rank":
        return 0.0 if l["predictor"] == "critic" else 0.9
    if l["state"] == "untrained":
        return 0.0 if quantity == "log_w1_range" else 0.5
    if quantity == "log_w1_range":
        return 0.9 if l["method"] == "penalty" else 0.1
    ends = {("penalty", "10"): -1.5, ("one-sided penalty", "10"): -2.2}
    near = ends.get((l["method"], l["weight"]), -1.6 if "penalty" in l["method"] else -0.5)
    return {"w1": math.exp(near), "log_w1": near, "modes": 0.95 if "penalty" in l["method"] else 0.3, "near_modes": 0.5}[
        quantity
    ]


WORLDS: dict[str, tuple[ModuleType, Value]] = {
    "gp_fig1a": (gp_fig1a, surfaces),
    "gp_fig1b": (gp_fig1b, layers),
    "gp_toy_training": (gp_toy_training, generators),
}


@functools.cache
def empty(name: str) -> Tables:
    """Tables in which nothing is measured."""
    return measured(name, Findings({}))


def judged(claim: str, name: str, findings: Findings) -> str:
    """The word on a claim."""
    return verdict(claim, dataclasses.replace(empty(name), quantities=findings.frame())).verdict


def world(name: str, quantity: str = "", changed: float = math.nan, **labels: Any) -> Findings:
    """Quantities of all runs that the plan has, spread over seeds; one of them otherwise for the runs with these labels."""
    module, value = WORLDS[name]
    findings = Findings(module.QUANTITIES)
    rows: list[dict[str, Any]] = []
    generator = np.random.default_rng(0)
    for entry in empty(name).experiment.entries:
        if entry.group != "penalties" or name == "gp_fig1a":
            start = "untrained, clipped once" if name == "gp_fig1b" and entry.labels["method"] == "clipping" else "untrained"
            rows += [{**entry.labels, "seed": entry.spec.seed, "state": state} for state in ("trained", start)]
    for quantity_ in module.QUANTITIES:
        shown = rows
        if quantity_ == "quality_rank":
            shown = [{"predictor": p, "seed": s} for p in ("critic", "nearness on other data") for s in range(5)]
        for row in shown:
            number = changed if quantity_ == quantity and labels.items() <= row.items() else value(quantity_, row)
            shift = 0.0 if quantity_ == "peaks" else float(generator.normal(0, 0.002))
            others = {k: v for k, v in row.items() if k != "seed"}
            findings.add(quantity_, number + shift, seed=row["seed"], expected=1.02, **others)
    return findings


FAILING: list[tuple[str, str, str, float, dict[str, Any]]] = [
    ("gp_fig1a", "gp.cor1.norm1", "norm_share", 0.5, TEN | {"state": "trained"}),
    ("gp_fig1a", "gp.fig1a.norm-bias", "gradient_norm", 1.3, TEN | {"state": "trained"}),
    ("gp_fig1a", "gp.fig1a.clip-simple", "beyond_quadratic", 0.5, CLIPPING | {"state": "trained", "data": "25 Gaussians"}),
    ("gp_fig1a", "gp.fig1a.clip-simple-near", "beyond_quadratic_near", 0.5, CLIPPING | {"state": "trained"}),
    ("gp_fig1a", "gp.fig1a.gp-rich", "w1_attained", 0.9, CLIPPING | {"state": "trained"}),
    ("gp_fig1a", "gp.fig1a.modes-8", "discrimination", -0.1, TEN | {"state": "trained", "data": "8 Gaussians"}),
    ("gp_fig1a", "gp.fig1a.modes-25", "discrimination", -0.1, TEN | {"state": "trained", "data": "25 Gaussians"}),
    (
        "gp_fig1a",
        "pet.barrier.sign",
        "w1_attained",
        -0.1,
        {"method": "one-sided penalty", "weight": "1", "state": "trained", "seed": 3},
    ),
    ("gp_fig1b", "w.clip.small", "slope", 0.0, {"limit": "0.01", "state": "trained"}),
    ("gp_fig1b", "w.clip.large", "at_limits", 0.9, {"limit": "0.1", "state": "trained"}),
    ("gp_fig1b", "gp.fig1b.vanish", "slope", 0.0, {"limit": "0.001", "state": "trained"}),
    ("gp_fig1b", "gp.fig1b.explode", "slope", 0.05, {"limit": "0.1", "state": "trained"}),
    ("gp_fig1b", "gp.fig1b.stable", "slope", 0.2, TEN | {"state": "trained"}),
    ("gp_fig1b", "gp.fig1b.exponential", "log_linear", 0.7, {"limit": "0.1", "state": "trained"}),
    ("gp_fig1b", "gp.fig1b.no-good-c", "window", 0.9, {"method": "clipping", "state": "trained"}),
    ("gp_fig1b", "gp.fig1b.two-values", "at_limits", 0.6, {"limit": "0.01", "state": "trained"}),
    ("gp_fig1b", "gp.fig1b.gp-hist", "peaks", 2.0, TEN | {"state": "trained"}),
    ("gp_toy_training", "gp.lambda.toy", "log_w1", 0.4, TEN | {"state": "trained"}),
    ("gp_toy_training", "gp.toy.beats-clip", "log_w1", 0.6, TEN | {"state": "trained"}),
    ("gp_toy_training", "gp.toy.beats-clip-0.1", "log_w1", -1.9, CLIPPING | {"state": "trained"}),
    ("gp_toy_training", "gp.toy.modes", "modes", 0.4, {"method": "penalty", "weight": "0.1", "state": "trained"}),
    ("gp_toy_training", "gp.toy.beats-gan", "log_w1", -1.5, {"method": "GAN", "state": "trained"}),
    ("gp_toy_training", "pet.lp-toy", "log_w1", -1.5, {"method": "one-sided penalty", "weight": "10", "state": "trained"}),
    ("gp_toy_training", "pet.lambda", "log_w1_range", 0.2, {"method": "penalty", "state": "trained"}),
    ("gp_toy_training", "sta.better-w-worse", "quality_rank", 0.8, {"predictor": "critic"}),
]


@pytest.mark.parametrize(("name", "claim", "quantity", "changed", "labels"), FAILING, ids=[case[1] for case in FAILING])
def test_each_claim_holds_in_its_world_and_fails_by_what_it_is_about(
    name: str, claim: str, quantity: str, changed: float, labels: dict[str, Any]
) -> None:
    assert judged(claim, name, world(name)) == "holds"
    assert judged(claim, name, world(name, quantity, changed, **labels)) == "fails"


@pytest.mark.parametrize("name", WORLDS)
def test_every_claim_that_can_be_judged_is_among_them(name: str) -> None:
    claims = empty(name).experiment.params.claims
    assert {claim for claim in claims if claims[claim].reason("demo") is None} == {
        case[1] for case in FAILING if case[0] == name
    }


@pytest.mark.parametrize(
    ("name", "claim", "quantity", "changed", "labels"),
    [
        # What must fail the same rule meets it.
        ("gp_fig1a", "gp.cor1.norm1", "norm_share", 0.99, {"state": "untrained"}),
        ("gp_fig1b", "w.clip.small", "slope", -1.0, TEN | {"state": "trained"}),
        ("gp_fig1b", "gp.fig1b.no-good-c", "window", 0.1, {"method": "penalty", "state": "trained"}),
        ("gp_toy_training", "gp.toy.modes", "modes", 0.95, {"method": "GAN", "state": "trained"}),
        ("gp_toy_training", "sta.better-w-worse", "quality_rank", 0.1, {"predictor": "nearness on other data"}),
        # What must be true first is not.
        ("gp_fig1b", "w.clip.large", "at_limits", 0.6, {"limit": "0.01", "state": "trained"}),
        ("gp_toy_training", "gp.toy.beats-clip", "log_w1", 0.5, CLIPPING | {"state": "trained"}),
        ("gp_toy_training", "gp.toy.beats-gan", "log_w1", 0.5, {"method": "GAN", "state": "trained"}),
    ],
)
def test_controls_and_gates(name: str, claim: str, quantity: str, changed: float, labels: dict[str, Any]) -> None:
    assert judged(claim, name, world(name, quantity, changed, **labels)) == "not testable here"


def test_without_a_reversed_critic_under_the_two_sided_penalty_the_one_sided_shows_nothing() -> None:
    findings = world("gp_fig1a", "w1_attained", 0.5, state="trained", **TEN)
    assert judged("pet.barrier.sign", "gp_fig1a", findings) == "undecided"


# Pages.


def test_pages_show_the_paper_s_figure_first_and_a_row_a_setting() -> None:
    square = {f"surface/{data}/penalty/10": np.eye(5) for data in ("8 Gaussians", "25 Gaussians", "Swiss roll")}
    some = {
        f"{kind}/{data}": np.zeros((3, 2))
        for kind in ("real", "fake")
        for data in ("8 Gaussians", "25 Gaussians", "Swiss roll")
    }
    norms = {"norms/clipping/0.1/0": np.arange(1.0, 13), "weights/penalty/10/trained": np.array([[0.0, 1], [1, 2], [0.5, 0.5]])}
    for name, arrays, count in (
        ("gp_fig1a", square | some | {"axis": np.linspace(-3, 3, 5)}, 8),
        ("gp_fig1b", norms, 18),
        ("gp_toy_training", {"Swiss roll/GAN/none": np.zeros((3, 2))}, 8),
    ):
        tables = dataclasses.replace(empty(name), quantities=world(name).frame(), arrays=arrays)
        content = WORLDS[name][0].report(tables)
        assert not content.pictures[0].after
        assert len(content.tables[0].rows) == count, name
        assert all(len(row) == len(content.tables[0].columns) for row in content.tables[0].rows)
