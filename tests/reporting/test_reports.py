"""Table 2 from made-up collected tables whose answers are known: numbers, sentences and what stands on the page."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from conftest import copy_params, edit_yaml
from made_up import failed
from pypdf import PdfReader

from wganlib.architectures import parameters
from wganlib.architectures.families import random_set
from wganlib.collecting.collect import collect
from wganlib.collecting.tables import write_table
from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import WganlibError
from wganlib.experiments import pilot, table2
from wganlib.files import write_json
from wganlib.judging.failures import counted
from wganlib.judging.quantities import Findings
from wganlib.planning.params import PublishedTable
from wganlib.planning.plan import load_plan
from wganlib.reporting.report import write_report

METHODS = ("nonsaturating_gan", "wgan_gp")


def report_of(tmp_path, first, second, failures=()):
    """The report's numbers and text for classifier scores of paired architectures; threshold 4.0 is primary.

    `failures`: outcomes by place of the method and number of the architecture.
    """
    params = copy_params(tmp_path)
    edit_yaml(
        params / "experiments/table2.yaml",
        **{"scales.demo.architectures": len(first), "scales.demo.settings.primary_threshold": 4.0},
    )
    plan = load_plan(params, "demo")
    rows = []
    for entry in plan.experiment("table2").entries:
        place, index = METHODS.index(entry.labels["method"]), entry.labels["architecture"]
        outcome = dict(failures).get((place, index), "ok")
        rows.append(
            {
                "run": entry.run,
                "settings": "0123456789",
                "group": entry.group,
                **entry.labels,
                "seed": entry.spec.seed,
                "outcome": outcome,
                "classifier_score": (first, second)[place][index],
                "classifier_score_split_std": 0.25,
                "frechet_classifier_distance": 100.0 + index,
                "frechet_classifier_distance_standard_error": 1.0,
                **(failed(outcome) if outcome != "ok" else {}),
                "untrained_classifier_score": 1.5 + 0.1 * index,
                "commit": "c" * 40,
                "device": "A Processor",
                "threads": 1,
                "seconds": 10.0,
            }
        )
    folder = tmp_path / "results/demo/table2"
    write_table(folder / "runs.csv", counted(pd.DataFrame(rows)))
    for name, columns in (("snapshots", ["run"]), ("curves", ["run", "generator_iteration"])):
        write_table(folder / f"{name}.csv", pd.DataFrame(columns=columns))
    write_table(folder / "quantities.csv", Findings({}).frame())
    real = {"classifier_score": 9.5}
    known = {"accuracy": 0.98, "held_out_images": 360, "real_training_images": real, "real_held_out_images": real}
    write_json(folder / "facts.json", {"real": {"digits": known | {"scoring": {}}}})
    np.savez(folder / "arrays.npz", **{f"sheets/{row['run']}": np.zeros((20, 30, 3), dtype=np.uint8) for row in rows})
    pdf = write_report(plan.experiment("table2"), plan, tmp_path / "results", tmp_path / "reports")
    text = " ".join(page.extract_text() for page in PdfReader(pdf).pages)
    return json.loads(pdf.with_suffix(".json").read_text()), Text(text)


class Text:
    """A page's text, compared without blanks and hyphens: lines break anywhere."""

    def __init__(self, text):
        self.squeezed = re.sub(r"[\s-]", "", text)

    def __contains__(self, words):
        return re.sub(r"[\s-]", "", words) in self.squeezed


def row(numbers, threshold):
    return next(r for r in numbers["thresholds"] if r["threshold"] == threshold)


def test_counts_test_and_interval_stand_on_the_page(tmp_path):
    """Nine discordant pairs, eight for the second method: p = 2 (1 + 9) / 512 = 0.0390625, share 8/9."""
    first, second = [5.0, *[2.0] * 8, 6.0, 1.5], [2.0, *[6.0] * 8, 7.0, 1.5]
    numbers, text = report_of(tmp_path, first, second)
    primary = row(numbers, 4.0)
    assert primary["counts"] == [1, 8, 1, 1]
    assert primary["p_value"] == pytest.approx(0.0390625)
    assert primary["share"] == pytest.approx(8 / 9)
    assert primary["interval"] == pytest.approx([0.51750, 0.99719], abs=1e-5)  # Clopper-Pearson for 8 of 9, from tables
    assert numbers["trained"] == [True, True]
    assert "4.0 1 8 1 1 1 126 67 6" in text
    assert "2.0* 1 8" in text
    assert "3.0* " not in text
    assert "4.0 1 8 1 1 1 126 67 6 0.039 0.89 [0.52, 1.00]" in text
    assert "9 of 11 architectures succeeded with one method alone; in 8 of these it was WGAN-GP" in text
    assert "GAN succeeded on 2 of 11" in text
    assert "WGAN-GP on 9 of 11" in text
    assert "neither is shut out by the setting" in text
    assert "The difference is significant at 5 %." in text
    assert "score 1.50 to 2.50 (median 2.00)" in text
    assert "Runs: 22; outcomes: ok 22" in text
    assert "A Processor; 1 thread a job; seconds of training in all: GAN 110, WGAN-GP 110" in text
    levels = numbers["factors"][2]["levels"]
    assert sum(level["methods"][0]["n"] for level in levels) == 11
    assert sum(level["methods"][1]["successes"] for level in levels) == 9


def test_the_primary_test_is_the_sign_test_on_all_architectures_and_on_the_new_ones(tmp_path):
    """The first twelve were seen: GAN is higher on three of them; of four new ones WGAN-GP is higher on three, one is a tie."""
    first, second = [6.0] * 3 + [2.0] * 9 + [2.0, 2.0, 2.0, 3.0], [5.0] * 12 + [3.0, 4.5, 6.0, 3.0]
    numbers, text = report_of(tmp_path, first, second)
    whole, new = numbers["tests"]
    # 2 (1 + 15 + 105 + 455) / 2^15, and 2 / 2^3.
    assert [whole[k] for k in ("n", "wins", "losses", "ties", "p_value")] == [16, 12, 3, 1, pytest.approx(0.03515625)]
    assert [new[k] for k in ("n", "wins", "losses", "ties", "p_value")] == [4, 3, 0, 1, pytest.approx(0.25)]
    assert (whole["only"], new["only"], new["mcnemar"]) == ([0, 11], [0, 2], pytest.approx(0.5))
    assert "As the paper says, WGAN-GP does better" in text
    assert "Of all 16 architectures WGAN-GP scored higher on 12 and GAN on 3 (1 equal)" in text
    assert "exact two-sided sign test, p = 0.035" in text
    assert "0 succeeded with GAN alone and 2 with WGAN-GP alone (McNemar, p = 0.500)" in text
    assert "Of the 4 that no method had trained when the tests were fixed WGAN-GP scored higher on 3" in text


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [([5.0] * 6, [2.0] * 6, "Not as the paper says: GAN scores higher"), ([2.0] * 5, [5.0] * 5, "Not decided: by the primary")],
)
def test_the_verdict_of_the_primary_test(tmp_path, first, second, words):
    numbers, text = report_of(tmp_path, first, second)
    assert len(numbers["tests"]) == 1
    assert words in text


def test_too_few_discordant_pairs_are_said_to_decide_nothing(tmp_path):
    _, text = report_of(tmp_path, [2.0] * 4, [5.0] * 4)
    assert "in all of these it was WGAN-GP" in text
    assert "not significant at 5 %. With 4 such architectures it could not have been" in text


def test_without_a_discordant_pair_the_test_says_nothing(tmp_path):
    numbers, text = report_of(tmp_path, [5.0, 2.0], [5.0, 2.0])
    assert row(numbers, 4.0)["share"] is None
    assert "no architecture succeeded with one method alone, so the test says nothing" in text


@pytest.mark.parametrize(
    ("first", "second", "trained", "words"),
    [
        ([2.0, 2.0], [5.0, 6.0], [False, True], "with GAN (best 2.00): this run cannot tell"),
        ([5.0, 6.0], [2.0, 3.0], [True, False], "with WGAN-GP (best 3.00): this run cannot tell"),
        ([2.0, 2.0], [2.0, 3.0], [False, False], "with GAN (best 2.00) or WGAN-GP (best 3.00): this run cannot tell"),
    ],
)
def test_a_method_that_never_succeeds_is_named(tmp_path, first, second, trained, words):
    numbers, text = report_of(tmp_path, first, second)
    assert numbers["trained"] == trained
    assert words in text
    assert "neither is shut out" not in text


def test_a_diverged_run_is_the_worst_and_has_no_distance(tmp_path):
    numbers, text = report_of(tmp_path, [5.0, 6.0, 0.9], [5.0, 6.0, 5.5], {(0, 0): "diverged"})
    worst = numbers["samples"][0]["sheets"][1]
    assert (worst["architecture"], worst["outcome"], worst["score"]) == (1, "diverged", 1.0)
    assert numbers["runs"][0]["methods"][0]["distance"] is None
    assert numbers["outcomes"] == {"diverged": 1, "ok": 5}
    assert "outcomes: diverged 1, ok 5" in text
    assert row(numbers, 1.0)["counts"] == [0, 2, 1, 0]


def test_an_architecture_without_memory_is_left_out_and_n_says_so(tmp_path):
    numbers, text = report_of(tmp_path, [5.0, 9.0, 2.0], [2.0, 9.5, 5.5], {(0, 1): "out_of_memory"})
    assert row(numbers, 4.0)["counts"] == [1, 1, 0, 0]
    assert [one["n"] for one in numbers["success"]] == [2, 2]
    assert numbers["best_scores"] == [5.0, 5.5]
    # Samples are each method's own best and worst, whatever became of the other method's run.
    assert [sheet["architecture"] for sheet in numbers["samples"][0]["sheets"]] == [1, 3]
    assert numbers["outcomes"] == {"ok": 5, "out_of_memory": 1}
    assert "digits, n = 2" in text
    assert "Scale demo: 3 of the set" in text
    assert "Counted are the 2 of which neither run ran out of memory." in text
    assert "9.50 ± 0.25" in text


def test_a_table_without_a_pair_that_has_a_result_is_refused(tmp_path):
    with pytest.raises(WganlibError, match="table2: no architecture has a result by both methods"):
        report_of(tmp_path, [5.0], [5.0], {(0, 0): "out_of_memory"})


def test_the_order_of_methods_does_not_move_the_paper_s_columns():
    scores = {m: pd.Series([2.0, 5.0]) for m in METHODS}
    columns = ("threshold", "only_nonsaturating_gan", "only_wgan_gp", "both", "neither")
    rows = ((4.0, 1, 126, 67, 6),)
    published = PublishedTable(source="", score="", architectures=200, columns=columns, rows=rows)
    assert table2._row(scores, METHODS, 4.0, published)["published"] == [1, 126, 67, 6]
    assert table2._row(scores, tuple(reversed(METHODS)), 4.0, published)["published"] == [126, 1, 67, 6]
    assert table2._row({**scores, "mine": scores["wgan_gp"]}, (METHODS[0], "mine"), 4.0, published)["published"] is None


def test_the_pilot_chooses_each_method_s_own_best_mean():
    rows = [
        {"method": m, "learning_rate": rate, "critic_factor": 1.0, "generator_iteration": it, "score": score + shift}
        for m, shift in (("a", 0.0), ("b", -3.0))
        for rate, it, scores in ((1e-3, 10, (5.0, 5.2)), (1e-3, 20, (9.0, 1.0)), (2e-3, 10, (6.0, 6.2)), (2e-3, 20, (6.1, 6.1)))
        for score in scores
    ]
    table = pd.DataFrame(rows).assign(outcome="ok")
    # A run without memory has no part in the mean, however good its place would be.
    lost = {"method": "a", "learning_rate": 2e-3, "critic_factor": 1.0, "generator_iteration": 10, "score": np.nan}
    table = pd.concat([table, pd.DataFrame([lost | {"outcome": "out_of_memory"}])], ignore_index=True)
    for method, mean in (("a", 6.1), ("b", 3.1)):
        choice = pilot.choose(pilot.scored(table, method, "score"))
        assert choice[:3] == (2e-3, 1.0, 10)  # a tie with 20 iterations goes to 10
        assert (choice.mean, choice.seeds) == (pytest.approx(mean), 2)
    choices = [pilot.choose(pilot.scored(table, m, "score")) for m in "ab"]
    assert pilot.primary_threshold(choices, 1.4, [1.0, 2.0, 3.0, 4.0]) == 3.0  # half way from 1.4 to 4.6 is 3.0
    assert pilot.primary_threshold(choices, 1.39, [1.0, 2.0, 3.0, 4.0]) == 2.0


def test_table1_is_made_from_the_plan_alone(tmp_path):
    """Six architectures by hand: how often each value is among them, and the sizes of the smallest and the largest."""
    params = copy_params(tmp_path)
    edit_yaml(params / "experiments/table2.yaml", **{"scales.demo.architectures": 6})
    plan = load_plan(params, "demo")
    experiment = plan.experiment("table1")
    collect(plan, experiment, tmp_path / "results")
    pdf = write_report(experiment, plan, tmp_path / "results", tmp_path / "reports")
    numbers = json.loads(pdf.with_suffix(".json").read_text())
    drawn = random_set.sample(6)
    assert (numbers["drawn"], numbers["total"], numbers["width"]) == (6, 9216, 0.125)
    for shown, (name, values) in zip(numbers["factors"], random_set.FACTORS.items(), strict=True):
        assert [level["drawn"] for level in shown["levels"]] == [sum(f[name] == value for f in drawn) for value in values]
    specs = [random_set.architecture(factors, width=0.125, critic_norm="layer") for factors in drawn]
    shape = DatasetSpec(name="digits", image_size=16).shape
    sizes = [[parameters(spec, shape, side) for spec in specs] for side in ("generator", "critic")]
    assert list(numbers["parameters"].values()) == [[min(counts), max(counts)] for counts in sizes]
    assert numbers["runs"] == 0
