"""Reports: collected tables -> numbers (JSON) -> PDF. A report never trains, scores or reads a run's folder."""

from pathlib import Path

from wganlib.errors import unknown
from wganlib.plan import Plan


def write_report(name: str, plan: Plan, results: Path, reports: Path) -> Path:
    """Write `<reports>/<scale>/<name>.json`, `.pdf` and `.png`, its first page; returns the PDF's path.

    Raises:
        WganlibError: no experiment of the plan makes a report of that name, or a collected table is missing.
    """
    from wganlib.files import write_atomic, write_json
    from wganlib.reporting import pilot, table1, table2
    from wganlib.reporting.typeset import compile_report

    builders = {"table1": table1.build, "table2": table2.build, "pilot": pilot.build}
    sources = plan.reports()
    if name not in sources or name not in builders:
        raise unknown(f"report at scale {plan.scale}", name, set(sources) & set(builders))
    numbers, pictures = builders[name](plan, plan.experiment(sources[name]), results)
    pdf = reports / plan.scale / f"{name}.pdf"
    content, preview = compile_report(name, numbers, pictures)
    write_json(pdf.with_suffix(".json"), numbers)
    write_atomic(pdf.with_suffix(".png"), preview)
    write_atomic(pdf, content)
    return pdf
