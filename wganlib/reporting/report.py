"""Reports: collected tables -> numbers (JSON) -> PDF. A report never trains, scores or reads a run's folder."""

from pathlib import Path
from typing import Any

import pandas as pd

from wganlib.collecting.collect import module_of
from wganlib.collecting.collected import Tables, load
from wganlib.errors import WganlibError
from wganlib.files import write_atomic, write_json
from wganlib.judging.quantities import Quantity
from wganlib.planning.describe import settings_lines
from wganlib.planning.expansion import Experiment
from wganlib.planning.plan import Plan
from wganlib.reporting.content import Content
from wganlib.reporting.criteria import grouped
from wganlib.reporting.style import pdf
from wganlib.reporting.typeset import compile_report


def write_report(experiment: Experiment, plan: Plan, results: Path, reports: Path) -> Path:
    """Write `<reports>/<scale>/<name>.json`, `.pdf` and `.png`, its first page; returns the PDF's path.

    Raises:
        WganlibError: the experiment has no report or no module, or a collected table is missing or damaged.
    """
    if not experiment.params.report:
        raise WganlibError(f"params/experiments/{experiment.name}.yaml: found report: false; its tables are all that is made")
    tables = load(plan, experiment, results)
    module = module_of(experiment.name)
    content: Content = module.report(tables)
    files = {f"figure{i}.pdf": pdf(picture.figure) for i, picture in enumerate(content.pictures, 1)}
    numbers = _numbers(tables, content, module.QUANTITIES if content.findings is None else content.findings.quantities)
    numbers["pictures"] = [{"file": f, "caption": p.caption} for f, p in zip(files, content.pictures, strict=True)]
    path = reports / plan.scale / f"{experiment.name}.pdf"
    typeset, preview = compile_report(content.template, numbers | content.numbers, files | content.files)
    write_json(path.with_suffix(".json"), numbers | content.numbers)
    write_atomic(path.with_suffix(".png"), preview)
    write_atomic(path, typeset)
    return path


def _numbers(tables: Tables, content: Content, described: dict[str, Quantity]) -> dict[str, Any]:
    """The page's numbers but for its pictures."""
    experiment, runs = tables.experiment, tables.runs
    measured = tables.quantities if content.findings is None else content.findings.frame()
    titles, ours = {key: q.title for key, q in described.items()}, {key for key, q in described.items() if q.ours}
    scored = experiment.params.scored
    return {
        "scale": tables.scale,
        "title": experiment.params.title,
        "source": experiment.params.source,
        "claim": experiment.params.claim.strip(),
        "unspecified": list(experiment.params.unspecified),
        "notes": [*_kind(experiment), *content.notes],
        "tables": [table._asdict() for table in content.tables],
        "lines": [block._asdict() for block in content.lines],
        "quantities": grouped(measured, titles, ours),
        "run_list": [_run(row, tables) for row in runs.to_dict("records")] if scored else [],
        "scoring": _scoring(experiment, tables) if scored else "",
        "settings": settings_lines(experiment.trained_entries),
        "seeds": list(experiment.seeds),
        # Random architectures are repetitions too.
        "single": scored and runs["seed"].nunique() == 1 and not isinstance(experiment.scale.architectures, int),
        "runs": len(runs),
        "failed": [_failed(row, experiment) for row in runs[runs["outcome"] != "ok"].to_dict("records")],
        "seconds": round(float(runs.drop_duplicates("run")["seconds"].sum()), 1),
        "commits": sorted(set(runs["commit"].fillna("not recorded"))),
        "devices": sorted(set(runs["device"])),
    }


def _failed(row: dict[Any, Any], experiment: Experiment) -> str:
    """A failed run by its options and seed, and how it ended."""
    labels = [str(row[axis]) for axis in experiment.axes if not pd.isna(row[axis])]
    if "architecture" in row:
        labels.insert(0, f"architecture {row['architecture']}")
    labels.append(f"seed {row['seed']}")
    return f"{', '.join(labels)} ({str(row['outcome']).replace('_', ' ')})"


def _kind(experiment: Experiment) -> list[str]:
    """What a reader must know of the scores."""
    if not experiment.params.scored or experiment.scoring.network != "classifier":
        return []
    data = ", ".join(sorted({entry.spec.dataset.name for entry in experiment.entries}))
    return [f"Scores are a classifier's, on {data}: they do not compare with Inception's, which the paper gives."]


def _run(row: dict[Any, Any], tables: Tables) -> dict[str, str]:
    labels = [str(row[axis]) for axis in tables.experiment.axes if isinstance(row.get(axis), str)]
    score = row.get(tables.columns.score)
    return {
        "labels": ", ".join([*([row["group"]] if not labels else []), *labels]),
        "seed": str(row["seed"]),
        "outcome": row["outcome"],
        "score": "–" if score is None or score != score else f"{score:.2f}",
        "seconds": f"{row['seconds']:.0f}",
        "key": row["run"].rpartition("-")[2],
    }


def _scoring(experiment: Experiment, tables: Tables) -> str:
    how = experiment.scoring
    if how.network == "none":
        return f"{how.num_samples:,} samples a run; {', '.join(how.measures or ())}"
    real = [
        f"{name}: real training images {one['real_training_images'][tables.columns.score]:.2f}, held-out "
        f"{one['real_held_out_images'][tables.columns.score]:.2f}, classifier's accuracy {one['accuracy']:.3f}"
        for name, one in tables.real.items()
    ]
    return f"{tables.columns.title} of {how.num_samples:,} samples in {how.splits} splits; {'; '.join(real)}"
