"""Costs of the toy experiments: the plan's estimates beside measured iterations, and stacks beside runs one by one.

python benchmarks/toys.py --scale paper --seconds 3

Every stack of different cost is trained for a few seconds, and its time scaled to its whole budget.
"""

import argparse
import time
from pathlib import Path

import torch

from wganlib.planning.plan import load_plan
from wganlib.spec.stack import StackSpec
from wganlib.training.member import load_all
from wganlib.training.stacked_trainer import StackedTrainer
from wganlib.training.trainer import Trainer

CPU = torch.device("cpu")


def seconds_per_iteration(trainer: StackedTrainer | Trainer, budget: float) -> float:
    """Mean seconds of a generator iteration, over `budget` seconds and at least two, after two to warm up."""
    for _ in range(2):
        trainer.step()
    started, count = time.perf_counter(), 0
    while count < 2 or time.perf_counter() - started < budget:
        trainer.step()
        count += 1
    return (time.perf_counter() - started) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", default="demo")
    parser.add_argument("--seconds", type=float, default=3.0, help="seconds for each stack of different cost")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    plan = load_plan(Path("params"), arguments.scale)
    measured = {}
    print(f"scale {arguments.scale}")
    print(f"{'toy experiment':<20}{'estimated h':>12}{'measured h':>12}{'ratio':>8}{'alone / stacked':>17}")
    for name, toy in plan.experiments.items():
        estimate = total = 0.0
        speedups = []
        for stack in toy.stacks:
            # Stacks that differ in seeds alone cost the same.
            key = (round(plan.seconds(stack.key), 1), len(stack.runs))
            if key not in measured:
                measured[key] = _measure(stack, arguments.seconds)
            seconds, speedup = measured[key]
            estimate += plan.seconds(stack.key)
            total += seconds
            speedups += [speedup] if len(stack.runs) > 1 else []
        shown = f"{min(speedups):.1f} to {max(speedups):.1f}" if speedups else "-"
        if toy.stacks:
            print(f"{name:<20}{estimate / 3600:>12.3f}{total / 3600:>12.3f}{estimate / total:>8.2f}{shown:>17}", flush=True)


def _measure(stack: StackSpec, budget: float) -> tuple[float, float]:
    """Seconds of the whole stack, and how many times as long its runs would take one by one."""
    data = load_all(stack.runs)
    stacked = seconds_per_iteration(StackedTrainer(stack, data, CPU), budget)
    alone = 0.0
    if len(stack.runs) > 1:
        # Its runs cost the same but for their data, which are cheap.
        alone = seconds_per_iteration(Trainer(stack.runs[0], data[0], CPU), budget) * len(stack.runs)
    return stacked * stack.runs[0].generator_iterations, alone / stacked


if __name__ == "__main__":
    main()
