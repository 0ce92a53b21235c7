"""How the critic is kept Lipschitz: clipping, or a penalty on its input gradient. Spectral norm is applied in `build`."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

TINY = 1e-12
"""Added under the root of the gradient's norm, so that a critic with an exactly zero input gradient has a finite derivative."""


def clip_(parameters: Iterable[Tensor], limit: float) -> None:
    """Clamp every parameter to [-limit, limit] in place (Arjovsky et al. 2017, Algorithm 1).

    >>> weight = torch.tensor([0.5, -0.002])
    >>> clip_([weight], 0.01)
    >>> weight
    tensor([ 0.0100, -0.0020])
    """
    with torch.no_grad():
        for parameter in parameters:
            parameter.clamp_(-limit, limit)


def interpolate(real: Tensor, fake: Tensor, stream: torch.Generator, pairs: str | None = None) -> Tensor:
    """Points real + u (fake - real), one u ~ U[0, 1) per example (Gulrajani et al. 2017, Algorithm 1).

    real, fake: [N, ...] of equal shape; row i goes with row i, unless `pairs` is "independent": then the generated rows are
    permuted first. The result is a leaf that requires its gradient.
    """
    if pairs == "independent":
        fake = fake[torch.randperm(len(fake), generator=stream, device=fake.device)]
    shape = (real.shape[0],) + (1,) * (real.ndim - 1)
    u = torch.rand(shape, generator=stream, device=real.device, dtype=real.dtype)
    return torch.lerp(real.detach(), fake.detach(), u).requires_grad_()


def with_buffer(points: Tensor, buffer: Tensor, mode: str) -> Tensor:
    """The penalty's points [N, ...] and the buffered ones [K, ...]: all (`extend`), or these in place of the first K.

    The result is a leaf that requires its gradient.
    """
    kept = points if mode == "extend" else points[len(buffer) :]
    return torch.cat([buffer, kept]).detach().requires_grad_()


def steepest(points: Tensor, norms: Tensor, count: int) -> Tensor:
    """The `count` points [count, ...] with the largest gradient norms [N], steepest first: the next step's buffer.

    >>> steepest(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([0.5, 9.0, 4.0]), 2)
    tensor([[2.],
            [3.]])
    """
    return points.detach()[norms.detach().topk(count).indices]


def gradient_norms(critic: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """Euclidean norms [N] of the critic's gradient with respect to each point, over all axes but the first; differentiable.

    critic: maps points [N, ...] to values [N] or [N, 1].

    >>> points = torch.zeros(2, 3, requires_grad=True)
    >>> gradient_norms(lambda x: x @ torch.tensor([3.0, 0.0, 4.0]), points).detach()
    tensor([5., 5.])
    """
    (gradient,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    return torch.sqrt(gradient.flatten(1).square().sum(dim=1) + TINY)


def penalty(norms: Tensor, form: str, weight: float) -> Tensor:
    """The gradient penalty, a scalar, from gradient norms [N].

    two_sided: weight * mean (norm - 1)^2 (Gulrajani et al. 2017, eq. 3); one_sided: weight * mean max(0, norm - 1)^2
    (appendix C); centralised: weight * mean norm^2; max: weight * (max norm)^2 (Zhou et al. 2019, appendix C and eq. 12).

    >>> [float(penalty(torch.tensor([0.0, 3.0]), form, 1.0)) for form in ("two_sided", "one_sided", "centralised", "max")]
    [2.5, 2.0, 4.5, 9.0]
    """
    if form == "two_sided":
        return weight * (norms - 1).square().mean()
    if form == "one_sided":
        return weight * (norms - 1).clamp(min=0).square().mean()
    if form == "centralised":
        return weight * norms.square().mean()
    if form == "max":
        return weight * norms.max().square()
    raise ValueError(f"unknown form of the gradient penalty: {form}")
