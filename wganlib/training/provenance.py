"""What is known about how a result was made, besides its spec."""

import functools
import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wganlib.version import __version__


def provenance(
    device: torch.device, threads: int, data_sha256: str | list[str], started: str, seconds: float
) -> dict[str, Any]:
    """Commit, device, threads, digests of the data (of a stack those of each run's), versions, time."""
    return {
        "commit": commit(),
        "device": device_name(device),
        "threads": threads,
        "data_sha256": data_sha256,
        "versions": {
            "wganlib": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "started": started,
        "seconds": round(seconds, 3),
    }


@functools.cache
def commit() -> str | None:
    """The checkout's commit, with `+changes` where tracked library, workflow or parameter files differ from it."""
    root = Path(__file__).parents[2]
    try:
        # A library installed inside another project's repository must not report that project's commit.
        ours = ["git", "ls-files", "--error-unmatch", "wganlib/training/provenance.py"]
        subprocess.run(ours, cwd=root, capture_output=True, check=True)
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "wganlib", "workflow", "params"], cwd=root).returncode
    except (OSError, subprocess.CalledProcessError):
        return None
    return head + ("+changes" if changed else "")


def device_name(device: torch.device) -> str:
    """The model of the GPU, or of this machine's processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return model or platform.processor() or platform.machine()
