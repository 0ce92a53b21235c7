"""ELU's report and claims from made-up tables whose answers are known."""

import numpy as np
import pytest
import torch
from made_up import made_up, values, verdict, with_measured

from wganlib.architectures.modules import NONLINEARITIES
from wganlib.experiments import elu


def tables(**scores):
    """Scores by nonlinearity, spread over seeds by 0.1 about the given mean; untrained generators score 1.5."""

    def of(entry):
        seed = entry.spec.seed
        mean = scores.get(entry.labels["nonlinearity"].replace(" ", "_"), 5.0)
        # Not in the order of ReLU's, so that the shares vary.
        shift = 0.1 * ((2 * seed) % 5 - 2) / 2 if entry.labels["nonlinearity"] != "ReLU" else 0.05 * (seed - 2)
        return {"classifier_score": mean + shift}

    return with_measured(made_up("elu", of), elu.measure)


def test_shares_are_of_relu_on_the_same_seed():
    measured = elu.measure(tables(ELU=2.0))
    expected = [(2.0 + 0.1 * ((2 * s) % 5 - 2) / 2) / (5.0 + 0.05 * (s - 2)) for s in range(5)]
    assert values(measured, "share", nonlinearity="ELU") == pytest.approx(expected)
    assert values(measured, "share", nonlinearity="ReLU") == []


def test_a_failure_as_the_paper_has_it_and_its_absence():
    assert verdict("gp.appD.elu", tables(ELU=2.0)).verdict == "holds"
    assert verdict("gp.appD.elu", tables(ELU=5.0)).verdict == "fails"
    # Where smooth ELU fails too, the rule tells nothing of ELU.
    assert verdict("gp.appD.elu", tables(ELU=2.0, smooth_ELU=2.0)).verdict == "not testable here"


def test_nothing_is_said_where_relu_does_not_train():
    said = verdict("gp.appD.elu", tables(ELU=1.0, ReLU=1.6))
    assert said.verdict == "not testable here"
    assert "ReLU trains here" in said.reason


def test_the_smooth_twin_is_as_good_or_not():
    assert verdict("gp.appD.smooth", tables()).verdict == "holds"
    assert verdict("gp.appD.smooth", tables(smooth_ELU=4.0)).verdict == "fails"


def test_the_page_has_a_row_a_nonlinearity():
    content = elu.report(tables(ELU=2.0))
    names = ["ReLU", "leaky ReLU", "smooth ELU", "ELU", "ELU in the critic alone", "ELU without second derivative"]
    assert [row[0] for row in content.tables[0].rows] == names
    share = content.tables[0].rows[3][-1]
    assert share.mean == pytest.approx(0.4, abs=0.02)
    assert content.tables[0].rows[0][1] == (5, 5)


def test_the_functions_are_twins_and_elu_s_second_derivative_jumps():
    x = np.array([-1e-9, 1e-9])
    first, second = (elu.derivatives(name, x) for name in ("elu", "smooth_elu"))
    assert first[1] == pytest.approx([1.0, 1.0], abs=1e-6)
    assert first[2] == pytest.approx([1.0, 0.0], abs=1e-6)
    assert second[2][0] == pytest.approx(second[2][1], abs=1e-6)


def test_elu_without_its_second_derivative_is_elu_but_for_that():
    x = np.array([-2.0, -0.5, 0.5, 2.0])
    whole = elu.derivatives("elu", x)
    points = torch.from_numpy(x).requires_grad_()
    value = NONLINEARITIES["elu_first_order"](points)
    weight = torch.ones_like(points).requires_grad_()
    (slope,) = torch.autograd.grad(value, points, weight, create_graph=True)
    assert value.detach().numpy() == pytest.approx(whole[0])
    assert slope.detach().numpy() == pytest.approx(whole[1])
    # The slope depends on what comes from behind, and no longer on the point.
    of_point, of_weight = torch.autograd.grad(slope.sum(), (points, weight), allow_unused=True)
    assert of_point is None
    assert of_weight.numpy() == pytest.approx(whole[1])
