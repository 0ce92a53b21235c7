"""Scores by the Inception network: Inception Score, Fréchet and kernel Inception distance, of a generator's samples."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from wganlib.errors import WganlibError
from wganlib.judging.score_names import COLUMNS
from wganlib.scoring import formulas, inception
from wganlib.scoring.formulas import Array, FrechetReference
from wganlib.spec.scoring import ScoringSpec

RESAMPLES = 10
"""Bootstrap resamples behind the Fréchet distance's standard error."""

KERNEL_REFERENCES = 10_000
"""Training images whose features are kept for the kernel distance."""

KERNEL = "kernel_inception_distance"
INCEPTION_COLUMNS = (*COLUMNS["inception"][:4], KERNEL, f"{KERNEL}_standard_error")


class InceptionScorer:
    """The network, and the features of the training images that it measures distances to."""

    def __init__(self, scoring: ScoringSpec, low: float, device: torch.device):
        self.scoring, self.low, self.device = scoring, low, device
        self.network = inception.load(scoring.inception_sha256, device)
        self.reference: FrechetReference | None = None
        self.kernel_reference: Array | None = None

    def outputs(self, batches: Iterable[Tensor]) -> tuple[Array, Array]:
        """Probabilities and features of images in [low, 1], given in batches [n, C, S, S]."""
        how = self.scoring.pixels or "127.995"
        return inception.outputs(self.network, (inception.to_pixels(b, self.low, how) for b in batches), self.device)

    def set_reference(self, batches: Iterable[Tensor], seed: int) -> dict[str, Tensor]:
        """Take training images as the reference; returns what `load_reference` needs of them."""
        _, features = self.outputs(batches)
        mean, covariance = formulas.moments(features)
        self.reference = FrechetReference(mean, covariance)
        chosen = np.random.default_rng(seed).permutation(len(features))[:KERNEL_REFERENCES]
        self.kernel_reference = features[chosen]
        return {
            "inception_mean": torch.from_numpy(mean),
            "inception_covariance": torch.from_numpy(covariance),
            "inception_features": torch.from_numpy(self.kernel_reference).float(),
        }

    def load_reference(self, path: Path) -> None:
        """Take the reference that `set_reference` gave.

        Raises:
            WganlibError: the file is missing, damaged, or has no Inception reference.
        """
        try:
            stored = load_file(path)
            self.reference = FrechetReference(stored["inception_mean"].numpy(), stored["inception_covariance"].numpy())
            self.kernel_reference = stored["inception_features"].double().numpy()
        except (OSError, SafetensorError, KeyError) as error:
            raise WganlibError(f"{path}: has no Inception reference ({error}); delete the folder and make it anew") from None

    def scores(self, probabilities: Array, features: Array, seed: int) -> dict[str, float | None]:
        """All scores of images by the network's outputs of them, by the names in INCEPTION_COLUMNS."""
        assert self.reference is not None
        assert self.kernel_reference is not None
        mean, std = formulas.inception_formula(probabilities, self.scoring.splits)
        random = np.random.default_rng(seed)
        distance = self.reference.distance(features)
        error = self.reference.standard_error(features, RESAMPLES, random)
        kernel = formulas.kernel_distance(features, self.kernel_reference)
        return dict(zip(INCEPTION_COLUMNS, (mean, std, distance, error, kernel.value, kernel.standard_error), strict=True))
