"""Gradient norms through depth, and histograms of weights."""

import numpy as np

from wganlib.reporting.figures import Data, Picture
from wganlib.reporting.style import DASHES, PALETTE, figure


def draw(data: Data) -> list[Picture]:
    """Norms on the left; weights of a clipped and of the penalised critic."""
    drawn, axes = figure(2.7, 3, width_ratios=[1.6, 1, 1])
    norms, clipped, penalised = axes[0]
    methods = list(dict.fromkeys(key.rsplit("/", 1)[0] for key in data.below("norms")))
    for index, method in enumerate(methods):
        for number, values in enumerate(data.below(f"norms/{method}").values()):
            layers = np.arange(1, len(values) + 1)
            norms.set_xticks(range(1, len(values) + 1, max(1, len(values) // 6)))
            style = {"color": PALETTE[index], "linestyle": DASHES[index], "alpha": 1.0 if number == 0 else 0.35}
            label = method if number == 0 else None
            norms.plot(layers, np.log10(np.where(values > 0, values, np.nan)), linewidth=1.1, label=label, **style)
    norms.set(xlabel="critic layer (input: 1)", ylabel=r"$\log_{10}$ norm of gradient")
    norms.invert_xaxis()
    drawn.legend(loc="outside lower center", ncols=4, frameon=False)
    for here, method in ((clipped, "clipping at 0.01"), (penalised, "penalty")):
        if f"weights/{method}" in data.arrays:
            low, high, share = data.arrays[f"weights/{method}"]
            here.bar(low, share, width=high - low, align="edge", color=PALETTE[methods.index(method)], linewidth=0)
        here.set(xlabel="weight", ylabel="share of weights", title=method)
        here.locator_params(axis="x", nbins=4)
    return [
        Picture(
            drawn,
            "Left: norm of the critic loss's gradient with respect to each hidden layer's output, mean over examples, from "
            "the last layer to the first; pale lines are further seeds. Middle and right: all entries of the critic's "
            "weight matrices, first seed. Decades a layer towards the input: "
            f"{data.told('slope_exploding', 'clipping at 0.1', form='+.2f')} (clipping at 0.1), "
            f"{data.told('slope_vanishing', 'clipping at 0.01', form='+.2f')} (0.01), "
            f"{data.told('slope_vanishing', 'clipping at 0.001', form='+.2f')} (0.001), "
            f"{data.told('slope_penalty', form='+.2f')} (penalty); "
            f"{data.told('at_limits_clipping', 'clipping at 0.01', form='.0%')} of the weights clipped at 0.01 lie within 2 "
            "% of the limits.",
        )
    ]
