"""Gradient directions of Lipschitz GANs."""

from wganlib.reporting.figures import Data, Picture
from wganlib.reporting.figures.planes import arrows, heat, plane, points
from wganlib.reporting.style import figure


def draw(data: Data) -> list[Picture]:
    """One panel an objective."""
    names = [key.removesuffix("/surface") for key in data.arrays if key.endswith("/surface")]
    drawn, axes = figure(4.7, 2, (len(names) + 1) // 2, sharex=True, sharey=True)
    x, y = data.arrays["x"], data.arrays["y"]
    for here, name, letter in zip(axes.flat, names, "abcdefgh", strict=False):
        heat(here, x, y, data.arrays[f"{name}/surface"])
        points(here, data.arrays[f"{name}/real"], data.arrays[f"{name}/fake"], size=1.5)
        arrows(here, data.arrays[f"{name}/at"], data.arrays[f"{name}/gradient"], 0.35, "white")
        plane(here, (x[0], x[-1]), (y[0], y[-1]), f"({letter}) $\\phi(x)$ = {name}")
        here.set(xlabel="$x_1$", ylabel="$x_2$")
        here.label_outer()
    shares = ", ".join(f"{data.mean('pointing', name):.0%} ({name})" for name in names)
    cosines = ", ".join(f"{data.mean('cosine', name):.2f}" for name in names)
    return [
        Picture(
            drawn,
            "Critics of Lipschitz GANs with maximum gradient penalty, dark low and light high, and the directions of their "
            "gradient at "
            "generated examples (arrows of equal length); real examples orange, generated ones green, first seed. Of the "
            "examples "
            f"with a slope over half the largest, so many point within {data.settings['radius']} of a real one: {shares}. Mean "
            "cosine "
            f"with the way of exact transport, in the same order: {cosines}.",
        )
    ]
