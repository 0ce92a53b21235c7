"""What the cores did while the workflow ran: training steps, other work of jobs, waiting.

    python benchmarks/overhead.py [--scale demo] [--cores 2] [--experiment table2]

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
    options = parser.parse_args()
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
    print(f"{'training steps':<28}{steps:>9.0f} core-seconds{steps / available:>8.1%}")
    for rule, spent in sorted(seconds.items(), key=lambda item: -item[1]):
        rest = spent - steps if rule == "train" else spent
        print(f"{rule + (' beside its steps' if rule == 'train' else ''):<28}{rest:>9.0f} core-seconds{rest / available:>8.1%}")
    print(f"{'no job':<28}{available - sum(seconds.values()):>9.0f} core-seconds{1 - sum(seconds.values()) / available:>8.1%}")
    print(f"not in training steps: {1 - steps / available:.1%}")


if __name__ == "__main__":
    main()
