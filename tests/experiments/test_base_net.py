"""One network, parts of WGAN-GP exchanged: every claim selects the runs that it speaks of."""

import numpy as np
import pytest
from made_up import made_up, values, verdict, with_measured

from wganlib.experiments import base_net


def tables(spread=None, **scores):
    """Scores of a mean by method, 5 where none is given, spread over seeds by 0.1 or as given."""

    def of(entry):
        method = entry.labels["method"]
        mean = next((score for key, score in scores.items() if key.replace("_", " ") in method.replace("_", " ")), 5.0)
        wide = next((wide for key, wide in (spread or {}).items() if key.replace("_", " ") in method.replace("_", " ")), 0.1)
        shift = wide * np.sin(3.7 * (entry.spec.seed - 100) + len(method))
        score = (1.6 if "no penalty" in method else mean) + shift
        return {"classifier_score": score, "frechet_classifier_distance": float(np.exp(6 - score))}

    return with_measured(made_up("base_net", of), base_net.measure)


@pytest.mark.parametrize(
    ("claim", "scores", "expected"),
    [
        ("gp.bn", {"batch_norm": 3.0}, "holds"),
        ("gp.bn", {"batch_norm": 5.0}, "fails"),
        ("gp.ln", {}, "holds"),
        ("gp.ln", {"no_norm": 4.0}, "fails"),
        ("gp.lines", {}, "holds"),
        ("gp.lines", {"around": 6.0}, "fails"),
        ("gp.appB.l2", {"no_L2": 4.7, "L2_of_1": 6.0}, "holds"),
        ("gp.appB.l2", {"no_L2": 5.5}, "fails"),
        ("gp.appB.l2", {"no_L2": 4.0}, "fails"),
        ("fed.nsgp", {"with_the_penalty": 6.0}, "holds"),
        ("fed.nsgp", {"with_the_penalty": 5.0}, "fails"),
        ("gp.sec5.4.comparable", {}, "holds"),
        ("gp.sec5.4.comparable", {"nonsaturating": 4.0}, "fails"),
        ("luc.best-cell", {}, "holds"),
        ("luc.best-cell", {"wgan_gp": 6.0}, "fails"),
        ("luc.best-cell", {"nonsaturating": 1.6}, "not testable here"),
        ("gp.appD.relu", {}, "holds"),
        ("gp.appD.relu", {"wgan_gp": 2.0}, "fails"),
    ],
)
def test_scores_decide(claim, scores, expected):
    assert verdict(claim, tables(**scores)).verdict == expected


@pytest.mark.parametrize(
    ("claim", "spread", "expected"),
    [
        ("gp.sec6.gan-gp", {"nonsaturating": 1.0}, "holds"),
        ("gp.sec6.gan-gp", {"with_the_penalty": 1.0}, "fails"),
        ("gp.fig3.stable", {"nonsaturating": 0.6, "no_penalty": 6.0}, "holds"),
        ("gp.fig3.stable", {"wgan_gp": 1.0}, "fails"),
        ("mes.practice", {"wgan_gp": 1.0}, "holds"),
        ("mes.practice", {"R1": 1.0}, "fails"),
    ],
)
def test_spreads_decide(claim, spread, expected):
    assert verdict(claim, tables(spread)).verdict == expected


def test_the_spread_is_in_units_of_the_difference():
    made = tables({"nonsaturating": 0.5}, nonsaturating=4.0)
    runs = made.runs.groupby("method")["classifier_score"]
    expected = runs.std()["nonsaturating_gan"] / (runs.mean()["wgan_gp"] - runs.mean()["nonsaturating_gan"])
    assert values(base_net.measure(made), "spread_over_difference", method="nonsaturating_gan") == pytest.approx([expected])


def test_the_page_has_a_row_a_variant():
    table = base_net.report(tables()).tables[0]
    assert len(table.rows) == 11
    assert table.rows[0][0] == "GAN"
