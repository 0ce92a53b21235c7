"""What the Snakefile needs besides the plan."""

import base64
import fcntl
import hashlib
import os
import sys
from pathlib import Path
from typing import Any

from wganlib.errors import WganlibError, parse, unknown
from wganlib.files import PARENT_VARIABLE
from wganlib.planning.params import Config
from wganlib.planning.plan import PLAN_REPORTS, Plan, load_plan


def prepare_jobs(plan: Plan) -> None:
    """Let `python` in a rule be this interpreter; tell jobs whose children they are, and the scale's machine settings."""
    os.environ["WGANLIB_DEVICE"] = plan.params.device
    os.environ["WGANLIB_CHECKPOINT_SECONDS"] = str(plan.params.checkpoint_seconds)
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    os.environ[PARENT_VARIABLE] = str(os.getpid())


_held: list[Any] = []


def hold_folder(folder: Path) -> None:
    """Keep a second Snakemake out of this working folder until this process ends; the kernel frees the lock.

    Raises:
        WganlibError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stream = (folder / "wganlib.lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        stream.seek(0)
        holder = stream.read().strip() or "unknown"
        raise WganlibError(
            f"another snakemake (process {holder}) is running in {Path.cwd()}: wait for it, stop it, or use another folder"
        ) from None
    stream.truncate(0)
    stream.write(str(os.getpid()))
    stream.flush()
    _held.append(stream)


def check_config(config: dict[str, Any]) -> None:
    """Validate Snakemake's configuration before its own schema does, whose message is pages long.

    Raises:
        WganlibError: an unknown or missing key, or a wrong type.
    """
    parse(Config, config, "params/config.yaml or --config")


def targets_here(plan: Plan, targets: list[str], params: Path) -> list[str]:
    """The configured targets that this scale makes; those of other scales alone are left out.

    Raises:
        WganlibError: a target `reports/<name>.pdf` whose name no experiment lists, before Snakemake's own, longer message.
    """
    elsewhere: set[str] | None = None
    found = []
    for target in targets:
        path = Path(target)
        if path.parent != Path("reports") or path.suffix != ".pdf" or path.stem in plan.targets():
            found.append(target)
            continue
        if elsewhere is None:
            scales = (scale.stem for scale in (params / "scales").glob("*.yaml"))
            elsewhere = {name for scale in scales for name in load_plan(params, scale).targets()}
        if path.stem not in elsewhere:
            raise WganlibError(
                f"params/config.yaml: targets: {unknown(f'report at scale {plan.scale}', path.stem, plan.targets())}"
            )
    return found


RUN_FILES = ("spec.json", "history.parquet", "provenance.json", "scores.json", "samples.png", "progress.png")
"""Files of a run that its collected tables are made from."""

STACK_FILES = ("stack.json", "critics.safetensors", "generators.safetensors", "history.parquet", "provenance.json")
ANALYSIS_FILES = ("quantities.csv", "arrays.npz", "facts.json")

TABLE_FILES = ("runs.csv", "snapshots.csv", "curves.csv", "metrics.json", "real.json", "lines.json", "samples.png")


def distrust(plan: Plan, results: Path, reports: Path, records: Path) -> None:
    """Make tables and reports older than everything where something that they were made from is missing.

    Snakemake takes a file for done as long as it is there, even if what it came from is not: in a clone, which has tables
    but no runs; when a run's folder was deleted; when a failed job took its tables along. Their age and the loss of their
    records makes Snakemake make them anew, and with them whatever is missing, when something asks for them.
    """
    for experiment in plan.experiments.values():
        folder = results / plan.scale / experiment.name
        tables = [folder / name for name in TABLE_FILES]
        runs = [results / "runs" / key / name for key in plan.run_keys(experiment.name) for name in RUN_FILES]
        complete = all(path.exists() for path in (*tables, *runs))
        if not complete:
            _make_old(tables, records)
        for report in experiment.reports:
            parts = [reports / plan.scale / f"{report}{suffix}" for suffix in (".pdf", ".json", ".png")]
            if not (all(path.exists() for path in parts) and (complete or report in PLAN_REPORTS)):
                _make_old([*parts, reports / f"{report}.pdf"], records)
    for toy in plan.toys.values():
        tables = [results / plan.scale / toy.name / name for name in ANALYSIS_FILES]
        stacks = [results / "stacks" / stack.key / name for stack in toy.stacks for name in STACK_FILES]
        parts = [reports / plan.scale / f"{toy.name}{suffix}" for suffix in (".pdf", ".json", ".png")]
        if not all(path.exists() for path in (*tables, *stacks)):
            _make_old(tables, records)
        if not all(path.exists() for path in (*tables, *stacks, *parts)):
            _make_old([*parts, reports / f"{toy.name}.pdf"], records)


TRAINED_FILES = ("spec.json", "generator.safetensors", "critic.safetensors", "history.parquet", "provenance.json")
"""Files of a run that its training makes, as `wganlib.training.runs.FILES`, which needs torch."""


def trust_trained(plan: Plan, results: Path, marks: Path) -> None:
    """Take away Snakemake's marks of an interrupted job from runs that are there.

    A killed Snakemake leaves the mark on a training that it began. Where the run was then trained elsewhere and adopted,
    Snakemake would delete it and train it again; but a run whose files are all there is whole, since each is written whole
    and the provenance last.
    """
    for key in plan.runs:
        paths = [results / "runs" / key / name for name in TRAINED_FILES]
        if all(path.exists() for path in paths):
            for path in paths:
                _record(path, marks).unlink(missing_ok=True)


def _record(path: Path, folder: Path) -> Path:
    """Where Snakemake keeps what it knows about an output."""
    return folder / base64.urlsafe_b64encode(str(path).encode()).decode()


def _make_old(paths: list[Path], records: Path) -> None:
    for path in paths:
        if path.exists():
            os.utime(path, (1, 1))  # not 0, which Snakemake takes for "no time"
            _record(path, records).unlink(missing_ok=True)


def code_digest(*patterns: str) -> str:
    """Digest of the library's files that make tables and reports, so that editing them makes these anew; they take seconds.

    Trainings are not guarded so: see `wganlib.numerics`.
    """
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(path for pattern in patterns for path in root.glob(pattern)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]
