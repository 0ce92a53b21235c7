"""Generated points that follow the exact optimum of a Lipschitz GAN's critic (Zhou et al. 2019, sections 1 and 4.3)."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls
from scipy.spatial.distance import cdist

from wganlib.measuring import linear_programs as lp
from wganlib.measuring import spaces
from wganlib.measuring.bounding import BOUND
from wganlib.measuring.maps import assignment
from wganlib.measuring.study import Array
from wganlib.methods.objectives import objective

TOUCH = 1e-9
"""Points nearer than this are one point."""

FLAT = 1e-6
"""A critic of a smaller constant has no slope left."""


class Flow(NamedTuple):
    """W1 [steps + 1] before each step and at the end, the critic's last constant, and where the generated points end [M, D]."""

    costs: Array
    constant: float
    fake: Array


def pulls(real: Array, fake: Array, phi: str, weight: float, start: Array) -> tuple[Array, Array, float]:
    """How the exact critic pulls each generated point, its values [N + M] and its constant.

    Real points [N, D] and generated ones [M, D] have equal masses; `start` [N + M]: values to begin from. Where one real point
    bounds a generated one the pull [M, D] is the unit vector towards it, which is the critic's gradient over k (Theorem 4).
    Where several do, the critic has no gradient. The pull then is the mean of the ways with the weights of the plan pi >= 0 of
    Karush, Kuhn and Tucker, sum_x pi(x, y) = phi'(f(y)) / M, which is the gradient of the critic's least loss with respect to
    the point. A real point at the same place holds it with all its weight.

    Raises:
        RuntimeError: the solver stopped elsewhere than at an optimum.
    """
    n, m = len(real), len(fake)
    distances = cdist(fake, real)
    own = np.where(distances.min(axis=1) < TOUCH, distances.argmin(axis=1), np.arange(n, n + m))
    if phi == "wgan":
        columns, _ = assignment(fake, real)
        plan = np.zeros((m, n))
        plan[np.arange(m), columns] = 1 / m
        constant, f = distances[np.arange(m), columns].mean() / (2 * weight), start
    else:
        f, constant, plan = _convex(real, fake, distances, own, phi, weight, start)
    ways = real - fake[:, None]
    away = distances[..., None] > TOUCH
    units = np.divide(ways, distances[..., None], out=np.zeros_like(ways), where=away)
    total = plan.sum(axis=1, keepdims=True)
    pull = (plan[..., None] * units).sum(axis=1) / total
    held = np.where(away[..., 0], 0, plan).sum(axis=1, keepdims=True) / total
    size = np.linalg.norm(pull, axis=1, keepdims=True)
    return pull * np.maximum(0, 1 - np.divide(held, size, out=np.full_like(held, np.inf), where=size > 0)), f, constant


def _convex(
    real: Array, fake: Array, distances: Array, own: lp.Pairs, phi: str, weight: float, start: Array
) -> tuple[Array, float, Array]:
    """Values [N + M], constant and plan [M, N] of a strictly convex phi's optimum; `own` [M]: each generated point's value."""
    n, m = len(real), len(fake)
    row, mass = objective(phi), np.zeros(n + m)
    masses = spaces.Masses(np.concatenate([real, fake]), np.append(np.full(n, 1 / n), np.zeros(m)), mass)
    np.add.at(mass, own, 1 / m)
    # The other pairs are bound by these: every point is matched (Theorem 3).
    pairs = np.array([(x, y) for y in dict.fromkeys(own.tolist()) for x in range(n) if x != y])
    critic = spaces.descend(row, masses, "penalised", start, weight, pairs)
    f, constant = critic.f, critic.constant or 0.0
    f[n:] = f[own]
    if constant < FLAT:
        return f, constant, np.eye(m, n)
    bound = f[None, :n] - f[n:, None] >= (1 - BOUND) * constant * distances
    tight = np.argwhere(bound | (distances < TOUCH))
    rows = np.zeros((m + n + 1, len(tight)))
    for column, (y, x) in zip(rows.T, tight, strict=True):
        column[[y, m + x, -1]] = 1, 1, distances[y, x]
    on_fake, on_real = spaces.slopes(row.critic_fake, f[n:]), spaces.slopes(row.critic_real, f[:n])
    due = np.concatenate([on_fake / m, -on_real / n, [2 * weight * constant]])
    plan = np.zeros((m, n))
    plan[tuple(tight.T)] = nnls(rows, due)[0]
    return f, constant, plan


def flow(real: Array, fake: Array, phi: str, weight: float, step: float, steps: int) -> Flow:
    """Generated points [M, D] that follow their pulls, each by at most `step` a step and none beyond a real point.

    One that comes nearer than half a step to a real point stops there, so that it may stay. Ends early where none moves.
    """
    costs, f, constant = [], np.zeros(len(real) + len(fake)), 0.0
    for _ in range(steps):
        costs.append(assignment(fake, real)[1])
        pull, f, constant = pulls(real, fake, phi, weight, f)
        if constant < FLAT or np.linalg.norm(pull, axis=1).max() < 1e-3:
            break
        before = cdist(fake, real)
        room = np.where(before > TOUCH, before, np.inf).min(axis=1, keepdims=True)
        fake = fake + np.minimum(step, room) * pull
        after = cdist(fake, real)
        nearest = after.argmin(axis=1)
        rows = np.arange(len(fake))
        stops = (after[rows, nearest] < step / 2) & (after[rows, nearest] < before[rows, nearest])
        fake[stops] = real[nearest[stops]]
    costs.append(assignment(fake, real)[1])
    return Flow(np.array(costs), constant, fake)
