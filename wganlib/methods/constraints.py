"""How the critic is kept Lipschitz: clipping, or a penalty on its input gradient. Spectral norm is applied in `build`.

Importing this needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wganlib.errors import unknown

if TYPE_CHECKING:
    import torch
    from torch import Tensor

TINY = 1e-12
"""Added under the root of the gradient's norm, so that a critic with an exactly zero input gradient has a finite derivative."""


@dataclass(frozen=True)
class Form:
    """One form of the gradient penalty: a scalar function of gradient norms [N], to be weighted.

    `formula` with g for the norms and `source`, as in docs/parts.md; a test computes the formula. `version`: raise it when the
    form's numbers change; None where that of `GradientPenalty` covers it.
    """

    function: Callable[[Tensor], Tensor]
    formula: str
    source: str
    version: int | None


FORMS: dict[str, Form] = {
    "two_sided": Form(lambda g: (g - 1).square().mean(), "mean((g − 1)²)", "WGAN-GP, eq. 3", None),
    "one_sided": Form(
        lambda g: (g - 1).clamp(min=0).square().mean(), "mean(max(0, g − 1)²)", 'WGAN-GP, appendix C; LGAN\'s "LP"', 1
    ),
    "centralised": Form(lambda g: g.square().mean(), "mean(g²)", 'LGAN, code ("cp", Figure 12)', 1),
    "max": Form(lambda g: g.max().square(), "max(g)²", 'LGAN, eq. 12 ("MaxGP")', 1),
}


def clip_(parameters: Iterable[Tensor], limit: float) -> None:
    """Clamp every parameter to [-limit, limit] in place (Arjovsky et al. 2017, Algorithm 1).

    >>> import torch
    >>> weight = torch.tensor([0.5, -0.002])
    >>> clip_([weight], 0.01)
    >>> weight
    tensor([ 0.0100, -0.0020])
    """
    import torch

    with torch.no_grad():
        for parameter in parameters:
            parameter.clamp_(-limit, limit)


def interpolate(real: Tensor, fake: Tensor, stream: torch.Generator | None, pairs: str | None = None) -> Tensor:
    """Points real + u (fake - real), one u ~ U[0, 1) per example (Gulrajani et al. 2017, Algorithm 1).

    real, fake: [N, ...] of equal shape; row i goes with row i, unless `pairs` is "independent": then the generated rows are
    permuted first. `stream`: random numbers, of torch's global generator where it is None. The result is a leaf that requires
    its gradient.

    Raises:
        ValueError: the shapes differ, or `pairs` is something else.
    """
    import torch

    if real.shape != fake.shape:
        raise ValueError(
            f"fake: found shape {tuple(fake.shape)} beside real examples of {tuple(real.shape)}: give as many of the same shape"
        )
    if pairs not in (None, "independent"):
        raise ValueError(f"pairs: found {pairs!r}, allowed are 'independent' and None, which is row by row")
    if pairs == "independent":
        fake = fake[torch.randperm(len(fake), generator=stream, device=fake.device)]
    shape = (real.shape[0],) + (1,) * (real.ndim - 1)
    u = torch.rand(shape, generator=stream, device=real.device, dtype=real.dtype)
    return torch.lerp(real.detach(), fake.detach(), u).requires_grad_()


PLACES = ("real", "generated", "around_real")
"""Where a penalty may be taken besides lines between both."""

AROUND = 0.5
"""Noise around real examples in standard deviations of their batch (Kodali et al. 2017)."""


def penalty_points(
    real: Tensor, fake: Tensor, stream: torch.Generator | None, pairs: str | None = None, at: str | None = None
) -> Tensor:
    """The penalty's points [N, ...], a leaf that requires its gradient: on lines (`interpolate`), or `at` one of `PLACES`.

    real: at real examples (with form "centralised" R1, Mescheder et al. 2018); generated: at generated ones (R2); around_real:
    real examples with normal noise.

    Raises:
        ValueError: an unknown place, or what `interpolate` refuses.
    """
    import torch

    if at is None:
        return interpolate(real, fake, stream, pairs)
    if at not in PLACES:
        raise ValueError(str(unknown("place of the gradient penalty", at, PLACES)))
    points = (fake if at == "generated" else real).detach().clone()
    if at == "around_real":
        noise = torch.randn(points.shape, generator=stream, device=points.device, dtype=points.dtype)
        points += AROUND * points.std() * noise
    return points.requires_grad_()


def with_buffer(points: Tensor, buffer: Tensor, mode: str) -> Tensor:
    """The penalty's points [N, ...] and the buffered ones [K, ...]: all (`extend`), or these in place of the first K.

    The result is a leaf that requires its gradient.
    """
    import torch

    kept = points if mode == "extend" else points[len(buffer) :]
    return torch.cat([buffer, kept]).detach().requires_grad_()


def steepest(points: Tensor, norms: Tensor, count: int) -> Tensor:
    """The `count` points [count, ...] with the largest gradient norms [N], steepest first: the next step's buffer.

    >>> import torch
    >>> steepest(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([0.5, 9.0, 4.0]), 2)
    tensor([[2.],
            [3.]])
    """
    return points.detach()[norms.detach().topk(count).indices]


def gradient_norms(critic: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """Euclidean norms [N] of the critic's gradient with respect to each point, over all axes but the first; differentiable.

    critic: maps points [N, ...] to values [N] or [N, 1], each of its own point alone. points: require their gradient.

    Raises:
        ValueError: the critic gives another number of values than points.

    >>> import torch
    >>> points = torch.zeros(2, 3, requires_grad=True)
    >>> gradient_norms(lambda x: x @ torch.tensor([3.0, 0.0, 4.0]), points).detach()
    tensor([5., 5.])
    """
    import torch

    values = critic(points)
    if values.numel() != len(points):
        raise ValueError(
            f"critic: found values of shape {tuple(values.shape)} for {len(points)} points: give one value for each point"
        )
    (gradient,) = torch.autograd.grad(values.sum(), points, create_graph=True)
    return (gradient.flatten(1).square().sum(dim=1) + TINY).sqrt()


def penalty(norms: Tensor, form: str, weight: float) -> Tensor:
    """The gradient penalty, a scalar, from gradient norms [N]: weight times the form's function; see `FORMS`.

    >>> import torch
    >>> [float(penalty(torch.tensor([0.0, 3.0]), form, 1.0)) for form in ("two_sided", "one_sided", "centralised", "max")]
    [2.5, 2.0, 4.5, 9.0]

    Raises:
        ValueError: no such form.
    """
    if form not in FORMS:
        raise ValueError(str(unknown("form of the gradient penalty", form, FORMS)))
    return weight * FORMS[form].function(norms)


def gradient_penalty(
    critic: Callable[[Tensor], Tensor],
    real: Tensor,
    fake: Tensor,
    *,
    weight: float = 10.0,
    form: str = "two_sided",
    stream: torch.Generator | None = None,
    pairs: str | None = None,
    at: str | None = None,
) -> Tensor:
    """The gradient penalty on lines between real and generated examples, a scalar to add to the critic's loss.

    critic: maps examples [N, ...] to values [N] or [N, 1], each of its own example alone: batch norm would tie them together.
    real, fake: [N, ...] of equal shape. `form`: a row of `FORMS`; by default WGAN-GP's (Gulrajani et al. 2017, eq. 3).
    `stream`, `pairs` and `at` as in `penalty_points`. Differentiable with respect to the critic's parameters alone.

    >>> import torch
    >>> w = torch.tensor([3.0, 4.0], requires_grad=True)
    >>> gradient_penalty(lambda x: x @ w, real=torch.zeros(2, 2), fake=torch.ones(2, 2))  # 10 (5 - 1)^2
    tensor(160., grad_fn=<MulBackward0>)

    Raises:
        ValueError: shapes that do not fit, or an unknown form, place or way to pair.
    """
    return penalty(gradient_norms(critic, penalty_points(real, fake, stream, pairs, at)), form, weight)
