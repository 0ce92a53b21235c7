"""The table of objectives in the form of Zhou et al. 2019 (Lipschitz GANs), eq. 5.

The critic minimises mean critic_fake(f(fake)) + mean critic_real(f(real)); the generator minimises mean generator(f(fake)).
Every function maps critic values [N] to losses [N]. To add an objective, add a row here and its entry in `numerics.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from wganlib.errors import WganlibError

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Objective:
    """One row of the table."""

    critic_fake: Function
    critic_real: Function
    generator: Function
    source: str


def _mirrored(phi: Function, source: str) -> Objective:
    """A Lipschitz GAN: the critic's function of reals is phi(-x), the generator minimises -f (Zhou et al. 2019, section 4)."""
    return Objective(phi, lambda x: phi(-x), torch.neg, source)


OBJECTIVES: dict[str, Objective] = {
    "nonsaturating_gan": Objective(F.softplus, lambda x: F.softplus(-x), lambda x: F.softplus(-x), "Goodfellow et al. 2014"),
    "wgan": _mirrored(lambda x: x, "Arjovsky et al. 2017, eq. 3"),
    "log_sigmoid": _mirrored(F.softplus, "Zhou et al. 2019: phi = -log sigmoid(-x)"),
    "sqrt": _mirrored(lambda x: x + torch.sqrt(x**2 + 1), "Zhou et al. 2019: phi = x + sqrt(x^2 + 1)"),
    "exp": _mirrored(torch.exp, "Zhou et al. 2019: phi = exp(x)"),
}


def objective(name: str) -> Objective:
    """A row of the table.

    Raises:
        WganlibError: `numerics.py` names an objective that has no row here.
    """
    if name not in OBJECTIVES:
        raise WganlibError(f"objective {name!r} stands in numerics.py but not in objectives.py: add its row there")
    return OBJECTIVES[name]


def critic_loss(row: Objective, real: Tensor, fake: Tensor) -> Tensor:
    """The critic's loss, a scalar, from its values on real [N] and generated [M] examples."""
    return row.critic_fake(fake).mean() + row.critic_real(real).mean()


def generator_loss(row: Objective, fake: Tensor) -> Tensor:
    """The generator's loss, a scalar, from the critic's values on generated examples [M]."""
    return row.generator(fake).mean()
