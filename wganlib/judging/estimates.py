"""Estimates of means and of a ratio of variances with intervals that stand some skewness; arrays of samples at once."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]

LEAST_UNITS = 3
"""Fewer units have no interval, however alike they are."""


class Mean(NamedTuple):
    """A mean or a difference of means, each field of one shape: with variance, third cumulant and degrees of freedom.

    Student's t of a skewed sample is skewed the other way. Its interval is widened, never narrowed, to that of Hall's
    transformation (1992) of t, t + a t²/3 + a² t³/27 + a/6, where a is the estimate's skewness.
    """

    effect: Array
    variance: Array
    third: Array
    freedom: Array

    @property
    def skewness(self) -> Array:
        """Of the estimate, not of the values; kept from 0, where the transformation's inverse has a removable gap."""
        a = self.third / self.variance**1.5
        result: Array = np.where(np.abs(a) < 1e-6, 1e-6, a)
        return result

    def bounds(self, level: float) -> tuple[Array, Array]:
        """The interval whose chance to miss the mean is `level`, on both sides together."""
        critical, a = stats.t.ppf(1 - level / 2, self.freedom), self.skewness

        def inverse(y: Array) -> Array:
            result: Array = 3 / a * (np.cbrt(1 + a * (y - a / 6)) - 1)
            return result

        most, least = np.maximum(critical, inverse(critical)), np.minimum(-critical, inverse(-critical))
        error = np.sqrt(self.variance)
        return self.effect - most * error, self.effect - least * error

    def tail(self, edge: float) -> float:
        """Half the smallest level at which the interval of this one estimate excludes an edge."""
        t = (self.effect - edge) / np.sqrt(self.variance)
        t, a = np.abs(t), np.sign(t) * self.skewness
        transformed = t + a * t**2 / 3 + a**2 * t**3 / 27 + a / 6
        return float(stats.t.sf(np.minimum(t, transformed), self.freedom))


class Ratio(NamedTuple):
    """A ratio of two variances, each field of one shape: with degrees of freedom above and below."""

    effect: Array
    freedom: Array
    freedom_below: Array

    def bounds(self, level: float) -> tuple[Array, Array]:
        """The interval whose chance to miss the ratio is `level`, on both sides together."""
        low, high = (stats.f.ppf(q, self.freedom, self.freedom_below) for q in (1 - level / 2, level / 2))
        return self.effect / low, self.effect / high

    def tail(self, edge: float) -> float:
        """Half the smallest level at which the interval of this one estimate excludes an edge."""
        f = stats.f(self.freedom, self.freedom_below)
        return float(min(f.sf(self.effect / edge), f.cdf(self.effect / edge)))


Estimate = Mean | Ratio
Draw = Callable[[np.random.Generator, int], Estimate]
"""Makes up samples of so many units."""


def mean(x: Array) -> Mean:
    """The mean of samples [..., n]."""
    n = x.shape[-1]
    return Mean(x.mean(-1), x.var(-1, ddof=1) / n, _third(x) / n**2, np.asarray(n - 1.0))


def mean_difference(x: Array, y: Array) -> Mean:
    """The difference of the means of independent samples [..., n], [..., m], with fewer degrees of freedom than Welch's.

    Welch's are too many where the sample with the larger variance is small and skewed: they are taken half way to those that
    are surely no more than the truth, of the smaller sample (their harmonic mean).
    """
    n, m = x.shape[-1], y.shape[-1]
    u, v = x.var(-1, ddof=1) / n, y.var(-1, ddof=1) / m
    over_welch = (u**2 / (n - 1) + v**2 / (m - 1)) / (u + v) ** 2
    freedom = 2 / (over_welch + 1 / (min(n, m) - 1))
    return Mean(x.mean(-1) - y.mean(-1), u + v, _third(x) / n**2 - _third(y) / m**2, freedom)


def variance_ratio(x: Array, y: Array) -> Ratio:
    """The ratio of the variances of independent samples [..., n], [..., m].

    Where tails are heavier than normal ones its degrees of freedom are fewer than n − 1 and m − 1, by the kurtosis of both
    samples together (Shoemaker 2003); variances that differ raise it too, which makes the interval wider than need be.
    """
    n, m = x.shape[-1], y.shape[-1]
    deviations = np.concatenate([sample - sample.mean(-1, keepdims=True) for sample in (x, y)], axis=-1)
    kurtosis = (deviations**4).mean(-1) / (deviations**2).mean(-1) ** 2
    freedom = [np.minimum(k - 1, 2 * k / (kurtosis - (k - 3) / (k - 1))) for k in (n, m)]
    return Ratio(x.var(-1, ddof=1) / y.var(-1, ddof=1), *freedom)


def _third(x: Array) -> Array:
    """The unbiased third central moment of samples [..., n]."""
    n = x.shape[-1]
    result: Array = n / ((n - 1) * (n - 2)) * ((x - x.mean(-1, keepdims=True)) ** 3).sum(-1)
    return result
