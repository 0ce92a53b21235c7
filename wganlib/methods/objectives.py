"""The table of objectives in the form of Zhou et al. 2019 (Lipschitz GANs), eq. 5. Importing this needs no torch.

The critic minimises mean critic_fake(f(fake)) + mean critic_real(f(real)); the generator minimises mean generator(f(fake)).
Every function maps critic values [N] to losses [N]. To add an objective, add a row here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wganlib.errors import unknown

if TYPE_CHECKING:
    from torch import Tensor

Function = Callable[["Tensor"], "Tensor"]


@dataclass(frozen=True)
class Objective:
    """One row of the table: the critic's functions of generated and of real values, and the generator's.

    `formulas`: the three as text, of f, r and f, for docs/parts.md; a test computes what they say. `version`: raise it when
    the numbers of the row change; its runs, and no others, get another key and are trained again.
    """

    critic_fake: Function
    critic_real: Function
    generator: Function
    source: str
    formulas: tuple[str, str, str] = ("", "", "")
    version: int = 1


def mirrored(phi: Function, source: str, formulas: tuple[str, str] = ("", "")) -> Objective:
    """A Lipschitz GAN: the critic's function of reals is phi(-x), the generator minimises -f (Zhou et al. 2019, section 4).

    `formulas`: phi(f) and phi(-r) as text.

    >>> import torch
    >>> row = mirrored(lambda x: torch.exp(x / 2), "mine")
    >>> critic_loss(row, real=torch.zeros(3), fake=torch.zeros(3))
    tensor(2.)
    """
    return Objective(phi, lambda x: phi(-x), lambda x: -x, source, (*formulas, "−f"))


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x)), which is -log(1 - sigmoid(x)) and -log sigmoid(-x)."""
    import torch

    return torch.nn.functional.softplus(x)


OBJECTIVES: dict[str, Objective] = {
    "minimax_gan": Objective(
        softplus,
        lambda x: softplus(-x),
        lambda x: -softplus(x),
        "Goodfellow et al. 2014, eq. 1",
        ("−log(1 − σ(f))", "−log(σ(r))", "log(1 − σ(f))"),
    ),
    "nonsaturating_gan": Objective(
        softplus,
        lambda x: softplus(-x),
        lambda x: softplus(-x),
        "Goodfellow et al. 2014",
        ("−log(1 − σ(f))", "−log(σ(r))", "−log(σ(f))"),
    ),
    "lsgan": Objective(
        lambda x: x**2 / 2,
        lambda x: (x - 1) ** 2 / 2,
        lambda x: (x - 1) ** 2,
        "Mao et al. 2017, as in WGAN-GP's code",
        ("½ f²", "½ (r − 1)²", "(f − 1)²"),
    ),
    "hinge": mirrored(lambda x: (1 + x).relu(), "Lim and Ye 2017; LGAN, Table 2", ("max(0, 1 + f)", "max(0, 1 − r)")),
    "wgan": mirrored(lambda x: x, "WGAN, eq. 3", ("f", "−r")),
    "log_sigmoid": mirrored(softplus, "LGAN, φ = −log(σ(−x))", ("−log(σ(−f))", "−log(σ(r))")),
    "sqrt": mirrored(lambda x: x + (x**2 + 1).sqrt(), "LGAN, φ = x + √(x² + 1)", ("f + √(f² + 1)", "√(r² + 1) − r")),
    "exp": mirrored(lambda x: x.exp(), "LGAN, φ = exp(x)", ("exp(f)", "exp(−r)")),
    "quadratic": mirrored(lambda x: (x + 1) ** 2, "LGAN, φ = (x + 1)², generator as in the paper", ("(f + 1)²", "(r − 1)²")),
    "quadratic_lsgan": Objective(
        lambda x: (x + 1) ** 2,
        lambda x: (x - 1) ** 2,
        lambda x: (x - 1) ** 2,
        "LGAN's code, φ = (x + 1)²; LSGAN of its Figure 1",
        ("(f + 1)²", "(r − 1)²", "(f − 1)²"),
    ),
}
"""Sources as in docs/parts.md: WGAN is Arjovsky et al. 2017, WGAN-GP Gulrajani et al. 2017, LGAN Zhou et al. 2019."""

_TERM = re.compile(r"\s*(?:([0-9]+\.?[0-9]*(?:e[+-]?[0-9]+)?|\.[0-9]+)\s*\*\s*)?([A-Za-z_][A-Za-z_0-9]*)\s*(?:\+|$)")


def objective_terms(text: str) -> list[tuple[float, str]]:
    """Weights and names of an objective's terms.

    >>> objective_terms("exp + 0.5*sqrt")
    [(1.0, 'exp'), (0.5, 'sqrt')]

    Raises:
        ValueError: an unknown name, a term that is not `name` or `weight*name`, a weight of zero, a name that stands twice.
    """
    form = "write a name such as 'wgan', or a sum such as 'exp+0.5*sqrt'"
    terms: list[tuple[float, str]] = []
    position = 0
    while position < len(text) or text[-1:] in ("", "+"):
        match = _TERM.match(text, position)
        if match is None:
            term = text[position:].partition("+")[0].strip()
            raise ValueError(f"objective {text!r}: the term {term!r} is not a name with or without a weight; {form}")
        weight, name = float(match[1] or 1.0), match[2]
        if name not in OBJECTIVES:
            raise ValueError(str(unknown("objective", name, OBJECTIVES)))
        if weight == 0 or not math.isfinite(weight):
            raise ValueError(f"objective {text!r}: the weight of {name!r} must be above 0 and finite, found {match[1][:20]}")
        if name in [other for _, other in terms]:
            raise ValueError(f"objective {text!r}: {name!r} stands twice; add its weights up")
        terms.append((weight, name))
        position = match.end()
    return terms


def objective(text: str) -> Objective:
    """A row of the table, or a weighted sum of rows such as "exp+0.5*sqrt" (Zhou et al. 2019, section 4).

    The critic's functions of a sum are the weighted sums of its terms', the generator's is their weighted mean: sums of
    Lipschitz GANs keep the generator's -f, and "0.5*nonsaturating_gan" halves the critic's loss alone.

    >>> import torch
    >>> round(float(critic_loss(objective("wgan+0.5*exp"), real=torch.zeros(1), fake=torch.zeros(1))), 6)
    1.0

    Raises:
        ValueError: no such row, or an ill-formed sum.
    """
    terms = [(weight, OBJECTIVES[name]) for weight, name in objective_terms(text)]
    if terms == [(1.0, terms[0][1])]:
        return terms[0][1]
    total = sum(weight for weight, _ in terms)

    def weighted(values: list[tuple[float, Tensor]]) -> Tensor:
        import torch

        return torch.stack([weight * value for weight, value in values]).sum(dim=0)

    return Objective(
        lambda x: weighted([(weight, row.critic_fake(x)) for weight, row in terms]),
        lambda x: weighted([(weight, row.critic_real(x)) for weight, row in terms]),
        lambda x: weighted([(weight / total, row.generator(x)) for weight, row in terms]),
        "; ".join(row.source for _, row in terms),
    )


def critic_loss(row: Objective, real: Tensor, fake: Tensor) -> Tensor:
    """The critic's loss, a scalar, from its values on real [N] and generated [M] examples.

    >>> import torch
    >>> critic_loss(OBJECTIVES["wgan"], real=torch.tensor([2.0, 4.0]), fake=torch.tensor([1.0]))
    tensor(-2.)
    """
    return row.critic_fake(fake).mean() + row.critic_real(real).mean()


def generator_loss(row: Objective, fake: Tensor) -> Tensor:
    """The generator's loss, a scalar, from the critic's values on generated examples [M].

    >>> import torch
    >>> generator_loss(OBJECTIVES["wgan"], torch.tensor([1.0, 3.0]))
    tensor(-2.)
    """
    return row.generator(fake).mean()


def auxiliary_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """AC-GAN's classification loss (Odena et al. 2017), a scalar, from class logits [N, classes] and labels [N]."""
    import torch

    return torch.nn.functional.cross_entropy(logits, labels)


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
    import torch

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
    import torch

    x = grid.clone().requires_grad_()
    (slopes,) = torch.autograd.grad(function(x).sum(), x)
    return slopes
