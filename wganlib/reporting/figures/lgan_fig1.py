"""Gradient uninformativeness."""

from typing import Any

from wganlib.reporting.figures import Data, Picture
from wganlib.reporting.figures.planes import arrows, heat, plane, points
from wganlib.reporting.style import figure


def draw(data: Data) -> list[Picture]:
    """The figure: cases by seeds; the appendix: networks in a row for each case."""
    names = [key.removesuffix("/surface") for key in data.arrays if key.endswith("/surface")]
    own = [name.split("/")[1:] for name in names if name.startswith("figure/")]
    cases, seeds = (list(dict.fromkeys(parts)) for parts in zip(*own, strict=True))
    drawn, axes = figure(1.75 * len(seeds), len(cases), len(seeds), sharex=True, sharey=True)
    for i, seed in enumerate(seeds):
        for j, case in enumerate(cases):
            _cell(axes[i, j], data, f"figure/{case}/{seed}", case if i == 0 else "")
            axes[-1, j].set_xlabel("$x_1$")
        axes[i, 0].set_ylabel(f"seed {seed}\n$x_2$")
    cosines = ", ".join(f"{data.told('cosine', case, form='.2f')} ({case})" for case in cases)
    agreement = data.told("resultant_seeds", cases[0])
    pictures = [
        Picture(
            drawn,
            "The critic of a Least-Squares GAN without Lipschitz condition, dark low and light high, and the directions of "
            "its gradient at generated examples (arrows of equal length). Real examples orange, generated ones green. Mean "
            f"cosine with the way that exact transport gives a generated example: {cosines}. Mean resultant length of the "
            f"directions over seeds ({cases[0]}): {agreement}.",
        )
    ]
    appendix = [name for name in names if name.startswith("appendix/")]
    if appendix:
        pictures.append(_appendix(data, [name.split("/")[1:] for name in appendix]))
    return pictures


def _appendix(data: Data, cells: list[list[str]]) -> Picture:
    cases, networks = (list(dict.fromkeys(parts)) for parts in zip(*cells, strict=True))
    drawn, axes = figure(1.35 * len(cases) + 0.2, len(networks), len(cases), sharex=True, sharey=True)
    for i, case in enumerate(cases):
        for j, network in enumerate(networks):
            title = network.replace(", ", "\n") if i == 0 else ""
            _cell(axes[i, j], data, f"appendix/{case}/{network}", title)
            axes[i, j].title.set_fontsize(7)
            axes[i, j].set(xticks=[-2, 0, 2], yticks=[-1, 0, 1])
        axes[i, 0].set_ylabel(case)
    cosines = ", ".join(f"{data.told('cosine', f'{cases[0]}, {network}', form='.2f')}" for network in networks)
    return Picture(
        drawn,
        f"The same for other networks and optimisers, first seed. Mean cosines in the order of the columns ({cases[0]}): "
        f"{cosines}; mean resultant length over the columns: {data.told('resultant_networks', cases[0], form='.2f')}.",
    )


def _cell(axes: Any, data: Data, name: str, title: str) -> None:
    x, y = data.arrays["x"], data.arrays["y"]
    if f"{name}/surface" in data.arrays:
        heat(axes, x, y, data.arrays[f"{name}/surface"])
        points(axes, data.arrays[f"{name}/real"], data.arrays[f"{name}/fake"], size=1.0)
        arrows(axes, data.arrays[f"{name}/at"], data.arrays[f"{name}/gradient"], 0.3, "white")
    plane(axes, (x[0], x[-1]), (y[0], y[-1]), title)
