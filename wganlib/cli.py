"""The command line. Each command imports what it needs itself, so that `wganlib plan` starts without torch."""

import json
from pathlib import Path
from typing import Annotated

import typer

from wganlib.ending import Commands, run
from wganlib.errors import WganlibError

app = typer.Typer(
    cls=Commands,
    help="Plan, train, score and check GAN experiments. Progress bars show on a terminal only.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Params = Annotated[Path, typer.Option("--params", help="Folder of parameters.")]
Results = Annotated[Path, typer.Option("--results", help="Folder of results.")]
Reports = Annotated[Path, typer.Option("--reports", help="Folder of reports.")]
Scale = Annotated[str | None, typer.Option("--scale", help="Scale; that of config.yaml when left out.")]
Device = Annotated[str, typer.Option("--device", envvar="WGANLIB_DEVICE", help="auto, cpu or cuda.")]
CheckpointSeconds = Annotated[
    float,
    typer.Option("--checkpoint-seconds", envvar="WGANLIB_CHECKPOINT_SECONDS", min=0, help="Seconds between checkpoints."),
]
TrainingArgument = Annotated[
    str, typer.Argument(metavar="SPEC", help="The spec of a run or of a stack: the path of a JSON file, or JSON text.")
]
SpecArgument = Annotated[str, typer.Argument(metavar="SPEC", help="A run's spec: the path of a JSON file, or JSON text.")]
ExperimentArgument = Annotated[str, typer.Argument(metavar="EXPERIMENT", help="Name of the experiment.")]


@app.command()
def plan(
    scale: Scale = None,
    experiment: Annotated[str | None, typer.Option("--experiment", help="Show this experiment alone.")] = None,
    write: Annotated[
        Path | None, typer.Option("--write", help="Write the spec of every run or stack to DIR/<key>.json.")
    ] = None,
    params: Params = Path("params"),
) -> None:
    """Show the runs of each experiment, with estimated operations and device hours."""
    from wganlib.files import write_json
    from wganlib.planning.cost import run_flops
    from wganlib.planning.plan import load_plan

    loaded = load_plan(params, scale)
    chosen = [loaded.experiment(experiment)] if experiment else list(loaded.experiments.values())
    for obstacle in loaded.obstacles():
        typer.echo(f"note: scale {loaded.scale} cannot be trained here yet: {obstacle}")
    typer.echo(f"scale {loaded.scale}; hours of one job on: {loaded.params.throughput.device}")
    typer.echo(f"stacks of toy runs on: {loaded.params.toy_throughput.device}")
    typer.echo(f"{'experiment':<24}{'runs':>6}{'jobs':>6}{'not above':>11}{'operations':>12}{'hours':>10}")
    specs = loaded.runs | {run.key: run for stack in loaded.stacks.values() for run in stack.runs}
    flops = {key: run_flops(spec) for key, spec in specs.items()}

    def line(name: str, runs: set[str], jobs: set[str], new: str) -> str:
        hours = sum(map(loaded.seconds, jobs)) / 3600
        return f"{name:<24}{len(runs):>6}{len(jobs):>6}{new:>11}{sum(flops[k] for k in runs):>12.2e}{hours:>10.2f}"

    all_runs: set[str] = set()
    all_jobs: set[str] = set()
    for item in chosen:
        runs = {entry.run for entry in item.trained_entries}
        jobs = {stack.key for stack in item.stacks} or runs
        typer.echo(line(item.name, runs, jobs, str(len(jobs - all_jobs))))
        all_runs, all_jobs = all_runs | runs, all_jobs | jobs
    typer.echo(line("all, shared jobs once", all_runs, all_jobs, ""))
    typer.echo("not above: jobs that no line above has; a job of several experiments is trained once")
    if write is not None:
        for key in sorted(all_jobs):
            job = loaded.stacks.get(key) or loaded.runs[key]
            write_json(write / f"{key}.json", json.loads(job.canonical()))
        typer.echo(f"wrote {len(all_jobs)} specs to {write}: train each by `wganlib train`")


@app.command("list")
def list_targets(scale: Scale = None, params: Params = Path("params")) -> None:
    """List every report that this scale makes; `snakemake --cores all reports/<name>.pdf` makes one."""
    from wganlib.planning.plan import load_plan

    loaded = load_plan(params, scale)
    typer.echo(f"scale {loaded.scale}")
    for name, title in loaded.reports().items():
        typer.echo(f"reports/{name + '.pdf':<28}{title}")


@app.command()
def train(
    spec: TrainingArgument,
    results: Results = Path("results"),
    device: Device = "auto",
    checkpoint_seconds: CheckpointSeconds = 30.0,
    stop_after_seconds: Annotated[
        float | None,
        typer.Option("--stop-after-seconds", min=0, help="Then write a checkpoint and stop, with exit code 3."),
    ] = None,
) -> None:
    """Train a run, or a stack of them as one program, or go on from the checkpoint.

    An interrupted training ends with the same bytes as an undisturbed one.
    """
    from wganlib.planning.plan import read_training

    what = read_training(spec, "spec")
    from wganlib.training import runs

    try:
        outcome = runs.train(
            what,
            results,
            device=device,
            checkpoint_seconds=checkpoint_seconds,
            stop_after_seconds=stop_after_seconds,
        )
    except runs.Stopped as stop:
        place = f"at iteration {stop.iteration} of {stop.iterations}"
        typer.echo(f"stopped after {stop_after_seconds:g} s {place}; the same command goes on", err=True)
        raise typer.Exit(3) from None
    except KeyboardInterrupt:
        typer.echo("stopped; the same command goes on from the last checkpoint", err=True)
        raise typer.Exit(130) from None
    typer.echo(f"{what.folder(results)}: {outcome}")


@app.command()
def adopt(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder of a trained run or stack, or one with such folders in it.")
    ],
    results: Results = Path("results"),
) -> None:
    """Take over what `wganlib train` made elsewhere; all is checked before a file is written."""
    from wganlib.planning.snakemake import forget_interrupted
    from wganlib.training.adopt import adopt as adopt_runs

    files: list[Path] = []
    for target, what in adopt_runs(folder, results):
        typer.echo(f"{target}: {what}")
        files += (path for path in target.iterdir() if path.is_file())
    forget_interrupted(files)


Scoring = Annotated[str, typer.Option("--scoring", help="How to score, as JSON text.")]


@app.command()
def classifier(
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="A classifier's spec: the path of a JSON file, or JSON text.")],
    scoring: Scoring,
    results: Results = Path("results"),
    device: Device = "auto",
) -> None:
    """Train the classifier that scores a data set's runs; SPEC is a classifier's."""
    from wganlib.planning.plan import read_spec
    from wganlib.spec.scoring import ClassifierSpec, ScoringSpec

    what, how = read_spec(ClassifierSpec, spec, "spec"), read_spec(ScoringSpec, scoring, "--scoring")
    from wganlib.scoring.scorer import make_classifier
    from wganlib.training.runs import choose_device

    folder = results / "classifiers" / what.key
    make_classifier(what, how, folder, choose_device(device))
    typer.echo(str(folder))


@app.command()
def score(
    spec: SpecArgument,
    scoring: Scoring,
    classifier: Annotated[Path | None, typer.Option("--classifier", help="Folder of the classifier; images need it.")] = None,
    results: Results = Path("results"),
    device: Device = "auto",
) -> None:
    """Score a trained run: its scores, distances and measures, sheets of samples."""
    from wganlib.planning.plan import read_spec
    from wganlib.spec.run import Spec
    from wganlib.spec.scoring import ScoringSpec

    run, how = read_spec(Spec, spec, "spec"), read_spec(ScoringSpec, scoring, "--scoring")
    from wganlib.scoring.scorer import score_run
    from wganlib.training.runs import choose_device

    folder = results / "runs" / run.key
    score_run(run, how, folder, classifier, choose_device(device))
    typer.echo(str(folder / "scores.json"))


@app.command()
def sample(
    run: Annotated[str, typer.Argument(help="Key of a trained run, also of one in a stack, or its own folder.")],
    out: Annotated[Path, typer.Option("--out", help="PNG file to write.")] = Path("samples.png"),
    rows: Annotated[int, typer.Option("--rows", min=1)] = 8,
    columns: Annotated[int, typer.Option("--columns", min=1)] = 8,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the noise.")] = 0,
    results: Results = Path("results"),
) -> None:
    """Draw samples from a trained run's generator: images (of a conditional one a column a class), points or lines."""
    if out.suffix.lower() != ".png":
        raise WganlibError(f"--out: found {out}, but images are written as PNG: let the name end in .png")
    if not out.parent.is_dir():
        raise WganlibError(f"--out: {out.parent} is no folder; make it, or choose another")
    from wganlib.files import write_atomic
    from wganlib.scoring import sheets
    from wganlib.streams import stream
    from wganlib.training.generated_samples import sample as sample_from
    from wganlib.training.runs import open_run

    trained = open_run(run, results)
    spec, count = trained.spec, rows * columns
    labels = sheets.class_columns(spec, rows, columns)
    made = sample_from(trained.generator(), spec, count, max(count, 100), stream(seed, "scoring"), labels)
    write_atomic(out, sheets.sheet(made, spec.dataset.shape, rows, columns, sheets.symbols_of(trained.folder, spec)))
    typer.echo(str(out))


@app.command()
def collect(
    experiment: ExperimentArgument,
    scale: Scale = None,
    params: Params = Path("params"),
    results: Results = Path("results"),
) -> None:
    """Gather an experiment's runs into tables under RESULTS/<scale>/<experiment>/, and measure what its module measures."""
    from wganlib.collecting.collect import collect as collect_runs
    from wganlib.planning.plan import load_plan

    loaded = load_plan(params, scale)
    typer.echo(str(collect_runs(loaded, loaded.experiment(experiment), results)))


@app.command()
def judge(
    experiment: ExperimentArgument,
    scale: Scale = None,
    params: Params = Path("params"),
    results: Results = Path("results"),
) -> None:
    """Judge an experiment's claims from its collected tables."""
    from wganlib.collecting.ledger import judge_experiment
    from wganlib.planning.plan import load_plan

    loaded = load_plan(params, scale)
    typer.echo(str(judge_experiment(loaded, loaded.experiment(experiment), results)))


@app.command()
def claims(
    scale: Scale = None,
    params: Params = Path("params"),
    results: Results = Path("results"),
    reports: Reports = Path("reports"),
) -> None:
    """Bring the verdicts on all claims together: tables, and a page with all of them."""
    from wganlib.collecting.ledger import gather
    from wganlib.planning.plan import load_plan
    from wganlib.reporting.forest import write_claims

    loaded = load_plan(params, scale)
    gather(loaded, results)
    typer.echo(str(write_claims(loaded.scale, results, reports)))


@app.command()
def report(
    experiment: ExperimentArgument,
    scale: Scale = None,
    params: Params = Path("params"),
    results: Results = Path("results"),
    reports: Reports = Path("reports"),
) -> None:
    """Typeset an experiment's report from its collected tables."""
    from wganlib.planning.plan import load_plan
    from wganlib.reporting.report import PAPER, write_report

    loaded = load_plan(params, scale)
    there = (params / "scales" / f"{PAPER}.yaml").exists() and loaded.scale != PAPER
    paper = load_plan(params, PAPER, only=experiment) if there else None
    typer.echo(str(write_report(loaded.experiment(experiment), loaded, results, reports, paper)))


@app.command()
def publish(
    scale: Scale = None,
    params: Params = Path("params"),
    results: Results = Path("results"),
    reports: Reports = Path("reports"),
) -> None:
    """Copy a scale's tables and reports to where git holds them, with a manifest of what they come from."""
    from wganlib.collecting.publish import publish as publish_scale
    from wganlib.planning.plan import load_plan

    typer.echo(publish_scale(load_plan(params, scale), results, reports))


@app.command()
def check(
    table: Annotated[Path, typer.Argument(help="Collected runs.csv of the scores to check.")],
    baseline: Annotated[Path, typer.Option("--baseline", help="Baseline file.")] = Path("params/baselines/demo.json"),
    record: Annotated[bool, typer.Option("--record", help="Write the baseline from the table instead of checking.")] = False,
) -> None:
    """Compare scores with a baseline's seed spread; exits 1 when one regressed."""
    from wganlib.collecting.tables import CHECKED_COLUMNS, read_table
    from wganlib.judging.baseline import compare, load_baseline, record_baseline, render

    scores = read_table(table, CHECKED_COLUMNS)
    if record:
        record_baseline(scores, baseline)
        typer.echo(str(baseline))
        return
    comparisons = compare(scores, load_baseline(baseline))
    typer.echo(render(comparisons))
    if any(c.regressed for c in comparisons):
        raise typer.Exit(1)


data = typer.Typer(help="Data sets: list them, fetch official files, verify what is there.", no_args_is_help=True)
app.add_typer(data, name="data")


@data.command("list")
def data_list() -> None:
    """List every data set: what it is, where its files are looked for, and whether the official ones can be fetched."""
    from wganlib.datasets import DATASETS
    from wganlib.datasets.data_root import data_root, there

    typer.echo(f"data root: {data_root()} (set DATA_ROOT to change it)")
    typer.echo(f"{'data set':<16}{'kind':<8}{'classes':>8}  files")
    for name, what in DATASETS.items():
        if what.sources:
            files = "there" if there(name) else f"not there: wganlib data fetch {name}"
        else:
            by_hand = "there" if there(name) else "not there: by hand, see docs/data.md"
            files = "your own folder" if what.folder else by_hand if what.by_hand else "none needed"
        typer.echo(f"{name:<16}{what.kind:<8}{what.classes or '-':>8}  {files}")


@data.command("fetch")
def data_fetch(name: Annotated[str, typer.Argument(help="Name of the data set.")]) -> None:
    """Download a data set's official files into DATA_ROOT; a broken download goes on where it stopped."""
    from wganlib.datasets import DATASETS
    from wganlib.datasets.fetch import fetch
    from wganlib.errors import unknown

    if name not in DATASETS:
        raise unknown("data set", name, DATASETS)
    for line in fetch(name):
        typer.echo(line)


@data.command("verify")
def data_verify(
    spec: Annotated[
        str,
        typer.Argument(metavar="SPEC", help="A data set's spec as JSON text or file, or the name of one that needs no more."),
    ],
) -> None:
    """Read a whole data set from its files; print what was changed, left out or refused, its counts and content hash."""
    from wganlib.datasets import DATASETS
    from wganlib.datasets.spec import DatasetSpec
    from wganlib.errors import parse, unknown
    from wganlib.planning.plan import read_spec

    if spec in DATASETS:
        side = DATASETS[spec].side or (64 if DATASETS[spec].kind == "images" else None)
        what = parse(DatasetSpec, {"name": spec} | ({"image_size": side} if side else {}), spec)
    elif not spec.lstrip().startswith("{") and not Path(spec).exists():
        raise unknown("data set", spec, DATASETS)
    else:
        what = read_spec(DatasetSpec, spec, "spec")
    from wganlib.datasets.inspection import inspecting
    from wganlib.datasets.loading import load

    with inspecting() as found:
        images = load(what)
    for line in found.lines():
        typer.echo(line)
    if found.refused:
        raise WganlibError(f"{what.name}: {len(found.refused)} refused; mend or remove what is named above")
    typer.echo(f"{what.name}: {len(images.train)} training and {len(images.test)} held-out examples of {what.shape.shape}")
    typer.echo(f"sha256 of the content: {images.sha256}")


def main() -> None:
    """Run the command line; a user's mistake, and what the operating system refuses, print one line and exit with 2."""
    run(app)


if __name__ == "__main__":
    main()
