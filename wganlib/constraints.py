"""How the critic is kept Lipschitz: clipping after a step, or a penalty on its input gradient."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

TINY = 1e-12
"""Added under the root of the gradient's norm, so that a critic with an exactly zero input gradient has a finite derivative."""


def clip_(parameters: Iterable[Tensor], limit: float) -> None:
    """Clamp every parameter to [-limit, limit] in place (Arjovsky et al. 2017, Algorithm 1)."""
    with torch.no_grad():
        for parameter in parameters:
            parameter.clamp_(-limit, limit)


def interpolate(real: Tensor, fake: Tensor, stream: torch.Generator) -> Tensor:
    """Points real + u (fake - real), one u ~ U[0, 1) per example (Gulrajani et al. 2017, Algorithm 1).

    real, fake: [N, ...] of equal shape. The result is a leaf that requires its gradient.
    """
    shape = (real.shape[0],) + (1,) * (real.ndim - 1)
    u = torch.rand(shape, generator=stream, device=real.device, dtype=real.dtype)
    return torch.lerp(real.detach(), fake.detach(), u).requires_grad_()


def gradient_norms(critic: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """Euclidean norms [N] of the critic's gradient with respect to each point, over all axes but the first; differentiable."""
    (gradient,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    return torch.sqrt(gradient.flatten(1).square().sum(dim=1) + TINY)


def penalty(norms: Tensor, form: str, weight: float) -> Tensor:
    """The gradient penalty, a scalar, from gradient norms [N].

    two_sided: weight * mean (norm - 1)^2 (Gulrajani et al. 2017, eq. 3); one_sided: weight * mean max(0, norm - 1)^2
    (appendix C); max: weight * (max norm)^2 (Zhou et al. 2019, eq. 12).
    """
    if form == "two_sided":
        return weight * (norms - 1).square().mean()
    if form == "one_sided":
        return weight * (norms - 1).clamp(min=0).square().mean()
    if form == "max":
        return weight * norms.max().square()
    raise ValueError(f"unknown form of the gradient penalty: {form}")
