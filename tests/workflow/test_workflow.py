"""The workflow on a four-run DAG: results, what a change re-trains, refusals, kills. One worker runs this file in order."""

import contextlib
import csv
import json
import math
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import (
    REPOSITORY,
    committed_plan,
    edit_yaml,
    environment,
    four_run_project,
    processes,
    results_of,
    snakemake,
    snakemake_command,
    trainings,
    warm_process,
)

from wganlib import layout
from wganlib.architectures.families.random_set import FACTORS
from wganlib.errors import WganlibError
from wganlib.planning.plan import load_plan
from wganlib.planning.snakemake import check_config, targets_here


@pytest.fixture
def project(built, tmp_path):
    return Path(shutil.copytree(built, tmp_path / "project", symlinks=True))


def jobs(done):
    """How many jobs of each rule a dry run announces."""
    assert done.returncode == 0, done.stdout
    if "Nothing to be done" in done.stdout:
        return {}
    table = done.stdout.split("Job stats:")[1].split("\n\n")[0]
    return {name: int(n) for name, n in re.findall(r"^(\w+) +(\d+)$", table, re.M) if name != "total"}


def dry_run(folder, *arguments, **variables):
    return jobs(snakemake(folder, "-n", *(arguments or ("reports/table2.pdf",)), **variables))


def test_nothing_is_to_be_done_again_even_after_touching_everything(project):
    for path in project.rglob("*"):
        if path.is_file() and "results" in path.parts:
            os.utime(path)
    assert dry_run(project) == {}


def missing_runs(folder):
    """The runs of table2 that the folder's parameters ask for and that are not there."""
    keys = load_plan(folder / "params").experiment("table2").run_keys
    return [key for key in keys if not (folder / "results/runs" / key).exists()]


def test_a_method_s_learning_rate_retrains_its_runs_and_no_others(project):
    edit_yaml(project / "params/methods/wgan_gp.yaml", **{"scales.demo.generator_optimizer.learning_rate": 1.5e-3})
    done = snakemake(project, "-n", "reports/table2.pdf")
    assert jobs(done) == {"train": 2, "score": 2, "collect": 1, "judge": 1, "report": 1, "current": 1}
    reason = "wgan_gp: generator optimizer's learning rate changed from 0.002 to 0.0015: 2 runs to train"
    assert done.stdout.splitlines()[-1] == reason
    missing = missing_runs(project)
    assert len(missing) == 2
    assert all("-wgan-" in key for key in missing)


def test_one_more_architecture_trains_two_runs(project):
    edit_yaml(project / "params/experiments/table2.yaml", **{"scales.demo.architectures": 3})
    assert len(missing_runs(project)) == 2


def test_another_number_of_samples_scores_again_and_trains_nothing(project):
    edit_yaml(project / "params/scales/demo.yaml", **{"scoring.num_samples": 400})
    announced = dry_run(project)
    assert announced["score"] == 4
    assert "train" not in announced


def test_another_threshold_only_reports_again_and_settings_of_the_machine_do_nothing(project):
    edit_yaml(project / "params/experiments/table2.yaml", **{"scales.demo.settings.primary_threshold": 2.5})
    edit_yaml(project / "params/scales/demo.yaml", **{"checkpoint_seconds": 99.0, "device": "auto"})
    assert dry_run(project) == {"report": 1, "current": 1}


def test_editing_a_plot_redoes_the_report_and_trains_nothing(project):
    """A real run with a copy of the library, which Python finds before the installed one."""
    shutil.copytree(REPOSITORY / "wganlib", project / "wganlib", ignore=shutil.ignore_patterns("__pycache__"))
    path = project / "wganlib/experiments/table2.py"
    text = path.read_text()
    assert "linewidth=0.6, zorder=0" in text
    path.write_text(text.replace("linewidth=0.6, zorder=0", "linewidth=0.9, zorder=0"))
    before = (project / "reports/demo/table2.pdf").read_bytes()
    done = snakemake(project, "reports/table2.pdf", PYTHONPATH=str(project))
    assert set(jobs(done)) == {"collect", "judge", "report", "current"}
    assert (project / "reports/demo/table2.pdf").read_bytes() != before
    assert dry_run(project, "reports/table2.pdf", PYTHONPATH=str(project)) == {}


def test_a_raised_version_retrains_its_runs_alone(project):
    code = "from wganlib.methods.method import GradientPenalty; GradientPenalty.version += 1\n"
    code += "from pathlib import Path; from wganlib.planning.plan import load_plan\n"
    code += "print(*load_plan(Path('params')).experiment('table2').run_keys)"
    done = subprocess.run(["python", "-c", code], cwd=project, env=environment(), capture_output=True, text=True)
    missing = [k for k in done.stdout.split() if not (project / "results/runs" / k).exists()]
    assert len(missing) == 2
    assert all("-wgan-" in key for key in missing)


def test_what_was_deleted_is_made_again_by_all_and_not_noticed_by_a_named_pdf(project):
    shutil.rmtree(sorted((project / "results/runs").iterdir())[0])
    assert dry_run(project) == {}
    assert dry_run(project, "all") == {"train": 1, "score": 1, "collect": 1, "judge": 1, "report": 1, "current": 1, "all": 1}


def test_a_run_in_doubt_is_made_again_with_what_hangs_on_it(built):
    spec = f"results/runs/{load_plan(built / 'params').experiment('table2').run_keys[0]}/spec.json"
    announced = dry_run(built, "-R", spec, "--", "reports/table2.pdf")
    assert announced == {"train": 1, "score": 1, "collect": 1, "judge": 1, "report": 1, "current": 1}


def test_a_damaged_score_is_named_and_all_goes_on_once_it_is_deleted(project):
    scores = sorted((project / "results/runs").iterdir())[0] / "scores.json"
    scores.write_text(scores.read_text()[:50])
    done = snakemake(project, "reports/table2.pdf")
    assert done.returncode != 0
    assert f"error: {scores.relative_to(project)}: not readable as JSON" in done.stdout
    assert "delete it" in done.stdout
    scores.unlink()
    assert dry_run(project, "all") == {"score": 1, "collect": 1, "judge": 1, "report": 1, "current": 1, "all": 1}


def brute_force_table(runs_csv, methods, thresholds):
    """Counts and exact p-values from a collected CSV, without the reporting code."""
    with runs_csv.open() as stream:
        rows = list(csv.DictReader(stream))
    scores = {(r["architecture"], r["method"]): float(r["classifier_score"]) for r in rows}
    architectures = sorted({r["architecture"] for r in rows}, key=int)
    result = {}
    for threshold in thresholds:
        won = [[scores[a, m] > threshold and abs(scores[a, m] - 1) > 1e-9 for m in methods] for a in architectures]
        only_first, only_second = won.count([True, False]), won.count([False, True])
        n = only_first + only_second
        likely = [math.comb(n, i) for i in range(n + 1)]
        p = sum(v for v in likely if v <= likely[only_second]) / 2**n
        result[threshold] = ([only_first, only_second, won.count([True, True]), won.count([False, False])], p)
    return rows, result


def check_report(folder, tables, reports):
    """Every number of a table2.json against the collected table, recomputed here."""
    report = json.loads((folder / reports / "table2.json").read_text())
    methods = ["nonsaturating_gan", "wgan_gp"]
    outcomes, factors, architectures = (table["rows"] for table in report["tables"])
    thresholds = [row[0]["value"] for row in outcomes]
    assert len(thresholds) == 17
    rows, expected = brute_force_table(folder / tables / "table2/runs.csv", methods, thresholds)
    published = yaml.safe_load((folder / "params/published.yaml").read_text())["outcomes"]["table2"]["rows"]
    for row, paper in zip(outcomes, published, strict=True):
        counts, p = expected[row[0]["value"]]
        assert row[1:5] == counts
        assert row[5]["p"] == pytest.approx(p, rel=1e-9)
        assert [row[0]["value"], *row[7:]] == paper
        discordant = counts[0] + counts[1]
        assert (row[6] and row[6]["value"]) == (counts[1] / discordant if discordant else None)
    experiment = yaml.safe_load((folder / "params/experiments/table2.yaml").read_text())
    primary = experiment["scales"]["demo"]["settings"]["primary_threshold"]
    shown = iter(factors)
    for name in FACTORS:
        if not name.startswith("generator_"):
            continue
        for value in FACTORS[name]:
            row = next(shown)
            for place, (side, method) in enumerate((s, m) for s in ("generator", "critic") for m in methods):
                factor = name.replace("generator", side)
                own = [r for r in rows if r["method"] == method and r[factor] == str(value)]
                won = sum(float(r["classifier_score"]) > primary for r in own)
                assert (row[2 + place]["cases"], row[2 + place]["of"]) == (won, len(own)), name
    for line in architectures:
        for place, method in enumerate(methods):
            row = next(r for r in rows if r["architecture"] == str(line[0]) and r["method"] == method)
            assert line[9 + 2 * place]["value"] == float(row["classifier_score"])
    assert {r["architecture"] for r in rows} == {str(number) for number in range(1, len(architectures) + 1)}
    by_key = {run["key"]: run | {"labels": line["labels"]} for line in report["run_list"] for run in line["runs"]}
    assert len(by_key) == report["runs"] == len(rows)
    for row in rows:
        line = by_key[row["run"].rpartition("-")[2]]
        assert line["score"] == float(row["classifier_score"])
        assert line["below_untrained"] == (float(row["classifier_score"]) < float(row["untrained_classifier_score"]))
        assert line["labels"].startswith(f"no. {row['architecture']},")
    assert report["commits"] == sorted({r["commit"] for r in rows})
    return rows


def test_every_number_of_the_report_recomputed_and_its_scores_from_the_runs(built):
    rows = check_report(built, "results/demo", "reports/demo")
    assert len(rows) == 4
    for row in rows:
        stored = json.loads((built / "results/runs" / row["run"] / "scores.json").read_text())
        assert float(row["classifier_score"]) == stored["classifier_score"]
        assert row["outcome"] == stored["outcome"]


def test_every_number_of_the_published_report():
    rows = check_report(REPOSITORY, "results/published/demo", "reports/published/demo")
    plan = committed_plan()
    assert [r["run"] for r in rows] == [e.run for e in plan.experiment("table2").entries]
    assert len(rows) >= 24


def test_the_demo_s_settings_are_the_pilot_s_choice():
    """Recomputed here from the pilot's published scores: each method's own best mean, and the threshold's rule."""
    with (REPOSITORY / "results/published/demo/pilot/snapshots.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    plan = committed_plan()
    best_scores = []
    for method in ("nonsaturating_gan", "wgan_gp"):
        groups = {}
        for r in (r for r in rows if r["method"] == method):
            key = float(r["learning_rate"]), float(r["critic_factor"]), int(r["generator_iteration"])
            groups.setdefault(key, []).append(float(r["classifier_score"]))
        assert {len(v) for v in groups.values()} == {3}
        (rate, factor, iterations), scores = max(groups.items(), key=lambda item: np.mean(item[1]))
        best_scores.append(np.mean(scores))
        settings = plan.methods[method].settings
        assert settings.generator_optimizer.learning_rate == rate
        assert settings.critic_optimizer.learning_rate == pytest.approx(rate * factor)
        assert plan.experiment("table2").spec_of(method=method).generator_iterations == iterations
    with (REPOSITORY / "results/published/demo/pilot/runs.csv").open() as stream:
        pilot = list(csv.DictReader(stream))
    untrained = np.mean([float(r["untrained_classifier_score"]) for r in pilot])
    half_way = (untrained + np.mean(best_scores)) / 2
    table2 = plan.experiment("table2")
    assert table2.settings["primary_threshold"] == max(t for t in table2.settings["thresholds"] if t <= half_way)
    assert not {r["seed"] for r in pilot} & {str(s) for s in table2.scale.seeds}


def test_the_pdf_has_text_vectors_and_what_the_page_must_say(built):
    from pypdf import PdfReader

    pages = PdfReader(built / "reports/table2.pdf").pages
    text = " ".join(page.extract_text() for page in pages)
    text = re.sub(r"\s+", " ", text)
    wanted = ["claims", "claimed: above 0.5", "McNemar", "Untrained generators", "5 critic steps"]
    wanted += ["Commit stored with the runs", "Device", "What differs from the paper", "Every run"]
    for words in wanted:
        assert words in text, words
    report = json.loads((built / "reports/demo/table2.json").read_text())
    assert report["devices"][0].split()[0] in text
    images = [image for page in pages for image in page.images]
    assert len(images) == 4  # the sample sheets; everything else is text and lines


def test_a_report_made_again_without_conda_has_the_same_bytes(project):
    before = {suffix: (project / f"reports/demo/table2{suffix}").read_bytes() for suffix in layout.REPORT_SUFFIXES}
    (project / "reports/demo/table2.pdf").unlink()
    conda = shutil.which("conda") is not None
    done = snakemake(project, *([] if conda else ["--use-conda"]), "reports/demo/table2.pdf")
    assert jobs(done) == {"report": 1}
    assert conda or "conda is not installed" in done.stdout
    assert {suffix: (project / f"reports/demo/table2{suffix}").read_bytes() for suffix in before} == before


def test_a_misspelt_key_of_the_configuration_and_a_target_that_no_experiment_makes_are_refused(built):
    with pytest.raises(WganlibError, match=r"config.*skale: unknown key; did you mean 'scale'"):
        check_config({"scale": "demo", "targets": [], "skale": "demo"})
    plan = load_plan(built / "params")
    with pytest.raises(WganlibError, match=r"targets: unknown report at scale demo 'table3'.*table2"):
        targets_here(plan, ["reports/table3.pdf"], built / "params")


def test_the_paper_s_whole_plan_is_a_dry_run_and_table1_needs_no_training(built):
    announced = dry_run(built, "--config", "scale=paper", "--", "reports/table1.pdf", "reports/table2.pdf")
    assert [announced[rule] for rule in ("train", "collect", "report", "current")] == [400, 2, 2, 2]


def test_the_workflow_s_report_holds_the_reports(built, tmp_path):
    done = snakemake(built, "--report", str(tmp_path / "report.html"), "reports/table2.pdf")
    assert done.returncode == 0, done.stdout
    html = (tmp_path / "report.html").read_text()
    assert "table2.pdf" in html
    assert "Random architectures" in html


def test_lint_is_clean():
    done = subprocess.run(
        [snakemake_command()[0], "--lint"], cwd=REPOSITORY, env=environment(), capture_output=True, text=True, timeout=120
    )
    assert "good condition" in done.stdout + done.stderr, done.stdout + done.stderr


# --- kills ---------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").exists(), reason="finds processes through /proc")
@pytest.mark.parametrize("victim", ["training", "snakemake", "warm process"])
def test_a_kill_at_a_training_s_middle_changes_no_result(built, tmp_path, victim):
    folder = four_run_project(tmp_path, gan_iterations=40, gp_iterations=12)
    process = subprocess.Popen(
        snakemake_command("reports/table2.pdf"),
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: process.poll() is None and trainings(folder))
    if victim == "training":
        second = snakemake(folder, "reports/table2.pdf")
        assert second.returncode != 0
        assert f"another snakemake (process {process.pid}) is running" in second.stdout
        assert "Traceback" not in second.stdout
    wait_until(lambda: process.poll() is None and list((folder / "results/checkpoints").glob("*/checkpoint.json")))
    if victim == "training":
        key = next((folder / "results/checkpoints").glob("*/checkpoint.json")).parent.name
        os.kill(next(pid for pid, run in trainings(folder).items() if run == key), signal.SIGKILL)
        # The rule tries once more.
        assert process.wait(timeout=300) == 0
    elif victim == "warm process":
        warm = warm_process(folder)
        # A training that is stopped is surely under way when the process is killed.
        wait_until(lambda: process.poll() is None and stopped(folder, warm))
        os.kill(warm, signal.SIGKILL)
        assert process.wait(timeout=300) == 0
        assert any("begins again by itself" in log.read_text() for log in (folder / "logs").rglob("*.log"))
    else:
        process.kill()
        process.wait()
        wait_until(lambda: not processes(folder))
        done = snakemake(folder, "reports/table2.pdf")
        assert done.returncode == 0, done.stdout
    assert results_of(folder) == results_of(built)
    wait_until(lambda: not processes(folder))
    assert victim == "warm process" or not list((folder / ".snakemake").glob("*.sock"))


def stopped(folder, warm):
    """The trainings in children of the warm process, which it stops."""

    def state_and_parent(pid):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]

    found = []
    for pid in trainings(folder):
        with contextlib.suppress(OSError):
            if state_and_parent(pid)[1] == str(warm):
                os.kill(pid, signal.SIGSTOP)
                found += [pid] if state_and_parent(pid)[0] == "T" else []
    return found


def wait_until(condition, seconds=120):
    """Wait for what must happen soon; what does not is a fault, for instance an orphan that trains on."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
