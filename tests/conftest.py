"""Shared pieces: small specs, and a project folder with a four-run DAG that trains in seconds."""

import contextlib
import functools
import io
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow.parquet as pq
import pytest
import torch
import yaml
from filelock import FileLock
from safetensors.torch import load_file

from wganlib import cli
from wganlib.architectures.families import random_set
from wganlib.datasets.dataset import Dataset
from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import WganlibError, parse
from wganlib.planning.plan import Plan, load_plan
from wganlib.spec.run import Spec
from wganlib.training.trainer import Trainer

REPOSITORY = Path(__file__).parent.parent
BIN = Path(sys.executable).parent

torch.set_num_threads(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", action="store_true", help="write docs' tables and missing golden trajectories")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The workflow's files first: they take longest, and would leave a worker idle at the end."""
    items.sort(key=lambda item: "workflow" not in item.path.parts)


def make_spec(method: str = "wgan_gp", **changes: Any) -> Spec:
    """A cheap spec of the base architecture; `changes` replace fields, dots reach into parts ("method.critic_steps")."""
    penalised = method == "wgan_gp"
    norm = "layer" if penalised else "batch"
    factors = random_set.BASE | {"generator_filters": 32, "critic_filters": 32}
    adam = {"name": "adam", "learning_rate": 2e-3, "beta1": 0.0 if penalised else 0.5, "beta2": 0.9 if penalised else 0.999}
    data = {
        "dataset": {"name": "digits", "image_size": 16},
        "architecture": random_set.architecture(factors, width=0.0625, critic_norm=norm).model_dump(),
        "method": {
            "objective": "wgan" if penalised else "nonsaturating_gan",
            "constraint": {"kind": "gradient_penalty", "form": "two_sided", "weight": 10.0} if penalised else {"kind": "none"},
            "generator_optimizer": dict(adam),
            "critic_optimizer": dict(adam),
            "critic_steps": 2 if penalised else 1,
            "batch_size": 16,
            "generator_batch_size": 16,
            "critic_l2": 1e-3,
        },
        "generator_iterations": 6,
        "seed": 3,
        "log_every": 2,
    }
    for path, value in changes.items():
        part: Any = data
        *parents, last = path.split(".")
        for name in parents:
            part = part[name]
        part[last] = value
    return Spec.model_validate(data)


def spec_is_refused(spec: Spec, changes: dict[str, Any], words: list[str]) -> None:
    """A spec with fields replaced (dots reach into parts) is refused in one line that holds the words."""
    data = spec.model_dump(mode="json", exclude_none=True, exclude={"numerics"})
    for path, value in changes.items():
        part: Any = data
        *parents, last = path.split(".")
        for name in parents:
            part = part[name]
        part[last] = value
    with pytest.raises(WganlibError) as error:
        parse(Spec, data, "spec.json")
    text = str(error.value)
    assert text.startswith("spec.json: ")
    assert "\n" not in text
    for word in words:
        assert word in text, text


@functools.cache
def committed_plan(scale: str = "demo") -> Plan:
    """The plan of the repository's parameters, read once: tests do not change it."""
    return load_plan(REPOSITORY / "params", scale)


def copy_params(folder: Path) -> Path:
    """The repository's parameters, in `folder/params`."""
    return Path(shutil.copytree(REPOSITORY / "params", folder / "params"))


def edit_yaml(path: Path, **changes: Any) -> None:
    """Set keys of a YAML file; dots reach into mappings."""
    data = yaml.safe_load(path.read_text())
    for keys, value in changes.items():
        part = data
        *parents, last = keys.split(".")
        for name in parents:
            part = part[name]
        part[last] = value
    path.write_text(yaml.safe_dump(data, sort_keys=False))


def four_run_project(folder: Path, gan_iterations: int = 12, gp_iterations: int = 6) -> Path:
    """A working folder whose table2 has two architectures and two methods."""
    folder.mkdir(exist_ok=True)
    params = copy_params(folder)
    edit_yaml(
        params / "scales/demo.yaml",
        **{
            "width": 0.03125,
            "scoring": {"network": "classifier", "num_samples": 200, "splits": 2, "batch_size": 100},
            "classifier": {"epochs": 3, "seed": 0},
            "checkpoint_seconds": 0.3,
        },
    )
    edit_yaml(
        params / "experiments/table2.yaml",
        **{
            "scales.demo.architectures": 2,
            "scales.demo.options.method.nonsaturating_gan.generator_iterations": gan_iterations,
            "scales.demo.options.method.wgan_gp.generator_iterations": gp_iterations,
        },
    )
    return folder


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A four-run project whose reports were built, once for all processes that test; tests copy what they change."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "four_runs"
    with FileLock(shared / "four_runs.lock"):
        if not (folder / "reports/table2.pdf").exists():
            shutil.rmtree(folder, ignore_errors=True)
            four_run_project(folder, gan_iterations=40, gp_iterations=12)
            done = snakemake(folder, "reports/table1.pdf", "reports/table2.pdf")
            assert done.returncode == 0, done.stdout
    return folder


def environment() -> dict[str, str]:
    """This process's environment with the tools of its own interpreter first."""
    cleaned = {k: v for k, v in os.environ.items() if not k.startswith(("SNAKEMAKE", "WGANLIB", "DVC"))}
    return cleaned | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


def snakemake_command(*arguments: str) -> list[str]:
    return [
        str(BIN / "snakemake"),
        "--snakefile",
        str(REPOSITORY / "workflow/Snakefile"),
        "--workflow-profile",
        str(REPOSITORY / "workflow/profiles/default"),
        "--cores",
        "2",
        *arguments,
    ]


def snakemake(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the repository's workflow in a folder; output and errors together."""
    return subprocess.run(
        snakemake_command(*arguments),
        cwd=folder,
        env=environment() | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )


def wganlib(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a folder, in this process: to start another takes seconds."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.dict(os.environ, environment() | variables, clear=True),
        mock.patch.object(sys, "argv", ["wganlib", *arguments]),
    ):
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code  # type: ignore[assignment]
    return subprocess.CompletedProcess(arguments, code or 0, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def digits():
    from wganlib.datasets.loading import load

    return load(DatasetSpec(name="digits", image_size=16))


def trained(spec: Spec, images: Dataset, iterations: int | None = None) -> Trainer:
    """A run trained on the CPU, to its end or to an iteration."""
    trainer = Trainer(spec, images, torch.device("cpu"))
    for _ in itertools.islice(trainer.run(), iterations):
        pass
    return trainer


class Killed(BaseException):
    """Like SIGKILL: nothing in the library catches it."""


def make_data(spec: DatasetSpec, count: int = 64) -> Dataset:
    """Random data of a data set's shape, kind and range: what the engine needs of data that this version cannot load."""
    random = torch.Generator().manual_seed(0)
    kind, shape, classes, low, _ = spec.shape
    if kind == "text":
        symbols = torch.randint(shape[0], (count, shape[1]), generator=random)
        examples = torch.nn.functional.one_hot(symbols, shape[0]).transpose(1, 2).to(torch.get_default_dtype())
    else:
        uniform = torch.rand((count, *shape), generator=random)
        examples = torch.randn((count, *shape), generator=random) if kind == "points" else low + (1 - low) * uniform
    labels = torch.randint(classes or 1, (count,), generator=random)
    fakes = (lambda n, stream: torch.randn((n, *shape), generator=stream)) if kind == "points" else None
    return Dataset(examples, labels, examples, labels, lambda raw, stream: raw, "0" * 64, fakes=fakes)


def processes(folder: Path) -> dict[int, Path]:
    """Processes of Python that work in a folder, and where their output goes: a job's log; nowhere, the warm process's."""
    there = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                python = (entry / "exe").resolve().name.startswith("python")
                if python and (entry / "cwd").resolve() == folder.resolve():
                    there[int(entry.name)] = (entry / "fd/1").resolve()
            except OSError:
                continue
    return there


def trainings(folder: Path) -> dict[int, str]:
    """Processes that train in a folder, classifiers included: process number and the key of run or stack, or "classifier".

    Of a training in a child of the warm process both the child and the job that waits for it.
    """
    logs = folder.resolve() / "logs"
    names = {logs / "train": None, logs / "stack": None, logs / "classifier": "classifier"}
    return {pid: names[log.parent] or log.stem for pid, log in processes(folder).items() if log.parent in names}


def warm_process(folder: Path) -> int | None:
    """The process that a folder's workflow keeps warm: the one that has children's command line and none of their logs."""
    for pid, log in processes(folder).items():
        with contextlib.suppress(OSError):
            if b"wganlib.warm" in Path(f"/proc/{pid}/cmdline").read_bytes() and log == Path("/dev/null"):
                return pid
    return None


def results_of(folder):
    """Everything that must be equal bit for bit: weights, scores, history without seconds."""
    found = {}
    for run in sorted((folder / "results/runs").iterdir()):
        found[run.name, "scores"] = (run / "scores.json").read_bytes()
        found[run.name, "history"] = pq.read_table(run / "history.parquet").drop_columns(["seconds"]).to_pydict()
        for name in ("generator", "critic"):
            found[run.name, name] = {k: v.numpy().tobytes() for k, v in load_file(run / f"{name}.safetensors").items()}
    return found
