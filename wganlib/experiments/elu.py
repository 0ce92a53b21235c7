"""ELU and its smooth twin under a gradient penalty (Gulrajani et al. 2017, appendix D)."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Findings, Quantity
from wganlib.reporting.content import Content, Picture, Table, mean_sd, number, rows_of
from wganlib.reporting.grammar import lines_figure, runs_ok, sample_grid
from wganlib.reporting.style import DASHES, PALETTE, figure

QUANTITIES = {
    "smooth": Quantity("score of smooth ELU as a share of ReLU's, same seed", "in [0.9, 1.1]"),
    "leaky": Quantity("score of leaky ReLU as a share of ReLU's, same seed"),
    "elu": Quantity("score of ELU as a share of ReLU's, same seed; of a run that diverged the score is 1", "< 0.5"),
}

RATIOS = {"smooth ELU": "smooth", "leaky ReLU": "leaky", "ELU": "elu", "ELU in the critic alone": "elu"}
"""The quantity of each option."""

FAILING = 0.5
"""Less of ReLU's score than this is failing, as the criterion of `elu` says."""


def report(tables: Tables) -> Content:
    """Scores with those of ReLU as the measure; scores, gradient norms and samples; the two functions themselves."""
    c, findings = tables.columns, Findings(QUANTITIES)
    names = tables.options("nonlinearity")
    rows = []
    for name in names:
        runs, compared = rows_of(tables.runs, nonlinearity=name), shares(tables, name)
        for seed, value in zip(compared["seed"], compared["share"], strict=True):
            if name in RATIOS:
                case = {"ELU": "both networks", "ELU in the critic alone": "critic alone"}.get(name, "")
                findings.add(RATIOS[name], value, case, int(seed))
        line = [
            name,
            runs_ok(runs),
            mean_sd(runs[c.score]),
            number(runs[c.split_std].mean()),
            mean_sd(runs[c.distance], 1),
        ]
        counted = [mean_sd(compared["share"]), f"{int(compared['failed'].sum())} of {len(compared)}"]
        rows.append([*line, *(counted if name != "ReLU" else ["–"] * 2), _paper(name)])
    start = float(tables.runs[c.untrained].mean())
    heads = ["|nonlinearity", "runs ok", c.title, "split spread", c.distance_title, "share of ReLU's", "failed", "|paper"]
    caption = (
        f"{c.title[0].upper()}{c.title[1:]}s and {c.distance_title}s of the last generators: mean ± standard deviation over "
        "seeds, without it where there is one seed. Split spread: over the splits of one model's samples. Failed: runs that "
        "diverged or have less than half of ReLU's score from the same seed. Untrained generators score "
        f"{number(start)} on average."
    )
    curves = [(name, rows_of(tables.snapshots, nonlinearity=name)) for name in names]
    norms = [(name, rows_of(tables.curves, nonlinearity=name)) for name in names]
    pictures = [
        lines_figure(
            [("", curves)],
            "generator_iteration",
            c.score,
            ("generator iteration", c.title),
            f"The {c.title} over training; a line a seed.",
            1.8,
        ),
        lines_figure(
            [("", norms)],
            "generator_iteration",
            "gradient_norm",
            ("generator iteration", "mean gradient norm"),
            "Norm of the critic's input gradient where the penalty is taken, mean over the batch. The penalty pulls it towards "
            "1; a line far from 1 shows that it does not work.",
            1.8,
        ),
        _functions(),
        _samples(tables, names),
    ]
    return Content(findings, [Table(heads, rows, caption)], pictures, notes=[_reading(tables)])


def shares(tables: Tables, name: str) -> pd.DataFrame:
    """A nonlinearity's runs of seeds of which ReLU has a result too: `share` of ReLU's score, and whether each `failed`."""
    score = tables.columns.score
    relu = rows_of(tables.results, nonlinearity="ReLU").set_index("seed")[score]
    runs = rows_of(tables.results, nonlinearity=name)
    runs = runs[runs["seed"].isin(relu.index)]
    share = runs[score] / runs["seed"].map(relu)
    return runs.assign(share=share, failed=(share < FAILING) | (runs["outcome"] == "diverged"))


def _paper(name: str) -> str:
    if name == "ELU":
        return "could not be trained"
    return "where ELU stood is not said" if name.startswith("ELU") else "trains"


def _reading(tables: Tables) -> str:
    """Whether ELU failed, in a sentence."""
    compared = shares(tables, "ELU")
    failed = int(compared["failed"].sum())
    if compared.empty:
        return "No run of ELU can be compared: nothing is said of the paper's failure."
    runs = f"{len(compared)} run{'s' if len(compared) > 1 else ''}"
    single = " One seed: inconclusive." if len(compared) == 1 else ""
    if failed == len(compared):
        return f"ELU in both networks failed in {failed} of {runs}, as in the paper.{single}"
    return (
        f"The paper's failure is not reproduced: ELU in both networks failed in {failed} of {runs}.{single} That is a "
        "result, not an error. Software may be the reason: TensorFlow of that time may have had no right second derivative of "
        "ELU, which the penalty needs. This is a guess that cannot be tested here."
    )


def _samples(tables: Tables, names: list[str]) -> Picture:
    first = tables.runs["seed"].min()

    def run_of(row: str, column: str) -> str | None:
        result = rows_of(tables.runs, nonlinearity=column, seed=first)["run"]
        return str(result.iloc[0]) if len(result) else None

    return sample_grid(tables, [""], names, run_of, f"Samples of the last generators, seed {first}.")


def derivatives(name: str, x: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """A nonlinearity of the library, and its first two derivatives as training computes them, at the points x [n]."""
    import torch

    from wganlib.architectures.modules import NONLINEARITIES

    points = torch.from_numpy(x).requires_grad_()
    result = [NONLINEARITIES[name](points)]
    for _ in range(2):
        result += torch.autograd.grad(result[-1].sum(), points, create_graph=True)
    return [values.detach().numpy() for values in result]


def _functions() -> Picture:
    drawn, axes = figure(1.7, 3)
    # The two halves are drawn apart, so that no line stands where a derivative jumps.
    for half, x in enumerate((np.linspace(-3, -1e-9, 200), np.linspace(1e-9, 3, 200))):
        for index, (name, title) in enumerate((("elu", "ELU"), ("smooth_elu", "smooth ELU"))):
            for panel, y in zip(axes[0], derivatives(name, x), strict=True):
                label = title if half == 0 else None
                panel.plot(x, y, color=PALETTE[index], linestyle=DASHES[index], linewidth=1.2, label=label)
    for panel, title in zip(axes[0], ("function", "first derivative", "second derivative"), strict=True):
        panel.set(title=title, xlabel="x")
    axes[0, 0].legend(frameon=False, fontsize=7.5)
    return Picture(
        drawn,
        "ELU and softplus(2x + 2)/2 − 1 with their derivatives as training computes them. The penalty's gradient contains "
        "second derivatives: ELU's jumps at 0, that of its smooth twin does not.",
    )
