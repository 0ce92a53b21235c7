"""The Dirac-GAN's measurement, its claims by their own rules, and its report."""

from functools import cache

import pytest
from exact import quantities_are_described, toy
from made_up import measured

from wganlib.experiments import dirac
from wganlib.judging.verdicts import judge
from wganlib.measuring.study import Study
from wganlib.planning.settings import Dirac
from wganlib.reporting.content import Number
from wganlib.reporting.style import pdf


@cache
def findings():
    experiment = toy("dirac")
    return dirac.measure(Study((), experiment.settings, experiment.seeds))


def value(quantity, **labels):
    rows = [row for row in findings().rows if row["quantity"] == quantity and labels.items() <= row.items()]
    (row,) = rows
    return row["value"]


@pytest.mark.parametrize("claim", sorted(toy("dirac").params.claims))
def test_every_claim_holds_and_each_of_its_controls_fails(claim):
    params = toy("dirac").params
    verdict = judge(params.claims[claim], params.gates, findings().frame(), "demo")
    assert (verdict.verdict, verdict.reason) == ("holds", "")
    assert {part.verdict for part in verdict.parts} <= {"holds"}
    assert {part.verdict for part in verdict.controls} == {"fails"}


def test_the_claims_are_those_of_the_papers_and_what_the_project_adds():
    papers = {"mes.ns", "mes.clip", "mes.gp", "mes.r1", "pet.barrier", "r3.dirac"}
    own = {"mes.ns-creep", "pet.barrier-law", "pet.barrier-adam", "pet.barrier-root"}
    claims = toy("dirac").params.claims
    assert set(claims) == papers | own
    assert {name for name, claim in claims.items() if not claim.remembered} == own


def test_the_threshold_is_looked_for_in_many_settings_on_both_sides():
    table = findings().frame()
    counts = table[table["quantity"] == "threshold_ratio"]["law"].value_counts()
    assert counts.min() == counts.max() == 14
    held = table[table["quantity"] == "held"]
    assert held["side"].value_counts().to_dict() == {"above": 42, "below": 42}
    assert ((held["ratio"] > 1) == (held["side"] == "above")).all()


def test_the_cells_are_all_combinations_and_known_values_stand_in_them():
    table = findings().frame()
    sizes = table[(table["quantity"] == "size") & (table["optimizer"] == "descent")]
    assert len(sizes[sizes["constraint"] == "two_sided"]) == 3 * 3 * 2
    adam = table[(table["quantity"] == "swing") & (table["optimizer"] == "adam") & (table["constraint"] == "two_sided")]
    assert len(adam) == len(adam.drop_duplicates(["weight", "critic_rate", "beta1", "critic_steps", "slope"])) == 72
    start = {"optimizer": "descent", "slope": 0.5, "critic_steps": 1}
    assert value("size", constraint="two_sided", weight=1.0, **start) == pytest.approx(2, rel=1e-6)
    assert value("off_place", constraint="two_sided", weight=1.0, **start) < 1e-6
    assert value("swing", constraint="two_sided", weight=1.0, **start) == pytest.approx(-1, rel=1e-6)
    # A turn of the ellipse theta^2 n h_c + psi^2 h_g: |theta| is 2 / pi of its largest on average.
    five = start | {"critic_steps": 5}
    assert value("size", constraint="clipping", weight=1.0, **five) == pytest.approx(2 / 3.14159 / 5**0.5, rel=0.02)
    assert value("size", constraint="none", objective="wgan", slope=0.5, optimizer="descent") == pytest.approx(
        2 / 3.14159 * 1.25**0.5, rel=0.03
    )
    # A turn lasts 2 pi sqrt(h_c h_g) iterations, and the slope's sign turns twice in it.
    turns = value("sign_changes", constraint="one_sided", weight=1.0, **start)
    assert turns == pytest.approx(2500 * 0.04 / 3.14159, abs=1)


def test_the_report_draws_both_pictures_and_its_tables_say_what_was_measured():
    content = dirac.report(measured("dirac", findings()))
    assert len(content.pictures) == 2
    for picture in content.pictures:
        assert pdf(picture.figure).startswith(b"%PDF")
        assert "nan" not in picture.caption
    assert "14 settings" in content.pictures[1].caption
    assert "0.6 %" in content.pictures[1].caption
    at_rest, ends = content.tables
    assert at_rest.rows[0] == ["minimax gan", *(Number(pytest.approx(v, abs=5e-5), 4) for v in (0, 1.00125, 1, -0.02506))]
    assert [row[0] for row in ends.rows].count("two-sided") == 3
    (row,) = [row for row in ends.rows if row[0] == "two-sided" and row[1].value == 10]
    assert [cell.value for cell in row[2:]] == pytest.approx([20, 20, 20], rel=1e-3)


def test_quantities_that_are_added_are_those_described():
    quantities_are_described(dirac, findings())


def test_settings_are_typed_at_every_scale():
    for scale in ("demo", "paper"):
        assert toy("dirac", scale).settings == toy("dirac").settings
    assert set(toy("dirac").settings) == set(Dirac.model_fields)
