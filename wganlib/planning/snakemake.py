"""What the Snakefile needs besides the plan."""

import difflib
import fcntl
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from wganlib import layout
from wganlib.errors import WganlibError, parse, refused, unknown
from wganlib.files import NO_LOCKS, PARENT_VARIABLE
from wganlib.planning.params import Config, named_files
from wganlib.planning.plan import Plan, configured_targets, load_plan

T = TypeVar("T")

CLAIMS = "claims"
"""The report on the claims of all experiments."""


def prepare_jobs(plan: Plan) -> None:
    """Let `python` in a rule be this interpreter; tell jobs whose children they are, and the scale's machine settings."""
    os.environ["WGANLIB_DEVICE"] = plan.params.device
    os.environ["WGANLIB_CHECKPOINT_SECONDS"] = str(plan.params.checkpoint_seconds)
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    os.environ[PARENT_VARIABLE] = str(os.getpid())


_held: list[Any] = []


def hold_folder(folder: Path) -> None:
    """Keep a second Snakemake out of this working folder until this process ends; the kernel frees the lock.

    Where the file system has no locks, a line on stderr says so, and nothing is held.

    Raises:
        WganlibError: another process holds it, or the folder cannot be written.
    """
    path = folder / "wganlib.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = path.open("a+", encoding="utf-8")
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.seek(0)
        holder = stream.read().strip() or "unknown"
        raise WganlibError(
            f"another snakemake (process {holder}) is running in {Path.cwd()}: wait for it, stop it, or use another folder"
        ) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise WganlibError(f"cannot lock {path}: {refused(error)}") from None
        print(
            f"warning: the file system of {Path.cwd()} has no locks ({error.strerror}): start no second snakemake here",
            file=sys.stderr,
        )
        return
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
        WganlibError: a target that nothing makes, before Snakemake's own, longer message; it says where the target stands.
    """
    chosen = []
    for target in targets:
        name = _report_of(target)
        scales = [scale for scale in named_files(params / "scales") if scale != plan.scale]
        try:
            if name is None or name in (*plan.reports(), CLAIMS):
                check_targets(plan, [target], scales)
                chosen.append(target)
            elif not any(name in load_plan(params, scale).reports() for scale in scales):
                raise unknown(f"report at scale {plan.scale}", name, plan.reports())
        except WganlibError as error:
            where = f"{params}/config.yaml" if target in configured_targets(params) else "--config"
            raise WganlibError(f"{where}: targets: {error}") from None
    return chosen


def check_targets(plan: Plan, arguments: list[str], scales: Iterable[str]) -> None:
    """Refuse misspelt targets among Snakemake's arguments, before it looks for them and answers with 25 lines.

    Raises:
        WganlibError: a report, a table's folder or a scale that there is not, or another scale's.
    """
    names = (*plan.reports(), CLAIMS)
    for argument in arguments:
        first, *rest = Path(argument).parts or ("",)
        place, name = rest[:-1], Path(argument).stem
        if argument in names or (not rest and argument.endswith(".pdf") and name in names):
            raise WganlibError(f"{argument}: no target, but a report's name: write reports/{name}.pdf")
        if first in ("reports", "results") and place and place[0] in set(scales) - {plan.scale}:
            raise WganlibError(f"{argument}: of scale {place[0]}, but this is {plan.scale}: add --config scale={place[0]}")
        if argument.endswith(".pdf") and (first, place) not in (("reports", []), ("reports", [plan.scale])):
            near = difflib.get_close_matches(argument, [f"reports/{name}.pdf" for name in names], n=1)
            advice = f"; did you mean {near[0]!r}?" if near else ""
            raise WganlibError(f"{argument}: no target; reports are reports/NAME.pdf, `wganlib list` lists them{advice}")
        if argument.endswith(".pdf") and first == "reports" and name not in names:
            raise WganlibError(f"{argument}: {unknown(f'report at scale {plan.scale}', name, names)}")
        if first == "results" and len(place) > 1 and place[0] == plan.scale:
            plan.experiment(place[1])


def is_dry(arguments: list[str]) -> bool:
    """Whether Snakemake's arguments ask for a dry run.

    >>> is_dry(["-n"]), is_dry(["-pn", "reports/elu.pdf"]), is_dry(["--dryrun"]), is_dry(["--cores", "2", "--no-hooks"])
    (True, True, True, False)
    """
    return any(argument in ("--dry-run", "--dryrun") or re.fullmatch("-[a-z]*n[a-z]*", argument) for argument in arguments)


def stopped(arguments: list[str]) -> str:
    """What stands at the end of a call that made not everything."""
    return (
        "stopped before all was made. What is finished is kept, and of a training that was under way its last checkpoint. To "
        f"go on, give the same command: {shlex.join(['snakemake', *arguments])}"
    )


def report_at(plan: Plan, name: str) -> str:
    """The path of a report at the plan's scale.

    Raises:
        WganlibError: the scale makes none of this name.
    """
    if name not in (*plan.reports(), CLAIMS):
        raise unknown(f"report at scale {plan.scale}", name, (*plan.reports(), CLAIMS))
    return f"reports/{plan.scale}/{name}.pdf"


def planned(jobs: Mapping[str, T], key: str) -> T:
    """The run or stack of a key.

    Raises:
        WganlibError: the plan has none.
    """
    if key not in jobs:
        raise WganlibError(f"{key}: no such run or stack at this scale; `wganlib plan --write DIR` writes all that there are")
    return jobs[key]


def _report_of(target: str) -> str | None:
    """The experiment whose report `reports/<name>.pdf` a target is; None for other targets."""
    path = Path(target)
    return path.stem if path.parent == Path("reports") and path.suffix == ".pdf" else None


def behind(plan: Plan, targets: list[str]) -> list[str]:
    """One file of each folder that these reports are made from: tables, runs, scores, stacks, classifiers."""
    names = [name for target in targets if (name := _report_of(target)) in plan.experiments]
    files = [str(layout.table_folder(Path("results"), plan.scale, name) / layout.TABLE_FILES[0]) for name in names]
    firsts = {layout.RUN_FILES[0], layout.SCORE_FILES[0], layout.STACK_FILES[0], layout.CLASSIFIER_FILES[-1]}
    files += [path for name in names for path in collected_from(plan, name) if Path(path).name in firsts]
    return list(dict.fromkeys(files))


def collected_from(plan: Plan, name: str) -> list[str]:
    """The files that an experiment's tables are made from: of its runs or stacks, and of the classifiers that score them."""
    results, experiment = Path("results"), plan.experiment(name)
    if not experiment.params.scored:
        return [str(layout.stack_folder(results, stack.key) / f) for stack in experiment.stacks for f in layout.STACK_FILES]
    files = (*layout.RUN_FILES, *layout.SCORE_FILES)
    runs = [str(layout.run_folder(results, key) / f) for key in experiment.run_keys for f in files]
    judges = classifier_keys(plan, experiment.run_keys)
    return runs + [str(layout.classifier_folder(results, key) / layout.CLASSIFIER_FILES[-1]) for key in judges]


def claims_of(plan: Plan) -> list[str]:
    """The verdicts of every experiment that has claims."""
    named = (name for name, experiment in plan.experiments.items() if experiment.params.claims)
    return [str(layout.table_folder(Path("results"), plan.scale, name) / layout.CLAIMS) for name in named]


def classifier_keys(plan: Plan, runs: list[str]) -> list[str]:
    """The classifiers that score these runs, each once; text has none."""
    specs = (plan.classifier_of(run) for run in runs)
    return list(dict.fromkeys(spec.key for spec in specs if spec is not None))


def forget_interrupted(paths: Iterable[Path]) -> None:
    """Let Snakemake take these outputs of the current folder's workflow for whole, though a job that made them was killed.

    A killed Snakemake leaves a mark on every output of the jobs that it ran, and deletes what has one when it starts again,
    even a run that was adopted since.

    Raises:
        WganlibError: Snakemake cannot read the workflow.
    """
    marks = Path(".snakemake/incomplete")
    if not (marks.is_dir() and any(marks.iterdir())):
        return
    command = [sys.executable, "-m", "snakemake", "--cleanup-metadata", *map(str, paths)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    # Files without a record besides the mark end it with an error, after their marks were taken away.
    if done.returncode and "the metadata was not present" not in done.stdout:
        last = done.stdout.strip().rpartition("\n")[2]
        raise WganlibError(
            f"snakemake --cleanup-metadata failed ({last}): Snakemake would train again what was adopted; call `adopt` in the "
            "workflow's folder, or delete .snakemake/incomplete"
        )


def named(folder: str, files: tuple[str, ...]) -> dict[str, str]:
    """Files of a folder under the names that a rule's output gives them.

    >>> named("results/runs/{run}", ("spec.json",))
    {'spec_json': 'results/runs/{run}/spec.json'}
    """
    return {file.replace(".", "_"): f"{folder}/{file}" for file in files}


def gpus(device: str, local: bool) -> int:
    """How many GPUs a job takes: none on a machine that runs it itself and has none, so that jobs need not wait in turn."""
    panel = not local or any(Path("/proc/driver/nvidia/gpus").glob("*"))
    return int(device == "cuda" or (device == "auto" and panel))
