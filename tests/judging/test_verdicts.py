"""Verdicts from made-up tables of which the answer is known."""

import io
import math

import numpy as np
import pandas as pd
import pytest

from wganlib.errors import WganlibError, parse
from wganlib.judging.claims import Claim, Condition
from wganlib.judging.region import Region
from wganlib.judging.verdicts import judge, judged, region_text, values

ALIKE = [-0.02, -0.01, 0.0, 0.01, 0.02]
"""What is added to the values of five seeds."""


def rows(value, seeds=5, quantity="score", **labels):
    """Five seeds about a value."""
    return [{"quantity": quantity, "value": value + ALIKE[s % 5], "seed": s, **labels} for s in range(seeds)]


def table(*parts):
    frame = pd.DataFrame([row for part in parts for row in part])
    return frame.assign(expected=frame.get("expected", math.nan))


def claim(**changes):
    base = {
        "statement": "s",
        "source": "x",
        "quantity": "score",
        "rule": {"kind": "interval", "above": 0.3},
        "no_control": "a test",
    }
    if "control" in changes:
        del base["no_control"]
    return parse(Claim, base | changes, "claim")


def verdict(claim, table, gates=(), scale="demo"):
    return judge(claim, {name: parse(Condition, gate, name) for name, gate in dict(gates).items()}, table, scale)


TWO = table(rows(2.0, method="gp"), rows(1.5, method="clipping"))


@pytest.mark.parametrize(
    ("value", "word", "effect"), [(0.9, "holds", 0.9), (0.1, "fails", 0.1), (0.3, "undecided", 0.3), (0.31, "undecided", 0.31)]
)
def test_a_sample_inside_outside_and_across_the_edge(value, word, effect):
    result = verdict(claim(), table(rows(value)))
    assert (result.verdict, result.by_rule.n, result.unit) == (word, 5, ("seed",))
    assert result.by_rule.effect == pytest.approx(effect)


def test_minus_and_plus_pair_by_unit():
    gain = claim(where={"method": "gp"}, minus={"method": "clipping"})
    result = verdict(gain, TWO)
    # Each pair's difference is 0.5, in whatever order the rows stand.
    assert (result.verdict, result.by_rule.effect) == ("undecided", pytest.approx(0.5))
    assert result.reason == "all values are equal: they have no spread to go by"
    shuffled = table(rows(2.0, method="gp"), rows(1.5, method="clipping")[::-1])
    assert values(gain, gain.rule, shuffled).to_list() == pytest.approx([0.5] * 5)
    four = table(*(rows(v, method=m, data=d) for m, d, v in (("gp", "a", 4), ("gp", "b", 3), ("c", "a", 2), ("c", "b", 1.9))))
    sample = claim(
        where={"method": "gp", "data": "a"},
        minus=[{"data": "b"}, {"method": "c"}],
        plus={"method": "c", "data": "b"},
    )
    assert values(sample, sample.rule, four).to_list() == pytest.approx([4 - 3 - 2 + 1.9] * 5)


def test_against_compares_independent_samples_of_the_same_contrast():
    plain = claim(where={"method": "gp"}, against={"method": "clipping"})
    result = verdict(plain, TWO)
    assert (result.verdict, result.by_rule.effect) == ("holds", pytest.approx(0.5))
    assert result.by_rule.low > 0.45
    four = table(*(rows(v, method=m, data=d) for m, d, v in (("gp", "a", 4), ("gp", "b", 3), ("c", "a", 2), ("c", "b", 1.9))))
    jitter = four.assign(value=four["value"] + np.random.default_rng(0).normal(0, 0.01, len(four)))
    both = claim(where={"method": "gp", "data": "a"}, minus={"data": "b"}, against={"method": "c"})
    assert verdict(both, jitter).by_rule.effect == pytest.approx((4 - 3) - (2 - 1.9), abs=0.03)


@pytest.mark.parametrize(
    ("within", "expected"),
    [("mean", 2.0), ("median", 1.0), ("least", 0.0), ("most", 5.0), ("range", 5.0), ("sum", 6.0), ("spread", math.sqrt(7))],
)
def test_several_rows_of_a_unit_become_one_value(within, expected):
    frame = table([{"quantity": "score", "value": v, "seed": s} for s in range(3) for v in (0.0, 1.0, 5.0)])
    sample = claim(within=within)
    assert values(sample, sample.rule, frame).to_list() == pytest.approx([expected] * 3)
    frame.loc[0, "value"] = math.nan
    assert values(sample, sample.rule, frame).isna().to_list() == [True, False, False]


def test_what_is_taken_away_may_be_another_of_its_rows():
    frame = table([{"quantity": "score", "value": v, "seed": 0, "m": m} for m, v in (("a", 1), ("a", 3), ("b", 10), ("b", 4))])
    sample = claim(where={"m": "a"}, minus={"m": "b"}, minus_within="most")
    assert values(sample, sample.rule, frame).to_list() == [2 - 10]


def test_less_expected_takes_each_rows_own_expectation_away():
    frame = table([{"quantity": "score", "value": theta + 0.5, "expected": theta, "seed": theta} for theta in range(4)])
    sample = claim(less_expected=True)
    assert values(sample, sample.rule, frame).to_list() == [0.5] * 4


def test_units_of_several_labels_and_rows_as_units():
    frame = table(*(rows(1.0, data=data) for data in ("a", "b")), rows(9.0, quantity="other"))
    assert verdict(claim(unit=["data", "seed"]), frame).by_rule.n == 10
    assert verdict(claim(), frame).by_rule.n == 5
    assert verdict(claim(unit="row"), frame).by_rule.n == 10
    both = claim(where={"data": "a"}, unit=["seed", "size"], minus={"data": "b"})
    sized = table(*(rows(v, data=d, size=k) for d, v in (("a", 2.0), ("b", 1.0)) for k in (8, 16)))
    assert values(both, both.rule, sized).to_list() == pytest.approx([1.0] * 10)


def test_every_single_value_counts_where_the_rule_asks_for_every_one():
    """Over a seed's rows deviations of both signs would cancel."""
    frame = table([{"quantity": "score", "value": v, "seed": 0} for v in (-1.0, 1.0)])
    result = verdict(claim(rule={"kind": "exact", "margin": 1e-9}), frame)
    assert (result.verdict, result.by_rule.n, result.unit) == ("fails", 2, ("row",))
    assert verdict(claim(rule={"kind": "exact", "margin": 1e-9}, unit="seed"), frame).verdict == "holds"
    many = table([{"quantity": "score", "value": 1.0, "seed": 0}] * 59)
    assert verdict(claim(rule={"kind": "counter_example", "above": 0.3}), many).verdict == "holds"


def test_a_unit_that_one_part_lacks_does_not_vanish():
    frame = table(rows(2.0, method="gp"), rows(1.0, seeds=3, method="clipping"))
    result = verdict(claim(where={"method": "gp"}, minus={"method": "clipping"}), frame)
    assert (result.verdict, result.reason, result.by_rule.n) == ("undecided", "2 of 5 units lack a value", 5)
    kept = verdict(claim(where={"method": "gp", "seed": [0, 1, 2]}, minus={"method": "clipping"}), frame)
    assert kept.by_rule.n == 3
    turned = verdict(claim(where={"method": "clipping"}, minus={"method": "gp"}), frame)
    assert turned.reason == "2 of 5 units lack a value"


def test_a_unit_that_lacks_one_of_its_options_has_no_value_and_an_option_without_rows_is_not_run():
    frame = table(rows(2.0, data="a"), rows(1.0, seeds=4, data="b"))
    result = verdict(claim(where={"data": ["a", "b"]}), frame)
    assert (result.verdict, result.reason) == ("undecided", "1 of 5 units lack a value")
    assert verdict(claim(where={"data": ["a", "c"]}), frame).verdict == "not run"
    assert verdict(claim(where={"colour": "red"}), frame).verdict == "not run"
    assert verdict(claim(quantity="unheard"), frame).verdict == "not run"
    assert verdict(claim(where={"data": "a"}, against={"data": "c"}), frame).verdict == "not run"


def test_a_value_that_could_not_be_measured_leaves_its_claim_undecided():
    frame = table(rows(2.0), rows(math.nan, seeds=1))
    result = verdict(claim(), frame)
    assert (result.verdict, result.reason) == ("undecided", "1 of 5 units lack a value")


def test_failed_runs_count_as_the_worst_and_two_that_fail_are_alike():
    far = [{"quantity": "score", "value": v, "seed": s, "m": "a"} for s, v in enumerate([1.0, 2.0, math.inf, math.inf])]
    near = [{"quantity": "score", "value": v, "seed": s, "m": "b"} for s, v in enumerate([0.5, math.inf, 1.0, math.inf])]
    sample = claim(where={"m": "a"}, minus={"m": "b"})
    assert values(sample, sample.rule, table(far, near)).to_list() == [0.5, -math.inf, math.inf, 0.0]


def test_labels_are_the_same_however_they_were_read():
    frame = table(
        rows(1.0, clip=0.10, depth=4, norm=True, data="8 Gaussians"),
        rows(5.0, clip=0.01, depth=8, norm=False, data="25"),
        [{"quantity": "other", "value": 0.0, "seed": 0}],
    )
    frame["seed"] = frame["seed"].astype("Int64")
    buffer = io.StringIO()
    frame.to_csv(buffer, index=False)
    again = pd.read_csv(io.StringIO(buffer.getvalue()))
    assert again["depth"].dtype == float  # whole numbers beside rows that have none
    for where in (
        {"clip": 0.1}, {"clip": "0.10"}, {"depth": 4}, {"depth": "4"}, {"depth": 4.0}, {"norm": True}, {"data": "8 Gaussians"},
        {"seed": [0, "1", 2.0, 3, 4], "depth": 4},
    ):  # fmt: skip
        for read in (frame, again):
            assert verdict(claim(where=where), read).by_rule.effect == pytest.approx(1.0)
    assert verdict(claim(where={"data": 25}), again).by_rule.effect == pytest.approx(5.0)
    assert verdict(claim(where={"norm": False}), again).by_rule.effect == pytest.approx(5.0)


def test_a_unit_that_rows_do_not_have_is_refused_in_a_line():
    with pytest.raises(WganlibError, match=r"^unit: unknown label 'sead'.*did you mean 'seed'\?$"):
        verdict(claim(unit="sead"), table(rows(1.0)))


def for_each(*values_, **changes):
    frame = table(*(rows(value, data=f"d{k}") for k, value in enumerate(values_)), rows(-9.0, data="none of them"))
    return verdict(claim(for_each={"data": [f"d{k}" for k in range(len(values_))]}, **changes), frame)


def test_for_each_option_the_claim_must_hold_by_itself():
    result = for_each(0.9, 1.1)
    assert (result.verdict, [part.verdict for part in result.parts]) == ("holds", ["holds", "holds"])
    # What is shown is the least sure one; options that the claim does not name have no part in it.
    assert (result.decides.says, result.by_rule.effect) == ("d0", pytest.approx(0.9))
    assert [part.says for part in result.parts] == ["d0", "d1"]
    assert result.by_rule.p_value == pytest.approx(for_each(0.9).by_rule.p_value)
    assert for_each(0.9, 0.31).verdict == "undecided"
    failing = for_each(0.9, 0.1)
    assert (failing.verdict, failing.decides.says, failing.by_rule.effect) == ("fails", "d1", pytest.approx(0.1))
    assert for_each(0.9, 0.31).decides.says == "d1"


def test_for_each_fails_by_a_level_divided_among_the_options():
    # Outside at 95 %, not at 95 % divided by four: t = 2.8 to 4.6 on four degrees of freedom.
    value = 0.3 - 3.2 * np.std(ALIKE, ddof=1) / math.sqrt(5)
    assert for_each(value).verdict == "fails"
    assert for_each(value, 0.9, 0.9, 0.9).verdict == "undecided"
    assert for_each(0.0, 0.9, 0.9, 0.9).verdict == "fails"


def test_units_needed_of_several_are_those_of_the_last_to_be_decided():
    near, far = for_each(0.305, 0.9).by_rule, for_each(0.305).by_rule
    assert near.needed == far.needed > 5
    assert for_each(0.9, 0.9).by_rule.needed == 5
    assert for_each(0.305, 0.3).by_rule.needed is None


def test_an_option_that_was_not_measured_leaves_the_claim_undecided():
    result = verdict(claim(for_each={"data": ["a", "b"]}), table(rows(1.0, data="a")))
    assert result.verdict == "not run"
    other = claim(also=[{"says": "colours too", "quantity": "colour", "rule": {"kind": "interval", "above": 0}}])
    result = verdict(other, table(rows(1.0)))
    assert (result.verdict, result.reason) == ("undecided", "not measured: colours too")


@pytest.mark.parametrize(("second", "word"), [(1.0, "holds"), (-1.0, "fails"), (0.0, "undecided")])
def test_what_must_hold_besides_fails_the_claim_with_it(second, word):
    also = [{"says": "colours too", "quantity": "colour", "rule": {"kind": "interval", "above": 0}}]
    frame = table(rows(1.0), rows(second, quantity="colour"))
    result = verdict(claim(also=also), frame)
    assert (result.verdict, result.parts[0].verdict) == (word, word)
    assert result.by_rule.effect == pytest.approx(second)
    said = ("", "score") if word == "holds" else ("colours too", "colour")
    assert (result.decides.says, result.decides.sample.quantity) == said
    assert verdict(claim(also=also), table(rows(-1.0), rows(1.0, quantity="colour"))).verdict == "fails"


CONTROL = {"control": {"says": "untrained", "where": {"method": "untrained"}}, "where": {"method": "gp"}}


@pytest.mark.parametrize(
    ("control", "word", "reason"),
    [
        (rows(0.0, method="untrained"), "holds", ""),
        (rows(1.0, method="untrained"), "not testable here", "the same rule is met by what must fail it: untrained"),
        (rows(0.3, method="untrained"), "undecided", "the rule is met, but what must fail it is undecided: untrained"),
        ([], "undecided", "the rule is met, but what must fail it was not measured: untrained"),
        (
            rows(math.nan, method="untrained"),
            "undecided",
            "the rule is met, but what must fail it is undecided: untrained (5 of 5 units lack a value)",
        ),
    ],
)
def test_holds_needs_a_control_that_fails(control, word, reason):
    result = verdict(claim(**CONTROL), table(rows(1.0, method="gp"), control))
    assert (result.verdict, result.reason, result.by_rule.verdict) == (word, reason, "holds")
    assert [part.says for part in result.controls] == ["untrained"]


def test_what_fails_needs_no_control_and_of_several_controls_all_must_fail():
    assert verdict(claim(**CONTROL), table(rows(0.0, method="gp"))).verdict == "fails"
    two = [{"says": m, "where": {"method": m}} for m in ("a", "b")]
    frame = table(rows(1.0, method="gp"), rows(0.0, method="a"), rows(1.0, method="b"))
    assert verdict(claim(where={"method": "gp"}, control=two), frame).verdict == "not testable here"


def test_a_control_lays_over_the_claims_sample_what_it_says_and_takes_all_options():
    frame = table(*(rows(v, method=m, data=d) for m, v in (("gp", 2.0), ("c", 1.0)) for d in ("a", "b", "other")))
    result = verdict(
        claim(for_each={"data": ["a", "b"]}, **(CONTROL | {"control": {"says": "c", "where": {"method": "c"}}})), frame
    )
    (part,) = result.controls
    assert (part.effect, part.n, part.verdict) == (pytest.approx(1.0), 5, "holds")
    minus = claim(where={"method": "gp", "data": "a"}, control={"says": "c", "minus": {"method": "c"}})
    assert verdict(minus, frame).controls[0].effect == pytest.approx(1.0)


GATE = {"trains": {"says": "it trains", "quantity": "gain", "rule": {"kind": "interval", "above": 0}}}


@pytest.mark.parametrize(
    ("gain", "word", "reason"),
    [
        (rows(1.0, quantity="gain"), "holds", ""),
        (rows(-1.0, quantity="gain"), "not testable here", "without what must be true first: not so: it trains"),
        (rows(0.0, quantity="gain"), "undecided", "what must be true first is undecided: it trains"),
        ([], "not run", "what must be true first was not measured: it trains"),
    ],
)
def test_gates_open_closed_undecided_and_not_run(gain, word, reason):
    for value in (1.0, 0.0):
        result = verdict(claim(gates=["trains"]), table(rows(value), gain), GATE)
        expected = "fails" if word == "holds" and not value else word
        assert (result.verdict, result.reason) == (expected, reason)
        assert result.gates[0].says == "it trains"


def test_not_testable_by_scale_and_not_run():
    there = claim(not_testable={"demo": "too small"})
    assert verdict(there, table(rows(1.0)))[:2] == ("not testable here", "too small")
    assert verdict(there, table(rows(1.0)), scale="paper").verdict == "holds"
    nowhere = parse(Claim, {"statement": "s", "source": "x", "not_testable": {"demo": "too small"}}, "claim")
    assert verdict(nowhere, table(rows(1.0)), scale="paper")[:2] == ("not run", "nothing measures it at this scale")
    every = claim(not_testable={"all": "never"})
    assert verdict(every, table(rows(1.0)), scale="paper").verdict == "not testable here"


@pytest.mark.parametrize(
    ("rule", "effect", "n", "word"),
    [
        ({"kind": "share", "success": 0.5, "above": 0.4}, 1.0, 10, "holds"),
        ({"kind": "sign_test"}, 1.0, 10, "holds"),
        ({"kind": "equivalence", "between": [0.9, 1.1]}, 1.0, 10, "holds"),
        ({"kind": "counter_example", "above": 0}, 0.98, 10, "undecided"),
    ],
)
def test_each_kind_of_rule_is_reached(rule, effect, n, word):
    result = verdict(claim(rule=rule, unit=["seed", "data"]), table(rows(1.0, data="a"), rows(1.0, data="b")))
    assert (result.verdict, result.by_rule.n) == (word, n)
    assert result.by_rule.effect == pytest.approx(effect)


def test_rules_of_two_samples_are_reached_and_ties_have_no_sign():
    wide = table(rows(0.0, method="gp"), [row | {"value": 9 * row["value"]} for row in rows(0.0, method="c")])
    ratio = claim(where={"method": "c"}, against={"method": "gp"}, rule={"kind": "variance_ratio", "above": 1})
    assert verdict(ratio, wide).by_rule.effect == pytest.approx(81)
    shares = claim(where={"method": "gp"}, against={"method": "clipping"}, rule={"kind": "share", "success": 1.7, "above": 0})
    assert verdict(shares, TWO)[0:1] == ("holds",)
    signs = judged(claim(rule={"kind": "sign_test"}), claim(rule={"kind": "sign_test"}).rule, table(rows(0.0)))
    assert (signs.n, signs.effect) == (4, 0.5)


def test_seconds_of_a_unit_are_those_of_all_its_runs_counted_once():
    def runs(seconds, **labels):
        return [row | {"value": seconds, "run": f"{labels}{row['seed']}"} for row in rows(0, quantity="seconds", **labels)]

    frame = table(rows(2.0, method="gp"), rows(1.0, method="c"), runs(10.0, method="gp"), runs(4.0, method="c"))
    frame = pd.concat([frame, table(rows(3.0, quantity="w1", data="8 Gaussians"))], ignore_index=True)
    assert verdict(claim(where={"method": "gp"}), frame).seconds == 10
    assert verdict(claim(where={"method": "gp"}, minus={"method": "c"}), frame).seconds == 14
    assert verdict(claim(where={"method": "gp"}, minus=[{"method": "c"}, {"method": "gp"}]), frame).seconds == 14
    assert verdict(claim(unit="row"), frame).seconds == 7
    assert verdict(claim(quantity="w1", where={"data": "8 Gaussians"}), frame).seconds == 14
    assert math.isnan(verdict(claim(where={"method": "gp"}), TWO).seconds)


def test_regions_in_words():
    assert region_text(Region(high=-0.5)) == "below −0.5"


def test_a_part_of_a_claim_may_be_of_another_quantity():
    parts = table(
        rows(2.0, method="gp"), rows(1.5, method="clipping"), rows(1.2, quantity="untrained", method="gp"),
        rows(7.0, quantity="seconds", method="gp", run="a"),
    )  # fmt: skip
    control = {
        "says": "the untrained generator",
        "where": {"quantity": "untrained"},
        "minus": {"quantity": "score", "method": "clipping"},
    }
    result = verdict(claim(where={"method": "gp"}, minus={"method": "clipping"}, control=control), parts)
    assert result.by_rule.effect == pytest.approx(0.5)
    assert [part.effect for part in result.controls] == [pytest.approx(-0.3)]
    # Seconds are those of the runs whatever quantity is judged.
    of_untrained = verdict(claim(where={"method": "gp", "quantity": "untrained"}), parts)
    assert of_untrained.by_rule.effect == pytest.approx(1.2)
    assert of_untrained.seconds == pytest.approx(7.0, abs=0.1)
