"""The language models: what is measured above held-out lines, and the claims on it, from made-up tables."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
from made_up import failed, made_up, values, verdict, with_measured

from wganlib.experiments import language_model
from wganlib.reporting.style import pdf

FLOOR = {1: 0.02, 2: 0.1, 3: 0.3, 4: 0.6}


@pytest.fixture(autouse=True)
def figures_are_closed():
    yield
    plt.close("all")


def tables(above=None, norms=(0.99, 1.05), gaps=(0.1, 2.0), scores=None):
    """Divergences `above` the floor by method; untrained ones are 0.4 above it; the critic's first and last norm and gap."""
    above = above or {"WGAN-GP": 0.1, "GAN": 0.5}

    def divergences(entry):
        shift = 0.004 * ((2 * entry.spec.seed) % 5 - 2)
        one = {f"ngram_divergence_{n}": floor + above[entry.labels["method"]] + shift for n, floor in FLOOR.items()}
        one |= {f"ngram_divergence_{n}_held_out": floor for n, floor in FLOOR.items()}
        one |= {f"{name}_standard_error": 0.01 for name in list(one)}
        return one | (scores(entry) if scores else {})

    def snapshots(entry):
        return {0: {f"ngram_divergence_{n}": floor + 0.4 for n, floor in FLOOR.items()}}

    def curves(entry):
        at, shift = np.arange(10, 310, 10), 0.01 * entry.spec.seed
        late = at > 240
        gap = np.where(at == 10, gaps[0], gaps[1]) + shift
        norm = np.where(late, norms[1], norms[0]) + shift
        return {"generator_iteration": at, "critic_loss": 0.3 - gap, "penalty": 0.3, "gradient_norm": norm}

    made = made_up("language_model", divergences, snapshots, curves, lambda entry: ["a line"] * 40)
    return with_measured(made, language_model.measure)


def test_text_is_measured_above_held_out_lines_and_against_the_untrained_generator():
    made = language_model.measure(tables())
    shift = 0.004 * np.array([(2 * seed) % 5 - 2 for seed in range(5)])
    assert values(made, "excess", method="WGAN-GP", n=4) == pytest.approx(0.1 + shift)
    assert values(made, "log_excess", method="GAN", n=2) == pytest.approx(np.log(0.5 + shift))
    assert values(made, "change", method="GAN", n=1) == pytest.approx(0.1 + shift)
    assert values(made, "critic_gap", method="WGAN-GP", state="first step") == pytest.approx(0.1 + 0.01 * np.arange(5))
    assert values(made, "gradient_norm", method="WGAN-GP", state="last fifth") == pytest.approx(1.05 + 0.01 * np.arange(5))


def test_what_lies_below_the_floor_has_no_finite_logarithm():
    made = language_model.measure(tables({"WGAN-GP": -0.05, "GAN": 0.5}))
    assert values(made, "log_excess", method="WGAN-GP", n=2) == [-math.inf] * 5


@pytest.mark.parametrize(
    ("claim", "changes", "expected"),
    [
        ("gp.lm.learns", {}, "holds"),
        ("gp.lm.learns", {"above": {"WGAN-GP": 0.39, "GAN": 0.5}}, "fails"),
        ("gp.lm.learns", {"above": {"WGAN-GP": 0.1, "GAN": 0.1}}, "not testable here"),
        ("gp.lm.gan-fails", {}, "holds"),
        ("gp.lm.gan-fails", {"above": {"WGAN-GP": 0.1, "GAN": 0.15}}, "fails"),
        ("gp.lm.gan-fails", {"above": {"WGAN-GP": 0.4, "GAN": 0.9}}, "not testable here"),
        ("gp.lm.spelling", {}, "holds"),
        ("gp.lm.spelling", {"above": {"WGAN-GP": 0.0, "GAN": 0.5}}, "fails"),
        ("gp.lm.grad", {}, "holds"),
        ("gp.lm.grad", {"norms": (0.99, 1.5)}, "fails"),
        ("gp.lm.grad", {"gaps": (0.1, 0.2)}, "fails"),
        # A critic that tells text apart from its first step on shows nothing by its slope.
        ("gp.lm.grad", {"gaps": (2.0, 2.0)}, "not testable here"),
    ],
)
def test_measurements_decide(claim, changes, expected):
    assert verdict(claim, tables(**changes)).verdict == expected


@pytest.mark.parametrize("outcome", ["diverged", "out_of_memory"])
def test_a_failed_gan_is_the_worst_or_not_compared_and_shows_no_lines(outcome):
    made = tables(scores=lambda e: failed(outcome) if e.labels["method"] == "GAN" else {})
    expected = [1.0 - FLOOR[2]] * 5 if outcome == "diverged" else []
    assert values(language_model.measure(made), "excess", method="GAN", n=2) == pytest.approx(expected)
    content = language_model.report(made)
    assert [block.title.partition(" after")[0] for block in content.lines] == ["WGAN-GP"]
    assert pdf(content.pictures[0].figure)


def test_the_page_has_a_row_for_each_method_and_n():
    content = language_model.report(tables())
    rows = content.tables[0].rows
    assert [row[:2] for row in rows] == [[method, str(n)] for method in ("WGAN-GP", "GAN") for n in (1, 2, 3, 4)]
    assert rows[1][6].mean == pytest.approx(0.1)
    assert rows[1][7].mean == pytest.approx(0.1)
    assert len(content.lines) == 2
    assert len(content.lines[0].lines) == 32
