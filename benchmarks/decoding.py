"""Decoding a folder of photographs: this checkout, another one, and Pillow alone, timed in turn.

    python benchmarks/decoding.py [--images 10000] [--before PATH]

Medians of each round's seconds over those of Pillow alone, which opens, converts, resizes and crops, and keeps nothing.
"""

import argparse
import io
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 64
LOAD = f"""
import os, time
from wganlib.datasets.loading import load
from wganlib.datasets.spec import DatasetSpec
started = time.perf_counter()
load(DatasetSpec(name="image_folder", folder="photos", image_size={SIDE}))
print(time.perf_counter() - started)
"""
PILLOW = f"""
import io, sys, time
from pathlib import Path
import numpy as np
from PIL import Image
started = time.perf_counter()
for path in sorted(Path("photos").rglob("*")):
    picture = Image.open(io.BytesIO(path.read_bytes())).convert("RGB")
    scale = {SIDE} / min(picture.size)
    picture = picture.resize([round(side * scale) for side in picture.size], Image.Resampling.BILINEAR)
    left, top = ((side - {SIDE}) // 2 for side in picture.size)
    np.asarray(picture.crop((left, top, left + {SIDE}, top + {SIDE}))).transpose(2, 0, 1).tobytes()
print(time.perf_counter() - started)
"""


def write_photographs(folder: Path, count: int) -> None:
    """Smooth random JPEGs, 256 pixels on their shorter side as LSUN's."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for index in range(count):
        coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        buffer = io.BytesIO()
        coarse.resize((341, 256), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=75)
        (folder / f"{index:05d}.jpg").write_bytes(buffer.getvalue())


def seconds(code: str, checkout: Path | None, root: Path) -> float:
    """Of decoding all, in a process of its own, with no copy of decoded images."""
    subprocess.run(["rm", "-rf", str(root / ".decoded")], check=True)
    variables = os.environ | {"DATA_ROOT": str(root)} | ({"PYTHONPATH": str(checkout)} if checkout else {})
    done = subprocess.run([sys.executable, "-c", code], cwd=root, env=variables, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


def main() -> None:
    """Print the medians and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--before", type=Path, metavar="PATH", help="another checkout of this project")
    options = parser.parse_args()
    ways = {"Pillow": (PILLOW, None), "this checkout": (LOAD, Path(__file__).parent.parent)}
    if options.before:
        ways["before"] = (LOAD, options.before.resolve())
    times: dict[str, list[float]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as folder:
        write_photographs(Path(folder) / "photos", options.images)
        for _ in range(options.rounds):
            for name, (code, checkout) in ways.items():
                times[name].append(seconds(code, checkout, Path(folder)))
    for name, one in times.items():
        ratios = sorted(a / b for a, b in zip(one, times["Pillow"], strict=True))
        print(f"{name:<15}{statistics.median(one):8.2f} s {statistics.median(ratios):7.3f} times Pillow alone")
    if options.before:
        ratios = sorted(a / b for a, b in zip(times["this checkout"], times["before"], strict=True))
        print(f"this checkout over before: {statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})")


if __name__ == "__main__":
    main()
