"""WGAN-GP's CIFAR ResNet against another project's networks and training loop, interleaved in one run.

    python benchmarks/peers.py --peer collections=PATH [--steps 5] [--batch 64]

PATH: a checkout of github.com/w86763777/pytorch-gan-collections. Its own `wgangp.py` trains its own networks on one thread of
the CPU; where its progress bar would count, the library makes a generator iteration of its own: as many critic steps, batches
as large. Medians of CPU seconds of a generator iteration, and their ratio: above 1 the library is faster.

Made alike: random examples from memory for both, where the peer would have four processes load them; nothing is logged, drawn
or scored; torch's settings are the library's, so that numbers below the normal range are zero for both. The critics have
equal layers and widths. The peer's generator has 256 channels: it is timed with 128 too, made of its own blocks.
Left as they are: the peer's batch norm is one batch's in each pass, the library's generator takes the batch in two parts, as
the authors' code; other initial weights; the peer has one pass for real and one for generated examples, the library one.
"""

import argparse
import importlib
import statistics
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from conftest import make_data

from wganlib.planning.plan import load_plan
from wganlib.spec.run import Spec
from wganlib.streams import settle
from wganlib.training.trainer import Trainer


def paper_spec(batch: int) -> Spec:
    """The paper's unsupervised ResNet, its batches and counts those of the peer, where a batch is 64."""
    spec = load_plan(Path("params"), "paper").experiment("cifar_table3").entries[0].spec
    sizes = {"batch_size": batch, "generator_batch_size": 2 * batch}
    return spec.model_copy(update={"method": spec.method.model_copy(update=sizes), "threads": 1})


class Bar:
    """The peer's progress bar, which times each iteration of its loop and lets the library make one in turn."""

    def __init__(self, steps: int, step: Callable[[], object]):
        self.steps, self.step = steps, step
        self.seconds: tuple[list[float], list[float]] = [], []  # the library's, the peer's

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_: object) -> None: ...

    def set_postfix(self, **_: object) -> None: ...

    def __iter__(self) -> Iterator[int]:
        for number in range(1, self.steps + 1):
            started = time.thread_time()
            yield number
            between = time.thread_time()
            self.step()
            self.seconds[0].append(time.thread_time() - between)
            self.seconds[1].append(between - started)


class Flags:
    """What the peer asks of absl: options by name, with their defaults."""

    def __init__(self) -> None:
        self.FLAGS = types.SimpleNamespace(flags_into_string=str)

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda option, default, *_: setattr(self.FLAGS, option, default)


def collections(path: Path) -> Any:
    """The peer's program as a module; what it logs and scores with need not be installed."""
    sys.modules["absl"] = mock.MagicMock(flags=Flags())
    for name in ("tensorboardX", "pytorch_gan_metrics"):
        sys.modules[name] = mock.MagicMock()
    sys.path.insert(0, str(path))
    return importlib.import_module("wgangp")


def narrow_generator(models: Any) -> Callable[[int], nn.Module]:
    """The peer's generator with 128 instead of 256 channels, made of its blocks."""

    def make(latent_size: int) -> nn.Module:
        blocks = [models.ResGenBlock(128, 128) for _ in range(3)]
        output = (nn.BatchNorm2d(128), nn.ReLU(True), nn.Conv2d(128, 3, 3, padding=1), nn.Tanh())
        return nn.Sequential(nn.Linear(latent_size, 128 * 16), nn.Unflatten(1, (128, 4, 4)), *blocks, *output)

    return make


def interleaved(program: Any, spec: Spec, steps: int) -> tuple[list[float], list[float]]:
    """CPU seconds of generator iterations of the library and of the peer, the first of each, which warms up, left out."""
    data, batch = make_data(spec.dataset, count=8 * spec.method.batch_size), spec.method.batch_size
    trainer = Trainer(spec, data, torch.device("cpu"))
    bar = Bar(steps + 1, trainer.step)
    batches = list(zip(data.train.split(batch), data.train_labels.split(batch), strict=True))
    program.device, program.datasets = torch.device("cpu"), mock.MagicMock()
    program.trange = mock.MagicMock(return_value=bar)
    loader = mock.patch.object(torch.utils.data, "DataLoader", return_value=batches)
    with tempfile.TemporaryDirectory() as folder, loader:
        vars(program.FLAGS).update(batch_size=batch, logdir=folder, record=False)
        program.train()
    return bar.seconds[0][1:], bar.seconds[1][1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True, metavar="collections=PATH")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--batch", type=int, default=64)
    options = parser.parse_args()
    name, _, path = options.peer.partition("=")
    if name != "collections" or not (Path(path) / "wgangp.py").is_file():
        parser.error(f"--peer: found {options.peer!r}: give collections=PATH, the checkout in which wgangp.py lies")
    settle(1)
    program, spec = collections(Path(path)), paper_spec(options.batch)
    generators = {
        "128 channels, the paper's": narrow_generator(program.models),
        "256 channels, its own": program.models.ResGenerator32,
    }
    print(f"one thread, batches of {options.batch}; CPU seconds of a generator iteration, medians of {options.steps}")
    print(f"{'generator of the peer':<28}{'ours':>8}{'peer':>8}{'peer/ours':>11}{'least, most':>14}")
    for title, generator in generators.items():
        program.net_G_models["res32"] = generator
        seconds = interleaved(program, spec, options.steps)
        ours, peer = (statistics.median(spent) for spent in seconds)
        ratios = [theirs / own for own, theirs in zip(*seconds, strict=True)]
        print(f"{title:<28}{ours:>8.2f}{peer:>8.2f}{peer / ours:>11.2f}{min(ratios):>8.2f}{max(ratios):>6.2f}", flush=True)


if __name__ == "__main__":
    main()
