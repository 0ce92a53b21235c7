"""Optimal critics on finite supports in four spaces of functions: free, Fisher's, Lipschitz, and with a penalised constant.

`wganlib.measuring.linear_programs` has the linear ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.optimize import minimize

from wganlib.measuring import linear_programs as lp
from wganlib.measuring.study import Array
from wganlib.methods.objectives import Function, Objective


@dataclass(frozen=True)
class Masses:
    """Points [P, D] with real and generated masses [P], each of which sums to one; a point may have both."""

    points: Array
    real: Array
    fake: Array


class Critic(NamedTuple):
    """Values [P] and the Lipschitz constant over the points; none where the space does not know it."""

    f: Array
    constant: float | None = None


def disjoint(supports: lp.Supports) -> Masses:
    """Two supports without a common point, real points first."""
    real, fake = np.zeros(len(supports.points)), np.zeros(len(supports.points))
    real[: len(supports.real)], fake[len(supports.real) :] = supports.real_mass, supports.fake_mass
    return Masses(supports.points, real, fake)


def overlapping(count: int, generator: np.random.Generator) -> Masses:
    """Points in [-1, 1]^2 that are real and generated, with different masses (Zhou et al. 2019, end of section 3.1)."""
    points = generator.uniform(-1, 1, (count, 2))
    real, fake = generator.uniform(0.1, 1.9, (2, count))
    return Masses(points, real / real.sum(), fake / fake.sum())


def loss(row: Objective, masses: Masses, f: Array) -> float:
    """E_fake phi(f) + E_real varphi(f), of values [P] (Zhou et al. 2019, eq. 5)."""
    return _loss(row, masses, f)[0]


def _loss(row: Objective, masses: Masses, f: Array) -> tuple[float, Array]:
    at = torch.as_tensor(f, dtype=torch.float64).clone().requires_grad_()
    fake, real = (torch.as_tensor(mass, dtype=torch.float64) for mass in (masses.fake, masses.real))
    total = (fake * row.critic_fake(at)).sum() + (real * row.critic_real(at)).sum()
    (gradient,) = torch.autograd.grad(total, at)
    return float(total.detach()), gradient.numpy()


def free(row: Objective, masses: Masses, box: float) -> Critic:
    """The best f in [-box, box]^P, by bisection on each point's own convex loss."""
    low, high = np.full(len(masses.points), -box), np.full(len(masses.points), box)
    for _ in range(100):
        middle = (low + high) / 2
        rising = _loss(row, masses, middle)[1] > 0
        low, high = np.where(rising, low, middle), np.where(rising, middle, high)
    return Critic((low + high) / 2)


def fisher(masses: Masses) -> Critic:
    """The f that has the largest E_real f - E_fake f with E_mu f^2 <= 1 (Zhou et al. 2019, eq. 7), mu = (real + fake) / 2."""
    f = (masses.real - masses.fake) / _mu(masses)
    return Critic(f / second_moment(masses, f) ** 0.5)


def second_moment(masses: Masses, f: Array) -> float:
    """E_mu f^2 with mu = (real + fake) / 2."""
    return float((_mu(masses) * f**2).sum())


def _mu(masses: Masses) -> Array:
    return (masses.real + masses.fake) / 2


def lipschitz(masses: Masses) -> Critic:
    """A 1-Lipschitz f with the largest E_real f - E_fake f, its mean over the points zero."""
    f = lp.dual(masses.real - masses.fake, masses.points, lp.all_pairs(len(masses.points))).at
    return Critic(f - f.mean(), 1.0)


def descend(row: Objective, masses: Masses, space: str, start: Array, weight: float, pairs: lp.Pairs | None = None) -> Critic:
    """The critic that a general solver (SLSQP) reaches from values `start` [P].

    space: "free"; "fisher", E_mu f^2 <= 1; "lipschitz", |f(a) - f(b)| <= |a - b|; "penalised", weight k^2 added to the loss,
    with k a variable and |f(a) - f(b)| <= k |a - b|. `pairs` [K, 2]: those alone that bind, f(a) - f(b) <= k |a - b|.

    Raises:
        RuntimeError: the solver stopped elsewhere than at an optimum.
    """
    count = len(start)
    pairs = lp.all_pairs(count) if pairs is None else pairs
    distances = np.linalg.norm(masses.points[pairs[:, 0]] - masses.points[pairs[:, 1]], axis=1)
    rows = np.zeros((len(pairs), count + 1))
    rows[np.arange(len(pairs)), pairs[:, 0]], rows[np.arange(len(pairs)), pairs[:, 1]] = -1, 1
    penalised = space == "penalised"
    if penalised:
        rows[:, count] = distances
    bounds = np.zeros(len(pairs)) if penalised else distances
    constraints: list[dict[str, Any]] = []
    if space == "fisher":
        constraints = [
            _at_least_zero(lambda v: 1 - second_moment(masses, v[:count]), lambda v: np.append(-2 * _mu(masses) * v[:count], 0))
        ]
    elif space != "free":
        constraints = [_at_least_zero(lambda v: rows @ v + bounds, lambda v: rows)]

    def total(v: Array) -> tuple[float, Array]:
        value, gradient = _loss(row, masses, v[:count])
        k = v[count]
        return value + weight * k**2 * penalised, np.append(gradient, 2 * weight * k * penalised)

    steepest = float((np.abs(start[pairs[:, 0]] - start[pairs[:, 1]]) / distances).max())
    v = np.append(start, steepest if penalised else 0.0)
    result = minimize(total, v, jac=True, method="SLSQP", constraints=constraints, options={"maxiter": 2000, "ftol": 1e-15})
    # Mode 8: no further descent within rounding, which is the optimum of a convex program.
    if result.status not in (0, 8):
        raise RuntimeError(f"{space} critic: {result.message}")
    return Critic(result.x[:count], float(result.x[count]) if penalised else None)


def _at_least_zero(value: Callable[[Array], Any], jacobian: Callable[[Array], Array]) -> dict[str, Any]:
    return {"type": "ineq", "fun": value, "jac": jacobian}


def slopes(function: Function, f: Array) -> Array:
    """The function's derivative at values [P]."""
    at = torch.as_tensor(f, dtype=torch.float64).clone().requires_grad_()
    (result,) = torch.autograd.grad(function(at).sum(), at)
    return result.numpy()
