"""The Dirac-GAN (Mescheder et al. 2018, section 2): one real point against one generated point, critic D(x) = psi x.

The real point is 0, the generated one theta; the project's objectives and constraints give the critic's loss
critic_fake(psi theta) + critic_real(0) + weight penalty(|psi|) and the generator's loss generator(psi theta). Everything is
float64 and closed form: gradients, the Jacobian at psi = theta = 0, steps of gradient descent and of Adam.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from wganlib.methods.constraints import TINY

Array = NDArray[np.float64]
Number = float | Array
Slope = Callable[[Array], Number]


def _smooth(psi: Array) -> Array:
    norm = np.sqrt(psi**2 + TINY)
    return 2 * (norm - 1) * psi / norm


OBJECTIVE_SLOPES: dict[str, tuple[Slope, Slope]] = {
    "minimax_gan": (expit, lambda u: -expit(u)),
    "nonsaturating_gan": (expit, lambda u: -expit(-u)),
    # Huang et al. 2024: of D(fake) - D(real), which is D(fake), since D(0) = 0.
    "relativistic_gan": (expit, lambda u: -expit(-u)),
    "quadratic_lsgan": (lambda u: 2 * (u + 1), lambda u: 2 * (u - 1)),
    "hinge": (lambda u: np.heaviside(1 + u, 0.0), lambda u: -1.0),
    "wgan": (lambda u: 1.0, lambda u: -1.0),
    "log_sigmoid": (expit, lambda u: -1.0),
    "sqrt": (lambda u: 1 + u / np.sqrt(u**2 + 1), lambda u: -1.0),
    "exp": (np.exp, lambda u: -1.0),
    "quadratic": (lambda u: 2 * (u + 1), lambda u: -1.0),
}
"""Derivatives of `wganlib.methods.objectives.OBJECTIVES`: the critic's on generated points, the generator's.

Left out is `lsgan`, whose targets 0 and 1 lie about 1/2: a critic that is 0 at the real point cannot reach them.
"""

PENALTY_SLOPES: dict[str, Slope] = {
    "two_sided": lambda psi: 2 * (psi - np.sign(psi)),
    "two_sided_smooth": _smooth,
    "one_sided": lambda psi: 2 * (psi - np.clip(psi, -1, 1)),
    "centralised": lambda psi: 2 * psi,
    "max": lambda psi: 2 * psi,
    "r1": lambda psi: psi,
    "r2": lambda psi: psi,
}
"""Derivatives by psi of `wganlib.methods.constraints.FORMS` of the gradient's norm |psi|, to be weighted.

`two_sided_smooth` is the two-sided one of the norm as the library computes it, with `TINY` under the root. `r1` and `r2` are
half the squared norm at the real and at the generated point (Mescheder et al. 2018, eq. 9), the same on a linear critic: the
centralised form there with half the weight.
"""

CURVATURES = {"none": 0.0, "clipping": 0.0, "one_sided": 0.0, "centralised": 2.0, "max": 2.0, "r1": 1.0, "r2": 1.0}
"""Second derivatives at psi = 0; the two-sided penalty has a kink there."""


@dataclass(frozen=True)
class Game:
    """What critic and generator minimise: an objective, a constraint with its weight; for clipping that is the limit."""

    objective: str = "wgan"
    constraint: str = "none"
    weight: Number = 0.0


@dataclass(frozen=True)
class Steps:
    """How both learn: their rates, critic steps before each generator's; `simultaneous`: each from the other's old value.

    `betas`: Adam with these, its state kept from step to step; gradient descent where there are none.
    """

    critic_rate: Number
    generator_rate: Number
    critic_steps: int = 1
    simultaneous: bool = False
    betas: tuple[Number, Number] | None = None


def critic_gradient(game: Game, psi: Array, theta: Array) -> Array:
    """Derivative of the critic's loss by psi, for slopes psi [N] and places theta [N]."""
    gradient = theta * OBJECTIVE_SLOPES[game.objective][0](psi * theta)
    if game.constraint in PENALTY_SLOPES:
        gradient = gradient + game.weight * PENALTY_SLOPES[game.constraint](psi)
    return gradient


def generator_gradient(game: Game, psi: Array, theta: Array) -> Array:
    """Derivative of the generator's loss by theta, for slopes psi [N] and places theta [N]."""
    return psi * OBJECTIVE_SLOPES[game.objective][1](psi * theta)


def trajectory(game: Game, steps: Steps, psi: Array, theta: Array, iterations: int) -> Array:
    """psi and theta [iterations + 1, 2, N] at the start and after each generator iteration, from N starts [N] each."""
    path = np.empty((iterations + 1, 2, len(psi)))
    path[0] = psi, theta
    critic, generator = _descent(steps.critic_rate, steps.betas), _descent(steps.generator_rate, steps.betas)
    for row in path[1:]:
        before = psi
        for _ in range(steps.critic_steps):
            psi = psi - critic(critic_gradient(game, psi, theta))
            if game.constraint == "clipping":
                psi = np.clip(psi, -game.weight, game.weight)
        theta = theta - generator(generator_gradient(game, before if steps.simultaneous else psi, theta))
        row[:] = psi, theta
    return path


def _descent(rate: Number, betas: tuple[Number, Number] | None) -> Callable[[Array], Array]:
    """From a gradient to the step that is taken off; Adam's is that of Kingma and Ba 2015, Algorithm 1."""
    if betas is None:
        return lambda gradient: rate * gradient
    first, second = betas
    mean: Number = 0.0
    square: Number = 0.0
    count = 0

    def adam(gradient: Array) -> Array:
        nonlocal mean, square, count
        count += 1
        mean = first * mean + (1 - first) * gradient
        square = second * square + (1 - second) * gradient**2
        step: Array = rate * (mean / (1 - first**count)) / (np.sqrt(square / (1 - second**count)) + 1e-8)
        return step

    return adam


def jacobian(game: Game) -> Array:
    """Jacobian [2, 2] of the gradient field (-d critic's loss / d psi, -d generator's loss / d theta) at psi = theta = 0.

    Raises:
        ValueError: the penalty is two-sided: the field jumps at psi = 0, or nearly so.
    """
    if game.constraint not in CURVATURES:
        raise ValueError(f"{game.constraint}: the field jumps at psi = 0 and has no Jacobian there")
    critic, generator = (float(slope(np.zeros(()))) for slope in OBJECTIVE_SLOPES[game.objective])
    return np.array([[-float(game.weight) * CURVATURES[game.constraint], -critic], [-generator, 0.0]])


def eigenvalues(game: Game) -> NDArray[np.complex128]:
    """Both eigenvalues of `jacobian`, the one with the larger real part first: the roots of s^2 + d s + w^2."""
    (damping, critic), (generator, _) = jacobian(game)
    half = np.sqrt(complex(damping**2 / 4 + critic * generator))
    return np.array([damping / 2 + half, damping / 2 - half], dtype=np.complex128)


def step_matrix(game: Game, steps: Steps) -> Array:
    """What one generator iteration of gradient descent is near psi = theta = 0, as a matrix [2, 2] on (psi, theta)."""
    rates = np.array([float(steps.critic_rate), float(steps.generator_rate)])
    change = rates[:, None] * jacobian(game)
    if steps.simultaneous:
        return np.eye(2) + change
    critic, generator = np.eye(2), np.eye(2)
    critic[0] += change[0]
    generator[1] += change[1]
    return np.asarray(generator @ np.linalg.matrix_power(critic, steps.critic_steps))


def modulus(game: Game, steps: Steps) -> float:
    """Largest absolute eigenvalue of `step_matrix`: the iteration converges near the equilibrium where it is below 1."""
    return float(np.abs(np.linalg.eigvals(step_matrix(game, steps))).max())


def small_step_weight(critic_rate: float, generator_rate: float, critic_steps: int = 1) -> float:
    """The weight from which on the two-sided penalty of a WGAN holds theta at 2 weight, if steps are small.

    For psi > 0 and n critic steps the field is linear about psi = 0, theta = 2 weight; its characteristic polynomial
    s^2 + 2 weight n h_c s + n h_c h_g has real roots, so that psi never turns its sign, from sqrt(h_g / (n h_c)) on.
    """
    return float(np.sqrt(generator_rate / (critic_steps * critic_rate)))


def holding_weight(critic_rate: float, generator_rate: float, critic_steps: int = 1) -> float:
    """The same for steps of any size: where both eigenvalues of one generator iteration are real and not negative.

    n critic steps shrink psi - (1 - theta / (2 weight)) by q = (1 - 2 weight h_c)^n, and the generator's follows: a matrix of
    determinant q and trace 1 + q - h_g (1 - q) / (2 weight), so 2 weight (1 - sqrt(q)) / (1 + sqrt(q)) >= h_g. Sought up to
    2 weight h_c = 1, beyond which one critic step overshoots.

    Raises:
        ValueError: h_c h_g is not below 1: no such weight.
    """

    def excess(weight: float) -> float:
        root: float = max(0.0, 1 - 2 * weight * critic_rate) ** (critic_steps / 2)
        return 2 * weight * (1 - root) / (1 + root) - generator_rate

    if critic_rate * generator_rate >= 1:
        raise ValueError(f"rates {critic_rate} and {generator_rate}: their product must be below 1")
    return float(brentq(excess, 1e-12, 0.5 / critic_rate, xtol=1e-14))


def held(path: Array, weight: Number) -> NDArray[np.bool_]:
    """Whether a trajectory [T, 2, N] is held at |theta| = 2 weight, by its second half alone: [N].

    psi keeps its sign there, and theta ends no further from that place than it was in the middle, but for rounding.
    """
    psi, theta = path[len(path) // 2 :, 0], path[len(path) // 2 :, 1]
    away = np.abs(np.abs(theta[[0, -1]]) - 2 * np.asarray(weight))
    return np.asarray((sign_changes(psi) == 0) & (away[1] <= away[0] + 1e-12 * np.asarray(weight)))


def sign_changes(psi: Array) -> NDArray[np.int64]:
    """How often psi [T, N] turns its sign: [N]."""
    return np.asarray((np.signbit(psi[1:]) != np.signbit(psi[:-1])).sum(axis=0), dtype=np.int64)


def bisect(above: Callable[[Array], NDArray[np.bool_]], low: Array, high: Array, rounds: int) -> Array:
    """Between positive bounds [N] the values [N] from which on `above` is true, by halving the ratio of the bounds.

    `above` must be false at `low` and true at `high`: neither is asked.
    """
    low, high = low.copy(), high.copy()
    for _ in range(rounds):
        middle = np.sqrt(low * high)
        true = above(middle)
        low, high = np.where(true, low, middle), np.where(true, middle, high)
    return np.asarray(np.sqrt(low * high))
