"""The critic's offset during training."""

from wganlib.reporting.figures import Data, Picture
from wganlib.reporting.style import FAKE, REAL, figure


def draw(data: Data) -> list[Picture]:
    """One panel an objective: the critic's means on real and on generated examples."""
    names = list(dict.fromkeys(key.rsplit("/", 1)[0] for key in data.arrays))
    drawn, axes = figure(2.2, len(names), sharex=True)
    for here, name in zip(axes[0], names, strict=True):
        for number, (iteration, real, fake) in enumerate(data.below(name).values()):
            alpha = 1.0 if number == 0 else 0.4
            here.plot(iteration, real, color=REAL, linewidth=0.8, alpha=alpha, label="real" if number == 0 else None)
            here.plot(
                iteration,
                fake,
                color=FAKE,
                linewidth=0.8,
                alpha=alpha,
                linestyle="--",
                label="generated" if not number else None,
            )
        here.set(title=f"$\\phi(x)$ = {name}", xlabel="critic iteration")
        here.locator_params(axis="x", nbins=3)
    axes[0, 0].set_ylabel("mean of the critic")
    drawn.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    drift = ", ".join(f"{data.told('drift', name, form='.3f')} ({name})" for name in names)
    wander = ", ".join(data.told("wander", name, form=".3f") for name in names)
    return [
        Picture(
            drawn,
            "Mean of the critic over each logged batch, real and generated; pale lines are further seeds. The offset, half "
            f"the sum of both, deviates from its trend in the last half by {wander} of their gap (standard deviation, in "
            f"the order of the panels), of which the draw of batches alone leaves unexplained: {drift}.",
        )
    ]
