"""What `import wganlib` offers of the project's commands: train, score, read. Its page is docs/python.md."""

from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from wganlib import layout
from wganlib.collecting.tables import LEAST_COLUMNS, read_table
from wganlib.errors import unknown
from wganlib.files import read_json
from wganlib.planning.plan import configured_scale
from wganlib.scoring.scorer import make_classifier, score_run
from wganlib.spec.run import Spec
from wganlib.spec.scoring import ClassifierSpec, ScoringSpec
from wganlib.spec.stack import StackSpec, parse_training
from wganlib.training import runs


def train(spec: Spec | StackSpec | dict[str, Any], results: Path | str = "results", *, device: str = "auto") -> Path:
    """Train a run or a stack, or go on from its checkpoint; returns its folder. What is there already is left as it is.

    spec: of a plan's `runs` or `stacks`, or the same as plain data, see docs/own-method.md.

    Raises:
        WganlibError: the spec is wrong, its data are missing, or another process trains it.
    """
    what = spec if isinstance(spec, Spec | StackSpec) else parse_training(spec, "spec")
    runs.train(what, Path(results), device=device)
    return what.folder(Path(results))


def score(
    run: Path | str,
    scoring: ScoringSpec,
    classifier: ClassifierSpec | None = None,
    *,
    device: str = "auto",
) -> dict[str, Any]:
    """Score a trained run by its folder; returns what `scores.json` in it holds then, see docs/scores.md.

    scoring, classifier: a plan's `scoring_of(key)` and `classifier_of(key)`, or your own. The classifier is trained where the
    results do not have it yet.

    Raises:
        WganlibError: the run is missing or damaged, or cannot be scored so.
    """
    folder, chosen = Path(run), runs.choose_device(device)
    spec, judge = runs.run_in(folder).spec, None
    if classifier is not None:
        judge = layout.classifier_folder(folder.parent.parent, classifier.key)
        if not runs.is_complete(judge, layout.CLASSIFIER_FILES):
            make_classifier(classifier, scoring, judge, chosen)
    score_run(spec, scoring, folder, judge, chosen)
    scores: dict[str, Any] = read_json(folder / "scores.json")
    return scores


def load_generator(run: Path | str, results: Path | str = "results") -> nn.Module:
    """A trained run's generator in `eval` mode, on the CPU: noise [N, *generator.inputs] -> examples [N, ...].

    run: the run's folder, or its key below `results`, also of a run in a stack. A conditional generator takes labels [N] as its
    second argument.

    Raises:
        WganlibError: no such run, one whose generator has no network, or damaged weights.
    """
    return runs.open_run(run, Path(results)).generator()


def read_results(
    experiment: str, scale: str | None = None, results: Path | str = "results", *, params: Path | str = "params"
) -> pd.DataFrame:
    """The collected runs of an experiment, one row a run: labels, scores with their standard errors, outcome, provenance.

    scale: that of `params/config.yaml` when left out.

    Raises:
        WganlibError: the experiment has not been collected there, or the table is damaged.
    """
    scale = scale or configured_scale(Path(params))
    folder = layout.table_folder(Path(results), scale, experiment)
    collected = {path.parent.name for path in folder.parent.glob("*/runs.csv")}
    if collected and experiment not in collected:
        raise unknown(f"experiment in {folder.parent}", experiment, collected)
    return read_table(folder / "runs.csv", LEAST_COLUMNS)
