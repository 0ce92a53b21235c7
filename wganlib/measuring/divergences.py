"""Distances between distributions on finitely many points: closed forms, and the programs that the papers define them by."""

import numpy as np
from scipy.optimize import linprog
from scipy.special import rel_entr

from wganlib.measuring.study import Array


def total_variation(p: Array, q: Array) -> Array:
    """The largest |P(A) - Q(A)| over sets A (Arjovsky et al. 2017, section 2), of masses [..., P]: half their L1 distance."""
    return np.asarray(np.abs(p - q).sum(axis=-1) / 2)


def kullback_leibler(p: Array, q: Array) -> Array:
    """KL(P || Q) in nats of masses [..., P]; infinite where P has mass that Q has not."""
    return np.asarray(rel_entr(p, q).sum(axis=-1))


def jensen_shannon(p: Array, q: Array) -> Array:
    """The mean of KL(P || M) and KL(Q || M) to the mixture M of masses [..., P]: log 2 at most."""
    mixture = (p + q) / 2
    return (kullback_leibler(p, mixture) + kullback_leibler(q, mixture)) / 2


def line_transport(p: Array, q: Array, places: Array) -> Array:
    """W1 of masses [..., P] at increasing places [P] on a line: the area between their distribution functions."""
    return np.asarray(np.abs(np.cumsum(p - q, axis=-1)[..., :-1]) @ np.diff(places))


def bounded_metric(p: Array, q: Array, bound: float) -> float:
    """The largest E_P f - E_Q f over |f| <= bound, by a linear program over f (Arjovsky et al. 2017, section 5).

    Raises:
        RuntimeError: the solver stopped without an optimum.
    """
    return float(-_solved(q - p, bounds=(-bound, bound)).fun)


def ebgan_cost(p: Array, q: Array, margin: float) -> float:
    """The generator's cost E_Q D - E_P D of an energy-based GAN at the best discriminator (Arjovsky et al. 2017, appendix D).

    D >= 0 minimises E_P D + E_Q max(0, margin - D), by a linear program over D and the hinges. P [P] must have mass
    everywhere: where it has none nothing holds D down.

    Raises:
        RuntimeError: the solver stopped without an optimum.
    """
    count = len(p)
    # A hinge is at least margin - D.
    rows = -np.concatenate([np.eye(count), np.eye(count)], axis=1)
    result = _solved(np.concatenate([p, q]), A_ub=rows, b_ub=np.full(count, -margin), bounds=(0, None))
    return float((q - p) @ result.x[:count])


def square_ball_metric(p: Array, q: Array) -> float:
    """The largest E_P f - E_Q f over f whose mean square is 1 at most, of masses [P] of as many equal cells of [0, 1].

    That is the maximum mean discrepancy with H = L2 (Arjovsky et al. 2017, section 5): the densities' distance in L2.
    """
    return float(np.sqrt(((p - q) ** 2).sum() * len(p)))


def gaussian_ball_metric(p: Array, q: Array, places: Array, width: float) -> float:
    """The maximum mean discrepancy of masses [P] at places [P] with the kernel exp(-(x - y)^2 / (2 width^2))."""
    kernel = np.exp(-((places[:, None] - places) ** 2) / (2 * width**2))
    return float(np.sqrt((p - q) @ kernel @ (p - q)))


def _solved(objective: Array, **constraints: object) -> linprog:
    result = linprog(objective, method="highs", **constraints)
    if result.status != 0:
        raise RuntimeError(f"linear program: {result.message}")
    return result
