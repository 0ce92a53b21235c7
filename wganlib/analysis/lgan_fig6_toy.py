"""The free offset of the Wasserstein critic (Zhou et al. 2019, section 5.3 and Figure 6), on the toy of their Figure 2."""

import numpy as np
import pandas as pd

from wganlib.analysis import Array, Findings, Quantity, Study

QUANTITIES = {
    "wander": Quantity("standard deviation of the critic's offset about its trend in the last half, over its gap"),
    "wander_ratio": Quantity("the last, objective x over the largest of the others", ">= 5"),
    "seed_spread": Quantity("standard deviation over seeds of the offset's mean in the last tenth, over the mean gap"),
    "seed_spread_ratio": Quantity("the last, objective x over the largest of the others", ">= 5"),
}


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


def analyse(study: Study) -> Findings:
    """Offset and gap over iterations of every run, [3, steps] with the iterations."""
    findings = Findings(QUANTITIES)
    wanders: dict[str, dict[int, float]] = {}
    spreads: dict[str, float] = {}
    for objective in study.options("objective"):
        last = []
        for member in study.of(objective=objective):
            history = member.run.history
            findings.arrays[f"{objective}/{member.seed}"] = np.stack(
                [history["generator_iteration"].to_numpy(dtype=float), history["critic_on_real"], history["critic_on_fake"]]
            )
            wanders.setdefault(objective, {})[member.seed] = wander(history)
            findings.add("wander", wanders[objective][member.seed], objective, member.seed)
            tenth = slice(-max(1, len(history) // 10), None)
            last.append((offset(history)[tenth].mean(), gap(history)[tenth].mean()))
        if len(last) > 1:
            offsets, gaps = np.array(last).T
            spreads[objective] = float(offsets.std(ddof=1) / gaps.mean())
            findings.add("seed_spread", spreads[objective], objective)
    for seed in wanders.get("x", {}):
        others = max(found[seed] for name, found in wanders.items() if name != "x" and seed in found)
        findings.add("wander_ratio", wanders["x"][seed] / others, "x", seed)
    if "x" in spreads:
        findings.add("seed_spread_ratio", spreads["x"] / max(v for name, v in spreads.items() if name != "x"), "x")
    return findings
