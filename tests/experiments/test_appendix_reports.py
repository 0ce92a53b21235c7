"""Reports of ELU and the language model from made-up tables whose answers are known."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import REPOSITORY
from made_up import failed, made_up, values

from wganlib.experiments import elu, language_model
from wganlib.planning.plan import load_plan


@pytest.fixture(autouse=True)
def figures_are_closed():
    yield
    plt.close("all")


ELU_SCORES = {"ReLU": 5.0, "leaky ReLU": 5.5, "smooth ELU": 4.75, "ELU": 2.0, "ELU in the critic alone": 4.0}


def elu_scores(entry):
    return {"classifier_score": ELU_SCORES[entry.labels["nonlinearity"]]}


def elu_tables(scores=elu_scores):
    def norms(entry):
        return {"generator_iteration": [10, 150], "gradient_norm": [0.5, 1.0]}

    return made_up("elu", scores, lambda e: {50: scores(e), 150: scores(e)}, norms)


def test_elu_is_measured_against_relu():
    content = elu.report(elu_tables())
    assert values(content, "smooth") == [0.95]
    assert values(content, "elu", "both networks") == [0.4]
    assert values(content, "elu", "critic alone") == [0.8]
    by_name = {row[0]: row for row in content.tables[0].rows}
    assert by_name["ELU"][5:] == ["0.40", "1 of 1", "could not be trained"]
    assert by_name["smooth ELU"][5:] == ["0.95", "0 of 1", "trains"]
    assert content.notes == ["ELU in both networks failed in 1 of 1 run, as in the paper. One seed: inconclusive."]


def test_a_trained_elu_reads_as_a_failure_that_is_not_reproduced():
    content = elu.report(elu_tables(lambda e: {"classifier_score": 5.0}))
    assert content.notes[0].startswith("The paper's failure is not reproduced: ELU in both networks failed in 0 of 1 run.")


def test_a_diverged_elu_counts_as_failed_whatever_relu_scores():
    content = elu.report(
        elu_tables(lambda e: failed("diverged") if e.labels["nonlinearity"] == "ELU" else {"classifier_score": 1.5})
    )
    assert values(content, "elu", "both networks") == pytest.approx([1 / 1.5])
    assert content.tables[0].rows[names_of("elu").index("ELU")][1:] == [
        *("0 of 1", "1.00", "–", "∞", "0.67", "1 of 1"),
        "could not be trained",
    ]
    assert content.notes[0].startswith("ELU in both networks failed in 1 of 1 run")


@pytest.mark.parametrize("name", ["ELU", "ReLU"])
def test_of_an_elu_without_memory_nothing_is_said(name):
    content = elu.report(
        elu_tables(lambda e: failed("out_of_memory") if e.labels["nonlinearity"] == name else {"classifier_score": 5.0})
    )
    assert values(content, "elu", "both networks") == []
    assert content.notes == ["No run of ELU can be compared: nothing is said of the paper's failure."]


def names_of(name):
    return load_plan(REPOSITORY / "params", "demo").experiment(name).axes["nonlinearity"]


def test_derivatives_are_those_of_the_formulas():
    x = np.array([-1.0, -0.5, 0.5])
    value, first, second = elu.derivatives("elu", x)
    np.testing.assert_allclose(value, [math.exp(-1) - 1, math.exp(-0.5) - 1, 0.5])
    np.testing.assert_allclose(first, [math.exp(-1), math.exp(-0.5), 1.0])
    np.testing.assert_allclose(second, [math.exp(-1), math.exp(-0.5), 0.0], atol=1e-15)
    value, first, second = elu.derivatives("smooth_elu", x)
    np.testing.assert_allclose(value, np.log1p(np.exp(2 * x + 2)) / 2 - 1)
    logistic = 1 / (1 + np.exp(-2 * x - 2))
    np.testing.assert_allclose(first, logistic)
    np.testing.assert_allclose(second, 2 * logistic * (1 - logistic))


def divergences(entry):
    """WGAN-GP lies 0.1 n above the floor of 0.1 n, GAN 0.25 n above it."""
    above = {"WGAN-GP": 0.1, "GAN": 0.25}[entry.labels["method"]]
    found = {}
    for n in (1, 2, 3, 4):
        found |= {f"ngram_divergence_{n}": (0.1 + above) * n / 2, f"ngram_divergence_{n}_held_out": 0.05 * n}
        found |= {f"ngram_divergence_{n}_standard_error": 0.01, f"ngram_divergence_{n}_held_out_standard_error": 0.02}
    return found


def on_the_way(entry):
    return {0: dict.fromkeys(divergences(entry), 0.9), entry.spec.generator_iterations: divergences(entry)}


def norms(entry):
    return {"generator_iteration": [10, 20, 30, 40, 50], "gradient_norm": [9.0, 9.0, 9.0, 9.0, 1.1]}


def test_text_is_measured_above_held_out_lines():
    tables = made_up(
        "language_model", divergences, on_the_way, norms, lambda e: [f"{e.labels['method']} {i}" for i in range(64)]
    )
    content = language_model.report(tables)
    for n in (1, 2, 3, 4):
        assert values(content, f"above_{n}", "WGAN-GP") == pytest.approx([0.05 * n])
        # The criterion is WGAN-GP's: GAN is expected to miss it.
        assert values(content, f"above_{n}", "GAN") == []
        assert values(content, "change", f"WGAN-GP, n = {n}") == pytest.approx([0.1 * n - 0.9])
    assert values(content, "ratio") == pytest.approx([2.5, 2.5, 2.5])
    assert values(content, "gradient_norm") == pytest.approx([1.1])
    assert content.tables[0].rows[1] == ["", "2", "", "0.900", "0.200", "0.010", "0.100", "0.020", "0.100"]
    assert [block.lines[0] for block in content.lines] == ["WGAN-GP 0", "GAN 0"]
    assert all(len(block.lines) == 32 for block in content.lines)


def text_with(outcome):
    """GAN failed: the scorer writes that it has no measures."""

    def scores(entry):
        return {"outcome": outcome} if entry.labels["method"] == "GAN" else divergences(entry)

    return language_model.report(made_up("language_model", scores, on_the_way, norms, lambda e: ["a"] * 64))


def test_a_gan_that_diverged_has_the_largest_divergence_and_no_lines():
    content = text_with("diverged")
    # Above the floor, which is that of the other run: 1 − 0.05 n for GAN, 0.05 n for WGAN-GP.
    assert values(content, "ratio") == pytest.approx([(1 - 0.05 * n) / (0.05 * n) for n in (2, 3, 4)])
    assert len(content.lines) == 1
    assert content.tables[0].rows[4][2:] == ["0 of 1", "0.900", "1.000", "–", "0.050", "–", "0.950"]


def test_a_gan_without_memory_is_not_compared():
    content = text_with("out_of_memory")
    assert values(content, "ratio") == []
    assert content.tables[0].rows[4][2:5] == ["0 of 1", "0.900", "–"]
