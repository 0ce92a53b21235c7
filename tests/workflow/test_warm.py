"""The warm process: a job in it makes, says and ends with what it does by itself; and whatever is killed, nothing stays."""

import os
import shutil
import signal
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from conftest import environment, make_spec, processes, trainings, warm_process, wganlib
from test_stacks import toy
from test_workflow import wait_until

from wganlib import warm
from wganlib.files import PARENT_VARIABLE
from wganlib.spec.scoring import ClassifierSpec, ScoringSpec
from wganlib.spec.stack import StackSpec

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="of Linux alone")

BY_ITSELF = "the workflow's warm process is gone; this job begins again by itself"
SCORING = ScoringSpec(network="classifier", num_samples=200, splits=2)
HOLDER = "from wganlib import warm; warm.start(['train', 'score']); print('started', flush=True); input()"


def job_environment():
    """What Snakemake gives a job of one thread; this process stands for Snakemake."""
    threads = {f"{library}_THREADS": "1" for library in warm.LIBRARIES}
    own = {name: value for name, value in environment().items() if name != "PYTEST_CURRENT_TEST"}  # changes during a test
    return own | threads | {PARENT_VARIABLE: str(os.getpid()), warm.VARIABLE: warm.SOCKET}


class Workflow:
    """A warm process in a folder, and the process that started it, as a workflow does."""

    def __init__(self, folder):
        self.folder = folder
        (folder / ".snakemake").mkdir()
        (folder / "logs/train").mkdir(parents=True)
        self.log = folder / "logs/train/one.log"
        variables = {name: value for name, value in job_environment().items() if name != warm.VARIABLE}
        self.holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER], cwd=folder, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.holder.stdout.readline() == b"started\n"

    def start(self, *arguments, python=("-m", "wganlib"), folder=None, **variables):
        """A job; `-X importtime` tells whether it ran by itself: it has then imported the command line."""
        return subprocess.Popen(
            [sys.executable, "-X", "importtime", *python, *arguments],
            cwd=folder or self.folder,
            env=job_environment() | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments, **options):
        """Exit code, output, errors, and whether it was served."""
        job = self.start(*arguments, **options)
        output, errors = job.communicate(timeout=120)
        lines = errors.splitlines(keepends=True)
        said = "".join(line for line in lines if not line.startswith("import time:"))
        return job.returncode, output, said, not any(line.endswith(" wganlib.cli\n") for line in lines)

    def training(self):
        """A long training, served, that has begun: the job and the child's number."""
        command = [sys.executable, "-m", "wganlib", "train", make_spec(generator_iterations=10**6).canonical()]
        command += ["--checkpoint-seconds", "0.2"]
        shutil.rmtree(self.folder / "results/checkpoints", ignore_errors=True)
        with self.log.open("w") as stream:
            job = subprocess.Popen(command, cwd=self.folder, env=job_environment(), stdout=stream, stderr=stream)
        wait_until(lambda: list((self.folder / "results/checkpoints").glob("*/checkpoint.json")))
        (child,) = set(trainings(self.folder)) - {job.pid}
        return job, child

    def end(self):
        self.holder.kill()
        self.holder.wait()
        try:
            wait_until(lambda: not processes(self.folder), 10)
        finally:
            for pid in processes(self.folder):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def workflow(tmp_path_factory):
    one = Workflow(tmp_path_factory.mktemp("warm"))
    yield one
    one.end()
    assert not (one.folder / warm.SOCKET).exists()


@pytest.fixture
def disturbed(tmp_path):
    """A workflow of the test's own."""
    one = Workflow(tmp_path)
    yield one
    one.end()


@pytest.mark.parametrize(
    ("arguments", "code", "output", "errors"),
    [
        (["train", "nonsense"], 2, "", "error: nonsense: no such file\n"),
        (["train", "--help"], 0, "Usage: python -m wganlib train [OPTIONS] {SPEC}\n", ""),
        (["train", "x", "--device", "a\n b'", "--threads", "0"], 2, "", "Usage: python -m wganlib train"),
        (["data", "list"], 0, "data root: ", ""),
    ],
)
def test_a_served_job_says_and_ends_as_by_itself(workflow, arguments, code, output, errors):
    served = workflow.run(*arguments)
    assert served[3]
    alone = workflow.run(*arguments, WGANLIB_WARM="off")
    assert served[:3] == alone[:3]
    assert not alone[3]
    assert (served[0], served[1][: len(output)], served[2][: len(errors)]) == (code, output, errors)


OTHER_PREFIX = "import runpy, sys; sys.prefix = '/other'; runpy.run_module('wganlib', run_name='__main__', alter_sys=True)"


@pytest.mark.parametrize(
    "changes",
    [
        {"WGANLIB_WARM": "off"},
        {"OMP_NUM_THREADS": "2"},
        {"WGANLIB_DEVICE": "cpu"},
        {"python": ("-c", OTHER_PREFIX)},
        {"folder": "another"},
    ],
)
def test_a_job_that_is_not_as_the_process_runs_by_itself(workflow, tmp_path, changes):
    if "folder" in changes:
        changes = {"folder": tmp_path, "WGANLIB_WARM": str(workflow.folder / warm.SOCKET)}
    code, _, said, served = workflow.run("train", "nonsense", **changes)
    assert (code, said, served) == (2, "error: nonsense: no such file\n", False)


def test_what_may_be_another_in_each_job_may_be(workflow):
    assert workflow.run("train", "nonsense", TMPDIR="/var/tmp", SHLVL="7")[3]


def test_who_sends_nothing_or_nonsense_is_not_served_and_hurts_nobody(workflow):
    import socket

    for sent in (b"", b"nonsense", b"       9only"):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(os.path.relpath(workflow.folder / warm.SOCKET))
            client.sendall(sent)
    assert workflow.run("train", "nonsense")[3]


@pytest.mark.parametrize(
    ("main", "code", "said"),
    [
        ("sys.exit()", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("sys.exit('why')", 1, "why\n"),
        ("1 / 0", 1, "ZeroDivisionError: division by zero\n"),
        ("print('text')", 0, ""),
    ],
)
def test_how_a_child_ends(main, code, said):
    lines = f"import sys\nfrom wganlib import cli, warm\ndef main():\n    {main}\ncli.main = main\nwarm._run()"
    variables = {name: value for name, value in environment().items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run([sys.executable, "-c", lines], env=variables, capture_output=True, text=True)
    assert (done.returncode, done.stderr[len(done.stderr) - len(said) :]) == (code, said)
    assert done.stdout == ("text\n" if "text" in main else "")


def test_the_same_bytes_as_by_itself(workflow, tmp_path):
    """A GAN, a penalised critic, a stack, a classifier, a score; what is compared with runs in this process."""
    run, other = make_spec(), make_spec("nonsaturating_gan")
    stack = StackSpec(runs=tuple(toy(seed=seed, generator_iterations=4) for seed in (0, 1)))
    judge, scoring = ClassifierSpec(dataset=run.dataset, epochs=1, seed=0), SCORING.canonical()
    folder = f"results/classifiers/{judge.key}"
    jobs = [["train", run.canonical()], ["train", other.canonical()], ["train", stack.canonical()]]
    jobs += [["classifier", judge.canonical(), "--scoring", scoring]]
    jobs += [["score", run.canonical(), "--scoring", scoring, "--classifier", folder]]
    for job in jobs:
        code, _, said, served = workflow.run(*job)
        assert (code, served) == (0, True), said
        assert wganlib(tmp_path, *job).returncode == 0
    made = {path.relative_to(tmp_path): path for path in sorted(tmp_path.rglob("*.*")) if path.name != "provenance.json"}
    assert len(made) >= 15
    for name, path in made.items():
        if path.suffix == ".parquet":
            here, there = (pq.read_table(where).drop_columns(["seconds"]) for where in (path, workflow.folder / name))
            assert here.equals(there), name
        elif path.name != "classifier.json":
            assert path.read_bytes() == (workflow.folder / name).read_bytes(), name


# --- kills ---------------------------------------------------------------------------------------------------------------


def test_a_child_ends_with_its_job(workflow):
    job, child = workflow.training()
    assert os.path.exists(f"/proc/{child}")
    job.kill()
    wait_until(lambda: not trainings(workflow.folder), 5)
    assert workflow.run("train", "nonsense")[3]


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGINT, 130, "stopped; the same command goes on from the last checkpoint\n"),
        (signal.SIGTERM, -signal.SIGTERM, ""),
    ],
)
def test_a_signal_to_a_job_ends_its_child(workflow, number, code, said):
    job, _ = workflow.training()
    job.send_signal(number)
    assert job.wait(10) == code
    assert workflow.log.read_text().endswith(said)
    wait_until(lambda: not trainings(workflow.folder), 5)


def test_a_job_ends_as_a_killed_child(workflow):
    job, child = workflow.training()
    os.kill(child, signal.SIGKILL)
    assert job.wait(10) == -signal.SIGKILL


def test_a_job_whose_warm_process_is_killed_goes_on_by_itself(disturbed):
    log = disturbed.log
    job, child = disturbed.training()
    os.kill(child, signal.SIGSTOP)  # so that it cannot notice itself
    os.kill(warm_process(disturbed.folder), signal.SIGKILL)
    wait_until(lambda: child not in trainings(disturbed.folder), 5)
    wait_until(lambda: BY_ITSELF in log.read_text(), 5)
    assert job.poll() is None
    assert not disturbed.run("train", "nonsense")[3]
    job.kill()
    job.wait()


def test_nothing_stays_when_the_workflow_is_killed(disturbed):
    job, _ = disturbed.training()
    disturbed.holder.kill()
    disturbed.holder.wait()
    wait_until(lambda: set(processes(disturbed.folder)) <= {job.pid}, 5)
    assert not (disturbed.folder / warm.SOCKET).exists()
    job.kill()
    job.wait()


@pytest.mark.parametrize(("rules", "variables"), [(["train", "report", "report"], {}), (["train"] * 9, {warm.VARIABLE: "off"})])
def test_not_started_where_one_job_imports_torch_or_a_user_wants_none(tmp_path, monkeypatch, rules, variables):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(warm.VARIABLE, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    (tmp_path / ".snakemake").mkdir()
    warm.start(rules)
    assert os.environ.get(warm.VARIABLE) == variables.get(warm.VARIABLE)
    assert not list((tmp_path / ".snakemake").iterdir())
