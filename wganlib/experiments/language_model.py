"""Generated text and the divergence of its n-grams from real text (Gulrajani et al. 2017, Table 4 and section 5.5)."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Findings, Quantity
from wganlib.reporting.content import Cell, Content, Lines, Number, Picture, finite, mean, rows_of, spread
from wganlib.reporting.grammar import Column, by_options, ending, measured, runs_ok, with_references
from wganlib.reporting.style import DASHES, PALETTE, figure

ORDERS = (1, 2, 3, 4)
QUANTITIES = {
    "excess": Quantity("divergence of generated from training n-grams less that of held-out lines"),
    "log_excess": Quantity("logarithm of that; minus infinity where nothing lies above held-out lines"),
    "change": Quantity("divergence of the last generator less that of the untrained one"),
    "gradient_norm": Quantity("norm of the critic's gradient where the penalty is taken, first logged step and last fifth"),
    "critic_gap": Quantity("mean critic on real less on generated lines, first logged step and last fifth"),
}
SHOWN = 32
"""Generated lines of each method, as many as the paper's table has about."""


def measure(tables: Tables) -> Findings:
    """Divergences above the floor and their change, by method and n; the penalised critic's slope and gap."""
    findings = Findings(QUANTITIES)
    runs = with_references(tables.results, [f"ngram_divergence_{n}_held_out" for n in ORDERS])
    start = rows_of(tables.snapshots, generator_iteration=0)
    for run in runs.to_dict("records"):
        seed, method = int(run["seed"]), run["method"]
        first = rows_of(start, run=run["run"])
        for n in ORDERS:
            value, floor = run[f"ngram_divergence_{n}"], run[f"ngram_divergence_{n}_held_out"]
            above = value - floor
            findings.add("excess", above, seed=seed, method=method, n=n)
            findings.add("log_excess", math.log(above) if above > 0 else -math.inf, seed=seed, method=method, n=n)
            if len(first):
                findings.add("change", value - first[f"ngram_divergence_{n}"].iloc[0], seed=seed, method=method, n=n)
        curve = rows_of(tables.curves, run=run["run"])
        for state, name, result in _critic(curve if run["outcome"] == "ok" else curve[:0]):
            findings.add(name, result, seed=seed, method=method, state=state)
    return findings


def _critic(curve: pd.DataFrame) -> Iterator[tuple[str, str, float]]:
    """Gradient norm and gap at the first logged step and over the last fifth, of a Wasserstein critic's history."""
    gap = curve["penalty"] - curve["critic_loss"] if "penalty" in curve else pd.Series(dtype=float)
    rows = curve.assign(critic_gap=gap)
    for name in ("gradient_norm", "critic_gap"):
        if name in rows and len(rows):
            yield "first step", name, float(rows.sort_values("generator_iteration")[name].iloc[0])
            yield "last fifth", name, float(ending(rows)[name].mean())


def report(tables: Tables) -> Content:
    """Divergences by n with the held-out floor; the same over training; generated lines."""
    count = tables.experiment.scoring.num_samples
    caption = (
        f"Jensen-Shannon divergence, in bits from 0 to 1, between the n-grams of {count} generated lines and of as many "
        "training lines. Held-out lines: the same for real lines that were not trained on, which is what perfect text would "
        "have; with so few lines it is far from 0 for larger n. A run that diverged has a divergence of 1."
    )
    runs = with_references(tables.results, [f"ngram_divergence_{n}_held_out" for n in ORDERS])
    rows = pd.concat([_of_order(runs, rows_of(tables.snapshots, generator_iteration=0), n) for n in ORDERS])
    columns = [
        Column("runs ok", runs_ok),
        *(Column(title, _spread(name)) for name, title in (("untrained", "untrained"), ("value", "trained"))),
        Column("its error", lambda rows: Number(mean(rows["error"]), 3)),
        Column("held-out lines", _spread("floor")),
        measured(tables, "excess", "above held-out", 3),
    ]
    methods = tables.options("method")
    rows = rows.sort_values("method", key=lambda names: names.map(methods.index), kind="stable")
    table = by_options(tables, ["method", "n"], columns, caption, rows)
    return Content([table], [_curves(tables, methods)], list(_samples(tables, methods)))


def _spread(name: str) -> Callable[[pd.DataFrame], Cell]:
    return lambda rows: spread(rows[name], 3)


def _of_order(runs: pd.DataFrame, start: pd.DataFrame, n: int) -> pd.DataFrame:
    """The runs with the divergence of n-grams, its error and floor, and that of the untrained generator."""
    name = f"ngram_divergence_{n}"
    untrained = start.set_index("run")[name] if name in start else pd.Series(dtype=float)
    nothing = pd.Series(np.nan, index=runs.index)
    return runs.assign(
        n=n,
        value=runs.get(name, nothing),
        error=runs.get(f"{name}_standard_error", nothing),
        floor=runs.get(f"{name}_held_out", nothing),
        untrained=runs["run"].map(untrained),
    )


def _curves(tables: Tables, methods: list[str]) -> Picture:
    drawn, axes = figure(2.1, len(ORDERS), sharey=True)
    for n, panel in zip(ORDERS, axes[0], strict=True):
        name = f"ngram_divergence_{n}"
        for index, method in enumerate(methods):
            style = {"color": PALETTE[index], "linestyle": DASHES[index], "linewidth": 1.0, "marker": "os^"[index % 3]}
            for place, (run, rows) in enumerate(rows_of(tables.snapshots, method=method).groupby("run", sort=False)):
                known = rows[["generator_iteration", name]].dropna().sort_values("generator_iteration")
                share = 100 * known["generator_iteration"] / tables.iterations(str(run))
                panel.plot(share, known[name], label=tables.title(method) if place == 0 else None, markersize=2.5, **style)
        floor = finite(tables.runs.get(f"{name}_held_out", []))
        if len(floor):
            panel.axhline(floor.mean(), color="0.3", linewidth=0.9, linestyle=":", label="held-out lines")
        panel.set(title=f"{n}-grams", xlabel="training, %", ylim=(0, 1.02))
    axes[0, 0].set_ylabel("divergence, bits")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    if handles:
        drawn.legend(handles, labels, frameon=False, fontsize=7.5, loc="outside lower center", ncols=len(labels))
    caption = "Divergence of generated from training n-grams over each run's budget; a line a seed. Dotted: held-out lines."
    return Picture(drawn, caption)


def _samples(tables: Tables, methods: list[str]) -> Iterator[Lines]:
    for method in methods:
        first = rows_of(tables.runs, method=method, seed=tables.runs["seed"].min())
        for run, outcome in zip(first["run"], first["outcome"], strict=True):
            if tables.lines.get(run) and outcome == "ok":
                iterations = f"{tables.iterations(run):,} generator iterations"
                title = f"{tables.title(method)} after {iterations}: the first lines generated, none chosen."
                yield Lines(title, tables.lines[run][:SHOWN])
