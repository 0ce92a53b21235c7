"""Steps of an older library in a process of its own, for `step.py --before`.

The older package stands first on the path. Lines in: an experiment of scale `demo` and the place of one of its runs, answered
with the run's architecture and data set as JSON, or `step`, answered with the CPU seconds of a generator iteration.
"""

import json
import sys
import time
from pathlib import Path

import torch

from wganlib.datasets.loading import load
from wganlib.planning.plan import load_plan
from wganlib.training.trainer import Trainer


def main() -> None:
    torch.set_num_threads(1)  # as a training of the older library began
    torch.set_deterministic_debug_mode("warn")
    plan, trainer = load_plan(Path("params"), "demo"), None
    for line in sys.stdin:
        if trainer is not None and line == "step\n":
            started = time.thread_time()
            trainer.step()
            print(time.thread_time() - started, flush=True)
        else:
            name, place = line.split()
            spec = plan.experiment(name).entries[int(place)].spec
            trainer = Trainer(spec, load(spec.dataset), torch.device("cpu"))
            print(json.dumps([spec.architecture.model_dump(mode="json"), spec.dataset.name]), flush=True)


if __name__ == "__main__":
    main()
