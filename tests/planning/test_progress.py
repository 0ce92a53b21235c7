"""The line on what a workflow is doing."""

import io
import logging
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import committed_plan

from wganlib.files import write_json
from wganlib.planning import progress
from wganlib.planning.progress import Job, Progress


@pytest.fixture(scope="module")
def plan():
    return committed_plan()


def test_times_left_are_the_plan_s_corrected_by_what_was_measured(plan, tmp_path):
    """One training of three is done and took three times its estimate; the second is half done, a score is open: two cores."""
    first, second, third = plan.experiment("table2").run_keys[:3]
    write_json(tmp_path / "runs" / first / "provenance.json", {"seconds": 3 * plan.seconds(first)})
    log = tmp_path / "train" / f"{second}.log"
    log.parent.mkdir()
    log.write_text("iteration 0 of 720\niteration 240 of 720, critic loss 1.23\n")
    jobs = [Job("train", first, True, False), Job("train", second, False, True), Job("train", third, False, False)]
    jobs.append(Job("score", "", False, False))
    shown = Progress(plan, 2, tmp_path, tmp_path)
    left = (1.5 * plan.seconds(second) + 3 * plan.seconds(third) + progress.OTHER_SECONDS) / 2
    assert shown._left(jobs) == pytest.approx(left)
    running = f"{second}: iteration 240 of 720, critic loss 1.23"
    assert shown.line(jobs) == f"1 of 4 jobs; 1 of 3 trainings; {running}; about {progress._words(left)} left"


def test_a_training_whose_log_says_nothing_yet_and_jobs_without_trainings(plan, tmp_path):
    key = plan.experiment("table2").run_keys[0]
    shown = Progress(plan, 2, tmp_path, tmp_path)
    assert f"; {key}; about" in shown.line([Job("train", key, False, True)])
    assert shown.line([Job("report", "", False, True)]) == "0 of 1 jobs; about 1 min left"


@pytest.mark.parametrize(("terminal", "begin"), [(True, "\r\x1b[2K1 of 2 jobs"), (False, time.strftime("%H:"))])
def test_jobs_are_those_that_the_graph_needs(plan, monkeypatch, terminal, begin):
    key, stream = plan.experiment("table2").run_keys[0], io.StringIO()
    done, open_job = (
        SimpleNamespace(rule=SimpleNamespace(name=name), wildcards_dict=wildcards)
        for name, wildcards in (("train", {"run": key}), ("collect", {"scale": "demo", "experiment": "table2"}))
    )
    graph = SimpleNamespace(
        needrun_jobs=lambda exclude_finished: iter([done, open_job]),
        finished=lambda job: job is done,
        is_running=lambda job: True,
    )
    assert progress.jobs_of(graph) == [Job("train", key, True, False), Job("collect", "", False, True)]
    monkeypatch.setattr(stream, "isatty", lambda: terminal, raising=False)
    follower = progress.Follower(Progress(plan, 2, Path("nowhere"), Path("nowhere")), graph, stream)
    for _ in range(100):
        if stream.getvalue():
            break
        time.sleep(0.01)
    assert stream.getvalue().startswith(begin)
    assert "1 of 2 jobs; 1 of 1 trainings; about 1 min left" in stream.getvalue()
    follower.end()
    assert stream.getvalue().endswith("1 of 2 jobs done in 0.0 min\n")


def test_snakemake_s_own_lines_go_to_its_log_file_but_for_warnings_and_that_nothing_is_to_be_done(tmp_path):
    logger, stream = logging.Logger("made up"), io.StringIO()
    shown, file = logging.StreamHandler(stream), logging.FileHandler(tmp_path / "log")
    for handler in (shown, file):
        logger.addHandler(handler)
    progress.quiet(logger)
    lines = ["Building DAG of jobs...", "Nothing to be done (all present)."]
    for line in lines:
        logger.info(line)
    logger.error("no rule")
    assert stream.getvalue().splitlines() == [lines[1], "no rule"]
    assert (tmp_path / "log").read_text().splitlines() == [*lines, "no rule"]
