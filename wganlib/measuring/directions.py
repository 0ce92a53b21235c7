"""Where the gradients of generated examples point."""

import math

import numpy as np

from wganlib.measuring.maps import gradients, norms
from wganlib.measuring.study import Array, Member


def agreement(directions: Array) -> float:
    """Mean cosine between the directions of two repetitions at the same place, [repetitions, N, D], over pairs and N places.

    It is (n R^2 - 1) / (n - 1) with n repetitions and their mean resultant length R: 1 is agreement, and the mean is 0 where
    directions are random, however many they are, while R itself falls with n. Vectors of length zero agree with none.
    """
    lengths = np.linalg.norm(directions, axis=2, keepdims=True)
    unit = np.divide(directions, lengths, out=np.zeros_like(directions), where=lengths > 0)
    n, squares = len(unit), (unit.mean(axis=0) ** 2).sum(axis=1)
    return float(((n * squares - 1) / (n - 1)).mean())


def pointing(fake: Array, directions: Array, real: Array, apart: float, radius: float) -> float:
    """Share of generated examples [N, 2] whose ray along a direction [N, 2] passes within the radius of a real one [M, 2].

    Of those alone that are farther apart from every real one; not a number where none is. A direction of length zero leads
    nowhere.
    """
    far = np.linalg.norm(real[None] - fake[:, None], axis=2).min(axis=1) > apart
    with np.errstate(invalid="ignore"):
        missed, _ = rays(fake[far], directions[far], real)
    return float((missed.min(axis=1) < radius).mean()) if far.any() else math.nan


def rays(origins: Array, directions: Array, targets: Array) -> tuple[Array, Array]:
    """Distances [N, M] of targets [M, D] from the rays along directions [N, D], and how far along [N, M] they are met."""
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    towards = targets[None] - origins[:, None]
    along = np.maximum(np.einsum("nmd,nd->nm", towards, unit), 0)
    return np.linalg.norm(towards - along[..., None] * unit[:, None], axis=2), along


def image_cosines(gradient: Array, fake: Array, real: Array) -> Array:
    """Cosine [N, M] between the gradient at generated image n and the way from it to real image m; images [N or M, ...]."""
    g, x, y = (a.reshape(len(a), -1) for a in (gradient, fake, real))
    ways = y[None] - x[:, None]
    result: Array = np.einsum("nmd,nd->nm", ways, g) / (np.linalg.norm(ways, axis=2) * norms(g)[:, None])
    return result


def increments(fake: Array, gradient: Array, target: Array, steps: int) -> Array:
    """x + e gradient for `steps` increasing e, [steps, ...], one image each [...].

    At two thirds of the steps e is the median over pixels of (target - x) / gradient, as in the official code.
    """
    flat = gradient != 0
    unit = float(np.median((target - fake)[flat] / gradient[flat]))
    return np.stack([fake + unit * 1.5 * (i + 1) / steps * gradient for i in range(steps)])


def supports(member: Member) -> tuple[Array, Array]:
    """The ten real and the ten generated images [10, C, H, W]."""
    assert member.run.data.supports is not None
    real, fake = member.run.data.supports
    return real.double().numpy(), fake.double().numpy()


def gradient_rows(member: Member, steps: int) -> Array:
    """Ten rows of images [10, steps + 3, C, H, W]: generated, its gradient over its largest value, increments, nearest real."""
    real, fake = supports(member)
    slopes = gradients(member.run.critic, fake)
    nearest = image_cosines(slopes, fake, real).argmax(axis=1)
    pictures = []
    for x, slope, y in zip(fake, slopes, real[nearest], strict=True):
        shown = slope / np.abs(slope).max() if slope.any() else slope
        pictures.append(np.concatenate([x[None], shown[None], increments(x, slope, y, steps), y[None]]))
    return np.stack(pictures)
