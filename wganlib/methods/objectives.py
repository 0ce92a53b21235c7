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
from wganlib.methods.method import objective_terms

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Objective:
    """One row of the table."""

    critic_fake: Function
    critic_real: Function
    generator: Function
    source: str


def mirrored(phi: Function, source: str) -> Objective:
    """A Lipschitz GAN: the critic's function of reals is phi(-x), the generator minimises -f (Zhou et al. 2019, section 4).

    >>> row = mirrored(lambda x: torch.exp(x / 2), "mine")
    >>> critic_loss(row, real=torch.zeros(3), fake=torch.zeros(3))
    tensor(2.)
    """
    return Objective(phi, lambda x: phi(-x), torch.neg, source)


OBJECTIVES: dict[str, Objective] = {
    "minimax_gan": Objective(F.softplus, lambda x: F.softplus(-x), lambda x: -F.softplus(x), "Goodfellow et al. 2014, eq. 1"),
    "nonsaturating_gan": Objective(F.softplus, lambda x: F.softplus(-x), lambda x: F.softplus(-x), "Goodfellow et al. 2014"),
    "lsgan": Objective(
        lambda x: x**2 / 2,
        lambda x: (x - 1) ** 2 / 2,
        lambda x: (x - 1) ** 2,
        "Mao et al. 2017, as in Gulrajani et al. 2017, code",
    ),
    "hinge": mirrored(lambda x: F.relu(1 + x), "Lim and Ye 2017; Zhou et al. 2019: phi = max(0, x + 1)"),
    "wgan": mirrored(lambda x: x, "Arjovsky et al. 2017, eq. 3"),
    "log_sigmoid": mirrored(F.softplus, "Zhou et al. 2019: phi = -log sigmoid(-x)"),
    "sqrt": mirrored(lambda x: x + torch.sqrt(x**2 + 1), "Zhou et al. 2019: phi = x + sqrt(x^2 + 1)"),
    "exp": mirrored(torch.exp, "Zhou et al. 2019: phi = exp(x)"),
    "quadratic": mirrored(lambda x: (x + 1) ** 2, "Zhou et al. 2019: phi = (x + 1)^2, generator as in the paper"),
    "quadratic_lsgan": Objective(
        lambda x: (x + 1) ** 2,
        lambda x: (x - 1) ** 2,
        lambda x: (x - 1) ** 2,
        "Zhou et al. 2019, code: LSGAN with targets -1 and 1",
    ),
}


def objective(text: str) -> Objective:
    """A row of the table, or a weighted sum of rows such as "exp+0.5*sqrt" (Zhou et al. 2019, section 4).

    The critic's functions of a sum are the weighted sums of its terms', the generator's is their weighted mean: sums of
    Lipschitz GANs keep the generator's -f, and "0.5*nonsaturating_gan" halves the critic's loss alone.

    >>> round(float(critic_loss(objective("wgan+0.5*exp"), real=torch.zeros(1), fake=torch.zeros(1))), 6)
    1.0

    Raises:
        ValueError: no such row, or an ill-formed sum.
        WganlibError: `numerics.py` names an objective that has no row here.
    """
    terms = [(weight, _row(name)) for weight, name in objective_terms(text)]
    if terms == [(1.0, terms[0][1])]:
        return terms[0][1]
    total = sum(weight for weight, _ in terms)

    def weighted(values: list[tuple[float, Tensor]]) -> Tensor:
        return torch.stack([weight * value for weight, value in values]).sum(dim=0)

    return Objective(
        lambda x: weighted([(weight, row.critic_fake(x)) for weight, row in terms]),
        lambda x: weighted([(weight, row.critic_real(x)) for weight, row in terms]),
        lambda x: weighted([(weight / total, row.generator(x)) for weight, row in terms]),
        "; ".join(row.source for _, row in terms),
    )


def _row(name: str) -> Objective:
    if name not in OBJECTIVES:
        raise WganlibError(f"objective {name!r} stands in numerics.py but not in objectives.py: add its row there")
    return OBJECTIVES[name]


def critic_loss(row: Objective, real: Tensor, fake: Tensor) -> Tensor:
    """The critic's loss, a scalar, from its values on real [N] and generated [M] examples.

    >>> critic_loss(OBJECTIVES["wgan"], real=torch.tensor([2.0, 4.0]), fake=torch.tensor([1.0]))
    tensor(-2.)
    """
    return row.critic_fake(fake).mean() + row.critic_real(real).mean()


def generator_loss(row: Objective, fake: Tensor) -> Tensor:
    """The generator's loss, a scalar, from the critic's values on generated examples [M].

    >>> generator_loss(OBJECTIVES["wgan"], torch.tensor([1.0, 3.0]))
    tensor(-2.)
    """
    return row.generator(fake).mean()


def auxiliary_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """AC-GAN's classification loss (Odena et al. 2017), a scalar, from class logits [N, classes] and labels [N]."""
    return F.cross_entropy(logits, labels)


@dataclass(frozen=True)
class Condition11:
    """What a numerical check of Zhou et al. 2019, condition (11), finds; `strictly_convex` is beyond the condition.

    The condition: phi' > 0 and varphi' < 0 everywhere, both convex, and some a with phi'(a) + varphi'(a) = 0, `balance`.
    Strict convexity of the sum makes the optimal critic unique.
    """

    rising_on_fakes: bool
    falling_on_reals: bool
    convex: bool
    balance: float | None
    strictly_convex: bool

    @property
    def holds(self) -> bool:
        """Whether all parts of the condition were found to hold."""
        return self.rising_on_fakes and self.falling_on_reals and self.convex and self.balance is not None


def condition_11(row: Objective, limit: float = 10.0, count: int = 4001) -> Condition11:
    """Check condition (11) on a grid of `count` values in [-limit, limit], with derivatives by automatic differentiation.

    It says what holds on the grid within float64: the condition beyond `limit` is not looked at, and slopes that saturate there
    count as zero or constant. A kink is convex where the slope does not fall across it.

    >>> condition_11(OBJECTIVES["exp"]).holds, condition_11(OBJECTIVES["hinge"]).holds
    (True, False)
    """
    grid = torch.linspace(-limit, limit, count, dtype=torch.float64)
    on_fakes, on_reals = _slopes(row.critic_fake, grid), _slopes(row.critic_real, grid)
    total = on_fakes + on_reals
    # Differences of slopes beyond rounding: exp's are of the order of exp(20).
    tolerance = 1e-12 * (on_fakes.abs() + on_reals.abs())[1:]
    convex = all(bool((slopes.diff() >= -tolerance).all()) for slopes in (on_fakes, on_reals))
    balance = None
    if float(total[0]) <= 0 <= float(total[-1]):
        balance = float(grid[int(total.abs().argmin())])
    return Condition11(
        rising_on_fakes=bool((on_fakes > 0).all()),
        falling_on_reals=bool((on_reals < 0).all()),
        convex=convex,
        balance=balance,
        strictly_convex=convex and bool((total.diff() > 0).all()),
    )


def _slopes(function: Function, grid: Tensor) -> Tensor:
    x = grid.clone().requires_grad_()
    (slopes,) = torch.autograd.grad(function(x).sum(), x)
    return slopes
