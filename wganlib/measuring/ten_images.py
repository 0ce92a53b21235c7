"""Where gradients lead on ten generated and ten real images, beside the exact optimum (Zhou et al. 2019, section 5.2)."""

import numpy as np
from scipy.spatial.distance import cdist
from torch import nn

from wganlib.measuring import linear_programs as lp
from wganlib.measuring import spaces
from wganlib.measuring.bounding import Optimum, optimum
from wganlib.measuring.directions import image_cosines, supports
from wganlib.measuring.maps import gradients, values
from wganlib.measuring.study import Array, Member
from wganlib.methods.method import GradientPenalty
from wganlib.methods.objectives import objective

GRADIENT, MEAN, RANDOM, EXACT = "gradient", "to the mean real image", "random", "exact optimum"


def directions(critic: nn.Module, fake: Array, real: Array, best: Optimum, seed: int) -> dict[str, Array]:
    """By name directions [N, ...] at generated images [N, ...]: the critic's gradients, and what they are compared with.

    To the mean real image [...], which knows no single one; random ones of this seed; at the exact optimum the mean of the unit
    ways to those real images that bound the generated one, between which the gradient there may be any.
    """
    ways = real[None] - fake[:, None]
    unit = ways / np.linalg.norm(ways.reshape(*ways.shape[:2], -1), axis=2).reshape(*ways.shape[:2], *[1] * (fake.ndim - 1))
    exact = np.stack([unit[i][best.bounding[i]].mean(axis=0) for i in range(len(fake))])
    random = np.random.default_rng(seed).normal(size=fake.shape)
    return {GRADIENT: gradients(critic, fake), MEAN: real.mean(axis=0) - fake, RANDOM: random, EXACT: exact}


def max_cosine(directions: Array, fake: Array, real: Array) -> float:
    """Mean over generated images of the largest cosine between a direction and the way to a real image."""
    return float(image_cosines(directions, fake, real).max(axis=1).mean())


def exact_optimum(member: Member) -> Optimum:
    """The best critic on the images of a run that is trained with the maximum gradient penalty, at its weight."""
    method, (real, fake) = member.run.spec.method, supports(member)
    assert isinstance(method.constraint, GradientPenalty)
    return optimum(real, fake, method.objective, method.constraint.weight)


def excess_loss(member: Member, best: Optimum, scale: float = 1.0) -> float:
    """How far the loss of such a run lies above the exact optimum's, as a share of what a constant critic's, f = 0, does.

    The critic's values on the images, times `scale`, with the least constant that fits them compete under eq. 12, so that it is
    not below 0.
    """
    method, (real, fake) = member.run.spec.method, supports(member)
    assert isinstance(method.constraint, GradientPenalty)
    weight, row = method.constraint.weight, objective(method.objective)
    points = lp.Supports(*(x.reshape(len(x), -1) for x in (real, fake)), *(np.full(len(x), 1 / len(x)) for x in (real, fake)))
    distances = cdist(points.points, points.points)
    np.fill_diagonal(distances, np.inf)

    def loss(f: Array, constant: float) -> float:
        return spaces.loss(row, spaces.disjoint(points), f) + weight * constant**2

    f = scale * np.concatenate([values(member.run.critic, real), values(member.run.critic, fake)])
    own = loss(f, float((np.abs(f[:, None] - f) / distances).max()))
    least = loss(np.concatenate([best.on_real, best.on_fake]), best.constant)
    return (own - least) / (loss(np.zeros(len(f)), 0.0) - least)
