"""Generated text and the divergence of its n-grams from real text (Gulrajani et al. 2017, Table 4 and section 5.5)."""

import math

import pandas as pd

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Findings, Quantity
from wganlib.reporting.content import Content, Lines, Picture, Table, finite, mean_sd, number, rows_of
from wganlib.reporting.grammar import ending, runs_ok, with_references
from wganlib.reporting.style import DASHES, PALETTE, figure

ORDERS = (1, 2, 3, 4)
LIMITS = {1: 0.15, 2: 0.2, 3: 0.3, 4: 0.35}
"""How far above held-out lines a divergence may end, by n."""

QUANTITIES = {
    **{f"above_{n}": Quantity(f"divergence of {n}-grams above that of held-out lines", f"< {LIMITS[n]}") for n in ORDERS},
    "change": Quantity("divergence of the last generator minus that of the untrained one", "< 0"),
    "ratio": Quantity(
        "what GAN lies above held-out lines, divided by what WGAN-GP lies above them, same seed", "> 2", ours=True
    ),
    "gradient_norm": Quantity(
        "norm of the critic's gradient where the penalty is taken, last fifth", "in [0.8, 1.2]", ours=True
    ),
}

PENALISED, PLAIN = "WGAN-GP", "GAN"
SHOWN = 32
"""Generated lines of each method, as many as the paper's table has about."""


def report(tables: Tables) -> Content:
    """Divergences by n with the held-out floor; the same over training; generated lines."""
    findings, rows, rules = Findings(QUANTITIES), [], []
    methods = tables.options("method")
    results = with_references(tables.results, [f"ngram_divergence_{n}_held_out" for n in ORDERS])
    for method in methods:
        runs = rows_of(results, method=method)
        start = rows_of(tables.snapshots, method=method, generator_iteration=0)
        for n in ORDERS:
            words = runs_ok(rows_of(tables.runs, method=method)) if n == 1 else ""
            rows.append(_row(tables.title(method) if n == 1 else "", words, n, runs, start))
        rules.append(len(rows) - 1)
        if method != PLAIN:
            _measure(findings, tables, method, runs, start)
    _compare(findings, results)
    heads = ["|method", "n", "runs ok", "untrained", "trained", "its error", "held-out lines", "its error", "above held-out"]
    count = tables.experiment.scoring.num_samples
    caption = (
        f"Jensen-Shannon divergence, in bits from 0 to 1, between the n-grams of {count} generated lines and of as many "
        "training lines. Held-out lines: the same for real lines that were not trained on, which is what perfect text would "
        "have; with so few lines it is far from 0 for larger n. Mean ± standard deviation over seeds, without it where there "
        "is one seed; error: standard error of one model's value; a run that diverged has a divergence of 1. The paper prints "
        "samples and no numbers."
    )
    return Content(
        findings,
        [Table(heads, rows, caption, tuple(rules[:-1]))],
        [_curves(tables, methods)],
        _samples(tables, methods),
        [_NOTE],
    )


_NOTE = (
    "That GAN is worse is asked of what lies above held-out lines. The divergence itself cannot be twice as large where "
    "held-out lines have more than half a bit."
)


def _row(title: str, ended: str, n: int, runs: pd.DataFrame, start: pd.DataFrame) -> list[str]:
    name = f"ngram_divergence_{n}"
    floor = f"{name}_held_out"
    line = [title, str(n), ended, mean_sd(_column(start, name), 3), mean_sd(_column(runs, name), 3)]
    line += [number(_column(runs, f"{name}_standard_error").mean(), 3), mean_sd(_column(runs, floor), 3)]
    line += [number(_column(runs, f"{floor}_standard_error").mean(), 3)]
    return [*line, mean_sd(_column(runs, name) - _column(runs, floor), 3)]


def _column(rows: pd.DataFrame, name: str) -> pd.Series:
    """A column of numbers; of none where no run has it."""
    return rows[name].astype(float) if name in rows else pd.Series([math.nan] * len(rows), index=rows.index, dtype=float)


def _measure(findings: Findings, tables: Tables, method: str, runs: pd.DataFrame, start: pd.DataFrame) -> None:
    """What the protocol asks of WGAN-GP; of GAN it asks the opposite, see `_compare`."""
    title = tables.title(method)
    for _, run in runs.iterrows():
        seed = int(run["seed"])
        first = rows_of(start, run=run["run"])
        for n in ORDERS:
            name = f"ngram_divergence_{n}"
            findings.add(f"above_{n}", run[name] - run[f"{name}_held_out"], title, seed)
            if len(first):
                findings.add("change", run[name] - first[name].iloc[0], f"{title}, n = {n}", seed)
        curve = rows_of(tables.curves, run=run["run"])
        if len(curve):
            ended = run["outcome"] == "ok"
            findings.add("gradient_norm", ending(curve)["gradient_norm"].mean() if ended else math.nan, title, seed)


def _compare(findings: Findings, runs: pd.DataFrame) -> None:
    """The excess of GAN in units of that of WGAN-GP, seed by seed, for n >= 2."""
    plain = rows_of(runs, method=PLAIN).set_index("seed")
    for _, run in rows_of(runs, method=PENALISED).iterrows():
        seed = int(run["seed"])
        if seed not in plain.index:
            continue
        for n in ORDERS[1:]:
            findings.add("ratio", ratio(plain.loc[seed], run, n), f"n = {n}", seed)


def ratio(plain: pd.Series, penalised: pd.Series, n: int) -> float:
    """What one run lies above its floor divided by what another does; infinite where the other reaches its floor."""
    name = f"ngram_divergence_{n}"
    above, below = (float(run[name] - run[f"{name}_held_out"]) for run in (plain, penalised))
    if below > 0:
        return above / below
    return math.inf if above > 0 else math.nan


def _curves(tables: Tables, methods: list[str]) -> Picture:
    drawn, axes = figure(2.3, len(ORDERS), sharey=True)
    for n, panel in zip(ORDERS, axes[0], strict=True):
        name = f"ngram_divergence_{n}"
        for index, method in enumerate(methods):
            style = {"color": PALETTE[index], "linestyle": DASHES[index], "linewidth": 1.1, "marker": "os^"[index % 3]}
            for place, (run, rows) in enumerate(rows_of(tables.snapshots, method=method).groupby("run", sort=False)):
                known = rows[["generator_iteration", name]].dropna().sort_values("generator_iteration")
                share = 100 * known["generator_iteration"] / tables.iterations(str(run))
                panel.plot(share, known[name], label=tables.title(method) if place == 0 else None, markersize=2.5, **style)
        floor = finite(_column(tables.runs, f"{name}_held_out"))
        if len(floor):
            panel.axhline(floor.mean(), color="0.3", linewidth=0.9, linestyle=":", label="held-out lines")
        panel.set(title=f"{n}-grams", xlabel="training, %", ylim=(0, 1.02))
    axes[0, 0].set_ylabel("divergence, bits")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    if handles:
        drawn.legend(handles, labels, frameon=False, fontsize=7.5, loc="outside lower center", ncols=len(labels))
    caption = (
        "Divergence of generated from training n-grams over each run's budget; a line a seed. Dotted: held-out lines. Budgets "
        "in generator iterations: " + "; ".join(_budget(tables, method) for method in methods) + "."
    )
    return Picture(drawn, caption)


def _budget(tables: Tables, method: str) -> str:
    spec = tables.experiment.spec_of(method=method)
    steps = spec.method.critic_steps
    words = f"{spec.generator_iterations:,} with {steps} critic step{'s' if steps > 1 else ''} each"
    return f"{tables.title(method)} {words}"


def _samples(tables: Tables, methods: list[str]) -> list[Lines]:
    result = []
    for method in methods:
        first = rows_of(tables.runs, method=method, seed=tables.runs["seed"].min())
        for run, outcome in zip(first["run"], first["outcome"], strict=True):
            if tables.lines.get(run) and outcome == "ok":
                iterations = f"{tables.iterations(run):,} generator iterations"
                title = f"{tables.title(method)} after {iterations}: the first lines generated, none chosen."
                result.append(Lines(title, tables.lines[run][:SHOWN]))
    return result
