"""Reports of image and text experiments: collected tables, and a module of `wganlib.reporting.content` that reads them."""

import importlib
import importlib.util
import io
from pathlib import Path
from typing import Any

from PIL import Image

from wganlib.collecting.tables import LEAST_COLUMNS, read_table, shown, split_sheets
from wganlib.errors import WganlibError
from wganlib.files import read_json
from wganlib.planning.describe import settings_lines
from wganlib.planning.plan import Experiment, Plan
from wganlib.reporting.content import Content, Tables
from wganlib.reporting.criteria import grouped
from wganlib.reporting.style import pdf


def build(name: str, plan: Plan, experiment: Experiment, results: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The numbers of a report, and its pictures by file name.

    Raises:
        WganlibError: the report has no module, or a collected table is missing or damaged.
    """
    if importlib.util.find_spec(f"wganlib.experiments.{name}") is None:
        raise WganlibError(
            f"params/experiments/{experiment.name}.yaml: no report is named {name!r}: add "
            f"wganlib/experiments/{name}.py with `report(tables)`, or set reports to []"
        )
    tables = load(plan, experiment, results)
    content: Content = importlib.import_module(f"wganlib.experiments.{name}").report(tables)
    files = {f"figure{i}.pdf": pdf(picture.figure) for i, picture in enumerate(content.pictures, 1)}
    findings, runs = content.findings, tables.runs
    titles = {key: quantity.title for key, quantity in findings.quantities.items()}
    failed = runs[runs["outcome"] != "ok"]
    numbers = {
        "scale": plan.scale,
        "title": experiment.params.title,
        "source": experiment.params.source,
        "claim": experiment.params.claim.strip(),
        "unspecified": list(experiment.params.unspecified),
        "notes": [*_kind(experiment), *content.notes],
        "tables": [table._asdict() for table in content.tables],
        "pictures": [{"file": f, "caption": p.caption} for f, p in zip(files, content.pictures, strict=True)],
        "lines": [block._asdict() for block in content.lines],
        "quantities": grouped(findings.frame(), titles, {k for k, q in findings.quantities.items() if q.ours}),
        "run_list": [_run(row, tables) for row in runs.to_dict("records")],
        "scoring": _scoring(experiment, tables),
        "settings": settings_lines(experiment.entries),
        "seeds": sorted({int(seed) for seed in runs["seed"]}),
        # Random architectures are repetitions too.
        "single": runs["seed"].nunique() == 1 and not isinstance(experiment.scale.architectures, int),
        "runs": len(runs),
        "diverged": [f"{row['run'].rpartition('-')[2]} ({row['outcome']})" for row in failed.to_dict("records")],
        "seconds": round(float(runs.drop_duplicates("run")["seconds"].sum()), 1),
        "commits": sorted(set(runs["commit"].fillna("not recorded"))),
        "devices": sorted(set(runs["device"])),
    }
    return numbers, files


def load(plan: Plan, experiment: Experiment, results: Path) -> Tables:
    """An experiment's collected tables.

    Raises:
        WganlibError: one is missing or damaged.
    """
    folder, text = results / plan.scale / experiment.name, list(experiment.axes)
    runs = read_table(folder / "runs.csv", LEAST_COLUMNS, text)
    names = shown(runs)
    sheets: dict[str, Image.Image] = {}
    if experiment.scale.architectures is None:
        pictures = split_sheets(folder / "samples.png", len(names))
        sheets = {name: Image.open(io.BytesIO(picture)) for name, picture in zip(names, pictures, strict=True)}
    return Tables(
        experiment=experiment,
        scale=plan.scale,
        runs=runs,
        snapshots=read_table(folder / "snapshots.csv", ["run"], text),
        curves=read_table(folder / "curves.csv", ["run", "generator_iteration"], text),
        real=read_json(folder / "real.json"),
        lines=read_json(folder / "lines.json"),
        sheets=sheets,
        methods=plan.methods,
        published=plan.published,
    )


def _kind(experiment: Experiment) -> list[str]:
    """What a reader must know of the scores."""
    if experiment.scoring.network != "classifier":
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
