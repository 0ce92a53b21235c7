"""Settings are typed, and refused with file and key when the plan is read; so is a report that nothing makes."""

import re
from pathlib import Path

import pytest
from conftest import REPOSITORY, copy_params, edit_yaml

from wganlib.errors import WganlibError
from wganlib.planning.plan import load_plan
from wganlib.planning.settings import SETTINGS

MODULES = REPOSITORY / "wganlib/experiments"


def refusal(params: Path, scale: str = "demo") -> str:
    with pytest.raises(WganlibError) as error:
        load_plan(params, scale)
    text = str(error.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_module_reads_the_settings_that_are_described_and_no_others(name):
    read = re.findall(r'settings\["(\w+)"\]', (MODULES / f"{name}.py").read_text(encoding="utf-8"))
    assert set(read) == set(SETTINGS[name].model_fields)


def test_no_other_module_reads_settings():
    for path in MODULES.glob("*.py"):
        if path.stem not in (*SETTINGS, "settings"):
            assert 'settings["' not in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize(
    ("name", "key", "value", "words"),
    [
        ("gp_fig1a", "settings", {"grid": 128, "limit": 3.0}, "settings at scale demo: samples: required key is missing"),
        ("gp_fig1a", "settings.sampels", 1, "settings at scale demo: sampels: unknown key; did you mean 'samples'?"),
        ("gp_fig1a", "settings.grid", "128", "settings at scale demo: grid: Input should be a valid integer"),
        ("gp_fig1a", "settings.limit", -1.0, "settings at scale demo: limit: Input should be greater than 0, found -1.0"),
        (
            "gp_v1",
            "settings.versions",
            [{"what": "a", "v1": "b"}],
            "demo: versions.0.v3: required key is missing",
        ),
        ("lgan_fig1", "settings.x", [2.0, -2.0], "settings at scale demo: x: must increase, found [2.0, -2.0]"),
        ("lgan_table1", "settings.boxes", [], "settings at scale demo: boxes"),
        ("wgan_momentum", "scales.demo.settings", {"beginnig": 0.5}, "settings at scale demo: beginnig: unknown key"),
        # At every scale, not at the one alone that is planned.
        ("wgan_momentum", "scales.paper.settings", {"beginning": 1.0}, "settings at scale paper: beginning"),
        ("elu", "settings", {"grid": 3}, "settings at scale demo: grid: unknown key; remove it"),
        (
            "cifar_samples",
            "scales.demo.settings.classes",
            ["0"],
            "cifar_samples needs a name for each of the data's 10",
        ),
        (
            "lgan_stability",
            "settings.figure_weight",
            "7",
            "lgan_stability needs one of its axis 'weight' as",
        ),
        ("lsun_matrix", "scales.demo.scoring", {"measures": ["similarity"]}, "lsun_matrix needs scoring.snapshot_measures"),
        ("lsun_matrix", "scales.demo.scoring", {}, "lsun_matrix needs the measure 'similarity' in scoring.measures, found []"),
        ("wgan_loss_quality", "scales.demo.median_iterations", None, "wgan_loss_quality needs median_iterations"),
        ("pilot", "scales.demo.grid", None, "pilot needs a grid, and snapshots of every run"),
        ("table2", "scales.demo.architectures", "base", "table2 needs a number of architectures"),
    ],
)
def test_settings_that_do_not_fit_are_refused_with_file_and_key(tmp_path, name, key, value, words):
    params = copy_params(tmp_path)
    edit_yaml(params / f"experiments/{name}.yaml", **{key: value})
    text = refusal(params)
    assert text.startswith(f"{params}/experiments/{name}.yaml: ")
    assert words in text


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        (
            "wgan_generators",
            {"scales.demo.spec.dataset": {"name": "digits", "image_size": 8}},
            "measure 'similarity' needs images of at least 11 x 11 pixels, found image_size 8: leave it out, or",
        ),
        (
            "wgan_generators",
            {"scales.demo.judge": {"name": "cifar10", "image_size": 16}},
            "measure 'coverage' asks for classes of 'digits', but the classifier of 'cifar10' tells its own: leave it out",
        ),
        (
            "check",
            {"scales.demo.scoring": {"measures": ["kernel_distance"], "num_samples": 12, "splits": 2}},
            "measure 'kernel_distance' needs at least 20 samples, found 12: raise scoring.num_samples",
        ),
        (
            "check",
            {"scales.demo.scoring": {"measures": ["ngrams"]}},
            "measure 'ngrams' is for text, found a data set of images: leave it out",
        ),
        (
            "check",
            {"scales.demo.scoring": {"network": "none", "measures": ["transport"]}},
            "found 'none' for a data set of images",
        ),
        (
            "language_model",
            {"scales.demo.scoring": {"network": "classifier", "measures": ["ngrams"]}},
            "data set of text; images",
        ),
        (
            "wgan_critics",
            {"scales.paper.judge": None},
            "'lsun_bedrooms' has no labelled images: a classifier cannot be trained on it; name another data set that judges",
        ),
        (
            "wgan_critics",
            {"scales.paper.judge": {"name": "cifar10", "image_size": 32}},
            "size, channels and value range must agree",
        ),
        (
            "wgan_critics",
            {"scales.paper.scoring": {"measures": ["coverage"]}},
            "measure 'coverage' asks for labels, which data set 'lsun_bedrooms' does not have: leave it out",
        ),
    ],
)
def test_data_that_cannot_be_scored_so_are_refused_before_anything_is_trained(tmp_path, name, changes, words):
    params = copy_params(tmp_path)
    edit_yaml(params / f"experiments/{name}.yaml", **changes)
    scale = "paper" if any("paper" in key for key in changes) else "demo"
    text = refusal(params, scale)
    assert text.startswith(f"{params}/experiments/{name}.yaml: scales.{scale}: ")
    assert words in text


def test_a_report_that_no_module_makes_is_refused(tmp_path):
    params = copy_params(tmp_path)
    (params / "experiments/elu.yaml").rename(params / "experiments/elo.yaml")
    assert refusal(params) == (
        f"{params}/experiments/elo.yaml: there is no module wganlib/experiments/elo.py: add it, with `report(tables)`, or set "
        "report to false"
    )
    edit_yaml(params / "experiments/elo.yaml", report=False)
    assert "elo" in load_plan(params, "demo").experiments
