"""The free offset of the Wasserstein critic (Zhou et al. 2019, section 5.3 and Figure 6), on the toy of their Figure 2."""

import math

import numpy as np
import pandas as pd

from wganlib.collecting.collected import Tables
from wganlib.measuring.maps import samples, values
from wganlib.measuring.study import Array, Findings, Quantity, Study
from wganlib.reporting.content import Content, Picture
from wganlib.reporting.style import FAKE, REAL, figure
from wganlib.training.stacks import Trained

QUANTITIES = {
    "wander": Quantity(
        "standard deviation of the critic's offset about its trend in the last half, over its gap; expected: from the draw of "
        "batches alone, with the last critic"
    ),
    "drift": Quantity("what the draw of batches does not explain of it: root of the difference of squares"),
    "drift_ratio": Quantity("the last, objective x over the largest of the others", ">= 5"),
    "seed_spread": Quantity("standard deviation over seeds of the offset's mean in the last tenth, over the mean gap"),
    "seed_spread_ratio": Quantity("the last, objective x over the largest of the others", ">= 5", ours=True),
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


def measure(study: Study) -> Findings:
    """The critic's means on real and on generated examples of every run, [3, steps] with the iterations first."""
    findings = Findings(QUANTITIES)
    drifts: dict[str, dict[int, float]] = {}
    spreads: dict[str, float] = {}
    for objective in study.options("objective"):
        last = []
        for member in study.of(objective=objective):
            history = member.run.history
            findings.arrays[f"{objective}/{member.seed}"] = np.stack(
                [history["generator_iteration"].to_numpy(dtype=float), history["critic_on_real"], history["critic_on_fake"]]
            )
            result, noise = wander(history), batch_noise(member.run)
            findings.add("wander", result, objective, member.seed, noise)
            drifts.setdefault(objective, {})[member.seed] = drift(result, noise)
            findings.add("drift", drift(result, noise), objective, member.seed)
            tenth = slice(-max(1, len(history) // 10), None)
            last.append((offset(history)[tenth].mean(), gap(history)[tenth].mean()))
        if len(last) > 1:
            offsets, gaps = np.array(last).T
            spreads[objective] = float(offsets.std(ddof=1) / gaps.mean())
            findings.add("seed_spread", spreads[objective], objective)
    for seed, value in drifts.get("x", {}).items():
        _ratio(
            findings,
            "drift_ratio",
            value,
            [result[seed] for name, result in drifts.items() if name != "x" and seed in result],
            seed,
        )
    if "x" in spreads:
        _ratio(findings, "seed_spread_ratio", spreads["x"], [v for name, v in spreads.items() if name != "x"], None)
    return findings


def drift(wander: float, noise: float) -> float:
    """What is left of a deviation when an independent one is taken out; 0 where nothing is."""
    return math.sqrt(max(0.0, wander**2 - noise**2))


def _ratio(findings: Findings, name: str, value: float, others: list[float], seed: int | None) -> None:
    if others:
        largest = max(others)
        findings.add(name, value / largest if largest > 0 else math.inf if value > 0 else math.nan, "x", seed)


def report(tables: Tables) -> Content:
    """One panel an objective: the critic's means on real and on generated examples."""
    names = list(dict.fromkeys(key.rsplit("/", 1)[0] for key in tables.arrays))
    drawn, axes = figure(2.2, len(names), sharex=True)
    for panel, name in zip(axes[0], names, strict=True):
        for number, (iteration, real, fake) in enumerate(tables.below(name).values()):
            alpha = 1.0 if number == 0 else 0.4
            panel.plot(iteration, real, color=REAL, linewidth=0.8, alpha=alpha, label="real" if number == 0 else None)
            panel.plot(
                iteration,
                fake,
                color=FAKE,
                linewidth=0.8,
                alpha=alpha,
                linestyle="--",
                label="generated" if not number else None,
            )
        panel.set(title=f"$\\phi(x)$ = {name}", xlabel="critic iteration")
        panel.locator_params(axis="x", nbins=3)
    axes[0, 0].set_ylabel("mean of the critic")
    drawn.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    drift = ", ".join(f"{tables.text('drift', name, form='.3f')} ({name})" for name in names)
    wander = ", ".join(tables.text("wander", name, form=".3f") for name in names)
    return Content(
        pictures=[
            Picture(
                drawn,
                "Mean of the critic over each logged batch, real and generated; pale lines are further seeds. The offset, half "
                f"the sum of both, deviates from its trend in the last half by {wander} of their gap (standard deviation, in "
                f"the order of the panels), of which the draw of batches alone leaves unexplained: {drift}.",
            )
        ]
    )
