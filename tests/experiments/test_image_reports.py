"""Reports of image experiments from made-up tables whose answers are known."""

import pytest
from made_up import made_up, values

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


def test_a_failed_run_is_counted_and_in_no_mean():
    def scores(entry):
        failed = entry.spec.seed == 1
        return {"outcome": "diverged", "classifier_score": 1.0} if failed else {"classifier_score": 6.0}

    content = cifar_table3.report(made_up("cifar_table3", scores, lambda e: {150: scores(e)}))
    assert content.tables[0].rows[0][1:3] == ["2 of 3", "6.00 ± 0.00"]
    assert len(values(content, "gain")) == 2


def test_the_table_of_scores_leaves_failed_runs_out_of_every_mean():
    def scores(entry):
        failed = entry.spec.seed == 1
        return {"outcome": "diverged" if failed else "ok", "classifier_score": 1.0 if failed else 6.0 + entry.spec.seed}

    table = score_table(made_up("cifar_table3", scores), ["model"], "Scores.")
    assert table.rows[0][:3] == ["unsupervised", "2 of 3", "7.00 ± 1.41"]
