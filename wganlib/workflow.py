"""What the Snakefile needs besides the plan."""

import fcntl
import hashlib
import os
import sys
from pathlib import Path
from typing import Any

from wganlib.errors import WganlibError, unknown
from wganlib.files import PARENT_VARIABLE
from wganlib.plan import Plan


def prepare_jobs() -> None:
    """Let `python` in a rule be this interpreter, and tell trainings whose children they are."""
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


def check_targets(plan: Plan, targets: list[str]) -> None:
    """Refuse reports that no experiment of this scale makes, before Snakemake's own, longer message.

    Raises:
        WganlibError: a target `reports/<name>.pdf` whose name no experiment lists.
    """
    for target in targets:
        path = Path(target)
        if path.parent == Path("reports") and path.suffix == ".pdf" and path.stem not in plan.reports():
            raise WganlibError(
                f"params/config.yaml: targets: {unknown(f'report at scale {plan.scale}', path.stem, plan.reports())}"
            )


def distrust_tables(plan: Plan, results: Path) -> None:
    """Make collected tables whose runs are missing older than everything, so that Snakemake makes them and their runs anew.

    Git restores tables but no runs. Where Snakemake's records came along (`dvc pull`), they outweigh the age.
    """
    for name in plan.experiments:
        table = results / plan.scale / name / "runs.csv"
        runs = (results / "runs" / key / "scores.json" for key in plan.run_keys(name))
        if table.exists() and not all(path.exists() for path in runs):
            os.utime(table, (1, 1))  # not 0, which Snakemake takes for "no time"


def code_digest(*patterns: str) -> str:
    """Digest of the library's files that make tables and reports, so that editing them makes these anew; they take seconds.

    Trainings are not guarded so: see `wganlib.numerics`.
    """
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(path for pattern in patterns for path in root.glob(pattern)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]
