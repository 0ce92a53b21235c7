"""Toy distributions in the plane, with the constants of the papers' code."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from wganlib.datasets.dataset import Dataset
from wganlib.datasets.reading import digest
from wganlib.datasets.spec import DatasetSpec

Draw = Callable[[int, torch.Generator], Tensor]

ROWS = 100_000
"""Rows of the index from which batches are taken; points are drawn afresh for every batch, except those of gaussians25."""


def _normal(shape: tuple[int, ...], stream: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=stream, device=stream.device)


def _uniform(shape: tuple[int, ...], stream: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=stream, device=stream.device)


def _choice(centres: Tensor, weights: list[float], count: int, stream: torch.Generator) -> Tensor:
    bounds = torch.tensor(weights, device=stream.device).cumsum(0)[:-1]
    return centres.to(stream.device)[torch.bucketize(_uniform((count,), stream), bounds, right=True)]


def gaussians8(count: int, stream: torch.Generator) -> Tensor:
    """Eight Gaussians [count, 2] on a circle of radius 2, standard deviation 0.02, all divided by 1.414 (gan_toy.py)."""
    angles = torch.arange(8) * (math.pi / 4)
    centres = 2 * torch.stack([angles.cos(), angles.sin()], dim=1)
    return (_choice(centres, [1 / 8] * 8, count, stream) + 0.02 * _normal((count, 2), stream)) / 1.414


def gaussians25(stream: torch.Generator) -> Tensor:
    """A set of 100,000 points on the grid 2 {-2..2}^2, standard deviation 0.05, all divided by 2.828, shuffled (gan_toy.py)."""
    axis = 2.0 * torch.arange(-2, 3)
    centres = torch.cartesian_prod(axis, axis).repeat(ROWS // 25, 1)
    points = (centres + 0.05 * _normal((ROWS, 2), stream)) / 2.828
    return points[torch.randperm(ROWS, generator=stream)]


def swiss_roll(count: int, stream: torch.Generator) -> Tensor:
    """The roll (t cos t, t sin t), t = 3 pi / 2 (1 + 2 u), normal noise of 0.25, all divided by 7.5 (gan_toy.py)."""
    t = 1.5 * math.pi * (1 + 2 * _uniform((count,), stream))
    return (torch.stack([t * t.cos(), t * t.sin()], dim=1) + 0.25 * _normal((count, 2), stream)) / 7.5


def _square(count: int, centre: float, half_side: float, stream: torch.Generator) -> Tensor:
    points = (2 * _uniform((count, 2), stream) - 1) * half_side
    return points + torch.tensor([centre, 0.0], device=stream.device)


def _case1_fake(count: int, stream: torch.Generator) -> Tensor:
    """A fifth on the 16 boundary points of a 5x5 lattice of half-side 0.5 around (-1, 0), the rest in its inner square."""
    axis = torch.linspace(-0.5, 0.5, 5)
    lattice = torch.cartesian_prod(axis, axis)
    boundary = lattice[lattice.abs().max(dim=1).values > 0.49] + torch.tensor([-1.0, 0.0])
    on_boundary = _choice(boundary, [1 / 16] * 16, count, stream)
    inside = _square(count, -1.0, 0.25, stream)
    return torch.where((_uniform((count,), stream) < 0.2).unsqueeze(1), on_boundary, inside)


def _squares(left: float) -> Draw:
    """Two unit squares around (-1, 0) and (1, 0); the left one has the weight `left`."""

    def draw(count: int, stream: torch.Generator) -> Tensor:
        sides = _choice(torch.tensor([[-1.0, 0.0], [1.0, 0.0]]), [left, 1 - left], count, stream)
        return sides + _square(count, 0.0, 0.5, stream)

    return draw


def _case3_real(count: int, stream: torch.Generator) -> Tensor:
    centres = _choice(torch.tensor([[1.0, 0.0], [-1.25, 0.0]]), [0.5, 0.5], count, stream)
    return centres + 0.15 * _normal((count, 2), stream)


def _case3_fake(count: int, stream: torch.Generator) -> Tensor:
    return torch.tensor([-0.75, 0.0], device=stream.device) + 0.15 * _normal((count, 2), stream)


def _line(x: float) -> Draw:
    """(x, z) with z uniform on [0, 1) (Arjovsky et al. 2017, example 1)."""

    def draw(count: int, stream: torch.Generator) -> Tensor:
        z = _uniform((count, 1), stream)
        return torch.cat([torch.full_like(z, x), z], dim=1)

    return draw


def _point(x: float) -> Draw:
    return lambda count, stream: torch.tensor([[x, 0.0]], device=stream.device).repeat(count, 1)


def drawn(real: Draw, fake: Draw | None = None) -> Dataset:
    """A distribution as a data set: `train` holds row numbers, `preprocess` draws as many fresh points [n, 2] from the stream.

    `fake` draws generated points of its own.
    """
    rows, labels = torch.zeros(ROWS, 1), torch.zeros(ROWS, dtype=torch.int64)
    # There is no content to hash: a drawn sample stands for the distribution.
    sample = digest(*(draw(1000, torch.Generator().manual_seed(0)).numpy() for draw in (real, fake) if draw))
    return Dataset(rows, labels, rows, labels, lambda raw, stream: real(len(raw), stream), sample, fakes=fake)


def load_gaussians8(spec: DatasetSpec) -> Dataset:
    """See `gaussians8`."""
    return drawn(gaussians8)


def load_gaussians25(spec: DatasetSpec) -> Dataset:
    """A fixed set of 4,000 points a mode, as in the official code; see `gaussians25`."""
    labels = torch.zeros(ROWS, dtype=torch.int64)
    train, test = (gaussians25(torch.Generator().manual_seed(seed)) for seed in (0, 1))
    return Dataset(train, labels, test, labels, lambda raw, _: raw, digest(train.numpy()))


def load_swiss_roll(spec: DatasetSpec) -> Dataset:
    """See `swiss_roll`."""
    return drawn(swiss_roll)


def load_lgan_case1(spec: DatasetSpec) -> Dataset:
    """Disjoint squares (gan_synthetic4.py)."""
    return drawn(lambda count, stream: _square(count, 1.0, 0.5, stream), _case1_fake)


def load_lgan_case2(spec: DatasetSpec) -> Dataset:
    """Overlapping squares (gan_synthetic4.py)."""
    return drawn(_squares(0.2), _squares(0.8))


def load_lgan_case3(spec: DatasetSpec) -> Dataset:
    """A Gaussian against two (gan_synthetic4.py)."""
    return drawn(_case3_real, _case3_fake)


def load_parallel_lines(spec: DatasetSpec) -> Dataset:
    """Arjovsky et al. 2017, example 1; the generated line stands where the spec's offset says."""
    assert spec.offset is not None
    return drawn(_line(0.0), _line(spec.offset))


def load_two_gaussians(spec: DatasetSpec) -> Dataset:
    """Arjovsky et al. 2017, Figure 2, which leaves the Gaussians open: N(0, 1) and N(5, 1)."""
    return drawn(lambda count, stream: _normal((count, 1), stream), lambda count, stream: 5 + _normal((count, 1), stream))


def load_two_points(spec: DatasetSpec) -> Dataset:
    """Unit masses at distance 2, where the best slope of every penalised critic has a closed form."""
    return drawn(_point(1.0), _point(-1.0))
