"""What a generator's loss is, at the best discriminator, where its points cover modes or drop one (Sun et al. 2020)."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from wganlib.measuring.spaces import Masses, free, loss
from wganlib.measuring.study import Array
from wganlib.methods.objectives import objective

LARGEST = 50.0
"""The discriminator's values lie within it: an optimum at infinity is reached to within exp(-LARGEST)."""


def separable(real: Array, fake: Array) -> float:
    """Half the largest E_real log sigma(D) + E_fake log sigma(-D) over D, of masses [P] at different places."""
    row, masses = objective("minimax_gan"), Masses(np.eye(len(real)), real, fake)
    return -loss(row, masses, free(row, masses, LARGEST).f) / 2


def relativistic(pairs: Array) -> float:
    """The largest mean of log sigma(D(x) - D(y)) over D, the weight of the pair (x, y) of places being pairs[x, y] [P, P]."""

    def total(values: Array) -> tuple[float, Array]:
        differences = values[:, None] - values
        slopes = pairs * expit(-differences)
        return -float((pairs * log_expit(differences)).sum()), slopes.sum(axis=0) - slopes.sum(axis=1)

    box = [(-LARGEST, LARGEST)] * len(pairs)
    options = {"ftol": 0, "gtol": 1e-14}
    return -float(minimize(total, np.zeros(len(pairs)), jac=True, method="L-BFGS-B", bounds=box, options=options).fun)
