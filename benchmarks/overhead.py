"""What the cores did while the workflow ran: training steps, other work of jobs, waiting.

    python benchmarks/overhead.py [--scale demo] [--cores 2] [--experiment table2] [--save shares.json]
    python benchmarks/overhead.py --picture docs/performance.svg before.json after.json

Reads Snakemake's records of the jobs that made an experiment's newest tables, scores and runs, and the seconds that trainings
have in their provenance; run it after `make table2` in a folder without earlier results.
"""

import argparse
import base64
import json
from collections import defaultdict
from pathlib import Path

from wganlib.files import read_json
from wganlib.planning.plan import load_plan


def records() -> dict[str, dict[str, float]]:
    """Rule, start and end of the job that made each file, by the file's name."""
    found = {}
    for path in Path(".snakemake/metadata").rglob("*"):
        if path.is_file():
            name = base64.b64decode(str(path.relative_to(".snakemake/metadata")).replace("/@", "")).decode()
            found[name] = json.loads(path.read_text())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", default="demo")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--experiment", default="table2")
    parser.add_argument("--save", type=Path, help="file for the core-seconds of each kind")
    parser.add_argument("--picture", type=Path, help="draw saved files below each other, and measure nothing")
    parser.add_argument("saved", nargs="*", type=Path)
    options = parser.parse_args()
    if options.picture:
        draw(options.picture, options.saved)
        return
    plan = load_plan(Path("params"), options.scale)
    keys = set(plan.experiment(options.experiment).run_keys)
    jobs: dict[str, tuple[str, float, float]] = {}  # Files of one job share its log.
    for name, record in records().items():
        parts = Path(name).parts
        ours = keys.intersection(parts) or options.experiment in Path(name).stem or options.experiment in parts
        if (ours or "classifiers" in parts) and record.get("starttime") and record.get("endtime"):
            log = record["log"][0]
            _, start, end = jobs.get(log, ("", record["starttime"], record["endtime"]))
            jobs[log] = record["rule"], min(start, record["starttime"]), max(end, record["endtime"])
    if not jobs:
        raise SystemExit("error: Snakemake has no record of this experiment's jobs here: run `make table2` first")
    seconds = defaultdict(float)
    for rule, start, end in jobs.values():
        seconds[rule] += end - start
    steps = sum(
        float(read_json(path)["seconds"]) for key in keys if (path := Path("results/runs") / key / "provenance.json").exists()
    )
    wall = max(end for _, _, end in jobs.values()) - min(start for _, start, _ in jobs.values())
    available = options.cores * wall
    print(f"{options.experiment}, scale {options.scale}: {len(jobs)} jobs in {wall:.0f} s on {options.cores} cores")
    kinds = {
        "training steps": steps,
        "trainings beside their steps": seconds.pop("train") - steps,
        "scores": seconds.pop("score"),
    }
    kinds |= {"classifier, tables, pages": sum(seconds.values())}
    kinds |= {"no job": available - sum(kinds.values())}
    for name, spent in kinds.items():
        print(f"{name:<32}{spent:>9.0f} core-seconds{spent / available:>8.1%}")
    print(f"not in training steps: {1 - steps / available:.1%}")
    if options.save:
        options.save.write_text(json.dumps(kinds, indent=1) + "\n")


def draw(path: Path, saved: list[Path]) -> None:
    """A bar of shares for each saved file, named by it."""
    import matplotlib.pyplot as plt

    plt.rcParams |= {"svg.hashsalt": "performance", "font.size": 9}
    drawn, axis = plt.subplots(figsize=(8, 0.7 + 0.55 * len(saved)), layout="constrained")
    shades = ("#0072b2", "#e69f00", "#d55e00", "#cc79a7", "#bbbbbb")
    for place, file in enumerate(saved):
        kinds, left = json.loads(file.read_text()), 0.0
        whole = sum(kinds.values())
        for (name, spent), shade in zip(kinds.items(), shades, strict=True):
            share = 100 * spent / whole
            axis.barh(-place, share, left=left, color=shade, label=None if place else name)
            if share > 4:
                axis.text(left + share / 2, -place, f"{share:.0f} %", ha="center", va="center", color="white")
            left += share
    axis.set_yticks([-place for place in range(len(saved))], [file.stem.replace("_", " ") for file in saved])
    axis.set(xlim=(0, 100), xlabel="share of two cores, %")
    drawn.legend(loc="outside upper center", ncols=5, frameon=False, fontsize=8)
    drawn.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
