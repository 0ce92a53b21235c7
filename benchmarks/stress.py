"""Kill trainings, the workflow or its warm process at random moments; re-runs must make an undisturbed run's bytes.

python benchmarks/stress.py --kills 10
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from conftest import environment, four_run_project, processes, results_of, snakemake, snakemake_command, trainings, warm_process

TARGET = "reports/table2.pdf"
ITERATIONS = {"gan_iterations": 60, "gp_iterations": 20}


def disturb(folder: Path, victim: str, delay: float) -> bool:
    """Start the workflow, wait, kill; returns whether there was something to kill. Fails if an orphan trains on."""
    process = subprocess.Popen(
        snakemake_command(TARGET), cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(delay)
    if process.poll() is not None:
        return False
    if victim == "snakemake":
        process.kill()
        process.wait()
        deadline = time.monotonic() + 20
        while processes(folder):
            if time.monotonic() > deadline:
                sys.exit("an orphan trains on")
            time.sleep(0.05)
        return True
    victims = sorted(trainings(folder)) if victim == "training" else [pid for pid in [warm_process(folder)] if pid]
    if victims:
        os.kill(random.choice(victims), signal.SIGKILL)
    process.wait()
    return bool(victims)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10, help="kills of each kind")
    parser.add_argument("--seed", type=int, default=None, help="seed of the moments")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.randrange(10**6)
    random.seed(seed)
    print(f"seed of the moments: {seed}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        undisturbed = four_run_project(Path(scratch) / "undisturbed", **ITERATIONS)
        started = time.monotonic()
        if snakemake(undisturbed, TARGET).returncode:
            sys.exit("the undisturbed run failed")
        length = time.monotonic() - started
        expected = results_of(undisturbed)
        for victim in ("training", "snakemake", "warm process"):
            killed, folders = 0, 0
            while killed < arguments.kills:
                folders += 1
                folder = four_run_project(Path(scratch) / f"{victim}{folders}", **ITERATIONS)
                for _ in range(4):
                    if killed < arguments.kills and not (folder / TARGET).exists():
                        killed += disturb(folder, victim, random.uniform(1.0, length))
                done = snakemake(folder, TARGET)
                if done.returncode:
                    sys.exit(f"the re-run failed:\n{done.stdout}")
                if results_of(folder) != expected:
                    sys.exit("the results differ from the undisturbed run's")
            print(
                f"{killed} kills of {victim} in {folders} DAGs: every re-run completed, results equal bit for bit", flush=True
            )


if __name__ == "__main__":
    main()
