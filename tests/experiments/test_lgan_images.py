"""Lipschitz GANs on images: quantities, claims and pages from made-up tables whose answers are known."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import committed_plan
from made_up import made_up, values, verdict, with_measured

from wganlib.collecting.collected import Tables
from wganlib.experiments import lgan_curves, lgan_samples, lgan_stability, lgan_table2
from wganlib.planning.expansion import Entry

X, EXP, SIGMOID, SQRT, SQUARE, HINGE = "x", "exp x", "−log σ(−x)", "x + √(x² + 1)", "(x + 1)²", "max(0, x + 1)"
SIX = (X, EXP, SIGMOID, SQRT, SQUARE, HINGE)
Label = tuple[str, str]


def label(entry: Entry) -> Label:
    """Objective with weight or penalty."""
    return str(entry.labels["objective"]), str(entry.labels.get("weight", entry.labels.get("penalty", "")))


def noise(entry: Entry, *more: int) -> float:
    """A small number that is the run's own."""
    return float(np.random.default_rng([int(entry.run[-8:], 16), *more]).normal(0, 0.01))


def chosen(means: dict[Any, float], entry: Entry, default: float) -> float:
    return means.get(label(entry), means.get(label(entry)[0], default))


def table2(
    logs: dict[Any, float] | None = None,
    scores: dict[Any, float] | None = None,
    gaps: dict[Any, float] | None = None,
    offsets: dict[Any, float] | None = None,
    trends: dict[Any, float] | None = None,
    name: str = "lgan_table2",
    module: Any = lgan_table2,
) -> Tables:
    """Log distances (4.5), scores (5), gaps (0.2), offsets (0) and signs of the norm's trend (0) by objective or label."""

    def of(entry: Entry) -> dict[str, Any]:
        distance = np.exp(chosen(logs or {}, entry, 4.5) + noise(entry))
        return {"classifier_score": chosen(scores or {}, entry, 5.0) + noise(entry, 1), "frechet_classifier_distance": distance}

    def snapshots(entry: Entry) -> dict[int, dict[str, Any]]:
        moments = (0, *entry.spec.snapshots)
        logs = (7.0, 6.0, 5.5, 5.0, 4.8, 4.5)
        return {
            i: {"classifier_score": 2.0, "frechet_classifier_distance": np.exp(v + noise(entry, i))}
            for i, v in zip(moments, logs, strict=True)
        }

    def curves(entry: Entry) -> dict[str, Any]:
        steps = np.arange(1, entry.spec.generator_iterations + 1)
        gap = chosen(gaps or {}, entry, 0.2) * (1 + noise(entry, 2))
        away = chosen(offsets or {}, entry, 0.0) * (-1) ** entry.spec.seed * (1 + noise(entry, 3))
        offset = away + np.random.default_rng(entry.spec.seed).normal(0, 0.01, len(steps))
        trend = 1 + chosen(trends or {}, entry, 0.0) * steps / len(steps)
        norms = 10 + trend + np.random.default_rng(int(entry.run[-8:], 16)).normal(0, 0.1, len(steps))
        return {
            "generator_iteration": steps,
            "critic_real_mean": offset + gap / 2,
            "critic_fake_mean": offset - gap / 2,
            "gradient_norm": norms,
        }

    tables = made_up(name, of, snapshots, curves)
    return with_measured(tables, module.measure)


GP, LP, MAX = "two-sided", "one-sided", "maximum"


def test_demo_has_five_seeds_each_penalty_at_weight_10_and_an_unrestricted_gan() -> None:
    experiment = committed_plan().experiment("lgan_table2")
    labels = {label(entry) for entry in experiment.entries}
    assert labels == {(o, w) for o in SIX for w in ("0.1", "1")} | {(EXP, p) for p in (GP, LP, MAX)} | {
        (X, GP),
        (X, MAX),
        ("GAN", ""),
    }
    assert experiment.seeds == (0, 1, 2, 3, 4)
    gan, other = (experiment.spec_of(objective=name) for name in ("GAN", X))
    assert gan.method.constraint.kind == "none"
    # As many critic steps.
    assert gan.generator_iterations * gan.method.critic_steps > other.generator_iterations * other.method.critic_steps
    for name in ("lgan_curves", "lgan_stability", "lgan_samples"):
        assert set(committed_plan().experiment(name).run_keys) <= set(experiment.run_keys)


def test_ranks_best_weights_and_values_by_hand() -> None:
    tables = table2({(X, "0.1"): 4.0, (X, "1"): 5.5, (HINGE, "1"): 4.2, (HINGE, "0.1"): 4.9})
    findings = lgan_table2.measure(tables)
    assert values(findings, "behind", objective=X, weight="0.1") == pytest.approx([-0.5] * 5, abs=0.05)
    assert values(findings, "behind", objective=X, weight="1") == pytest.approx([1.0] * 5, abs=0.05)
    assert values(findings, "behind", objective=HINGE, weight="0.1") == pytest.approx([0.4] * 5, abs=0.05)
    assert values(findings, "best_log_distance", objective=HINGE, penalty=MAX) == pytest.approx([4.2] * 5, abs=0.05)
    assert values(findings, "moment_log_distance", objective=X, weight="1", moment="first") == pytest.approx([6] * 5, abs=0.05)
    assert values(findings, "moment_log_distance", objective=X, weight="1", moment="last") == pytest.approx([4.5] * 5, abs=0.05)
    assert values(findings, "gap", objective=EXP, penalty=GP) == pytest.approx([0.2] * 5, rel=0.1)


def test_slopes_that_are_kept_by_hand() -> None:
    tables = table2(gaps={EXP: 1.0, X: 1.0, SIGMOID: 1.0})
    findings = lgan_table2.measure(tables)
    # At f = -0.5 on generated and 0.5 on real: exp has e^-0.5 of its slope at 0 on both; log sigma: sigma(-0.5) / sigma(0).
    assert values(findings, "slope_kept", objective=EXP, weight="1") == pytest.approx([np.exp(-0.5)] * 5, abs=0.05)
    assert values(findings, "slope_kept", objective=SIGMOID, weight="1") == pytest.approx([2 / (1 + np.exp(0.5))] * 5, abs=0.05)
    assert values(findings, "slope_kept", objective=X, weight="1") == [1] * 5
    # Beside zero, at 0.5 and 1.5 or at -1.5 and -0.5, it is the farther of the two means that counts.
    aside = lgan_table2.measure(table2(gaps={SIGMOID: 1.0}, offsets={SIGMOID: 1.0}))
    assert values(aside, "slope_kept", objective=SIGMOID, weight="1") == pytest.approx([2 / (1 + np.exp(1.5))] * 5, abs=0.05)


FAILED = {(EXP, GP): 1.5}
FAR = {(EXP, GP): 6.5}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "l.t2.lgan-better": ({"logs": {X: 5.0}}, {"logs": {X: 4.4}}),
    "l.t2.alike": ({}, {"logs": {EXP: 5.5}}),
    "l.t2.best": ({"logs": {EXP: 4.0, SQRT: 4.1}}, {"logs": {EXP: 5.0, SQRT: 4.1}}),
    "l.t2.hinge": ({"logs": FAR | {(HINGE, "1"): 4.4, (HINGE, "0.1"): 6.0}}, {"logs": FAR | {HINGE: 5.5}}),
    "l.t2.exp-gp": ({"scores": FAILED}, {}),
    "l.t2.exp-lp": ({"scores": {(EXP, LP): 1.5}}, {}),
    "l.t2.maxgp-ends": ({"scores": FAILED}, {"scores": FAILED | {(EXP, MAX): 1.6}}),
    "l.t2.maxgp-comparable": ({}, {"logs": {(X, GP): 5.5}}),
    "pet.exp": ({"scores": FAILED}, {"scores": FAILED | {(EXP, LP): 1.6}}),
    "pet.exp-sign": ({"scores": FAILED, "gaps": {(EXP, GP): -0.3}}, {"scores": FAILED}),
    "fed.notdivergence": ({}, {"logs": {(SIGMOID, "1"): 5.0}}),
    "qin.linear": ({}, {"logs": {(EXP, MAX): 5.0}}),
    "qin.domain": ({"gaps": {X: 40.0}}, {"gaps": {X: 40.0, EXP: 4.0}}),
    "qin.exp": (
        {"scores": FAILED, "gaps": {(EXP, GP): 4.0, (EXP, LP): 2.0, (EXP, MAX): 0.2}},
        {"scores": FAILED, "gaps": {(EXP, GP): 2.0, (EXP, LP): 4.0}},
    ),
    "l.appC.dynamic": ({"trends": {(X, "0.1"): -5.0, (X, "1"): -5.0}}, {"trends": {(X, "0.1"): 5.0, (X, "1"): 5.0}}),
    "l.appC.dynamic-others": (
        {"trends": dict.fromkeys((EXP, SIGMOID, SQRT), -5.0)},
        {"trends": {EXP: 5.0, SIGMOID: -5.0, SQRT: -5.0}},
    ),
    "l.sec4.vanilla-lip": ({"logs": {"GAN": 5.5}}, {}),
}


@pytest.mark.parametrize("claim", CASES)
def test_claims_hold_where_they_are_true_and_fail_where_not(claim: str) -> None:
    true, false = CASES[claim]
    assert verdict(claim, table2(**true)).verdict == "holds"
    assert verdict(claim, table2(**false)).verdict == "fails"


def test_spread_of_objectives_shrinks_with_the_constant_or_not() -> None:
    wide = {(o, "0.1"): 4.5 + 0.2 * i for i, o in enumerate(SIX)}
    assert verdict("qin.shrink", table2(wide)).verdict == "holds"
    assert verdict("qin.shrink", table2({(o, "1"): 4.5 + 0.2 * i for i, o in enumerate(SIX)})).verdict == "fails"


def test_nothing_is_said_of_a_gan_that_does_not_train_or_a_failure_that_did_not_occur() -> None:
    assert verdict("l.sec4.vanilla-lip", table2({"GAN": 6.0}, {"GAN": 1.5})).verdict == "not testable here"
    for claim in ("pet.exp-sign", "qin.exp"):
        assert verdict(claim, table2()).verdict == "not testable here"


def test_the_table_has_penalty_and_weight_of_every_row_and_the_figure_all_runs() -> None:
    tables = table2(FAR, FAILED, {(EXP, GP): -0.3})
    content = lgan_table2.report(tables)
    rows = {tuple(row[:3]): row for row in content.tables[0].rows}
    assert len(rows) == 18
    assert rows[EXP, GP, "10"][-2].mean == pytest.approx(-0.3, abs=0.02)
    assert rows[X, MAX, "0.1"][3] == (5, 5)
    assert rows["GAN", "none", "–"][5].mean == pytest.approx(np.exp(4.5), rel=0.02)
    dots = sum(len(line.get_xdata()) for line in content.pictures[0].figure.axes[0].lines)
    assert dots == 90


# Values, curves and samples.


def test_oscillation_is_nothing_of_independent_values_and_much_of_a_slow_sway() -> None:
    source = np.random.default_rng(0)
    assert np.mean([np.exp(lgan_stability.oscillation(source.normal(size=450))) for _ in range(300)]) == pytest.approx(
        1, abs=0.05
    )
    sway = source.normal(size=450) + 3 * np.sin(np.arange(450) / 40)
    assert lgan_stability.oscillation(sway) > 3
    assert np.isnan(lgan_stability.oscillation(np.ones(100)))
    assert np.isnan(lgan_stability.oscillation(source.normal(size=20)))


def test_offsets_are_of_the_last_half_in_units_of_the_gap() -> None:
    steps = np.arange(100)
    offset = np.where(steps < 50, 7.0, 3.0)

    def curves(entry: Entry) -> dict[str, Any]:
        return {"generator_iteration": steps, "critic_real_mean": offset + 1, "critic_fake_mean": offset - 1}

    tables = made_up("lgan_stability", lambda entry: {}, curves=curves)
    findings = lgan_stability.measure(tables)
    assert values(findings, "offset", objective=X, weight="1") == pytest.approx([1.5] * 5)
    assert len(values(findings, "offset_size")) == 60
    failed = made_up("lgan_stability", lambda e: {"outcome": "diverged"} if e.labels["objective"] == X else {}, curves=curves)
    assert values(lgan_stability.measure(failed), "offset", objective=X) == []


def stability(**changes: Any) -> Tables:
    return table2(name="lgan_stability", module=lgan_stability, **changes)


def test_offsets_of_x_stand_anywhere_or_near_zero() -> None:
    assert verdict("l.fig6.offset", stability(offsets={X: 20.0})).verdict == "holds"
    assert verdict("l.fig6.offset", stability()).verdict == "fails"
    # As far as the others' it is no freedom of x.
    assert verdict("l.fig6.offset", stability(offsets=dict.fromkeys(SIX, 20.0))).verdict != "holds"


def test_offsets_go_with_worse_distances_or_do_not() -> None:
    worse = stability(offsets={X: 20.0}, logs={X: 5.5} | dict.fromkeys(SIX[1:], 4.5))
    assert values(lgan_stability.measure(worse), "correlation") == pytest.approx([0.6] * 5, abs=0.45)
    assert verdict("l.fig6.hurts", stability(offsets={X: 20.0}, logs={X: 4.0})).verdict == "fails"


def test_oscillations_of_x_are_told_from_noise() -> None:
    steps = np.arange(1, 91)

    def curves(swaying: str) -> Any:
        def of(entry: Entry) -> dict[str, Any]:
            values = np.random.default_rng(int(entry.run[-8:], 16)).normal(0, 0.1, 90)
            if entry.labels["objective"] == swaying:
                values = values + np.sin(steps / 6 + entry.spec.seed)
            return {"generator_iteration": steps, "critic_real_mean": values + 1, "critic_fake_mean": values - 1}

        return with_measured(made_up("lgan_stability", lambda entry: {}, curves=of), lgan_stability.measure)

    # The control, whose values are few, need not be decided.
    said = verdict("l.fig6.drift", curves(X)).by_rule
    assert said is not None
    assert said.verdict == "holds"
    assert verdict("l.fig6.drift", curves(EXP)).verdict == "fails"


def test_panels_of_values_share_a_scale() -> None:
    content = lgan_stability.report(stability(offsets={X: 20.0}))
    panels = content.pictures[0].figure.axes
    assert len({panel.get_ylim() for panel in panels}) == 1
    assert [len(panel.lines) for panel in panels] == [10] * 6
    assert len(content.tables[0].rows) == 12


@pytest.mark.parametrize(("of_x", "word"), [(10.0, "holds"), (1.0, "undecided"), (0.01, "fails")])
def test_final_distances_of_x_spread_or_not(of_x: float, word: str) -> None:
    def of(entry: Entry) -> dict[str, Any]:
        spread = 0.05 * (of_x if entry.labels["objective"] == X else 1.0)
        own = np.random.default_rng([entry.spec.seed, SIX.index(str(entry.labels["objective"]))]).permutation(5)[0]
        place = (entry.spec.seed - 2) + 0.01 * own
        return {"frechet_classifier_distance": np.exp(4.5 + spread * place)}

    assert verdict("l.abs.stable", made_up("lgan_curves", of)).verdict == word


def test_curves_are_drawn_on_one_scale_a_row_with_a_mean_for_each_objective() -> None:
    tables = made_up(
        "lgan_curves",
        lambda entry: {},
        lambda e: {
            i: {"classifier_score": 2.0 + e.spec.seed, "frechet_classifier_distance": 10.0**e.spec.seed}
            for i in e.spec.snapshots
        },
    )
    (picture,) = lgan_curves.report(tables).pictures
    panels = picture.figure.axes
    assert panels[0].get_yscale() == "log"
    assert panels[0].get_ylim() == panels[1].get_ylim()
    assert [len(panel.lines) for panel in panels] == [36] * 4
    means = [line for line in panels[0].lines if line.get_label() == X]
    assert means[0].get_ydata() == pytest.approx([100.0] * 5)  # of 1, 10, ..., 10,000
    assert [line.get_ydata()[0] for line in panels[2].lines if line.get_label() == X] == [4.0]


def test_samples_are_of_the_first_seed_each_run_once() -> None:
    (picture,) = lgan_samples.report(made_up("lgan_samples", lambda entry: {})).pictures
    titles = [panel.get_title() for panel in picture.figure.axes]
    assert titles == [f"{X}, weight 1", f"{EXP}, weight 1", f"{SQRT}, weight 1", f"{SQRT}, weight 0.1"]
    paper = {"inception_score": 5.0, "frechet_inception_distance": 30.0, "inception_score_split_std": 0.05}
    errors = {"frechet_inception_distance_standard_error": 0.1}
    content = lgan_samples.report(made_up("lgan_samples", lambda entry: paper | errors, plan=committed_plan("paper")))
    assert [sum(bool(panel.get_title()) for panel in p.figure.axes) for p in content.pictures] == [3, 3, 1]


def test_paper_has_a_page_of_every_data_set() -> None:
    scores = {
        "inception_score": 8.0,
        "frechet_inception_distance": 16.0,
        "inception_score_split_std": 0.05,
        "untrained_inception_score": 1.1,
    }
    tables = made_up(
        "lgan_table2", lambda e: scores | {"frechet_inception_distance_standard_error": 0.1}, plan=committed_plan("paper")
    )
    tables = with_measured(tables, lgan_table2.measure)
    content = lgan_table2.report(tables)
    assert len(content.pictures) == 2
    assert content.tables[0].columns[0] == "|data"
    assert isinstance(tables.quantities, pd.DataFrame)
