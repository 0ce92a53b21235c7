"""WGAN-GP's image experiments from made-up tables whose answers are known, and the plans behind them."""

import math
from collections import defaultdict

import numpy as np
import pytest
from conftest import committed_plan
from made_up import failed, made_up, values, verdict, with_measured
from PIL import Image

from wganlib.experiments import cifar_convergence, cifar_samples, cifar_table3, gp_v1, lsun_samples_128
from wganlib.reporting.content import Count, Spread
from wganlib.reporting.grammar import paired, whole_sheets
from wganlib.reporting.style import pdf

GP = "wgan_gp_appendix_e"
SHIFTS = (0.0, 0.1, -0.1, 0.05, -0.05, 0.02, -0.02, 0.01)


def plan_of(name, scale="demo"):
    return committed_plan(scale).experiment(name)


def shifted(value, entry):
    """A value that differs a little by seed, and not by the same for all options."""
    return value + SHIFTS[(entry.spec.seed + len("".join(map(str, entry.labels.values())))) % 8]


def test_the_interval_of_paired_differences_is_students():
    # Of 1, 2, 3: mean 2, standard deviation 1; Student's 97.5 % quantile with two degrees of freedom is 4.30265.
    half = 4.30265 / math.sqrt(3)
    assert paired([1.0, 2.0, 3.0, math.nan])[:3] == pytest.approx((2.0, 2.0 - half, 2.0 + half), abs=1e-4)


# Figure 3: convergence.

CLIPPING, RMSPROP, ADAM, DCGAN = "weight clipping", "gradient penalty (RMSProp)", "gradient penalty (Adam)", "DCGAN"
FINAL = {CLIPPING: 4.0, RMSPROP: 5.5, ADAM: 6.0, DCGAN: 6.1}


def convergence(early=0.5, **final):
    """Scores rise in one line to a share of the last at the first snapshot, and in one to the last; untrained: 1.5."""
    last = FINAL | {{"clipping": CLIPPING, "rmsprop": RMSPROP, "adam": ADAM, "dcgan": DCGAN}[k]: v for k, v in final.items()}

    def end(entry):
        return shifted(last[entry.labels["method"]], entry)

    def course(entry):
        first, *later = entry.spec.snapshots
        span = entry.spec.generator_iterations - first
        shares = {i: early + (1 - early) * (i - first) / span for i in (first, *later)}
        return {i: {"classifier_score": share * end(entry)} for i, share in shares.items()}

    def seconds(entry):
        return {"generator_iteration": np.array([entry.spec.generator_iterations]), "seconds": np.array([10.0])}

    tables = made_up("cifar_convergence", lambda e: {"classifier_score": end(e)}, course, seconds)
    return with_measured(tables, cifar_convergence.measure)


def test_area_and_examples_by_hand():
    measured = cifar_convergence.measure(convergence(early=0.25))
    clipping = next(e for e in plan_of("cifar_convergence").entries if e.labels["method"] == CLIPPING and e.spec.seed == 2)
    last = shifted(4.0, clipping)
    first, span = clipping.spec.snapshots[0], clipping.spec.generator_iterations
    area = (first * (1.5 + last / 4) / 2 + (span - first) * (last / 4 + last) / 2) / span
    assert values(measured, "area", method=CLIPPING, seed=2) == pytest.approx([area])
    for method in (DCGAN, ADAM):  # one critic step, and five
        one = next(e for e in plan_of("cifar_convergence").entries if e.labels["method"] == method and e.spec.seed == 0)
        last, first, span = shifted(FINAL[method], one), one.spec.snapshots[0], one.spec.generator_iterations
        at = first + (span - first) * (4.0 - last / 4) / (last * 3 / 4)
        settings = one.spec.method
        # Between the two snapshots about it the course is a straight line, as it is over all.
        examples = math.log(at * settings.critic_steps * settings.batch_size)
        assert values(measured, "examples", method=method, seed=0) == pytest.approx([examples])
    assert values(cifar_convergence.measure(convergence(clipping=3.0)), "examples", method=CLIPPING) == [math.inf] * 5


def test_a_level_is_reached_between_points_at_the_first_or_never():
    x, y = np.array([0.0, 10.0, 20.0]), np.array([1.0, 3.0, 2.0])
    assert cifar_convergence.first_reached(x, y, 2.0) == 5.0
    assert cifar_convergence.first_reached(x, y, 0.5) == 0.0
    assert cifar_convergence.first_reached(x, y, 3.5) == math.inf


def test_convergence_s_claims_hold_and_fail():
    tables = convergence()
    for name in ("gp.fig3.gp-clip", "gp.fig3.adam", "gp.fig3.dcgan", "gp.fig3.wall", "gp.fig3.faster-clip"):
        said = verdict(name, tables)
        assert (said.verdict, {c.verdict for c in said.controls}) == ("holds", {"fails"}), (name, said)
    assert verdict("gp.fig3.gp-clip", convergence(clipping=5.5)).verdict == "fails"
    assert verdict("gp.fig3.faster-clip", convergence(clipping=5.5)).verdict == "fails"
    assert verdict("gp.fig3.adam", convergence(adam=5.4)).verdict == "fails"
    assert verdict("gp.fig3.dcgan", convergence(adam=7.5)).verdict == "fails"


def test_nothing_is_concluded_from_a_method_that_does_not_train():
    broken = convergence(clipping=1.2)
    for name in ("gp.fig3.gp-clip", "gp.fig3.faster-clip"):
        said = verdict(name, broken)
        assert said.verdict == "not testable here"
        assert "weight clipping trains here" in said.reason
    assert verdict("gp.fig3.adam", broken).verdict == "holds"
    assert verdict("gp.fig3.dcgan", convergence(dcgan=1.2)).verdict == "not testable here"


def test_seconds_are_interpolated_between_logged_iterations_from_zero():
    history = lambda entry: {"generator_iteration": [100.0, 150.0, 600.0], "seconds": [10.0, 20.0, 110.0]}  # noqa: E731
    snapshots = lambda e: {i: {"classifier_score": 2.0} for i in e.spec.snapshots}  # noqa: E731
    tables = made_up("cifar_convergence", lambda e: {}, snapshots, history)
    course = cifar_convergence.courses(tables)
    clipping = course[(course["method"] == CLIPPING) & (course["seed"] == 0)]
    assert list(clipping["generator_iteration"]) == [25, 50, 75, 100, 125, 150]
    assert list(clipping["seconds"]) == pytest.approx([2.5, 5.0, 7.5, 10.0, 15.0, 20.0])


def test_the_table_of_convergence():
    (table,) = cifar_convergence.report(convergence(clipping=3.0)).tables
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows[CLIPPING][0] == Count(5, 5)
    assert rows[CLIPPING][3].mean == pytest.approx(rows[CLIPPING][1].mean - 1.5)
    assert rows[CLIPPING][-1].mean == math.inf


def test_convergence_controls_for_the_optimiser():
    experiment = plan_of("cifar_convergence", "paper")
    clipping, penalty = (experiment.spec_of(method=m) for m in (CLIPPING, RMSPROP))
    assert clipping.method.critic_optimizer == penalty.method.critic_optimizer
    assert clipping.method.generator_optimizer == penalty.method.generator_optimizer
    assert (clipping.architecture.critic_normalization, penalty.architecture.critic_normalization) == ("batch", "none")
    assert (experiment.scoring.num_samples, experiment.scoring.splits) == (1000, 10)


# Table 3, Figures 4 and 6.


def resnets(plain, labelled, failures=()):
    def scores(entry):
        label = entry.labels["model"], entry.spec.seed
        if label in dict(failures):
            return failed(dict(failures)[label])
        return {
            "classifier_score": shifted(labelled if label[0] == "AC-GAN" else plain, entry),
            "class_accuracy": 0.95 if label[0] == "AC-GAN" else 0.1,
        }

    return made_up("cifar_table3", scores, lambda e: {50: {"classifier_score": 8.5}, 150: scores(e)})


def test_labels_help_or_make_no_difference_or_harm():
    assert verdict("gp.t3.acgan", resnets(6.0, 7.0)).verdict == "holds"
    assert verdict("gp.t3.acgan", resnets(6.0, 5.0)).verdict == "fails"
    assert verdict("gp.t3.equiv", resnets(6.0, 6.0)).verdict == "holds"
    assert verdict("gp.t3.equiv", resnets(6.0, 7.0)).verdict == "fails"
    assert verdict("gp.t3.acgan", resnets(1.5, 7.0)).verdict == "not testable here"


def test_table3_names_the_best_checkpoint_and_what_labels_add():
    ours, published = cifar_table3.report(resnets(6.0, 7.0)).tables
    plain, labelled = ours.rows
    assert plain[0:2] == ["unsupervised", Count(6, 6)]
    assert plain[-2] == labelled[-2] == Spread(8.5, 0.0)
    assert plain[-1] is None
    assert labelled[-1].effect == pytest.approx(labelled[2].mean - plain[2].mean)
    assert ["SGAN, with labels", Spread(8.59, 0.12)] in published.rows


def test_a_failed_resnet_and_its_pair():
    ours = cifar_table3.report(resnets(6.0, 7.0, {("AC-GAN", 1): "diverged"})).tables[0]
    assert ours.rows[1][1] == Count(5, 6)
    assert ours.rows[1][4].mean == math.inf
    ours = cifar_table3.report(resnets(6.0, 7.0, {("AC-GAN", 1): "out_of_memory"})).tables[0]
    others = [shifted(7.0, entry) for entry in labelled_entries() if entry.spec.seed != 1]
    assert ours.rows[1][2].mean == pytest.approx(np.mean(others))


def labelled_entries():
    return [e for e in plan_of("cifar_table3").entries if e.labels["model"] == "AC-GAN"]


@pytest.mark.parametrize(
    ("accuracy", "plain", "word"), [(0.95, 0.1, "holds"), (0.6, 0.1, "fails"), (0.95, 0.95, "not testable here")]
)
def test_columns_are_of_one_class_by_the_classifier(accuracy, plain, word):
    def scores(entry):
        share = accuracy if entry.labels["model"] == "AC-GAN" else plain
        return {"class_accuracy": share + 0.001 * entry.spec.seed, "classifier_score": shifted(6.0, entry)}

    tables = with_measured(made_up("cifar_samples", scores), cifar_samples.measure)
    assert verdict("gp.fig6.columns", tables).verdict == word
    assert cifar_samples.report(tables).tables[0].rows[1][-1].mean == pytest.approx(accuracy + 0.0025)


def test_samples_are_those_of_the_first_seed_with_a_class_a_column(monkeypatch):
    tables = made_up("cifar_samples", lambda e: {"class_accuracy": 0.5})
    shown = []
    monkeypatch.setattr(cifar_samples, "whole_sheets", lambda panels, caption: shown.append(panels) or whole_sheets(panels, ""))
    cifar_samples.report(tables)
    first = {e.labels["model"]: e.run for e in tables.experiment.entries if e.spec.seed == 0}
    (panels,) = shown
    assert [(title, list(classes)) for title, _, classes in panels] == [("unsupervised", []), ("AC-GAN", [*"0123456789"])]
    assert all(sheet is tables.sheets[first[title]] for title, sheet, _ in panels)
    assert {e.run for e in tables.experiment.entries} == set(plan_of("cifar_table3").run_keys)


def test_names_of_columns_stand_below_the_middle_of_their_images():
    picture = whole_sheets([("a", Image.new("RGB", (49, 29)), [*"0123456789"])], "")
    (axes,) = picture.figure.axes
    assert axes.get_xticks() == pytest.approx([2.45 + 4.9 * k for k in range(10)])
    assert [label.get_text() for label in axes.get_xticklabels()] == [*"0123456789"]


def test_samples_of_the_deep_resnet_have_the_development_codes_settings():
    content = lsun_samples_128.report(made_up("lsun_samples_128", lambda e: {"frechet_classifier_distance": 12.0}))
    assert content.tables[0].rows[0][4].mean == 12.0
    assert "32 × 32" in content.pictures[0].caption
    spec = plan_of("lsun_samples_128", "paper").entries[0].spec
    for optimizer in (spec.method.generator_optimizer, spec.method.critic_optimizer):
        assert (optimizer.learning_rate, optimizer.beta1, optimizer.beta2) == (1e-4, 0.0, 0.9)
        assert optimizer.decay.kind == "linear"
    # Batch norm over 8 images in both steps.
    assert spec.method.batch_size // spec.method.generator_sub_batches == 8
    assert spec.method.generator_batch_size // spec.method.generator_sub_batches == 8


# Version 1.


def versions(**gains):
    """Scores of 6 and what networks and beta1 add: `resnet_05=0.5`."""

    def scores(entry):
        name = f"{entry.labels['networks'].lower()}_{entry.labels['beta1'].split()[0].replace('.', '')}"
        return {"classifier_score": shifted(6.0 + ({"resnet_09": -3.0} | gains).get(name, 0.0), entry)}

    return made_up("gp_v1", scores, lambda e: {i: {"classifier_score": 2.0} for i in e.spec.snapshots})


@pytest.mark.parametrize(("claim", "networks"), [("gp.v1.beta1", "resnet"), ("gp.v1.beta1-dcgan", "dcgan")])
def test_beta1_makes_a_difference_or_none(claim, networks):
    assert verdict(claim, versions()).verdict == "holds"
    assert verdict(claim, versions(**{f"{networks}_05": 1.0})).verdict == "fails"
    assert [part.verdict for part in verdict(claim, versions()).controls] == ["fails"]
    assert verdict(claim, versions(**{f"{networks}_0": -4.6, f"{networks}_05": -4.6})).verdict == "not testable here"


def test_the_resnet_against_the_dcgans_networks():
    assert verdict("gp.explore", versions(resnet_0=1.0)).verdict == "holds"
    assert verdict("gp.explore", versions()).verdict == "fails"


def test_versions_on_the_page():
    table, texts = gp_v1.report(versions(resnet_05=1.0)).tables
    rows = {(row[0], row[1]): row[2:] for row in table.rows}
    both = [(networks, beta1) for networks in ("DCGAN", "ResNet") for beta1 in ("0.5 (version 1)", "0 (version 3)")]
    assert list(rows) == [*both, ("ResNet", "0.9")]
    assert rows["DCGAN", "0 (version 3)"][0] == Count(8, 8)
    assert rows["ResNet", "0 (version 3)"][-1] is None
    expected = rows["ResNet", "0.5 (version 1)"][1].mean - rows["ResNet", "0 (version 3)"][1].mean
    assert rows["ResNet", "0.5 (version 1)"][-1].effect == pytest.approx(expected)
    assert "beta1 0.5" in texts.rows[0][1]


@pytest.mark.parametrize("scale", ["demo", "paper"])
def test_versions_differ_in_beta1_alone_and_share_the_runs_of_others(scale):
    by_seed = defaultdict(list)
    for entry in plan_of("gp_v1", scale).entries:
        value = entry.spec.model_dump(mode="json")
        betas = [value["method"][f"{side}_optimizer"].pop("beta1") for side in ("generator", "critic")]
        assert betas[0] == betas[1] == float(entry.labels["beta1"].split()[0])
        by_seed[entry.spec.architecture.family, entry.spec.seed].append(value)
    assert all(value == many[0] for many in by_seed.values() for value in many)
    own = set(plan_of("gp_v1", scale).run_keys)
    plain = {e.run for e in plan_of("cifar_table3", scale).entries if e.labels["model"] == "unsupervised" and e.spec.seed < 3}
    assert plain <= own
    if scale == "demo":
        assert len(own & set(plan_of("cifar_convergence").run_keys)) == 5


@pytest.mark.parametrize(
    ("module", "tables"),
    [
        (cifar_convergence, convergence),
        (cifar_table3, lambda: resnets(6.0, 7.0)),
        (cifar_samples, lambda: made_up("cifar_samples", lambda e: {"class_accuracy": 0.5})),
        (lsun_samples_128, lambda: made_up("lsun_samples_128", lambda e: {})),
        (gp_v1, versions),
    ],
)
def test_pictures_can_be_drawn(module, tables):
    assert all(pdf(picture.figure) for picture in module.report(tables()).pictures)


def test_quantities_are_those_described():
    assert set(convergence().quantities["quantity"]) == set(cifar_convergence.QUANTITIES)
