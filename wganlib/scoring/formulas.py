"""Scores as pure functions of arrays; float64 throughout."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

Array = NDArray[np.float64]


def inception_formula(probabilities: Array, splits: int) -> tuple[float, float]:
    """exp of the mean Kullback-Leibler divergence between p(y|x) and p(y), per split (Salimans et al. 2016, section 4).

    probabilities: [N, classes], rows summing to one, N a multiple of `splits`; split i holds consecutive rows.
    Returns the mean and the standard deviation over splits. Over Inception's probabilities this is the Inception Score,
    over a classifier's the classifier score.
    """
    p = np.asarray(probabilities, dtype=np.float64).reshape(splits, -1, probabilities.shape[-1])
    marginal = p.mean(axis=1, keepdims=True)
    # 0 log 0 = 0: where p is zero the ratio is set to one; and where p is so small that its mean is, numbers below the normal
    # range being taken for zero.
    ratio = np.divide(p, marginal, out=np.ones_like(p), where=(p > 0) & (marginal > 0))
    scores = np.exp((p * np.log(ratio)).sum(axis=2).mean(axis=1))
    return float(scores.mean()), float(scores.std())


def moments(features: Array) -> tuple[Array, Array]:
    """Mean [D] and sample covariance [D, D] of features [N, D]."""
    values = np.asarray(features, dtype=np.float64)
    return values.mean(axis=0), np.cov(values, rowvar=False)


class FrechetReference:
    """Moments of real features, to which squared Fréchet distances between Gaussians are measured (Heusel et al. 2017).

    The root of the reference's covariance R is taken once: the trace of (S R)^(1/2) is the sum of the singular values of the
    centred features times R^(1/2), over sqrt(N - 1).
    """

    def __init__(self, mean: Array, covariance: Array):
        self.mean, self.trace = mean, float(np.trace(covariance))
        values, vectors = np.linalg.eigh(covariance)
        self.root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T

    def distance(self, features: Array) -> float:
        """Squared Fréchet distance of features [N, D]."""
        mean = features.mean(axis=0)
        centred = (features - mean) / math.sqrt(len(features) - 1)
        product = centred @ self.root
        if len(features) > features.shape[1]:
            roots = np.sqrt(np.clip(np.linalg.eigvalsh(product.T @ product), 0, None))
        else:
            roots = np.linalg.svd(product, compute_uv=False)
        return float(((mean - self.mean) ** 2).sum() + (centred**2).sum() + self.trace - 2 * roots.sum())

    def standard_error(self, features: Array, resamples: int, generator: np.random.Generator) -> float:
        """Bootstrap standard error of `distance`."""
        count = len(features)
        values = [self.distance(features[generator.integers(count, size=count)]) for _ in range(resamples)]
        return float(np.std(values, ddof=1))


class Estimate(NamedTuple):
    """A score with its sampling error and the number of samples behind it."""

    value: float
    standard_error: float
    num_samples: int


def mean_of(values: Array) -> Estimate:
    """Mean of independent values [N] with its standard error.

    Raises:
        ValueError: fewer than two values.
    """
    if len(values) < 2:
        raise ValueError(f"a standard error needs at least 2 values, found {len(values)}")
    return Estimate(float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values))), len(values))


def kernel_distance(features: Array, reference: Array, chunk: int = 2000) -> Estimate:
    """Kernel distance, squared (KID; Binkowski et al. 2018): the unbiased estimate of MMD^2 with the kernel (x.y / D + 1)^3.

    features [N, D], reference [M, D], of which all pairs are taken, in chunks of rows. The standard error is that of the first
    order of its Hoeffding decomposition: both sets count as samples.

    Raises:
        ValueError: fewer than 20 rows in one of the two.
    """
    x, y = np.asarray(features, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if min(len(x), len(y)) < 20:
        raise ValueError(f"the kernel distance needs at least 20 samples and 20 references, found {len(x)} and {len(y)}")
    within_x, within_y = _row_means(x, x, chunk), _row_means(y, y, chunk)
    across_x, across_y = _row_means(x, y, chunk), _row_means(y, x, chunk)
    value = float(within_x.mean() + within_y.mean() - 2 * across_x.mean())
    variances = [4 * float(np.var(w - a, ddof=1)) / len(w) for w, a in ((within_x, across_x), (within_y, across_y))]
    return Estimate(value, math.sqrt(sum(variances)), len(x))


def _row_means(x: Array, y: Array, chunk: int) -> Array:
    """Mean kernel [N] of each row of x with the rows of y, without itself where x is y."""
    totals = []
    for start in range(0, len(x), chunk):
        kernel = (x[start : start + chunk] @ y.T / x.shape[1] + 1) ** 3
        totals.append(kernel.sum(axis=1))
    sums: Array = np.concatenate(totals)
    if x is y:
        own: Array = ((x * x).sum(axis=1) / x.shape[1] + 1) ** 3
        return (sums - own) / (len(x) - 1)
    return sums / len(y)


def finite(scores: dict[str, Any]) -> dict[str, Any]:
    """Scores, and measures in them, with None for each number that is not finite: JSON has no other.

    >>> finite({"a": math.inf, "b": {"value": 1.0, "standard_error": math.nan}})
    {'a': None, 'b': {'value': 1.0, 'standard_error': None}}
    """

    def of(value: Any) -> Any:
        if isinstance(value, dict):
            return finite(value)
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return {name: of(value) for name, value in scores.items()}


class Coverage(NamedTuple):
    """How samples spread over classes: share of classes met, divergence of their shares from the reference's, classes kept."""

    classes: Estimate
    divergence: Estimate
    kept: Estimate


def mode_coverage(probabilities: Array, shares: Array, resamples: int, generator: np.random.Generator) -> Coverage:
    """Classifier-based mode coverage of samples with class probabilities [N, K], against the data's class shares [K].

    A sample's class is its most probable one. `classes`: the share of the data's classes that have at least one sample;
    `divergence`: KL(sample shares || data shares) in nats (Srivastava et al. 2017); `kept`: the share of the classes of which
    there is at least a quarter of what is due. Standard errors by bootstrap.
    """
    result = np.asarray(probabilities).argmax(axis=1)

    def of(chosen: NDArray[np.int64]) -> tuple[float, float, float]:
        counts = np.bincount(chosen, minlength=len(shares))
        p, present = counts / counts.sum(), shares > 0
        terms = np.where(p > 0, p * np.log(np.where(p > 0, p, 1) / np.where(present, shares, 1e-12)), 0.0)
        kept = p[present] >= shares[present] / 4
        return float((counts[present] > 0).mean()), float(terms.sum()), float(kept.mean())

    values = of(result)
    again = np.array([of(result[generator.integers(len(result), size=len(result))]) for _ in range(resamples)])
    errors = again.std(axis=0, ddof=1)
    return Coverage(*(Estimate(values[i], float(errors[i]), len(result)) for i in (0, 1, 2)))


def transport_cost(first: Array, second: Array, splits: int = 1) -> Estimate:
    """Exact 1-Wasserstein distance between point sets [N, D] of equal size, Euclidean cost, by optimal assignment.

    The mean over `splits` disjoint groups of N / splits points with its standard error (0 for one group). It is biased upwards
    by the groups' size: compare equal sizes only.

    Raises:
        ValueError: sets of unequal size, or a size that is no multiple of `splits`.
    """
    if len(first) != len(second) or len(first) % splits:
        raise ValueError(f"needs two sets of equal size, a multiple of {splits}; found {len(first)} and {len(second)}")
    costs = []
    for a, b in zip(np.split(np.asarray(first), splits), np.split(np.asarray(second), splits), strict=True):
        distances = cdist(a, b)
        rows, columns = linear_sum_assignment(distances)
        costs.append(float(distances[rows, columns].mean()))
    if splits == 1:
        return Estimate(costs[0], 0.0, len(first))
    estimate = mean_of(np.array(costs))
    return Estimate(estimate.value, estimate.standard_error, len(first))


class NgramReference:
    """Lines whose n-grams are counted once, to which divergences are measured: Jensen-Shannon, base 2, in [0, 1].

    n-grams are those of bytes, within lines (Gulrajani et al. 2017, code). The divergence of two samples of one distribution
    is above zero and falls with their numbers of lines: compare equal numbers only.

    Raises:
        ValueError: no line as long as `n`.
    """

    def __init__(self, lines: Sequence[bytes], n: int):
        self.n = n
        self.counts = Counter(gram for line in lines for gram in _ngrams(line, n))
        if not self.counts:
            raise ValueError(f"no {n}-gram: lines are shorter than {n}")

    def estimate(self, lines: Sequence[bytes], resamples: int, generator: np.random.Generator) -> Estimate:
        """Divergence of lines from the reference, with the bootstrap standard error over the lines.

        Raises:
            ValueError: no line as long as `n`.
        """
        places = {gram: index for index, gram in enumerate(self.counts)}
        grams = [
            (row, places.setdefault(gram, len(places))) for row, line in enumerate(lines) for gram in _ngrams(line, self.n)
        ]
        if not grams:
            raise ValueError(f"no {self.n}-gram: lines are shorter than {self.n}")
        rows, columns = np.array(grams).T
        reference = np.zeros(len(places))
        reference[: len(self.counts)] = list(self.counts.values())

        def divergence(weights: NDArray[Any]) -> float:
            """Of the lines, each as often as its weight [N] says."""
            return _jensen_shannon(np.bincount(columns, weights[rows], minlength=len(places)), reference)

        count = len(lines)
        drawn = (np.bincount(generator.integers(count, size=count), minlength=count) for _ in range(resamples))
        error = float(np.std([divergence(weights) for weights in drawn], ddof=1))
        return Estimate(divergence(np.ones(count, dtype=np.int64)), error, count)


def _ngrams(line: bytes, n: int) -> Iterator[bytes]:
    return (line[i : i + n] for i in range(len(line) - n + 1))


def _jensen_shannon(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Of counts [K] of the same K outcomes, in bits."""
    p, q = first / first.sum(), second / second.sum()
    middle = (p + q) / 2
    terms = [v[v > 0] * np.log2(v[v > 0] / middle[v > 0]) for v in (p, q)]
    return float(sum(t.sum() for t in terms) / 2)
