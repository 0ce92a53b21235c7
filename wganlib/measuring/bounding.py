"""The exact optimum of a Lipschitz GAN's critic on finite points, and which real points bound which generated ones there.

Zhou et al. 2019, eq. 12 with Theorems 2 and 3, and Proposition 1.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from wganlib.measuring import linear_programs as lp
from wganlib.measuring import spaces
from wganlib.measuring.study import Array
from wganlib.methods.objectives import objective

BOUND = 1e-6
"""A pair bounds from a slope of (1 - BOUND) k on: an active set's constraints are met to rounding."""


class Optimum(NamedTuple):
    """The best critic's values on real points [N] and on generated ones [M], its constant k, and who bounds whom [M, N]."""

    on_real: Array
    on_fake: Array
    constant: float
    bounding: NDArray[np.bool_]


def optimum(real: Array, fake: Array, phi: str, weight: float) -> Optimum:
    """The critic that minimises mean phi(f(fake)) + mean varphi(f(real)) + weight k^2 with |f(a) - f(b)| <= k |a - b|.

    Points are real [N, ...] and generated [M, ...] ones, all different and of equal masses; `phi` is an objective's name. The
    optimum is unique where phi is strictly convex (Theorem 1). Where phi = x it is not: then values are those of the middle
    of all optima, and a pair bounds where it does so in every optimum.

    Raises:
        ValueError: no objective of this name.
        RuntimeError: the solver stopped elsewhere than at an optimum.
    """
    n, m = len(real), len(fake)
    supports = lp.Supports(real.reshape(n, -1), fake.reshape(m, -1), np.full(n, 1 / n), np.full(m, 1 / m))
    critic = _linear(supports, weight) if phi == "wgan" else _convex(supports, phi, weight)
    assert critic.constant is not None
    rises = critic.f[None, :n] - critic.f[n:, None]
    bounding = rises >= (1 - BOUND) * critic.constant * cdist(supports.fake, supports.real)
    return Optimum(critic.f[:n], critic.f[n:], critic.constant, bounding)


def _linear(supports: lp.Supports, weight: float) -> spaces.Critic:
    """The middle of all optima for phi = x: those of the Kantorovich-Rubinstein dual, k = W1 / (2 weight) times as steep.

    The largest differences from one point to all others are an optimum, and the least ones are; in the mean over all points
    a constraint binds only where it does in every optimum.
    """
    points = supports.points
    cost, plan = lp.plan(supports)
    largest = lp.face(points, lp.all_pairs(len(points)), lp.matched(plan))
    constant = cost / (2 * weight)
    return spaces.Critic(constant * (largest - largest.T).mean(axis=1) / 2, constant)


def _convex(supports: lp.Supports, phi: str, weight: float) -> spaces.Critic:
    masses = spaces.disjoint(supports)
    return spaces.descend(objective(phi), masses, "penalised", np.zeros(len(masses.points)), weight)
