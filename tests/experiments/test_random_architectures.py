"""Tables 1 and 2 and the penalty's sides from made-up tables whose answers are known: quantities, claims, what tables say."""

import functools
import math
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import committed_plan, copy_params, edit_yaml
from made_up import failed, made_up, values, verdict, with_measured

from wganlib.architectures import parameters
from wganlib.architectures.families import random_set
from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import WganlibError
from wganlib.experiments import penalty_sides, table1, table2
from wganlib.planning.params import PublishedTable
from wganlib.planning.plan import load_plan
from wganlib.reporting.content import Count, Number
from wganlib.reporting.style import pdf

GAN, GP = "nonsaturating_gan", "wgan_gp"
SWAPPED = {GAN: GP, GP: GAN}


@functools.cache
def plan_of(architectures):
    """The plan of Table 2 alone, with so many architectures."""
    with tempfile.TemporaryDirectory() as folder:
        params = copy_params(Path(folder))
        edit_yaml(params / "experiments/table2.yaml", **{"scales.demo.architectures": architectures})
        return load_plan(params, "demo", only="table2")


def outcomes(first, second, failures=()):
    """Tables of as many architectures as scores are given of GAN and of WGAN-GP; untrained generators score 1.5."""

    def scores(entry):
        method, number = entry.labels["method"], entry.labels["architecture"]
        if (method, number) in dict(failures):
            return failed(dict(failures)[method, number])
        return {"classifier_score": {GAN: first, GP: second}[method][number - 1]}

    return with_measured(made_up("table2", scores, plan=plan_of(len(first))), table2.measure)


# Eleven that WGAN-GP trains alone, seven that both train and it better, five that neither trains; the last is a tie.
FIRST = [1.6] * 11 + [5.0] * 7 + [1.2] * 5 + [1.0]
SECOND = [4.5] * 11 + [6.0 + 0.1 * k for k in range(7)] + [1.1] * 5 + [1.0]


def test_architectures_count_from_one_on_all_pages():
    for scale, count in (("demo", 24), ("paper", 200)):
        plan = committed_plan(scale)
        assert {e.labels["architecture"] for e in plan.experiment("table2").entries} == set(range(1, count + 1))
    first = plan.experiment("table2").entries[0].labels
    assert {name: first[name] for name in random_set.FACTORS} == random_set.sample(1)[0]


def test_what_counts_rest_on_is_measured_architecture_by_architecture():
    measured = table2.measure(outcomes([1.0, 5.0, 3.2, 1.6], [4.4, 4.6, 3.4, 1.6]))
    assert values(measured, "margin", method=GP) == pytest.approx([3.4, -0.4, 0.2, 0.0])
    assert values(measured, "margin", method=GAN) == pytest.approx([-3.4, 0.4, -0.2, 0.0])
    assert values(measured, "success", method=GP, minimum="primary") == [1, 1, 0, 0]
    assert values(measured, "success", method=GAN, minimum="3") == [0, 1, 1, 0]
    # Above 1.0, 1.5, … 4.0 WGAN-GP alone trains the first, above none the GAN alone the second (4.6 and 5.0 are between).
    assert values(measured, "thresholds", method=GP) == [7, -0, 0, 0]
    assert values(measured, "alone", method=GP) == [1, 0, 0, 0]
    assert values(measured, "alone", method=GAN) == [0, 0, 0, 0]
    assert (values(measured, "favouring", method=GP), values(measured, "favouring", method=GAN)) == ([1.0], [0.0])
    trained = [row["trained"] for row in measured.rows if row["quantity"] == "margin" and row["method"] == GP]
    assert trained == ["by one at least"] * 3 + ["by neither"]


def test_the_first_twelve_were_seen_before_the_tests_were_fixed():
    measured = table2.measure(outcomes(FIRST, SECOND))
    seen = {row["architecture"]: row["seen"] for row in measured.rows if row["quantity"] == "margin"}
    assert seen == {number: "yes" if number <= 12 else "no" for number in range(1, 25)}


HOLD = ("gp.t2.score-trained", "gp.t2.size", "gp.t2.mcnemar", "gp.t2.most-thresholds")


def test_claims_as_the_paper_says_and_reversed():
    tables = outcomes(FIRST, SECOND)
    for name in HOLD:
        said = verdict(name, tables)
        assert (said.verdict, {c.verdict for c in said.controls}) == ("holds", {"fails"}), name
    reverse = outcomes(SECOND, FIRST)
    for name in (*HOLD, "gp.t2.score-new", "gp.t2.hardly-only-gan", "gp.t2.gp-trains-all"):
        assert verdict(name, reverse).verdict in ("fails", "undecided"), name
    assert verdict("gp.t2.size", reverse).verdict == verdict("gp.t2.hardly-only-gan", reverse).verdict == "fails"
    assert verdict("gp.t2.gp-trains-all", tables).verdict == "undecided"  # 18 of 24


def test_the_primary_test_is_the_sign_test_over_architectures():
    # Ties left out: 18 of 23 for WGAN-GP.
    said = verdict("gp.t2.score", outcomes(FIRST, SECOND))
    assert said.by_rule.effect == pytest.approx(18 / 23)
    assert said.by_rule.n == 23
    p = 2 * sum(math.comb(23, k) for k in range(18, 24)) / 2**23
    assert said.by_rule.p_value == pytest.approx(p)
    assert said.verdict == "holds"
    new = verdict("gp.t2.score-new", outcomes(FIRST, SECOND))
    assert (new.by_rule.n, new.by_rule.effect) == (11, pytest.approx(6 / 11))
    assert new.verdict == "undecided"
    assert verdict("luc.tuning", outcomes(FIRST, [5.9] * 24)).verdict == "fails"


def test_nothing_is_said_of_a_method_that_trains_no_architecture():
    said = verdict("gp.t2.score", outcomes([2.0] * 24, SECOND))
    assert said.verdict == "not testable here"
    assert "the GAN trains its best architecture" in said.reason


def test_a_diverged_run_is_the_worst_and_one_without_memory_leaves_its_pair_out():
    tables = outcomes([5.0, 9.0, 0.9], [2.0, 9.5, 5.5], {(GAN, 1): "diverged", (GAN, 2): "out_of_memory"})
    assert values(table2.measure(tables), "margin", method=GP) == pytest.approx([1.0, 4.6])
    outcomes_table, factors, architectures = table2.report(tables).tables
    assert outcomes_table.caption.startswith("Outcomes of training 2 random architectures")
    assert outcomes_table.rows[0][1:5] == [0, 2, 0, 0]
    assert sum(row[2].of for row in factors.rows[:4]) == 2
    assert [row[0] for row in architectures.rows] == [1, 2, 3]
    assert math.isinf(architectures.rows[0][10].value)
    with pytest.raises(WganlibError, match="table2: no architecture has a result by both methods"):
        outcomes([5.0], [5.0], {(GAN, 1): "out_of_memory"})


def test_counts_tests_and_the_papers_counts_stand_in_one_row():
    """Nine discordant pairs, eight for the second method: p = 2 (1 + 9) / 512 = 0.0390625, share 8/9."""
    tables = outcomes([5.0, *[2.0] * 8, 6.0, 1.5], [2.0, *[6.0] * 8, 7.0, 1.5])
    table, factors, architectures = table2.report(tables).tables
    row = next(row for row in table.rows if row[0] == Number(4.0, 1))
    assert row[1:5] == [1, 8, 1, 1]
    assert (row[5].p, row[6].value) == (pytest.approx(0.0390625), pytest.approx(8 / 9))
    assert row[7:] == [1, 126, 67, 6]
    assert table.rows[table.rules[0] + 1] == table.rows[table.rules[1]] == row
    assert sum(row[2].of for row in factors.rows[:4]) == 11
    assert sum(row[5].cases for row in factors.rows[-3:]) == 9
    drawn = random_set.sample(11)
    depth = [row for row in factors.rows if row[1] == "20"]
    won = [s > 4.0 for s in (2.0, *[6.0] * 8, 7.0, 1.5)]
    deep = [w for w, f in zip(won, drawn, strict=True) if f["critic_depth"] == 20]
    assert depth[0][5] == Count(sum(deep), len(deep))
    assert (architectures.rows[0][9].value, architectures.rows[0][11].value) == (5.0, 2.0)


def test_of_other_methods_the_paper_has_no_counts():
    tables = outcomes([5.0, 2.0], [5.0, 2.0])
    other = PublishedTable(source="", score="", architectures=200, columns=("threshold", "mine"), rows=((4.0, 200),))
    changed = replace(tables, published=tables.published.model_copy(update={"outcomes": {"table2": other}}))
    assert {cell for row in table2.report(changed).tables[0].rows for cell in row[7:]} == {None}


def test_the_report_shows_the_best_and_the_worst_samples():
    content = table2.report(outcomes([5.0, 1.7, 2.0], [2.0, 3.0, 9.0]))
    titles = [panel.get_title() for panel in content.pictures[1].figure.axes]
    assert [title.replace("\n", " ") for title in titles] == [
        "GAN, best: no. 1",
        "GAN, worst: no. 2",
        "WGAN-GP, best: no. 3",
        "WGAN-GP, worst: no. 1",
    ]
    assert all(pdf(picture.figure) for picture in content.pictures)


def test_table1_is_made_from_the_plan_alone():
    """How often each value is among the drawn ones, and every architecture's size, by hand."""
    factors, listed = table1.report(made_up("table1", lambda e: {})).tables
    drawn = random_set.sample(24)
    shown = [row[2] for row in factors.rows]
    assert shown == [sum(f[name] == value for f in drawn) for name, many in random_set.FACTORS.items() for value in many]
    shape = DatasetSpec(name="digits", image_size=16).shape
    for number, (row, one) in enumerate(zip(listed.rows, drawn, strict=True), 1):
        spec = random_set.architecture(one, width=0.125, critic_norm="layer")
        assert row[0] == number
        assert row[-2:] == [parameters(spec, shape, side) for side in ("generator", "critic")]


# One-sided and two-sided penalty.


def sides(two, one, gan=None, failures=()):
    """Scores by architecture of both penalties and of the GAN, as functions of its number."""

    def scores(entry):
        side, number = entry.labels["penalty"], entry.labels["architecture"]
        if (side, number) in dict(failures):
            return failed(dict(failures)[side, number])
        by = {"two-sided": two, "one-sided": one, "no penalty": gan or (lambda n: 1.2)}
        return {"classifier_score": by[side](number)}

    return made_up("penalty_sides", scores)


@pytest.mark.parametrize("scale", ["demo", "paper"])
def test_the_two_sided_runs_are_table_2s_and_both_penalties_differ_in_their_form_alone(scale):
    plan = committed_plan(scale)
    by_side = {}
    for entry in plan.experiment("penalty_sides").entries:
        by_side.setdefault(entry.labels["penalty"], {})[entry.labels["architecture"]] = entry.spec
    shared = set(plan.experiment("table2").run_keys)
    for number, two in by_side["two-sided"].items():
        assert {two.key, by_side["no penalty"][number].key} <= shared
        constraint = by_side["one-sided"][number].method.constraint
        assert constraint.form == "one_sided"
        method = by_side["one-sided"][number].method.model_copy(update={"constraint": two.method.constraint})
        assert by_side["one-sided"][number].model_copy(update={"method": method, "numerics": two.numerics}) == two


def test_wins_losses_and_ties_stand_beside_the_papers():
    # The two-sided penalty wins the first seven architectures, loses four and ties the last.
    content = penalty_sides.report(sides(lambda n: 5.0 + (0.5 if n <= 7 else -0.1 * n if n < 12 else 0.0), lambda n: 5.0))
    (table,) = content.tables
    assert [row[1:] for row in table.rows[:4]] == [[7, 100, 100], [4, 77, 74], [1, None, None], [12, 174, 174]]
    # Eleven pairs without the tie.
    assert table.rows[4][1].p == pytest.approx(2 * sum(math.comb(11, k) for k in range(5)) / 2**11)
    assert [round(cell.p, 3) for cell in table.rows[4][2:]] == [0.098, 0.058]
    assert table.rows[8][1].effect == pytest.approx((7 * 0.5 - 0.1 * sum(range(8, 12))) / 12)
    assert table.rows[9][1].value == pytest.approx(0.5)


def test_sides_with_a_failed_run():
    failures = {("two-sided", 1): "diverged", ("one-sided", 2): "out_of_memory"}
    table = penalty_sides.report(sides(lambda n: 5.5, lambda n: 5.0, failures=failures)).tables[0]
    assert [row[1] for row in table.rows[:4]] == [10, 1, 0, 11]
    nothing = {(side, n): "out_of_memory" for side in ("two-sided", "one-sided", "no penalty") for n in range(1, 25)}
    content = penalty_sides.report(sides(lambda n: 5.5, lambda n: 5.0, failures=nothing))
    assert content.tables[0].rows[3][1] == 0
    assert pdf(content.pictures[0].figure)


def test_the_claims_on_penalties_hold_and_fail():
    better = sides(lambda n: 5.5, lambda n: 5.0 + 0.01 * n)
    assert verdict("gp.appC.two-better", better).verdict == "holds"
    assert verdict("gp.appC.equal", better).verdict == "fails"
    assert verdict("pet.random", better).verdict == "fails"  # by −0.5 + 0.125 on average
    worse = sides(lambda n: 5.0 + 0.01 * n, lambda n: 5.5)
    assert verdict("gp.appC.two-better", worse).verdict == "fails"
    assert verdict("pet.random", worse).verdict == "holds"
    # What must fail is the GAN: where it is as good as the penalties, nothing can be told.
    assert verdict("pet.random", sides(lambda n: 5.0 + 0.01 * n, lambda n: 5.5, lambda n: 5.4)).verdict == "not testable here"
    even = verdict("gp.appC.equal", sides(lambda n: 5.0 + 0.1 * (-1) ** n, lambda n: 5.0))
    assert (even.by_rule.effect, even.verdict) == (0.5, "undecided")
    assert verdict("gp.appC.equal", sides(lambda n: 1.6, lambda n: 1.6)).verdict == "not testable here"
    assert np.isnan(even.seconds) or even.seconds > 0
