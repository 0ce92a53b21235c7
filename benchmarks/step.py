"""A training step against a plain textbook loop over the same networks, interleaved in one run, and what a step is spent on.

    python benchmarks/step.py [--steps 10]

Ten pairs of Table 2 and four other families, on one thread. Of each: milliseconds of a generator iteration, the textbook loop's
over them (above 1: the library is faster), the share of the time that is convolution, and the speed of the convolutions as a
share of what this core reaches in a large matrix product.
"""

import argparse
import statistics
import time
from collections.abc import Callable
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


def peak() -> float:
    """Operations a second of a large matrix product on this core."""
    a = torch.randn(1024, 1024)
    times = []
    for _ in range(10):
        started = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - started)
    return 2 * 1024**3 / min(times)


def convolutions(spec: Spec, step: Callable[[], object]) -> tuple[float, float]:
    """Share of a step's time that is convolution, and operations of the step a second of that time."""
    with torch.profiler.profile() as profile:
        step()
    events = profile.key_averages()
    whole = sum(event.self_cpu_time_total for event in events)
    spent = sum(event.self_cpu_time_total for event in events if "conv" in event.key and "autograd" not in event.key)
    return spent / whole, run_flops(spec) / spec.generator_iterations / (spent / 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=10)
    options = parser.parse_args()
    settle(1)
    plan, best = load_plan(Path("params"), "demo"), peak()
    print(f"one thread; a matrix product of 1024: {best / 1e9:.0f} GFLOP/s")
    print(f"{'run':<66}{'ms':>7}{'textbook/ours':>15}{'convolution':>13}{'of peak':>9}")
    ratios = []
    for name, count in EXPERIMENTS.items():
        for entry in plan.experiment(name).entries[:count]:
            spec, data = entry.spec, load(entry.spec.dataset)
            ours, examples = Trainer(spec, data, torch.device("cpu")), data.preprocess(data.train, stream(0, "data"))
            plain = textbook(spec, examples)
            times: tuple[list[float], list[float]] = [], []
            for turn in range(options.steps + 2):
                for place, step in enumerate((ours.step, plain)):
                    started = time.perf_counter()
                    step()
                    if turn > 1:
                        times[place].append(time.perf_counter() - started)
            ms, other = (1e3 * statistics.median(spent) for spent in times)
            share, speed = convolutions(spec, ours.step)
            ratios.append(other / ms)
            print(f"{name + ' ' + entry.run:<66}{ms:>7.1f}{other / ms:>15.2f}{share:>13.0%}{speed / best:>9.0%}", flush=True)
    print(f"geometric mean of textbook/ours: {statistics.geometric_mean(ratios):.2f}")


if __name__ == "__main__":
    main()
