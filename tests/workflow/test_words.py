"""What the workflow says to a misspelt target, and at Ctrl-C."""

import os
import shlex
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import environment, four_run_project, results_of, snakemake, snakemake_command, trainings
from test_workflow import wait_until


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--config", "scale=papre", "--", "reports/table2.pdf"], ["unknown scale 'papre'", "did you mean 'paper'"]),
        (["reports/tabel2.pdf"], ["unknown report at scale demo 'tabel2'", "table1, table2,", "did you mean 'table2'"]),
        (["reports/check.pdf"], ["unknown report at scale demo 'check'"]),
        (["table2", "--config", "scale=demo"], ["table2: no target, but a report's name: write reports/table2.pdf"]),
    ],
)
def test_refusals_of_the_workflow(built, arguments, words):
    done = snakemake(built, "-n", *arguments)
    assert done.returncode != 0
    assert "Traceback (most recent call last)" not in done.stdout
    assert len(done.stdout.splitlines()) < 8
    for word in words:
        assert word in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").exists(), reason="finds processes through /proc")
def test_ctrl_c_ends_with_what_is_kept_and_how_to_go_on(built, tmp_path):
    folder = four_run_project(tmp_path, gan_iterations=40, gp_iterations=12)
    command = snakemake_command("reports/table2.pdf")
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: process.poll() is None and trainings(folder))
    # As a terminal does, to all processes.
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode
    # A job that was still starting Python shows where; what comes last is words.
    last = said.splitlines()[-6:]
    assert not any(line.startswith("Traceback") for line in last)
    (line,) = (line for line in last if line.startswith("stopped before all was made. What is finished is kept"))
    assert line.endswith(f"give the same command: {shlex.join(['snakemake', *command[1:]])}")
    assert snakemake(folder, "reports/table2.pdf").returncode == 0
    assert results_of(folder) == results_of(built)
