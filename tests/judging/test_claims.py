"""What a claim may say: wrong ones are refused in one line that names the mistake; docs/claims.md's example is right."""

import math
import re
import subprocess
import sys

import pytest
import yaml
from conftest import REPOSITORY

from wganlib.errors import WganlibError, parse
from wganlib.judging.claims import Claim, Condition, Rule
from wganlib.judging.region import Region
from wganlib.planning.experiment import ExperimentParams

BASE = {
    "statement": "s",
    "source": "x",
    "quantity": "score",
    "rule": {"kind": "interval", "above": 0.3},
    "no_control": "a test",
}


def refused(changes, model=Claim):
    value = {key: part for key, part in (BASE | changes).items() if part is not None}
    with pytest.raises(WganlibError) as error:
        parse(model, value, "claim")
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix("claim: ")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"kind": "interval"}, "needs one region: above, below or both, or between, or margin; found none"),
        ({"kind": "interval", "above": 0, "margin": 1}, "or margin; found margin and above or below"),
        ({"kind": "interval", "above": math.nan}, "Input should be a finite number"),
        ({"kind": "interval", "above": math.inf}, "Input should be a finite number"),
        ({"kind": "interval", "between": [1, 0]}, "a region's low edge is below its high one, found 1 and 0"),
        ({"kind": "interval", "above": 1, "below": 1}, "a region's low edge is below its high one, found 1 and 1"),
        ({"kind": "interval", "margin": 0}, "a region's low edge is below its high one, found -0 and 0"),
        ({"kind": "equivalence", "above": 0}, "an equivalence needs a margin, or between"),
        ({"kind": "sign_test", "above": 0}, "a sign test has one half as its edge: remove above or below"),
        ({"kind": "share", "above": 0.5}, "success is for a share, which needs it"),
        ({"kind": "interval", "above": 0.5, "success": 1}, "success is for a share"),
        ({"kind": "share", "above": 1.5, "success": 1}, "the region of a share lies between 0 and 1"),
        ({"kind": "share", "margin": 0.1, "success": 1}, "the region of a share lies between 0 and 1"),
        ({"kind": "variance_ratio", "above": 0}, "the region of a ratio of variances lies above 0"),
        ({"kind": "guess", "above": 0}, "rule.kind: Input should be 'interval'"),
        ({"kind": "interval", "abov": 0}, "rule.abov: unknown key; did you mean 'above'?"),
    ],
)
def test_wrong_rules_are_refused(rule, message):
    assert message in refused({"rule": rule})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rule": None}, "quantity and rule stand together"),
        ({"quantity": None}, "quantity and rule stand together"),
        ({"quantity": None, "rule": None, "no_control": None}, "needs a quantity with a rule, or not_testable"),
        ({"no_control": None}, "needs a control, or no_control with the reason why there can be none; not both"),
        ({"control": {"says": "c", "where": {"a": 1}}}, "needs a control, or no_control"),
        ({"for_each": {"a": [1], "b": [2]}}, "for_each takes one axis, found a, b"),
        ({"for_each": {"a": []}}, "for_each.a"),
        ({"rule": {"kind": "variance_ratio", "above": 1}}, "a ratio of variances needs `against`"),
        ({"rule": {"kind": "exact", "above": 1}, "against": {"a": 1}}, "against is for interval, equivalence, share, var"),
        ({"rule": {"kind": "sign_test"}, "against": {"a": 1}}, "against is for"),
        (
            {"rule": {"kind": "share", "success": 1, "above": 0.15}, "against": {"a": 1}},
            "a share against another is tested for a difference above 0: its region is `above: 0`",
        ),
        ({"unit": "row", "minus": {"a": 1}}, "a row by itself has nothing to take away or add"),
        ({"rule": {"kind": "exact", "above": 1}, "plus": {"a": 1}}, "a row by itself has nothing to take away or add"),
        ({"unit": ["seed", "a"], "minus": {"a": 1}}, "a differs within a unit: leave it out of unit, or of minus and plus"),
        ({"minus_within": "most"}, "minus_within is not read without minus or plus; remove it"),
        ({"within": "mode"}, "within: Input should be 'mean'"),
        ({"statement": None}, "statement: required key is missing"),
        ({"no_control": None, "control": {"where": {"a": 1}}}, "says: required key is missing"),
        ({"no_control": None, "control": {"says": ""}}, "says: String should have at least 1 character"),
        ({"no_control": ""}, "no_control: String should have at least 1 character"),
        ({"no_control": None, "control": {"says": "c", "unit": "row"}, "minus": {"a": 1}}, "a row by itself"),
        (
            {
                "no_control": None,
                "rule": {"kind": "variance_ratio", "above": 1},
                "against": {"a": 1},
                "control": {"says": "c", "against": None},
            },
            "a ratio of variances needs `against`",
        ),
    ],
)
def test_wrong_claims_are_refused(changes, message):
    assert message in refused(changes)


def test_a_condition_is_checked_as_a_claim_is():
    also = [{"says": "c", "quantity": "q", "rule": {"kind": "variance_ratio", "above": 1}}]
    assert "a ratio of variances needs `against`" in refused({"also": also})
    whole = {"says": "c", "quantity": "q", "rule": {"kind": "interval", "between": [0, 1]}, "where": {"a": 1}}
    assert parse(Claim, BASE | {"also": [whole]}, "claim").also[0].where == {"a": (1,)}
    with pytest.raises(WganlibError, match=r"against is for"):
        parse(Condition, whole | {"against": {"a": 1}, "rule": {"kind": "exact", "above": 0}}, "gate")


@pytest.mark.parametrize(
    ("rule", "region"),
    [
        ({"kind": "interval", "above": 1}, Region(1.0, math.inf)),
        ({"kind": "interval", "below": 1}, Region(-math.inf, 1.0)),
        ({"kind": "interval", "above": -1, "below": 1}, Region(-1.0, 1.0)),
        ({"kind": "exact", "between": [0.5, 2]}, Region(0.5, 2.0)),
        ({"kind": "equivalence", "margin": 0.3}, Region(-0.3, 0.3)),
        ({"kind": "sign_test"}, Region(0.5, math.inf)),
    ],
)
def test_regions(rule, region):
    assert parse(Rule, rule, "rule").region == region


def test_a_region_knows_what_lies_inside_infinite_effects_too():
    assert Region(high=1.0).excess([0.0, 1.0, 3.0, -math.inf]).tolist() == [-1.0, 0.0, 2.0, -math.inf]
    assert Region(-1.0, 1.0).excess([0.25, -3.0, math.inf]).tolist() == [-0.75, 2.0, math.inf]
    assert math.isnan(Region(low=1.0).excess(math.nan))
    assert Region(low=1.0).edges == [1.0]


def test_reading_claims_waits_for_neither_scipy_nor_pandas():
    code = "import sys, wganlib.planning.experiment; print(*sorted({'scipy', 'pandas', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def examples():
    text = (REPOSITORY / "docs/claims.md").read_text()
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]


def test_the_examples_of_the_docs_are_experiments_parameters():
    blocks = examples()
    assert blocks
    for block in blocks:
        read = parse(ExperimentParams, {"title": "t", "source": "s", "scales": {}} | block, "docs/claims.md")
        assert read.claims
        assert any(claim.gates for claim in read.claims.values())


def test_the_docs_name_every_rule_and_every_key_of_a_claim():
    text = (REPOSITORY / "docs/claims.md").read_text()
    named = set(re.findall(r"`(\w+)`", text))
    kinds = set(Rule.model_fields["kind"].annotation.__args__)
    assert kinds | set(Claim.model_fields) | set(Rule.model_fields) <= named
