"""An experiment on text through the whole workflow: tables, generated lines, pages of runs, the report."""

import json
import re

import pytest
from conftest import copy_params, edit_yaml, snakemake
from pypdf import PdfReader

from wganlib.collecting.tables import LEAST_COLUMNS, read_table
from wganlib.planning.plan import load_plan


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A project whose language models train in seconds."""
    folder = tmp_path_factory.mktemp("text")
    params = copy_params(folder)
    small = {"width": 0.015625}
    edit_yaml(
        params / "experiments/language_model.yaml",
        **{
            "scales.demo.seeds": [0],
            "scales.demo.spec.architecture": small,
            "scales.demo.spec.method.batch_size": 8,
            "scales.demo.spec.method.generator_batch_size": 8,
            "scales.demo.scoring.num_samples": 64,
            "scales.demo.scoring.splits": 2,
            "scales.demo.options.method.WGAN-GP": {"generator_iterations": 4, "snapshots": [2, 4], "log_every": 1},
            "scales.demo.options.method.GAN": {"generator_iterations": 6, "snapshots": [3, 6], "log_every": 1},
        },
    )
    done = snakemake(folder, "reports/language_model.pdf")
    assert done.returncode == 0, done.stdout
    return folder


def test_scores_of_text_are_collected_over_time_with_their_floor(built):
    plan = load_plan(built / "params")
    folder = built / "results/demo/language_model"
    runs = read_table(folder / "runs.csv", LEAST_COLUMNS)
    assert list(runs["run"]) == plan.experiment("language_model").run_keys
    assert sorted(runs["method"]) == ["GAN", "WGAN-GP"]
    assert not any("classifier" in column for column in runs)
    for n in (1, 2, 3, 4):
        for column in (f"ngram_divergence_{n}", f"ngram_divergence_{n}_held_out"):
            assert runs[column].between(0, 1 + 1e-9).all()
            assert (runs[f"{column}_standard_error"] >= 0).all()
    moments = read_table(folder / "snapshots.csv", ["generator_iteration"])
    found = {method: list(rows["generator_iteration"]) for method, rows in moments.groupby("method")}
    assert found == {"WGAN-GP": [0, 2, 4], "GAN": [0, 3, 6]}
    last = moments.groupby("run", sort=False).tail(1)
    assert list(last["ngram_divergence_2"]) == list(runs["ngram_divergence_2"])
    assert json.loads((folder / "facts.json").read_text())["real"] == {}
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["GAN"]["runs"] == 1
    divergences = runs.set_index("method")["ngram_divergence_1"]
    assert metrics["WGAN-GP"]["ngram_divergence_1_mean"] == pytest.approx(divergences["WGAN-GP"], abs=1e-6)


def test_generated_lines_stand_in_the_tables_and_on_the_page(built):
    lines = json.loads((built / "results/demo/language_model/facts.json").read_text())["lines"]
    assert set(lines) == set(load_plan(built / "params").experiment("language_model").run_keys)
    assert all(len(found) == 64 and all(len(line) == 32 for line in found) for found in lines.values())
    text = "".join(page.extract_text() for page in PdfReader(built / "reports/language_model.pdf").pages)
    squeezed = re.sub(r"\s", "", text)
    for found in lines.values():
        assert re.sub(r"\s", "", found[0]) in squeezed


def test_every_run_has_its_place_on_the_page_to_browse(built):
    page = (built / "results/demo/language_model/runs.html").read_text()
    for run in load_plan(built / "params").experiment("language_model").run_keys:
        folder = built / "results/runs" / run
        assert page.count(f"<code>{run}</code>") == 1
        assert json.loads((folder / "provenance.json").read_text())["sha256"]["spec.json"] in page
        assert (folder / "progress.png").stat().st_size > 0
    assert page.count("<svg") == page.count("<details>") == 2
    assert page.count("data:image/png;base64,") == 4
    assert page.count("&quot;generator_iterations&quot;: ") == 2
    assert "<script" not in page


def test_a_deleted_page_is_made_again_without_a_training(built):
    page = built / "results/demo/language_model/runs.html"
    page.unlink()
    done = snakemake(built, str(page.relative_to(built)))
    assert done.returncode == 0, done.stdout
    assert page.exists()
    assert "rule train:" not in done.stdout
