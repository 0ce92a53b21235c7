"""Gradient norms through depth, and weights of clipped and penalised critics (Gulrajani et al. 2017, Figure 1b)."""

import copy
import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import find_peaks
from torch import nn

from wganlib.architectures.modules import WeightLayer
from wganlib.collecting.collected import Tables
from wganlib.measuring.maps import r_squared, samples
from wganlib.measuring.study import Array, Findings, Quantity, Study, untrained
from wganlib.methods.constraints import clip_
from wganlib.methods.method import Clipping
from wganlib.methods.objectives import critic_loss, objective
from wganlib.reporting.content import Content, Picture, rows_of
from wganlib.reporting.grammar import legend_below, quantities
from wganlib.reporting.style import DASHES, PALETTE, figure
from wganlib.training.stacks import Trained

QUANTITIES = {
    "slope": Quantity("decades of gradient norm a layer, towards the input"),
    "log_linear": Quantity("share of the variance of the logarithm of the norm that a straight line over the layers explains"),
    "window": Quantity("decades of the limit, or of the weight, over which the slope is within 0.15 of 0, interpolated"),
    "at_limits": Quantity("share of weights within 2 % of the clipping limits, or of the largest weight"),
    "peaks": Quantity("number of peaks in the histogram of weights"),
}
STABLE = 0.15
"""Decades a layer: in twelve layers a factor of 60."""
FIGURE = {"clipping": ("0.1", "0.01", "0.001"), "penalty": ("10",)}
"""Limits and weights of the paper's figure."""


def layer_norms(run: Trained, batches: int) -> Array:
    """Mean over examples of the norm of d loss / d h for the output h of each hidden layer, times the batch size, [layers].

    The loss is the critic's on a real and a generated batch, without penalty, and a mean over each: times the batch size its
    gradient at one example is that of the critic's value there. In float64, as clipped critics' gradients are tiny.
    """
    critic = copy.deepcopy(run.critic).double()
    size, row = run.spec.method.batch_size, objective(run.spec.method.objective)
    real, fake = (part.double() for part in samples(run, size * batches))
    result = []
    for on_real, on_fake in zip(torch.split(real, size), torch.split(fake, size), strict=True):
        outputs, value = _through(critic, torch.cat([on_real, on_fake]))
        loss = critic_loss(row, value[:size, 0], value[size:, 0])
        gradients = torch.autograd.grad(loss, outputs)
        result.append([float(g.norm(dim=1).mean()) * size for g in gradients])
    return np.asarray(np.mean(result, axis=0))


def _through(critic: nn.Module, x: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
    """The outputs of the hidden layers, after their nonlinearity, and the critic's value [N, 1]."""
    outputs = []
    for module in critic.children():
        x = module(x)
        if isinstance(module, WeightLayer) and module.layer.nonlinearity is not None:
            outputs.append(x)
    return outputs, x


def slope(norms: Array) -> float:
    """Least-squares slope of log10 norm a layer from the output towards the input; norms [layers], the input's side first."""
    layers = np.arange(len(norms))
    positive = norms > 0
    return float(-np.polyfit(layers[positive], np.log10(norms[positive]), 1)[0]) if positive.sum() > 1 else float("nan")


def log_linear(norms: Array) -> float:
    """Share of the variance of log10 norm that a straight line over the layers explains; norms [layers]."""
    layers = np.arange(len(norms))[norms > 0]
    design = np.stack([np.ones(len(layers)), layers], axis=1)
    return r_squared(design, np.log10(norms[norms > 0])) if len(layers) > 2 else math.nan


def window(strengths: Array, slopes: Array) -> float:
    """Decades of `strengths` [n] over which the slope [n] is within `STABLE` of 0, linear in their logarithm in between."""
    order = np.argsort(strengths)
    at = np.log10(strengths[order])
    fine = np.linspace(at[0], at[-1], 10_001)
    return float((np.abs(np.interp(fine, at, slopes[order])) < STABLE).mean() * (at[-1] - at[0]))


def weights(run: Trained) -> Array:
    """All entries of the critic's weight matrices, [N]; biases left out."""
    result: Array = torch.cat([p.detach().flatten() for p in run.critic.parameters() if p.ndim > 1]).double().numpy()
    return result


def at_limits(values: Array, limit: float) -> float:
    """Share of values within 2 % of -limit or limit."""
    return float((np.abs(values) >= 0.98 * limit).mean())


def peaks(counts: NDArray[np.int64]) -> int:
    """Peaks of a histogram [bins] smoothed over nine bins that rise by a tenth of the highest above what lies around them.

    The rise (prominence) leaves out the noise on a flat top, which has many local maxima.
    """
    smooth = np.convolve(np.pad(counts.astype(float), 5), np.ones(9) / 9, mode="same")
    return len(find_peaks(smooth, prominence=smooth.max() / 10)[0])


def measure(study: Study) -> Findings:
    """Of every run and of the same one untrained, clipped once where it clips. Norms [layers]; histograms of one seed."""
    findings = Findings(QUANTITIES)
    slopes: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for member in study.of():
        constraint, shown = member.run.spec.method.constraint, member is study.shown(**member.labels)
        before, start = untrained(member.run), "untrained"
        if isinstance(constraint, Clipping):
            clip_(before.critic.parameters(), constraint.limit)
            start = "untrained, clipped once"
        for state, run in (("trained", member.run), (start, before)):
            norms, values = layer_norms(run, int(study.settings["batches"])), weights(run)
            limit = constraint.limit if isinstance(constraint, Clipping) else np.abs(values).max()
            counts, edges = np.histogram(values, bins=int(study.settings["bins"]))
            measured = {"slope": slope(norms), "log_linear": log_linear(norms), "at_limits": at_limits(values, limit)}
            labels: dict[str, Any] = member.labels | {"state": state}
            for name, value in (measured | {"peaks": peaks(counts)}).items():
                findings.add(name, value, seed=member.seed, **labels)
            if shown:
                histogram = np.stack([edges[:-1], edges[1:], counts / counts.sum()])
                findings.arrays[f"weights/{_place(member.labels)}/{state[:9].rstrip(',')}"] = histogram
            if state == "trained":
                findings.arrays[f"norms/{_place(member.labels)}/{member.seed}"] = norms
                strength = constraint.limit if isinstance(constraint, Clipping) else getattr(constraint, "weight", math.nan)
                slopes.setdefault((member.labels["method"], member.seed), []).append((strength, measured["slope"]))
    for (method, seed), pairs in slopes.items():
        if len(pairs) > 1:
            findings.add("window", window(*np.array(pairs).T), seed=seed, method=method, state="trained")
    return findings


def _place(labels: dict[str, str]) -> str:
    """Where an array lies: method, then its limit or weight."""
    return f"{labels['method']}/{labels['weight'] if labels['limit'] == 'none' else labels['limit']}"


def report(tables: Tables) -> Content:
    """Norms on the left; weights of a clipped and of the penalised critic; slopes by limit and by weight; all numbers."""
    titles = {"slope": "decades a layer", "log_linear": "R²", "at_limits": "at the limits", "peaks": "peaks"}
    return Content(
        tables=[
            quantities(
                tables,
                titles,
                ["method", "limit", "weight", "state"],
                "Mean ± standard deviation over seeds. Decades a layer: slope of the logarithm of the gradient's norm towards "
                "the input, and the share of its variance that a straight line explains (R²). At the limits: share of weights "
                "within 2 % of the clipping limits, or of the largest weight. Peaks: of the histogram of weights.",
            )
        ],
        pictures=[_figure(tables), _slopes(tables)],
    )


def _figure(tables: Tables) -> Picture:
    drawn, axes = figure(2.7, 3, width_ratios=[1.6, 1, 1])
    norms, *histograms = axes[0]
    for index, (method, strength) in enumerate((m, s) for m, strengths in FIGURE.items() for s in strengths):
        name = f"clipping at {strength}" if method == "clipping" else f"penalty, λ = {strength}"
        style = {"color": PALETTE[index], "linestyle": DASHES[index], "linewidth": 1.1}
        for number, values in enumerate(tables.below(f"norms/{method}/{strength}").values()):
            layers, logarithms = np.arange(1, len(values) + 1), np.log10(np.where(values > 0, values, np.nan))
            norms.plot(layers, logarithms, label=None if number else name, alpha=0.35 if number else 1.0, **style)
    norms.set(xlabel="critic layer (input: 1)", ylabel=r"$\log_{10}$ norm of gradient")
    norms.invert_xaxis()
    norms.locator_params(axis="x", integer=True)
    drawn.legend(loc="outside lower center", ncols=5, frameon=False)
    for panel, place, title in zip(histograms, ("clipping/0.01", "penalty/10"), ("clipping at 0.01", "penalty"), strict=True):
        for state, histogram in tables.below(f"weights/{place}").items():
            low, high, share = histogram
            filled = state == "trained"
            panel.stairs(share, [*low, high[-1]], fill=filled, color=PALETTE[0] if filled else "black", linewidth=0.8)
        panel.set(xlabel="weight", ylabel="share of weights", title=title)
        panel.locator_params(axis="x", nbins=4)
    return Picture(
        drawn,
        "Left: norm of the critic loss's gradient with respect to each hidden layer's output, mean over examples, from the "
        "last layer to the first; pale lines are further seeds. Middle and right: all entries of the critic's weight matrices, "
        "first seed; black outline: of the untrained critic (clipped once, where the method clips).",
    )


def _slopes(tables: Tables) -> Picture:
    drawn, axes = figure(2.1, 2, sharey=True)
    rows = rows_of(tables.quantities, quantity="slope")
    for panel, (method, axis) in zip(axes[0], (("clipping", "limit"), ("penalty", "weight")), strict=True):
        for index, (state, of_state) in enumerate(rows_of(rows, method=method).groupby("state", sort=False)):
            strength = of_state[axis].astype(float)
            name = "trained" if state == "trained" else "untrained (clipped once on the left)"
            panel.plot(strength, of_state["value"], "ox"[index], color=PALETTE[index], markersize=4, label=name)
        panel.axhspan(-STABLE, STABLE, color="0.9", zorder=0)
        panel.set(xscale="log", xlabel={"limit": "clipping limit c", "weight": "penalty weight λ"}[axis])
    axes[0, 0].set_ylabel("decades a layer")
    caption = f"Slope by the limit and by the weight, a point a seed; grey: within {STABLE} of 0."
    return legend_below(Picture(drawn, caption, after=True), 3)
