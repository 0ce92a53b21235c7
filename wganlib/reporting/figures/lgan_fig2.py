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

    def listed(quantity: str, form: str) -> str:
        return ", ".join(data.told(quantity, name, form=form) for name in names)

    return [
        Picture(
            drawn,
            "Critics of Lipschitz GANs with maximum gradient penalty, dark low and light high, and the directions of their "
            "gradient at generated examples (arrows of equal length); real examples orange, generated ones green, one "
            f"seed. In the order of the panels: gradients lead within {data.settings['radius']} of a real example in "
            f"{listed('pointing', '.0%')} (the opposite directions in {listed('pointing_reversed', '.0%')}, since the "
            "examples lie between and among the modes); of those far from all real examples, into the mode that exact "
            f"transport gives them in {listed('pointing_far', '.0%')}; mean cosine with the way of exact transport "
            f"{listed('cosine', '.2f')}.",
        )
    ]
