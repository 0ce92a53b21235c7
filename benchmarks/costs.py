"""How well `wganlib plan` estimates the seconds of a scale's image and text runs: measured over estimated, and a fit.

    python benchmarks/costs.py [--scale demo] [--results results]

Reads the seconds that trained runs have in their provenance; run it after `make reports`. The fit gives the two numbers of
`throughput` in params/scales/<scale>.yaml that minimise the sum of squared logarithms of measured over estimated.
"""

import argparse
import math
from collections import defaultdict
from pathlib import Path

from scipy.optimize import minimize

from wganlib.files import read_json
from wganlib.planning.cost import run_seconds
from wganlib.planning.params import Throughput
from wganlib.planning.plan import load_plan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", default="demo")
    parser.add_argument("--results", type=Path, default=Path("results"))
    options = parser.parse_args()
    plan = load_plan(Path("params"), options.scale)
    measured = {}
    for key in plan.runs:
        provenance = options.results / "runs" / key / "provenance.json"
        if provenance.exists():
            measured[key] = float(read_json(provenance)["seconds"])
    if not measured:
        raise SystemExit(
            f"error: no trained run of scale {options.scale} below {options.results}/runs; `make reports` trains them"
        )

    def estimates(speed: Throughput) -> dict[str, float]:
        return {key: run_seconds(plan.runs[key], speed) for key in measured}

    now = estimates(plan.params.throughput)
    groups = defaultdict(list)
    for key in measured:
        spec = plan.runs[key]
        variant = getattr(spec.architecture, "variant", "")
        groups[f"{spec.architecture.family} {variant} {spec.method.constraint.kind}".replace("  ", " ")].append(key)
    print(f"{'runs':<52}{'n':>4}{'measured s':>12}{'estimated':>11}{'ratio':>7}")
    for name, keys in [*sorted(groups.items()), ("all", list(measured))]:
        spent, said = sum(measured[k] for k in keys), sum(now[k] for k in keys)
        print(f"{name:<52}{len(keys):>4}{spent:>12.1f}{said:>11.1f}{spent / said:>7.2f}")

    # Both parts are linear in the inverse speed and in the seconds of a call: two evaluations give them.
    one = estimates(Throughput(device="", flops_per_second=1e11, seconds_per_layer_call=0.0))
    both = estimates(Throughput(device="", flops_per_second=1e11, seconds_per_layer_call=1e-4))

    def misfit(logs: tuple[float, float]) -> float:
        a, b = math.exp(logs[0]), math.exp(logs[1])
        return sum(math.log(s / (a * one[k] + b * (both[k] - one[k]))) ** 2 for k, s in measured.items())

    found = minimize(misfit, (0.0, 0.0), method="Nelder-Mead")
    spread = math.exp(math.sqrt(found.fun / len(measured)))
    print(f"fit: flops_per_second {1e11 / math.exp(found.x[0]):.2e}, seconds_per_layer_call {1e-4 * math.exp(found.x[1]):.2e}")
    print(f"a run's seconds are then within a factor of {spread:.2f} of the estimate (one standard deviation)")


if __name__ == "__main__":
    main()
