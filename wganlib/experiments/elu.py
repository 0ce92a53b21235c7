"""ELU and its smooth twin under a gradient penalty (Gulrajani et al. 2017, appendix D)."""

import numpy as np
from numpy.typing import NDArray

from wganlib.collecting.collected import Tables
from wganlib.judging.quantities import Findings, Quantity
from wganlib.reporting.content import Content, Picture, rows_of
from wganlib.reporting.grammar import by_options, curves, gain, measured, sample_grid, scores
from wganlib.reporting.style import DASHES, PALETTE, figure

QUANTITIES = {"share": Quantity("score as a share of ReLU's on the same seed; that of a run that diverged is 1")}


def measure(tables: Tables) -> Findings:
    """Each nonlinearity's score over ReLU's."""
    findings, score = Findings(QUANTITIES), tables.columns.score
    relu = rows_of(tables.results, nonlinearity="ReLU").set_index("seed")[score]
    for run in tables.results.to_dict("records"):
        if run["nonlinearity"] != "ReLU":
            share = run[score] / relu.get(run["seed"], np.nan)
            findings.add("share", share, seed=run["seed"], nonlinearity=run["nonlinearity"])
    return findings


def report(tables: Tables) -> Content:
    """Scores with those of ReLU as the measure; scores, gradient norms and samples; the two functions themselves."""
    share = measured(tables, "share", "share of ReLU's", words="Share of ReLU's: score over that of ReLU on the same seed.")
    return Content(
        tables=[by_options(tables, ["nonlinearity"], [*scores(tables), gain(tables), share])],
        pictures=[
            curves(
                tables,
                "nonlinearity",
                [(tables.columns.score, tables.columns.title), ("gradient_norm", "mean gradient norm")],
                "Score over training, and norm of the critic's input gradient where the penalty is taken, which pulls it to 1; "
                "a line a seed.",
            ),
            sample_grid(tables, "Samples of the last generators, first seed, not chosen.", "nonlinearity"),
            _functions(),
        ],
    )


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
    drawn, axes = figure(1.6, 3)
    # The two halves are drawn apart, so that no line stands where a derivative jumps.
    for half, x in enumerate((np.linspace(-3, -1e-9, 200), np.linspace(1e-9, 3, 200))):
        for index, (name, title) in enumerate((("elu", "ELU"), ("smooth_elu", "smooth ELU"))):
            for panel, y in zip(axes[0], derivatives(name, x), strict=True):
                label = title if half == 0 else None
                panel.plot(x, y, color=PALETTE[index], linestyle=DASHES[index], linewidth=1.2, label=label)
    for panel, title in zip(axes[0], ("function", "first derivative", "second derivative"), strict=True):
        panel.set(title=title, xlabel="x")
    axes[0, 0].legend(frameon=False, fontsize=7.5)
    caption = (
        "ELU and softplus(2x + 2)/2 − 1 with their derivatives as training computes them. The penalty's gradient contains "
        "second derivatives: ELU's jumps at 0, that of its smooth twin does not."
    )
    return Picture(drawn, caption, after=True)
