"""Exact transport between finite supports: primal, both duals, and the whole set of a dual's optima."""

import itertools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.spatial.distance import cdist

from wganlib.measuring.study import Array

MATCHED = 1e-9
"""Mass above which a plan's pair counts as matched: a plan is exact but for the solver's rounding."""


@dataclass(frozen=True)
class Supports:
    """Real points [N, D] with masses [N] and generated points [M, D] with masses [M]; each set's masses sum to one."""

    real: Array
    fake: Array
    real_mass: Array
    fake_mass: Array

    @property
    def points(self) -> Array:
        """All points [N + M, D], real ones first; values of a critic stand in this order."""
        return np.concatenate([self.real, self.fake])

    @property
    def gain(self) -> Array:
        """Coefficients [N + M] of f in E_real f - E_fake f."""
        return np.concatenate([self.real_mass, -self.fake_mass])


class Solution(NamedTuple):
    """A linear program's optimum and where it is attained: a plan [N, M], or values of a critic [N + M]."""

    optimum: float
    at: Array


Pairs = NDArray[np.int64]


def random_supports(real: int, fake: int, generator: np.random.Generator) -> Supports:
    """Real points in [0.5, 1.5] x [-1, 1] and generated ones in [-1.5, -0.5] x [-1, 1], with random masses."""
    points = [generator.uniform((side - 0.5, -1), (side + 0.5, 1), (count, 2)) for count, side in ((real, 1.0), (fake, -1.0))]
    # At least a tenth of the mean mass each, so that every point is truly in its support.
    masses = [generator.uniform(0.1, 1.9, count) for count in (real, fake)]
    return Supports(points[0], points[1], *(mass / mass.sum() for mass in masses))


def interval(count: int) -> Supports:
    """Real mass uniform on {1} x [0, 1], generated on {0} x [0, 1], at `count` even places (Zhou et al. 2019, eq. 9)."""
    z = np.linspace(0, 1, count)
    mass = np.full(count, 1 / count)
    return Supports(np.stack([np.ones(count), z], axis=1), np.stack([np.zeros(count), z], axis=1), mass, mass)


def plan(supports: Supports) -> Solution:
    """Kantorovich's primal (Zhou et al. 2019, eq. 2): the cheapest plan [N, M] with the two marginals, Euclidean cost.

    Raises:
        RuntimeError: the solver stopped without an optimum.
    """
    n, m = len(supports.real), len(supports.fake)
    marginals = np.zeros((n + m, n * m))
    for i, j in itertools.product(range(n), range(m)):
        marginals[[i, n + j], i * m + j] = 1
    masses = np.concatenate([supports.real_mass, supports.fake_mass])
    result = linprog(cdist(supports.real, supports.fake).ravel(), A_eq=marginals, b_eq=masses, method="highs")
    if result.status != 0:
        raise RuntimeError(f"transport plan: {result.message}")
    return Solution(float(result.fun), result.x.reshape(n, m))


def all_pairs(count: int) -> Pairs:
    """Pairs [K, 2] of the Kantorovich-Rubinstein dual (eq. 3): every two of `count` points, in both orders."""
    return np.array(list(itertools.permutations(range(count), 2)))


def compact_pairs(supports: Supports) -> Pairs:
    """Pairs [K, 2] of the compact dual (eq. 4): first a real point, then a generated one."""
    n, m = len(supports.real), len(supports.fake)
    return np.array(list(itertools.product(range(n), range(n, n + m))))


def blending(supports: Supports, step: float) -> tuple[Array, Pairs]:
    """Points of the blending region (Zhou et al. 2019, appendix C), and neighbours on its lines in both orders.

    Points [N + M + 2 N M, D] are the supports' and, on the line from each real point to each generated one, real ones first,
    the middle and the place a step from the generated point. Neighbours [K, 2] stand beside each other on a line.
    """
    n, m = len(supports.real), len(supports.fake)
    ways = supports.real[:, None] - supports.fake
    near = supports.fake + step * ways / np.linalg.norm(ways, axis=2, keepdims=True)
    between = np.stack([supports.fake + ways / 2, near], axis=2).reshape(2 * n * m, -1)
    middles = n + m + 2 * np.arange(n * m)
    real, fake = np.divmod(np.arange(n * m), m)
    lines = np.stack([real, middles, middles + 1, n + fake], axis=1)
    ahead = np.concatenate([lines[:, i : i + 2] for i in range(3)])
    return np.concatenate([supports.points, between]), np.concatenate([ahead, ahead[:, ::-1]])


def dual(gain: Array, points: Array, pairs: Pairs) -> Solution:
    """The largest gain . f over f [P] with f(a) - f(b) <= |a - b| for the pairs, and f = 0 at the first point.

    The latter loses nothing where gain sums to zero, as that of E_real f - E_fake f does. Where nothing bounds it the optimum
    is infinite and f is not a number.

    Raises:
        RuntimeError: the solver stopped without an optimum.
    """
    result = _best(gain, points, pairs)
    return Solution(np.inf, np.full(len(points), np.nan)) if result is None else result


def _best(gain: Array, points: Array, pairs: Pairs, floor: tuple[Array, float] | None = None) -> Solution | None:
    """The largest gain . f under the pairs' constraints and, with a floor, row . f >= value; none where it is unbounded."""
    rows = np.zeros((len(pairs), len(points)))
    rows[np.arange(len(pairs)), pairs[:, 0]] = 1
    rows[np.arange(len(pairs)), pairs[:, 1]] = -1
    bounds = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    if floor is not None:
        rows, bounds = np.concatenate([rows, -floor[0][None]]), np.append(bounds, -floor[1])
    limits = [(0, 0)] + [(None, None)] * (len(points) - 1)
    result = linprog(-gain, A_ub=rows, b_ub=bounds, bounds=limits, method="highs")
    # Status 4 is HiGHS's "unbounded or infeasible"; f = the optimum is feasible in all uses here.
    if result.status in (3, 4):
        return None
    if result.status != 0:
        raise RuntimeError(f"dual: {result.message}")
    return Solution(float(-result.fun), result.x)


def difference(points: Array, pairs: Pairs, a: int, b: int, gain: Array, floor: float) -> float:
    """The largest f(a) - f(b) under the pairs' constraints and with gain . f >= floor; infinite where nothing bounds it."""
    objective = np.zeros(len(points))
    objective[[a, b]] = 1, -1
    result = _best(objective, points, pairs, (gain, floor))
    return np.inf if result is None else result.optimum


def matched(optimal_plan: Array) -> Pairs:
    """Pairs [K, 2] of points, a real one and a generated one, between which a plan [N, M] moves mass."""
    real, fake = np.nonzero(optimal_plan > MATCHED)
    return np.stack([real, fake + len(optimal_plan)], axis=1)


def face(points: Array, pairs: Pairs, matches: Pairs) -> Array:
    """The largest f(a) - f(b) [P, P] over all optima f of a dual, infinite where nothing bounds it.

    f is optimal where it meets the pairs' constraints and f(x) - f(y) = |x - y| for every pair that one optimal plan matches
    (complementary slackness), which adds f(y) - f(x) <= -|x - y|. Differences bounded by constants alone: the largest are
    shortest paths (Floyd and Warshall). Points beyond the supports may stand at the end, bounded by the pairs they are in.

    Raises:
        ValueError: no f meets all of it, so that the matches are not an optimal plan's.
    """
    paths = np.full((len(points), len(points)), np.inf)
    np.fill_diagonal(paths, 0)
    paths[pairs[:, 0], pairs[:, 1]] = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    paths[matches[:, 1], matches[:, 0]] = -np.linalg.norm(points[matches[:, 0]] - points[matches[:, 1]], axis=1)
    # Not scipy's: it takes cycles of length zero, which every matched pair is, for negative ones where they round below it.
    for middle in range(len(paths)):
        paths = np.minimum(paths, paths[:, middle, None] + paths[None, middle])
        if paths.diagonal().min() < -1e-9:
            raise ValueError("matched pairs contradict the constraints: they are not those of an optimal plan")
        np.fill_diagonal(paths, 0)
    return paths


def extension(values: Array, points: Array, at: Array) -> tuple[Array, Array]:
    """The least and the largest value [K] at places [K, D] of any 1-Lipschitz f with given values [P] at points [P, D].

    McShane 1934: max over points of value - distance, and min of value + distance.
    """
    distances = cdist(at, points)
    return (values - distances).max(axis=1), (values + distances).min(axis=1)
