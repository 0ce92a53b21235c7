"""What `import wganlib` offers of the project's commands: train, score, read. The page of it is docs/python.md."""

from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from wganlib import layout
from wganlib.collecting.tables import LEAST_COLUMNS, read_table
from wganlib.errors import WganlibError, parse, unknown
from wganlib.files import read_json
from wganlib.planning.plan import configured_scale
from wganlib.scoring.scorer import make_classifier, score_run
from wganlib.spec.run import Spec
from wganlib.spec.scoring import ClassifierSpec, ScoringSpec
from wganlib.training import runs


def train(spec: Spec | dict[str, Any], results: Path | str = "results", *, device: str = "auto", threads: int = 1) -> Path:
    """Train a run, or go on from its checkpoint; returns its folder. A run that is there already is left as it is.

    spec: of a plan's `runs`, or the same as plain data, see docs/own-method.md.

    Raises:
        WganlibError: the spec is wrong, its data are missing, or another process trains the run.
    """
    run = spec if isinstance(spec, Spec) else parse(Spec, spec, "spec")
    runs.train(run, Path(results), device=device, threads=threads)
    return layout.run_folder(Path(results), run.key)


def score(
    run: Path | str, scoring: ScoringSpec, classifier: ClassifierSpec | None = None, *, threads: int = 1
) -> dict[str, Any]:
    """Score a trained run by its folder; returns what `scores.json` in it holds, see docs/scores.md.

    scoring, classifier: a plan's `scoring_of(key)` and `classifier_of(key)`, or of your own. The classifier is trained where
    the results do not have it yet.

    Raises:
        WganlibError: the run is missing or damaged, or cannot be scored so.
    """
    folder = Path(run)
    judge = None
    if classifier is not None:
        judge = layout.classifier_folder(folder.parent.parent, classifier.key)
        if not all((judge / name).exists() for name in layout.CLASSIFIER_FILES):
            make_classifier(classifier, scoring, judge, threads)
    score_run(_spec_of(folder), scoring, folder, judge, threads)
    scores: dict[str, Any] = read_json(folder / "scores.json")
    return scores


def read_results(
    experiment: str, scale: str | None = None, results: Path | str = "results", *, params: Path | str = "params"
) -> pd.DataFrame:
    """The collected runs of an experiment, one row a run: labels, scores with their standard errors, outcome, provenance.

    scale: that of `params/config.yaml` when left out.

    Raises:
        WganlibError: the experiment has not been collected there, or the table is damaged.
    """
    scale = scale or configured_scale(Path(params))
    path = layout.table_folder(Path(results), scale, experiment) / "runs.csv"
    collected = {file.parent.name for file in path.parents[1].glob("*/runs.csv")}
    if collected and experiment not in collected:
        raise unknown(f"experiment in {path.parents[1]}", experiment, collected)
    return read_table(path, LEAST_COLUMNS)


def load_generator(run: Path | str) -> nn.Module:
    """A trained run's generator in `eval` mode by the run's folder: noise [N, *generator.inputs] -> examples [N, ...].

    A conditional one takes labels [N] as its second argument.

    Raises:
        WganlibError: no such run, one whose generator has no network, or damaged weights.
    """
    folder = Path(run)
    return runs.load_generator(folder, _spec_of(folder))


def _spec_of(folder: Path) -> Spec:
    path = folder / "spec.json"
    if not path.exists():
        raise WganlibError(f"{folder}: no such run; train it first, with `wganlib train SPEC` or wganlib.train(spec)")
    return parse(Spec, read_json(path), str(path))
