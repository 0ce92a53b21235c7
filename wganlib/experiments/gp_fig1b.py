"""Gradient norms through depth, and weights of clipped and penalised critics (Gulrajani et al. 2017, Figure 1b)."""

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import find_peaks
from torch import nn

from wganlib.architectures.modules import WeightLayer
from wganlib.collecting.collected import Tables
from wganlib.measuring.maps import samples
from wganlib.measuring.study import Array, Findings, Member, Quantity, Study
from wganlib.methods.method import Clipping
from wganlib.methods.objectives import critic_loss, objective
from wganlib.reporting.content import Content, Picture
from wganlib.reporting.style import DASHES, PALETTE, figure
from wganlib.training.stacks import Trained

QUANTITIES = {
    "slope_penalty": Quantity("decades of gradient norm a layer, towards the input, penalty", "in [-0.15, 0.15]"),
    "slope_vanishing": Quantity("decades of gradient norm a layer, towards the input, small thresholds", "< -0.5"),
    "slope_exploding": Quantity("decades of gradient norm a layer, towards the input, large threshold", "> 0"),
    "at_limits_clipping": Quantity("share of weights within 2 % of the clipping limits", "> 0.6"),
    "peaks_penalty": Quantity("number of peaks in the histogram of weights, penalty", "<= 1"),
    "at_limits_penalty": Quantity("share of weights within 2 % of the largest weight, penalty", "< 0.05"),
}


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
    """Norms [layers] of every run, and the shown seed's weights as histograms."""
    findings = Findings(QUANTITIES)
    for member in study.of():
        method = member.labels["method"]
        norms = layer_norms(member.run, int(study.settings["batches"]))
        findings.arrays[f"norms/{method}/{member.seed}"] = norms
        _measure(findings, member, norms, weights(member.run))
        if member is study.shown(method=method):
            counts, edges = np.histogram(weights(member.run), bins=int(study.settings["bins"]))
            findings.arrays[f"weights/{method}"] = np.stack([edges[:-1], edges[1:], counts / counts.sum()])
    return findings


def _measure(findings: Findings, member: Member, norms: Array, values: Array) -> None:
    method, constraint = member.labels["method"], member.run.spec.method.constraint
    if not isinstance(constraint, Clipping):
        findings.add("slope_penalty", slope(norms), method, member.seed)
        findings.add("peaks_penalty", peaks(np.histogram(values, bins=60)[0]), method, member.seed)
        findings.add("at_limits_penalty", at_limits(values, np.abs(values).max()), method, member.seed)
        return
    name = "slope_exploding" if constraint.limit >= 0.1 else "slope_vanishing"
    findings.add(name, slope(norms), method, member.seed)
    findings.add("at_limits_clipping", at_limits(values, constraint.limit), method, member.seed)


def report(tables: Tables) -> Content:
    """Norms on the left; weights of a clipped and of the penalised critic."""
    drawn, axes = figure(2.7, 3, width_ratios=[1.6, 1, 1])
    norms, clipped, penalised = axes[0]
    methods = list(dict.fromkeys(key.rsplit("/", 1)[0] for key in tables.below("norms")))
    for index, method in enumerate(methods):
        for number, values in enumerate(tables.below(f"norms/{method}").values()):
            layers = np.arange(1, len(values) + 1)
            norms.set_xticks(range(1, len(values) + 1, max(1, len(values) // 6)))
            style = {"color": PALETTE[index], "linestyle": DASHES[index], "alpha": 1.0 if number == 0 else 0.35}
            label = method if number == 0 else None
            norms.plot(layers, np.log10(np.where(values > 0, values, np.nan)), linewidth=1.1, label=label, **style)
    norms.set(xlabel="critic layer (input: 1)", ylabel=r"$\log_{10}$ norm of gradient")
    norms.invert_xaxis()
    drawn.legend(loc="outside lower center", ncols=4, frameon=False)
    for panel, method in ((clipped, "clipping at 0.01"), (penalised, "penalty")):
        if f"weights/{method}" in tables.arrays:
            low, high, share = tables.arrays[f"weights/{method}"]
            panel.bar(low, share, width=high - low, align="edge", color=PALETTE[methods.index(method)], linewidth=0)
        panel.set(xlabel="weight", ylabel="share of weights", title=method)
        panel.locator_params(axis="x", nbins=4)
    return Content(
        pictures=[
            Picture(
                drawn,
                "Left: norm of the critic loss's gradient with respect to each hidden layer's output, mean over examples, from "
                "the last layer to the first; pale lines are further seeds. Middle and right: all entries of the critic's "
                "weight matrices, first seed. Decades a layer towards the input: "
                f"{tables.text('slope_exploding', 'clipping at 0.1', form='+.2f')} (clipping at 0.1), "
                f"{tables.text('slope_vanishing', 'clipping at 0.01', form='+.2f')} (0.01), "
                f"{tables.text('slope_vanishing', 'clipping at 0.001', form='+.2f')} (0.001), "
                f"{tables.text('slope_penalty', form='+.2f')} (penalty); "
                f"{tables.text('at_limits_clipping', 'clipping at 0.01', form='.0%')} of the weights clipped at 0.01 lie "
                "within 2 % of the limits.",
            )
        ]
    )
