"""Scores as pure functions of arrays; float64 throughout."""

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgWarning

Array = NDArray[np.float64]


def inception_formula(probabilities: Array, splits: int) -> tuple[float, float]:
    """exp of the mean Kullback-Leibler divergence between p(y|x) and p(y), per split (Salimans et al. 2016, section 4).

    probabilities: [N, classes], rows summing to one, N a multiple of `splits`; split i holds consecutive rows.
    Returns the mean and the standard deviation over splits. Over Inception's probabilities this is the Inception Score,
    over a classifier's the classifier score.
    """
    p = np.asarray(probabilities, dtype=np.float64).reshape(splits, -1, probabilities.shape[-1])
    marginal = p.mean(axis=1, keepdims=True)
    # 0 log 0 = 0: where p is zero the ratio is set to one.
    ratio = np.divide(p, marginal, out=np.ones_like(p), where=p > 0)
    scores = np.exp((p * np.log(ratio)).sum(axis=2).mean(axis=1))
    return float(scores.mean()), float(scores.std())


def moments(features: Array) -> tuple[Array, Array]:
    """Mean [D] and sample covariance [D, D] of features [N, D]."""
    values = np.asarray(features, dtype=np.float64)
    return values.mean(axis=0), np.cov(values, rowvar=False)


def frechet_distance(first: tuple[Array, Array], second: tuple[Array, Array]) -> float:
    """Squared Fréchet distance between two Gaussians given by (mean, covariance); clean-fid's function."""
    from cleanfid.fid import frechet_distance as cleanfid_frechet_distance

    with warnings.catch_warnings():
        # clean-fid 0.1.35 calls sqrtm(disp=...), which scipy 1.17 still takes but announces to drop.
        warnings.simplefilter("ignore", DeprecationWarning)
        # Samples of a collapsed generator have a singular covariance; clean-fid checks the root and regularises where it must.
        warnings.simplefilter("ignore", LinAlgWarning)
        return float(cleanfid_frechet_distance(first[0], first[1], second[0], second[1]))


def frechet_standard_error(
    features: Array, reference: tuple[Array, Array], resamples: int, generator: np.random.Generator
) -> float:
    """Bootstrap standard error of the Fréchet distance of features [N, D] to reference moments."""
    count = len(features)
    values = [frechet_distance(moments(features[generator.integers(count, size=count)]), reference) for _ in range(resamples)]
    return float(np.std(values, ddof=1))
