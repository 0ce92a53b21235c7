"""What a workflow is doing, in a line that a person understands: jobs done, what trains now, time left."""

import logging
import shutil
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from wganlib import layout
from wganlib.errors import WganlibError
from wganlib.files import read_json
from wganlib.planning.plan import Plan

EVERY_SECONDS = 60.0
"""Between lines where there is no terminal; in one the line is written anew each second."""

OTHER_SECONDS = 4.0
"""Of a job that is no training: a score, a table, a page."""


class Job(NamedTuple):
    """A job of the workflow: its rule, the key of its training ("" for others), and how far it is."""

    rule: str
    key: str
    finished: bool
    running: bool


class Progress:
    """Lines on the jobs of a workflow. Times left come from the plan's estimates, corrected by what trainings took so far."""

    def __init__(self, plan: Plan, cores: int, results: Path = Path("results"), logs: Path = Path("logs")):
        self.plan, self.cores, self.results, self.logs = plan, cores, results, logs

    def line(self, jobs: Iterable[Job]) -> str:
        """One line on where the jobs are."""
        every = list(jobs)
        trainings = [job for job in every if job.key]
        done = sum(job.finished for job in every)
        parts = [f"{done} of {len(every)} jobs"]
        if trainings:
            parts.append(f"{sum(job.finished for job in trainings)} of {len(trainings)} trainings")
        parts += [self._running(job) for job in trainings if job.running]
        return "; ".join([*parts, f"about {_words(self._left(every))} left"])

    def _running(self, job: Job) -> str:
        """What a training says last in its log."""
        log = self.logs / job.rule / f"{job.key}.log"
        last = log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2] if log.exists() else ""
        return f"{job.key}: {last}" if last.startswith("iteration") else job.key

    def _left(self, jobs: list[Job]) -> float:
        """Seconds until all are done."""
        estimated = measured = 0.0
        for job in jobs:
            if job.key and job.finished and (seconds := self._seconds(job)) is not None:
                estimated, measured = estimated + self.plan.seconds(job.key), measured + seconds
        factor = measured / estimated if estimated else 1.0
        open_jobs = [job for job in jobs if not job.finished]
        # A running job is taken as half done.
        work = sum(
            (0.5 if job.running else 1.0) * (factor * self.plan.seconds(job.key) if job.key else OTHER_SECONDS)
            for job in open_jobs
        )
        return work / max(1, min(self.cores, len(open_jobs)))

    def _seconds(self, job: Job) -> float | None:
        """What a finished training took; none where it is not known."""
        folder = layout.stack_folder if job.rule == "stack" else layout.run_folder
        try:
            return float(read_json(folder(self.results, job.key) / layout.PROVENANCE)["seconds"])
        except (WganlibError, KeyError, TypeError):
            return None


def _words(seconds: float) -> str:
    """A time in a word or two.

    >>> [_words(s) for s in (20, 100, 4000)]
    ['1 min', '2 min', '1 h 7 min']
    """
    minutes = max(1, round(seconds / 60))
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def jobs_of(dag: Any) -> list[Job]:
    """The jobs that Snakemake's graph of this call needs."""
    keys = {"train": "run", "stack": "stack"}
    return [
        Job(
            job.rule.name,
            job.wildcards_dict.get(keys.get(job.rule.name, ""), ""),
            dag.finished(job),
            dag.is_running(job) and not dag.finished(job),
        )
        for job in list(dag.needrun_jobs(exclude_finished=False))
    ]


def quiet(logger: logging.Logger) -> None:
    """Leave Snakemake's own lines to its log file, but for warnings, errors, and that nothing is to be done."""
    for handler in logger.handlers:
        if not isinstance(handler, logging.FileHandler):
            handler.addFilter(lambda record: record.levelno >= logging.WARNING or "Nothing to be done" in record.getMessage())


class Follower:
    """Writes lines on the jobs of Snakemake's graph: in a terminal one that changes, else one a minute."""

    def __init__(self, progress: Progress, dag: Any, stream: TextIO = sys.stderr):
        self.progress, self.dag, self.stream = progress, dag, stream
        self.terminal, self.started, self.ended = stream.isatty(), time.monotonic(), threading.Event()
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        while True:
            self._write(self.progress.line(jobs_of(self.dag)))
            if self.ended.wait(1.0 if self.terminal else EVERY_SECONDS):
                return

    def _write(self, line: str) -> None:
        # A line that wraps cannot be written anew.
        width = shutil.get_terminal_size().columns - 1
        self.stream.write(f"\r\x1b[2K{line[:width]}" if self.terminal else f"{time.strftime('%H:%M:%S')} {line}\n")
        self.stream.flush()

    def end(self) -> None:
        """Write how many jobs are done after all, and stop."""
        self.ended.set()
        jobs = jobs_of(self.dag)
        seconds = time.monotonic() - self.started
        self._write(f"{sum(job.finished for job in jobs)} of {len(jobs)} jobs done in {seconds / 60:.1f} min")
        self.stream.write("\n" if self.terminal else "")
