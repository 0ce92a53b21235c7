"""What makes tables and reports old: digests of what they show and of the code that makes them. Needs no torch.

Trainings have none of these: their specs and the versions of the parts in them decide.
"""

import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wganlib.planning.expansion import Experiment
from wganlib.planning.params import MethodParams
from wganlib.planning.plan import Plan


def tables_digest(experiment: Experiment) -> str:
    """Changes with anything that an experiment's collected tables depend on besides the runs' own files."""
    params, scale = experiment.params, experiment.scale
    value: list[Any] = [(entry.run, entry.group, entry.labels) for entry in experiment.entries]
    value += [params.title, params.source, experiment.seeds, scale.curve_points, scale.median_iterations]
    value.append(experiment.scoring.canonical() if params.scored else experiment.settings)
    return _digest(value)


def claims_digest(experiment: Experiment) -> str:
    """Changes with anything that the verdicts on an experiment's claims depend on besides its tables."""
    claims = experiment.params.model_dump(mode="json", include={"claims", "gates"}, exclude_defaults=True)
    return _digest([claims, [entry.spec.canonical() for entry in experiment.trained_entries]])


def report_digest(experiment: Experiment, methods: Mapping[str, MethodParams]) -> str:
    """Changes with anything that its report depends on besides its tables: words, settings, titles of its methods."""
    described = experiment.params.model_dump(mode="json", exclude={"scales", "groups", "claims", "gates"}, exclude_none=True)
    titles = [methods[name].title for name in experiment.methods if name in methods]
    specs = [entry.spec.canonical() for entry in experiment.entries]
    return _digest([tables_digest(experiment), described, experiment.settings, titles, specs])


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:10]


def tables_code(plan: Plan, experiment: str) -> str:
    """Digest of the code that an experiment's tables are made by."""
    params = plan.experiment(experiment).params
    own = (f"experiments/{experiment}.py",) if params.report else ()
    shared = ("collecting/collect.py", "collecting/collected.py", "collecting/pages.py", "collecting/tables.py")
    judging = ("judging/failures.py", "judging/quantities.py", "judging/score_names.py")
    return _code_digest(*shared, *judging, *own, *(() if params.scored else ("measuring/*.py",)))


def judging_code() -> str:
    """Digest of the code that verdicts are made by."""
    return _code_digest("judging/*.py", "collecting/ledger.py", "planning/describe.py")


def report_code(experiment: str) -> str:
    """Digest of the code and the templates that an experiment's report is made by."""
    rooms = ("reporting/*.py", "reporting/templates/*", "judging/*.py")
    shared = (*rooms, "collecting/collected.py", "collecting/tables.py", "planning/describe.py", "planning/differences.py")
    return _code_digest(*shared, f"experiments/{experiment}.*")


@functools.cache
def _code_digest(*patterns: str) -> str:
    """Digest of the library's files that make tables and reports, so that editing them makes these anew; they take seconds."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(path for pattern in patterns for path in root.glob(pattern)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]
