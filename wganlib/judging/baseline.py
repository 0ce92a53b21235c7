"""Regression check: fresh scores against a baseline's, in units of the spread that the baseline's seeds showed."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from pydantic import Field
from scipy import stats

from wganlib.errors import WganlibError, parse
from wganlib.fields import Part
from wganlib.files import read_json, write_json
from wganlib.judging.failures import with_result
from wganlib.judging.score_names import COLUMNS

MINIMUM_SEEDS = 5
"""Fewer seeds say too little about their spread."""

FALSE_ALARM = 0.001
"""Probability with which one comparison of unchanged code regresses, were the scores of seeds normal."""

LOG = "log_"
"""Before the name of a distance whose logarithm is compared; of it less is better, of a score more."""


class Group(Part):
    """Baseline values of one architecture and method, one per seed."""

    architecture: str
    method: str
    settings: str
    seeds: tuple[int, ...] = Field(min_length=MINIMUM_SEEDS)
    values: dict[str, tuple[float, ...]]


class Baseline(Part):
    """`params/baselines/<scale>.json`."""

    commit: str | None
    device: str
    groups: tuple[Group, ...] = Field(min_length=1)


class Comparison(NamedTuple):
    """One metric of one group; standard_errors is positive where the fresh mean is worse."""

    architecture: str
    method: str
    metric: str
    baseline_mean: float
    fresh_mean: float
    standard_errors: float
    limit: float

    @property
    def regressed(self) -> bool:
        return not self.standard_errors <= self.limit


def record_baseline(table: pd.DataFrame, path: Path) -> None:
    """Write a baseline from a collected table.

    Raises:
        WganlibError: a group has fewer than five seeds, or a run that failed.
    """
    groups, columns = [], COLUMNS["inception" if COLUMNS["inception"].score in table else "classifier"]
    for (architecture, method), rows in _grouped(table):
        if (rows["outcome"] != "ok").any():
            failures = ", ".join(sorted(set(rows["outcome"]) - {"ok"}))
            raise WganlibError(f"{architecture} {method}: a baseline cannot hold runs that failed, found {failures}")
        if len(rows) < MINIMUM_SEEDS:
            raise WganlibError(f"{architecture} {method}: a baseline needs at least {MINIMUM_SEEDS} seeds, found {len(rows)}")
        values = {metric: [round(v, 6) for v in _values(rows, metric)] for metric in (columns.score, LOG + columns.distance)}
        seeds = [int(s) for s in rows["seed"]]
        groups.append(
            {"architecture": architecture, "method": method, "settings": _settings(rows), "seeds": seeds, "values": values}
        )
    commits = set(table["commit"].dropna())
    value = {"commit": commits.pop() if len(commits) == 1 else None, "device": str(table["device"].iloc[0]), "groups": groups}
    parse(Baseline, value, "baseline")
    write_json(path, value)


def load_baseline(path: Path) -> Baseline:
    """Read a baseline.

    Raises:
        WganlibError: it is missing or is not a baseline.
    """
    if not path.exists():
        raise WganlibError(
            f"{path}: no such baseline; record one with `wganlib check --record` from at least {MINIMUM_SEEDS} seeds"
        )
    return parse(Baseline, read_json(path), str(path))


def compare(table: pd.DataFrame, baseline: Baseline) -> list[Comparison]:
    """Compare every group of the baseline with the same group of a table.

    The difference of means is divided by s sqrt(1/n + 1/m), s the baseline's standard deviation over its n seeds, m the number
    of fresh ones; the limit is Student's quantile with n - 1 degrees of freedom. A diverged run is a regression; one that ran
    out of memory is no result and is left out.

    Raises:
        WganlibError: the table lacks a group or a score, or shares a seed with the baseline, or was made with other settings.
    """
    fresh = dict(_grouped(with_result(table)))
    result = []
    for group in baseline.groups:
        rows = fresh.get((group.architecture, group.method))
        if rows is None:
            raise WganlibError(
                f"the table has no runs of architecture {group.architecture!r} with method {group.method!r} that have a result"
            )
        shared = sorted(set(group.seeds) & set(rows["seed"]))
        if shared:
            raise WganlibError(f"{group.architecture} {group.method}: seeds {shared} are the baseline's own; check fresh ones")
        if _settings(rows) != group.settings:
            raise WganlibError(
                f"{group.architecture} {group.method}: trained or scored with settings {_settings(rows)}, "
                f"the baseline with {group.settings}; record a new baseline"
            )
        for metric, values in group.values.items():
            base = pd.Series(values)
            new = pd.Series(_values(rows, metric))
            spread = float(base.std(ddof=1)) * math.sqrt(1 / len(base) + 1 / len(new))
            worse = float(new.mean() - base.mean()) * (1 if metric.startswith(LOG) else -1)
            if (rows["outcome"] != "ok").any():
                errors = math.inf
            else:  # a baseline without spread: any difference is beyond it
                errors = worse / spread if spread > 0 else math.copysign(math.inf, worse) if worse else 0.0
            limit = float(stats.t.ppf(1 - FALSE_ALARM, len(base) - 1))
            result.append(
                Comparison(group.architecture, group.method, metric, float(base.mean()), float(new.mean()), errors, limit)
            )
    return result


def render(comparisons: list[Comparison]) -> str:
    """The comparisons as a table for a terminal."""
    head = f"{'architecture':<14}{'method':<20}{'metric':<34}{'baseline':>10}{'now':>10}{'std. errors':>13}{'limit':>8}"
    lines = [head]
    for c in comparisons:
        verdict = "  REGRESSED" if c.regressed else ""
        lines.append(
            f"{c.architecture:<14}{c.method:<20}{c.metric:<34}{c.baseline_mean:>10.3f}{c.fresh_mean:>10.3f}"
            f"{c.standard_errors:>13.2f}{c.limit:>8.2f}{verdict}"
        )
    worse = sum(c.regressed for c in comparisons)
    lines.append(f"{worse} of {len(comparisons)} regressed (positive: worse than the baseline)")
    return "\n".join(lines)


def _grouped(table: pd.DataFrame) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    return (((str(a), str(m)), rows) for (a, m), rows in table.groupby(["architecture", "method"], sort=True))


def _values(rows: pd.DataFrame, metric: str) -> list[float]:
    column = metric.removeprefix(LOG)
    if column not in rows:
        raise WganlibError(f"the table has no column {column!r}, which the baseline compares: score its runs as the baseline's")
    return [math.log(v) if metric.startswith(LOG) else float(v) for v in rows[column]]


def _settings(rows: pd.DataFrame) -> str:
    settings = sorted(set(rows["settings"]))
    return ", ".join(settings)
