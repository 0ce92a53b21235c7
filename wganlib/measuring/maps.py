"""Maps of a critic over the plane, its gradients, and exact transport between samples."""

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from torch import Tensor, nn

from wganlib.measuring.study import Array
from wganlib.methods import constraints
from wganlib.streams import stream
from wganlib.training.stacks import Trained


def axis(limits: tuple[float, float], count: int) -> Array:
    """`count` evenly spaced values between limits, both included."""
    return np.linspace(*limits, count)


def values(critic: nn.Module | Callable[[Tensor], Tensor], points: Array) -> Array:
    """The critic's values [N] at points [N, ...]."""
    with torch.no_grad():
        collected = critic(torch.as_tensor(points, dtype=torch.float32))
    result: Array = collected[:, 0].double().numpy()
    return result


def surface(critic: nn.Module, x: Array, y: Array) -> Array:
    """The critic's values on a grid of the plane, [len(y), len(x)]."""
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return values(critic, grid).reshape(len(y), len(x))


def gradients(critic: nn.Module, points: Array) -> Array:
    """The critic's gradient with respect to each point, of the points' shape [N, ...]."""
    at = torch.as_tensor(points, dtype=torch.float32).requires_grad_()
    (collected,) = torch.autograd.grad(critic(at)[:, 0].sum(), at)
    result: Array = collected.double().numpy()
    return result


def norms(vectors: Array) -> Array:
    """Euclidean norms [N] of vectors [N, ...]."""
    return np.asarray(np.linalg.norm(vectors.reshape(len(vectors), -1), axis=1))


def cosines(first: Array, second: Array) -> Array:
    """Cosine [N] between rows of two arrays [N, ...]; not a number where one of them is zero."""
    a, b = first.reshape(len(first), -1), second.reshape(len(second), -1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((a * b).sum(axis=1) / (norms(a) * norms(b)))


def samples(run: Trained, count: int, generator: nn.Module | None = None) -> tuple[Tensor, Tensor]:
    """Real and generated examples [count, ...] that no training saw, from the run's scoring stream.

    Where the generator is real examples plus noise, rows belong together as in training. `generator`: another than the run's.
    """
    source = stream(run.spec.seed, "scoring")
    rows = torch.randint(len(run.data.train), (count,), generator=source)
    real = run.data.preprocess(run.data.train[rows], source)
    network = generator or run.generator
    if network is not None:
        with torch.no_grad():
            return real, network(torch.randn((count, run.spec.architecture.latent_size), generator=source))
    architecture = run.spec.architecture
    if architecture.family == "toy" and architecture.generator == "given":
        assert run.data.fakes is not None
        return real, run.data.fakes(count, source)
    return real, real + torch.randn(real.shape, generator=source)


def between(run: Trained, count: int) -> Array:
    """Points on lines between real and generated examples, as the run's gradient penalty takes them."""
    real, fake = samples(run, count)
    pairs = getattr(run.spec.method.constraint, "pairs", None)
    return constraints.interpolate(real, fake, stream(run.spec.seed, "scoring"), pairs).detach().double().numpy()


def attained(run: Trained, transport: float, count: int) -> float:
    """The critic's estimate of W1 as a share of the exact one, `transport`: never above 1 but for slopes that were not met.

    E f(real) - E f(generated) over `count` examples each, divided by the largest slope on lines between any of both, since
    Kantorovich's dual asks for slopes of at most 1; not a number for a constant critic.
    """
    real, fake = samples(run, count)
    lines = constraints.interpolate(real, fake, stream(run.spec.seed, "scoring"), "independent").detach().numpy()
    steepest = float(norms(gradients(run.critic, lines)).max())
    gap = float(values(run.critic, real.numpy()).mean() - values(run.critic, fake.numpy()).mean())
    return gap / (steepest * transport) if steepest and transport else math.nan


def assignment(first: Array, second: Array) -> tuple[NDArray[np.int64], float]:
    """The row of `second` [N, ...] that exact optimal transport gives each row of `first` [N, ...], and the mean distance."""
    a, b = first.reshape(len(first), -1), second.reshape(len(second), -1)
    distances = cdist(a, b)
    rows, columns = linear_sum_assignment(distances)
    return columns, float(distances[rows, columns].mean())


def r_squared(design: Array, target: Array) -> float:
    """Share of the variance of target [N] that the best linear combination of the columns of design [N, K] explains."""
    solution, *_ = np.linalg.lstsq(design, target, rcond=None)
    residual = target - design @ solution
    return float(1 - residual.var() / target.var()) if target.var() > 0 else float("nan")


def modes(data: str) -> tuple[Array, Array] | None:
    """Centres of the modes [M, 2] of a mixture and the points half way between neighbours [K, 2]; None for the roll."""
    if data == "gaussians8":
        angle = np.arange(8) * math.pi / 4
        centres = 2 / 1.414 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return centres, (centres + np.roll(centres, -1, axis=0)) / 2
    if data == "gaussians25":
        places = 2 / 2.828 * np.arange(-2, 3)
        grid = np.stack(np.meshgrid(places, places, indexing="ij"), axis=-1)
        between_rows, between_columns = (grid[1:] + grid[:-1]) / 2, (grid[:, 1:] + grid[:, :-1]) / 2
        return grid.reshape(-1, 2), np.concatenate([between_rows.reshape(-1, 2), between_columns.reshape(-1, 2)])
    return None
