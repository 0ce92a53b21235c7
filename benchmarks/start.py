"""What a job costs that trains two iterations, scores, or only starts: in the workflow's warm process and by itself.

python benchmarks/start.py --rounds 5

Both ways are timed in turn, so that what else the machine does burdens both; medians in seconds, and their ratio.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from conftest import four_run_project, make_spec, results_of, snakemake

from wganlib import warm
from wganlib.files import PARENT_VARIABLE
from wganlib.spec.scoring import ClassifierSpec, ScoringSpec

WAYS = ("warm", "off")
SCORING = ScoringSpec(network="classifier", num_samples=200, splits=2).canonical()


def seconds(arguments: list[str], way: str) -> float:
    """Of a job of one thread, as Snakemake starts it."""
    variables = os.environ | ({warm.VARIABLE: "off"} if way == "off" else {})
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "wganlib", *arguments], env=variables, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def jobs() -> dict[str, list[str]]:
    """Command lines by name; those of the classifier's and the training's first round make what the score needs."""
    run = make_spec(generator_iterations=2)
    judge = ClassifierSpec(dataset=run.dataset, epochs=1, seed=0)
    classifier = ["classifier", judge.canonical(), "--scoring", SCORING]
    score = ["score", run.canonical(), "--scoring", SCORING, "--classifier", f"results/classifiers/{judge.key}"]
    return {"--help": ["--help"], "classifier": classifier, "train": ["train", run.canonical()], "score": score}


def time_jobs(rounds: int) -> dict[str, dict[str, list[float]]]:
    """Seconds of each job by way, in a working folder with a warm process that has imported everything."""
    threads = {f"{library}_THREADS": "1" for library in warm.LIBRARIES}
    os.environ |= threads | {PARENT_VARIABLE: str(os.getpid())}
    Path(".snakemake").mkdir()
    warm.start(["train", "score"])
    times: dict[str, dict[str, list[float]]] = {name: {way: [] for way in WAYS} for name in jobs()}
    subprocess.run([sys.executable, "-m", "wganlib", "--help"], check=True, stdout=subprocess.DEVNULL)
    time.sleep(5)
    for _ in range(rounds):
        for way in WAYS:
            shutil.rmtree("results", ignore_errors=True)
            for name, arguments in jobs().items():
                times[name][way].append(seconds(arguments, way))
    return times


def time_workflows(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds of a workflow of a classifier, four short trainings and their scores, tables and report, by way."""
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    results = []
    for number in range(rounds):
        for way in WAYS:
            project = four_run_project(folder / f"{way}{number}")
            started = time.perf_counter()
            done = snakemake(project, "reports/table2.pdf", **({warm.VARIABLE: "off"} if way == "off" else {}))
            times[way].append(time.perf_counter() - started)
            if done.returncode:
                sys.exit(done.stdout)
            results.append(results_of(project))
    if any(result != results[0] for result in results):
        sys.exit("the two ways made other results")
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="of each job, of workflows half as many")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as scratch:
        whole = time_workflows(Path(scratch), (rounds + 1) // 2)
        os.chdir(scratch)
        times = time_jobs(rounds) | {"workflow": whole}
        print(f"{'':<12}{'warm':>8}{'by itself':>12}{'ratio':>8}")
        for name, ways in times.items():
            served, alone = (statistics.median(ways[way]) for way in WAYS)
            print(f"{name:<12}{served:>8.2f}{alone:>12.2f}{alone / served:>8.1f}")


if __name__ == "__main__":
    main()
