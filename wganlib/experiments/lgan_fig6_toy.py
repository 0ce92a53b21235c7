"""The free offset of the Wasserstein critic (Zhou et al. 2019, section 5.3 and Figure 6), on the toy of their Figure 2."""

import math
from typing import Any

import numpy as np
import pandas as pd

from wganlib.collecting.collected import Tables
from wganlib.measuring.maps import samples, values
from wganlib.measuring.study import Array, Findings, Quantity, Study
from wganlib.reporting.content import Content, Picture
from wganlib.reporting.grammar import legend_below, quantities
from wganlib.reporting.style import FAKE, REAL, figure
from wganlib.training.stacks import Trained

QUANTITIES = {
    "wander": Quantity(
        "standard deviation of the critic's offset about its trend in the last half, over its gap; expected: from the draw of "
        "batches alone, with the last critic"
    ),
    "drift": Quantity("what the draw of batches does not explain of it: root of the difference of squares"),
    "last_offset": Quantity("mean of the offset over the last tenth of training, over the gap there"),
}
BATCHES = 100


def offset(history: pd.DataFrame) -> Array:
    """Half the sum of the critic's means on real and on generated examples, a value a logged step."""
    result: Array = (history["critic_on_real"] + history["critic_on_fake"]).to_numpy(dtype=np.float64) / 2
    return result


def gap(history: pd.DataFrame) -> Array:
    """The critic's mean on real less that on generated examples, a value a logged step."""
    result: Array = (history["critic_on_real"] - history["critic_on_fake"]).to_numpy(dtype=np.float64)
    return result


def wander(history: pd.DataFrame) -> float:
    """Standard deviation of the offset about a straight line in the last half, over the mean absolute gap there."""
    values = offset(history)[len(history) // 2 :]
    steps = np.arange(len(values))
    trend = np.polyval(np.polyfit(steps, values, 1), steps)
    return float((values - trend).std() / np.abs(gap(history)[len(history) // 2 :]).mean())


def batch_noise(run: Trained) -> float:
    """Standard deviation of the offset over fresh batches with the last critic, over its mean absolute gap there."""
    size = run.spec.method.batch_size
    on_real, on_fake = (
        values(run.critic, part.numpy()).reshape(BATCHES, size).mean(axis=1) for part in samples(run, BATCHES * size)
    )
    return float((on_real + on_fake).std() / 2 / np.abs(on_real - on_fake).mean())


def drift(wander: float, noise: float) -> float:
    """What is left of a deviation when an independent one is taken out; 0 where nothing is."""
    return math.sqrt(max(0.0, wander**2 - noise**2))


def measure(study: Study) -> Findings:
    """The critic's means on real and on generated examples of every run, [3, steps] with the iterations first."""
    findings = Findings(QUANTITIES)
    for objective in study.options("objective"):
        for member in study.of(objective=objective):
            history = member.run.history
            labels: dict[str, Any] = {"seed": member.seed, "objective": objective}
            findings.arrays[f"{objective}/{member.seed}"] = np.stack(
                [history["generator_iteration"].to_numpy(dtype=float), history["critic_on_real"], history["critic_on_fake"]]
            )
            result, noise = wander(history), batch_noise(member.run)
            findings.add("wander", result, expected=noise, **labels)
            findings.add("drift", drift(result, noise), **labels)
            tenth = history.iloc[-max(1, len(history) // 10) :]
            findings.add("last_offset", offset(tenth).mean() / np.abs(gap(tenth)).mean(), **labels)
    return findings


def report(tables: Tables) -> Content:
    """One panel an objective: the critic's means on real and on generated examples."""
    names = list(dict.fromkeys(key.rsplit("/", 1)[0] for key in tables.arrays))
    drawn, axes = figure(2.6, len(names), sharex=True, sharey=True)
    for panel, name in zip(axes[0], names, strict=True):
        for number, (iteration, real, fake) in enumerate(tables.below(name).values()):
            first = number == 0
            style: dict[str, Any] = {"linewidth": 0.9 if first else 0.5, "alpha": 1.0 if first else 0.4}
            panel.plot(iteration, real, color=REAL, label="real" if first else None, **style)
            panel.plot(iteration, fake, color=FAKE, linestyle="--", label="generated" if first else None, **style)
        panel.set(title=f"$\\phi(x)$ = {name}", xlabel="critic iteration")
        panel.locator_params(axis="x", nbins=3)
    axes[0, 0].set_ylabel("mean of the critic")
    caption = "Mean of the critic over each logged batch, real and generated; pale lines are further seeds. One scale."
    titles = {"wander": "deviation", "drift": "unexplained", "last_offset": "last offset"}
    words = (
        "The critic's offset, half the sum of both means, in units of their gap. Deviation: standard deviation about its trend "
        "in the last half; expected: from the draw of batches alone. Unexplained: root of the difference of their squares. "
        "Last offset: mean over the last tenth. Mean ± standard deviation over seeds."
    )
    return Content(
        tables=[quantities(tables, titles, ["objective"], words, digits=3, expected=["wander"])],
        pictures=[legend_below(Picture(drawn, caption), 2)],
    )
