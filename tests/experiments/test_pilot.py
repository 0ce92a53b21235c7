"""The pilot: each method's own choice, and what the runs of all settings say, from made-up tables."""

import numpy as np
import pytest
from made_up import made_up, values, verdict, with_measured

from wganlib.experiments import pilot

GP, GAN = "wgan_gp", "nonsaturating_gan"


def tables(mean, noise=0.05):
    """Scores of (method, rate, factor) with noise over seeds; distances fall with the score."""

    def scores(entry):
        labels = entry.labels
        score = mean(labels["method"], labels["learning_rate"], labels["critic_factor"])
        place = 7 * labels["learning_rate"] * 1e3 + 3 * labels["critic_factor"] + 11 * (entry.spec.seed - 1000)
        score += noise * np.sin(place * 1.7 + len(labels["method"]))
        return {"classifier_score": score, "frechet_classifier_distance": float(np.exp(8 - score + 0.3 * np.sin(5.1 * place)))}

    def snapshots(entry):
        final = scores(entry)
        return {i: final | {"classifier_score": final["classifier_score"] - (400 - i) / 1000} for i in entry.spec.snapshots}

    return with_measured(made_up("pilot", scores, snapshots), pilot.measure)


def tuned(method, rate, factor):
    """WGAN-GP trains at every setting, GAN at its largest rate alone."""
    return 6.5 + 0.03 * np.log(rate) - 0.05 * factor if method == GP else 6.4 if rate == 1.6e-2 else 3.0 + 0.1 * factor


def test_quantities_are_by_setting_and_seed():
    made = tables(tuned, noise=0.0)
    measured = pilot.measure(made)
    assert values(measured, "best_score", method=GAN) == pytest.approx([6.4] * 3)
    assert values(measured, "mean_score", method=GAN, learning_rate=1e-3, critic_factor=4.0) == pytest.approx([3.4])
    assert values(measured, "mean_gain", method=GAN, learning_rate=1e-3, critic_factor=4.0) == pytest.approx([1.9])
    assert len(values(measured, "rank_correlation", method=GP)) == 25


def test_the_spread_between_settings_is_that_of_their_means():
    made = tables(tuned)
    means = [np.array([tuned(m, r, f) for r in (1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2) for f in (0.5, 1, 2, 4, 8)]) for m in (GAN, GP)]
    measured = np.mean(values(pilot.measure(made), "spread_difference"))
    assert measured == pytest.approx(means[0].std(ddof=1) - means[1].std(ddof=1), abs=0.15)


@pytest.mark.parametrize(
    ("claim", "mean", "expected"),
    [
        ("gp.abs.tuning", tuned, "holds"),
        ("gp.abs.tuning", lambda m, r, f: 3.0, "fails"),
        ("gp.abs.tuning", lambda m, r, f: 6.0, "not testable here"),
        ("luc.settings-train", tuned, "holds"),
        ("luc.settings-train", lambda m, r, f: tuned(GAN if m == GP else GP, r, f), "fails"),
        ("luc.sensitive", lambda m, r, f: 6.0 - f / 4, "holds"),
        ("luc.sensitive", lambda m, r, f: 6.0 - f / (1 if m == GAN else 8), "fails"),
        ("luc.budget", lambda m, r, f: tuned(m, r, f) if m == GAN or f > 0.5 else 6.4, "holds"),
        ("luc.budget", lambda m, r, f: tuned(m, r, f) + (m == GP), "fails"),
    ],
)
def test_means_decide(claim, mean, expected):
    assert verdict(claim, tables(mean)).verdict == expected


def test_the_page_names_each_choice_and_where_the_grid_ends():
    content = pilot.report(tables(tuned))
    rows = {row[0]: row for row in content.tables[0].rows}
    assert rows["GAN"][1].value == 1.6e-2
    assert rows["GAN"][3] == 720
    assert rows["GAN"][4].mean == pytest.approx(6.4 + 0.32, abs=0.1)
    assert "learning rate" in rows["GAN"][5]
    assert "Untrained generators score 1.50" in content.tables[0].caption
