"""Reports of image experiments from made-up tables whose answers are known."""

import numpy as np
import pytest
from made_up import failed, made_up, values

from wganlib.experiments import cifar_table3
from wganlib.reporting.grammar import score_table


def test_table3_heads_the_last_checkpoint_and_names_the_best_one():
    def scores(entry):
        return {"classifier_score": (6.0 if entry.labels["model"] == "unsupervised" else 7.0) + entry.spec.seed}

    def snapshots(entry):
        return {50: {"classifier_score": 8.5 + entry.spec.seed}, 150: scores(entry)}

    content = cifar_table3.report(made_up("cifar_table3", scores, snapshots))
    assert values(content, "score", "unsupervised") == [6.0, 7.0, 8.0]
    assert values(content, "best", "AC-GAN") == [8.5, 9.5, 10.5]
    assert values(content, "gain") == pytest.approx([1.0, 1.0, 1.0])
    ours, published = content.tables
    assert ours.rows[0][:5] == ["unsupervised", "3 of 3", "7.00 ± 1.00", "0.10", "9.50 ± 1.00"]
    assert [row[-1] for row in ours.rows] == ["7.86 ± 0.07", "8.42 ± 0.10"]
    assert ["SGAN, with labels", "8.59 ± 0.12"] in published.rows


def one_failed(outcome):
    """Of AC-GAN's runs that of seed 1 failed; the others score 7 and 9, those without labels 6, 7, 8."""

    def scores(entry):
        labelled = entry.labels["model"] == "AC-GAN"
        return failed(outcome) if labelled and entry.spec.seed == 1 else {"classifier_score": 6.0 + labelled + entry.spec.seed}

    return scores


def test_a_diverged_run_counts_with_the_score_of_a_constant():
    scores = one_failed("diverged")
    content = cifar_table3.report(made_up("cifar_table3", scores, lambda e: {150: scores(e)}))
    assert content.tables[0].rows[1][1:3] == ["2 of 3", f"{17 / 3:.2f} ± {np.std([7, 1, 9], ddof=1):.2f}"]
    assert content.tables[0].rows[1][5] == "∞"
    assert values(content, "gain") == [1.0, -6.0, 1.0]
    table = score_table(made_up("cifar_table3", scores), ["model"], "Scores.")
    # The failed run has no splits and no distance: the spread is that of the others.
    assert table.rows[1] == ["AC-GAN", "2 of 3", "5.67 ± 4.16", "0.10", "∞", "1.0"]


def test_a_run_without_memory_and_its_pair_are_left_out():
    scores = one_failed("out_of_memory")
    content = cifar_table3.report(made_up("cifar_table3", scores, lambda e: {150: scores(e)}))
    assert content.tables[0].rows[1][1:3] == ["2 of 3", "8.00 ± 1.41"]
    assert values(content, "gain") == [1.0, 1.0]
    assert values(content, "score", "AC-GAN") == values(content, "best", "AC-GAN") == [7.0, 9.0]
    assert score_table(made_up("cifar_table3", scores), ["model"], "").rows[1] == [
        "AC-GAN",
        "2 of 3",
        "8.00 ± 1.41",
        "0.10",
        "50.0 ± 0.0",
        "1.0",
    ]
