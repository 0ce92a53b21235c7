"""What makes tables and reports anew: what they show, and nothing else."""

import re
import shutil
from pathlib import Path

import pytest
from conftest import REPOSITORY, committed_plan, copy_params, edit_yaml

from wganlib.planning import staleness
from wganlib.planning.plan import load_plan
from wganlib.planning.snakemake import behind, collected_from, gpus, named
from wganlib.planning.staleness import report_code, report_digest, tables_code, tables_digest

EXPERIMENT = "params/experiments/lsun_matrix.yaml"


def digests(folder, name="lsun_matrix"):
    plan = load_plan(folder / "params", "demo")
    experiment = plan.experiment(name)
    return tables_digest(experiment), report_digest(experiment, plan.methods)


@pytest.mark.parametrize(
    ("file", "key", "value", "tables", "report"),
    [
        (EXPERIMENT, "scales.paper.seeds", [5], False, False),
        (EXPERIMENT, "unspecified", ["something else"], False, True),
        (EXPERIMENT, "settings.success", 0.4, False, True),
        (EXPERIMENT, "title", "Another title", True, True),
        (EXPERIMENT, "scales.demo.curve_points", 7, True, True),
        (EXPERIMENT, "scales.demo.seeds", [5], True, True),
        (EXPERIMENT, "scales.demo.scoring.num_samples", 1000, True, True),
        ("params/methods/lsgan.yaml", "title", "Least squares", False, True),
        ("params/methods/nonsaturating_gan.yaml", "title", "Of no method here", False, False),
        ("params/scales/paper.yaml", "width", 0.5, False, False),
    ],
)
def test_tables_and_reports_change_with_what_they_show(file, key, value, tables, report, tmp_path):
    copy_params(tmp_path)
    before = digests(tmp_path)
    edit_yaml(tmp_path / file, **{key: value})
    after = digests(tmp_path)
    assert [a != b for a, b in zip(after, before, strict=True)] == [tables, report]


def test_a_measurement_s_settings_change_its_tables(tmp_path):
    copy_params(tmp_path)
    before = digests(tmp_path, "gp_fig1a")
    edit_yaml(tmp_path / "params/experiments/gp_fig1a.yaml", **{"settings.samples": 100})
    assert all(a != b for a, b in zip(digests(tmp_path, "gp_fig1a"), before, strict=True))


def test_tables_depend_on_files_of_runs_and_on_no_file_of_parameters():
    plan = committed_plan()
    for name in plan.experiments:
        assert all(path.startswith("results/") for path in collected_from(plan, name))
    assert collected_from(plan, "table1") == collected_from(plan, "lgan_dual") == []
    assert len(collected_from(plan, "table2")) == 48 * 8 + 1
    assert len(collected_from(plan, "lgan_fig6_toy")) == 5


def test_a_target_asks_for_its_tables_and_every_run_by_name():
    plan = committed_plan()
    files = behind(plan, ["reports/lsun_matrix.pdf", "reports/gp_fig1a.pdf", "results/elsewhere.csv"])
    experiment = plan.experiment("lsun_matrix")
    assert {"results/demo/lsun_matrix/runs.csv", "results/demo/gp_fig1a/runs.csv"} < set(files)
    assert {f"results/runs/{key}/{file}" for key in experiment.run_keys for file in ("spec.json", "scores.json")} < set(files)
    assert {f"results/stacks/{stack.key}/stack.json" for stack in plan.experiment("gp_fig1a").stacks} < set(files)
    assert len([file for file in files if file.endswith("classifier.json")]) == 1


def test_an_output_s_name_tells_files_of_one_stem_apart():
    assert set(named("x", ("classifier.json", "classifier.safetensors"))) == {"classifier_json", "classifier_safetensors"}


def test_jobs_take_a_gpu_where_there_is_one_or_where_another_machine_may_have_it():
    assert [gpus("cpu", True), gpus("cuda", True), gpus("auto", False), gpus("cpu", False)] == [0, 1, 1, 0]


def test_code_counts_for_what_it_makes(monkeypatch, tmp_path):
    """A plot of one experiment makes its report anew and no other; a measurement its tables."""
    import wganlib.planning.staleness as rules

    plan = committed_plan()
    library = shutil.copytree(REPOSITORY / "wganlib", tmp_path / "wganlib", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(rules, "__file__", str(library / "planning/staleness.py"))

    def code():
        rules._code_digest.cache_clear()
        names = ("lsun_matrix", "elu", "gp_fig1a")
        return [tables_code(plan, name) for name in names] + [report_code(name) for name in names]

    def changed(file):
        before = code()
        path = library / file
        path.write_text(path.read_text() + "\n")
        return [a != b for a, b in zip(code(), before, strict=True)]

    assert changed("experiments/lsun_matrix.py") == [True, False, False, True, False, False]
    assert changed("experiments/gp_fig1a.py") == [False, False, True, False, False, True]
    assert changed("measuring/maps.py") == [False, False, True, False, False, False]
    assert changed("collecting/collect.py") == [True, True, True, False, False, False]
    assert changed("reporting/templates/style.typ") == [False, False, False, True, True, True]
    assert changed("training/trainer.py") == [False] * 6
    rules._code_digest.cache_clear()


def test_tables_are_old_when_code_that_collecting_reads_changes(monkeypatch):
    plan, patterns, library = committed_plan(), [], REPOSITORY / "wganlib"
    monkeypatch.setattr(staleness, "_code_digest", lambda *given: patterns.extend(given))
    tables_code(plan, "table2")
    covered = {path.relative_to(library) for pattern in patterns for path in library.glob(pattern)}
    for path in (library / "collecting" / name for name in ("collect.py", "collected.py", "pages.py", "tables.py")):
        for room, name in re.findall(r"from wganlib\.(collecting|judging)\.(\w+) import", path.read_text(encoding="utf-8")):
            assert Path(room, f"{name}.py") in covered
