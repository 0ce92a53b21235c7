"""A training step against a plain textbook loop over the same networks and against an older library, interleaved in one run,
and what a step is spent on.

    python benchmarks/step.py [--steps 10] [--before PATH]

PATH: a checkout of the library at an older commit, whose steps a process of its own makes with this one's Python and torch.
Ten pairs of Table 2 and four other families, on one thread. Of each: CPU milliseconds of a generator iteration, the textbook
loop's and the older library's over them (above 1: the library is faster), the share of the time that is convolution, and the
speed of the convolutions as a share of what this core reaches in a large matrix product.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from wganlib.architectures.build import build_critic, build_generator
from wganlib.datasets.loading import load
from wganlib.planning.cost import run_flops
from wganlib.planning.plan import load_plan
from wganlib.spec.run import Spec
from wganlib.streams import settle, stream
from wganlib.training.trainer import Trainer

EXPERIMENTS = {"table2": 20, "lsun_matrix": 1, "mnist_overfitting": 1, "lgan_table2": 1, "language_model": 1}
"""The first runs of each are measured."""


def textbook(spec: Spec, examples: Tensor) -> Callable[[], None]:
    """One generator iteration of WGAN-GP or of the standard GAN as a tutorial writes it; no other method."""
    draws = stream(spec.seed, "init")
    generator, critic = build_generator(spec.architecture, spec.dataset.shape, draws), None
    critic = build_critic(spec.architecture, spec.dataset.shape, draws)
    assert generator is not None
    method, rates = spec.method, (spec.method.critic_optimizer, spec.method.generator_optimizer)
    optimizers = [
        torch.optim.Adam(net.parameters(), lr=rate.learning_rate, betas=(rate.beta1, rate.beta2))  # type: ignore[union-attr]
        for net, rate in zip((critic, generator), rates, strict=True)
    ]
    penalised, labels = method.constraint.kind == "gradient_penalty", nn.BCEWithLogitsLoss()

    def step() -> None:
        for _ in range(method.critic_steps):
            real = examples[torch.randint(len(examples), (method.batch_size,))]
            fake = generator(torch.randn(method.batch_size, spec.architecture.latent_size)).detach()
            on_real, on_fake = critic(real)[:, 0], critic(fake)[:, 0]
            if penalised:
                points = real + torch.rand(len(real), *[1] * (real.ndim - 1)) * (fake - real)
                points.requires_grad_()
                values = critic(points)[:, 0]
                gradient = torch.autograd.grad(values, points, torch.ones_like(values), create_graph=True)[0]
                loss = on_fake.mean() - on_real.mean() + 10 * ((gradient.flatten(1).norm(dim=1) - 1) ** 2).mean()
            else:
                loss = labels(on_real, torch.ones_like(on_real)) + labels(on_fake, torch.zeros_like(on_fake))
            optimizers[0].zero_grad()
            loss.backward()
            optimizers[0].step()
        values = critic(generator(torch.randn(method.generator_batch_size, spec.architecture.latent_size)))[:, 0]
        loss = -values.mean() if penalised else labels(values, torch.ones_like(values))
        optimizers[1].zero_grad()
        loss.backward()
        optimizers[1].step()

    return step


class Before:
    """An older library in a process of its own; see `older.py`."""

    def __init__(self, checkout: Path):
        command = [sys.executable, str(Path(__file__).parent.resolve() / "older.py")]
        environment = os.environ | {"PYTHONPATH": str(checkout.resolve())}
        self.process = subprocess.Popen(
            command, cwd=checkout, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, line: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(line, file=self.process.stdin, flush=True)
        return self.process.stdout.readline()

    def take(self, name: str, place: int, spec: Spec) -> None:
        """The run at this place of an experiment is what the next steps train; it must have the networks of `spec`."""
        theirs = json.loads(self.ask(f"{name} {place}"))
        if theirs != [spec.architecture.model_dump(mode="json"), spec.dataset.name]:
            sys.exit(f"{name}, run {place}: the older library trains other networks there: {theirs}")

    def step(self) -> float:
        """CPU seconds of a generator iteration."""
        return float(self.ask("step"))


def timed(step: Callable[[], object]) -> float:
    """CPU seconds of this thread, which has all the work: what else the machine does counts little."""
    started = time.thread_time()
    step()
    return time.thread_time() - started


def peak() -> float:
    """Operations a second of a large matrix product on this core."""
    a = torch.randn(1024, 1024)
    return 2 * 1024**3 / min(timed(lambda: a @ a) for _ in range(10))


def convolutions(step: Callable[[], object]) -> float:
    """Share of a step's time that is convolution."""
    with torch.profiler.profile() as profile:
        step()
    events = profile.key_averages()
    whole = sum(event.self_cpu_time_total for event in events)
    spent = sum(event.self_cpu_time_total for event in events if "conv" in event.key and "autograd" not in event.key)
    return spent / whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--before", type=Path, metavar="PATH")
    options = parser.parse_args()
    settle(1)
    plan, best = load_plan(Path("params"), "demo"), peak()
    before = Before(options.before) if options.before else None
    others = ["textbook", "before"] if before else ["textbook"]
    print(f"one thread; a matrix product of 1024: {best / 1e9:.0f} GFLOP/s")
    heads = "".join(f"{side + '/ours':>15}" for side in others)
    print(f"{'run':<66}{'ms':>7}{heads}{'convolution':>13}{'of peak':>9}")
    ratios: dict[str, list[float]] = {side: [] for side in others}
    for name, count in EXPERIMENTS.items():
        for place, entry in enumerate(plan.experiment(name).entries[:count]):
            spec, data = entry.spec, load(entry.spec.dataset)
            trainer, examples = Trainer(spec, data, torch.device("cpu")), data.preprocess(data.train, stream(0, "data"))
            clocks = {"ours": partial(timed, trainer.step), "textbook": partial(timed, textbook(spec, examples))}
            if before:
                before.take(name, place, spec)
                clocks["before"] = before.step
            spent = [{side: clock() for side, clock in clocks.items()} for _ in range(options.steps + 2)][2:]
            ms = {side: 1e3 * statistics.median(turn[side] for turn in spent) for side in clocks}
            for side in others:
                ratios[side].append(ms[side] / ms["ours"])
            share = convolutions(trainer.step)
            speed = run_flops(spec) / spec.generator_iterations / (share * ms["ours"] / 1e3)
            compared = "".join(f"{ratios[side][-1]:>15.2f}" for side in others)
            print(f"{name + ' ' + entry.run:<66}{ms['ours']:>7.1f}{compared}{share:>13.0%}{speed / best:>9.0%}", flush=True)
    for side in others:
        print(f"geometric mean of {side}/ours: {statistics.geometric_mean(ratios[side]):.2f}")


if __name__ == "__main__":
    main()
