"""Reports: collected tables -> numbers (JSON) -> PDF. A report never trains, scores or reads a run's folder."""

from pathlib import Path
from typing import Any

from wganlib.errors import unknown
from wganlib.planning.plan import Plan


def write_report(name: str, plan: Plan, results: Path, reports: Path) -> Path:
    """Write `<reports>/<scale>/<name>.json`, `.pdf` and `.png`, its first page; returns the PDF's path.

    Raises:
        WganlibError: no experiment of the plan makes a report of that name, or a collected table is missing.
    """
    from wganlib.experiments import pilot, table1, table2
    from wganlib.reporting import report as experiment
    from wganlib.reporting import toy

    pdf = reports / plan.scale / f"{name}.pdf"
    if name in plan.toys:
        numbers, pictures = toy.build(plan.toys[name], plan.scale, results / plan.scale / name)
        return _write(pdf, "experiment", numbers, pictures)
    builders = {"table1": table1.build, "table2": table2.build, "pilot": pilot.build}
    sources = plan.reports()
    if name not in sources:
        raise unknown(f"report at scale {plan.scale}", name, set(sources) | set(plan.toys))
    source = plan.experiment(sources[name])
    if name in builders:
        numbers, pictures = builders[name](plan, source, results)
        return _write(pdf, name, numbers, pictures)
    numbers, pictures = experiment.build(name, plan, source, results)
    return _write(pdf, "experiment", numbers, pictures)


def _write(pdf: Path, template: str, numbers: dict[str, Any], pictures: dict[str, bytes]) -> Path:
    from wganlib.files import write_atomic, write_json
    from wganlib.reporting.typeset import compile_report

    content, preview = compile_report(template, numbers, pictures)
    write_json(pdf.with_suffix(".json"), numbers)
    write_atomic(pdf.with_suffix(".png"), preview)
    write_atomic(pdf, content)
    return pdf
