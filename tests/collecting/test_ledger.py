"""The ledger: an experiment's claims judged from its tables, those of all together, and their page."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY
from made_up import made_up, with_measured
from pypdf import PdfReader

from wganlib.collecting import ledger
from wganlib.errors import WganlibError
from wganlib.experiments import elu
from wganlib.planning.plan import load_plan
from wganlib.reporting import forest
from wganlib.reporting.forest import EDGE, depths, write_claims
from wganlib.reporting.words import drawn, heading, sentence


@pytest.fixture(scope="module")
def plan():
    """The demo with ELU's experiment alone, of five seeds."""
    return load_plan(REPOSITORY / "params", "demo", only="elu")


def judged(plan, tmp_path, monkeypatch, elus=5.0):
    def scores(entry):
        mean = elus if entry.labels["nonlinearity"] == "ELU" else 5.0
        return {"classifier_score": mean + 0.1 * np.sin(3 * entry.spec.seed + len(entry.labels["nonlinearity"]))}

    tables = with_measured(made_up("elu", scores, plan=plan), elu.measure)
    monkeypatch.setattr(ledger, "load", lambda *_: tables)
    path = ledger.judge_experiment(plan, plan.experiment("elu"), tmp_path / "results")
    assert path == tmp_path / "results/demo/elu/claims.json"
    return {claim["id"]: claim for claim in json.loads(path.read_text())["claims"]}


def test_a_verdict_is_written_with_all_that_it_rests_on(plan, tmp_path, monkeypatch):
    claims = judged(plan, tmp_path, monkeypatch)
    claim = claims["gp.appD.elu"]
    assert (claim["verdict"], claim["n"], claim["unit"], claim["paper"]) == ("fails", 5, "seed", "WGAN-GP")
    assert claim["region"] == [None, 0.5]
    assert claim["low"] < claim["effect"] < claim["high"]
    assert claim["effect"] == pytest.approx(1.0, abs=0.03)
    assert [part["verdict"] for part in claim["controls"]] == ["fails"]
    assert claim["world"] == "on digits at 16 × 16 after 150 iterations"
    assert sentence(claim).startswith("Effect: 1.0")
    assert "5 seeds; claimed: below 0.5" in sentence(claim)


def test_an_undecided_one_says_how_many_more_seeds_and_minutes(plan, tmp_path, monkeypatch):
    claim = judged(plan, tmp_path, monkeypatch, 2.5)["gp.appD.elu"]
    assert claim["verdict"] == "undecided"
    # A unit is one run of 10 s here, ELU's own.
    assert claim["minutes_more"] == pytest.approx(claim["units_more"] * 10 / 60, abs=0.06)
    assert f"About {claim['units_more']:,} more seeds would decide it against the claim" in sentence(claim)


def test_primary_claims_are_corrected_for_their_number(plan, tmp_path, monkeypatch):
    judged(plan, tmp_path, monkeypatch)
    path = tmp_path / "results/demo/elu/claims.json"
    whole = json.loads(path.read_text())
    first = whole["claims"][0]
    whole["claims"] += [first | {"id": f"gp.made.up{i}", "p_value": p} for i, p in enumerate((0.03, 0.04))]
    path.write_text(json.dumps(whole))
    ledger.gather(plan, tmp_path / "results")
    table = pd.read_csv(tmp_path / "results/demo/claims.csv").set_index("id")
    # Of three the smallest p counts threefold, the next twice, and no later one less than an earlier one.
    assert table.loc["gp.made.up0", "p_holm"] == pytest.approx(0.06)
    assert table.loc["gp.made.up1", "p_holm"] == pytest.approx(0.06)
    assert table.loc["gp.made.up0", "verdict"] == "undecided"
    assert table.loc["gp.appD.elu", "verdict"] == "fails"
    assert math.isnan(table.loc["gp.appD.smooth", "p_holm"])
    assert list(table["control"][:2]) == ["fails", "fails"]
    assert table.loc["gp.appD.smooth", "control"] == "none"


def test_one_that_was_not_judged_is_named(plan, tmp_path):
    with pytest.raises(WganlibError, match=r"elu/claims.json: no such file; `wganlib judge elu --scale demo` makes it"):
        ledger.gather(plan, tmp_path / "results")


def test_the_page_has_every_claim_and_verdicts_of_other_scales_beside(plan, tmp_path, monkeypatch):
    claims = judged(plan, tmp_path, monkeypatch)
    ledger.gather(plan, tmp_path / "results")
    other = tmp_path / "results/published/paper/claims.json"
    other.parent.mkdir(parents=True)
    other.write_text(json.dumps({"claims": [claims["gp.appD.elu"] | {"verdict": "not run"}]}))
    pdf = write_claims("demo", tmp_path / "results", tmp_path / "reports")
    text = " ".join(page.extract_text() for page in PdfReader(pdf).pages)
    for name in claims:
        assert name in text
    assert "not run" in text
    numbers = json.loads(pdf.with_suffix(".json").read_text())
    assert numbers["scales"] == ["paper"]
    assert [claim["beside"] for claim in numbers["groups"][0]["claims"]] == [["not run"], ["–"], ["–"]]
    assert numbers["counts"]["fails"] == 2
    assert pdf.with_suffix(".svg").read_bytes().startswith(b"<?xml")


def claim(**changes):
    return {"rule": "interval", "region": [0.3, None], "effect": 0.6, "low": 0.4, "high": 0.8, "verdict": "holds"} | changes


def test_depths_are_from_the_region_s_edge_in_half_widths():
    assert depths(claim()) == pytest.approx((1.5, 0.5, 2.5))
    assert depths(claim(effect=0.0, low=-0.2, high=0.2)) == pytest.approx((-1.5, -2.5, -0.5))
    # Both edges: how far from the nearer one.
    assert depths(claim(region=[-1.0, 1.0]))[0] == pytest.approx(2.0)
    assert depths(claim(rule="exact")) == (EDGE, EDGE, EDGE)
    assert depths(claim(rule="exact", verdict="fails")) == (-EDGE, -EDGE, -EDGE)
    assert depths(claim(low=None)) is None
    assert depths(claim(effect=90.0, low=89.9, high=90.1))[0] == EDGE


def test_a_small_picture_has_interval_and_region_on_one_axis():
    at = drawn(claim())
    assert 0 < at["low"] < at["effect"] < at["high"] < 1
    assert 0 < at["region_low"] < at["low"]
    assert at["region_high"] == 1
    assert drawn(claim(high="∞"))["high"] == 1
    assert drawn(claim(effect=None)) is None


@pytest.mark.parametrize(
    ("region", "low", "high", "said"),
    [
        ([0.3, None], -0.8, -0.1, "The reverse here"),
        ([0.3, None], -0.8, 0.1, "Not so here"),
        ([None, -0.1], 0.05, 0.2, "The reverse here"),
        ([None, -0.1], -0.05, 0.2, "Not so here"),
        ([None, 0.5], 0.6, 0.9, "Not so here"),
        ([-0.1, 0.1], 0.6, 0.9, "Not so here"),
        ([None, -0.1], "∞", "∞", "The reverse here"),
    ],
)
def test_a_reversal_is_told_from_a_shortfall(region, low, high, said):
    assert heading(claim(verdict="fails", region=region, low=low, high=high)) == said
    assert heading(claim()) == "Holds here"


def test_colours_and_marks_are_of_every_verdict():
    assert set(forest.COLOURS) == set(forest.MARKERS) == set(forest.VERDICTS)
    assert (REPOSITORY / "wganlib/reporting/templates/claims.typ").exists()


@pytest.mark.parametrize(("text", "words"), [("{}", "the key 'claims' is missing"), ("[1]", "found a list")])
def test_json_of_another_shape_is_named(plan, tmp_path, monkeypatch, text, words):
    judged(plan, tmp_path, monkeypatch)
    path = tmp_path / "results/demo/elu/claims.json"
    path.write_text(text)
    with pytest.raises(WganlibError, match=f"claims.json: {words}"):
        ledger.gather(plan, tmp_path / "results")
