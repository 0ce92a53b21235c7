"""Further scores of generated examples, each with its sampling error and its number of samples."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from wganlib.datasets.dataset import Dataset
from wganlib.datasets.spec import DatasetSpec
from wganlib.datasets.text import decode_lines
from wganlib.errors import WganlibError
from wganlib.scoring import diversity
from wganlib.scoring.formulas import (
    Array,
    Estimate,
    NgramReference,
    kernel_distance,
    mean_of,
    mode_coverage,
    transport_cost,
)
from wganlib.spec.scoring import check_measure

RESAMPLES = 50

DECODED_LINES = 1000
"""Real lines that are one-hot at a time."""


class Samples(NamedTuple):
    """What measures look at: generated examples [N, ...], and of images a classifier's probabilities and features.

    `reference_features` are the same network's, of real training images.
    """

    examples: Tensor
    data: Dataset
    spec: DatasetSpec
    generator: np.random.Generator
    probabilities: Array | None = None
    features: Array | None = None
    reference_features: Array | None = None
    classes: Tensor | None = None
    """The classes [N] that a conditional generator was asked for."""


def _kernel(samples: Samples) -> dict[str, Estimate]:
    assert samples.features is not None
    assert samples.reference_features is not None
    features, reference = (
        samples.generator.permutation(samples.features),
        samples.generator.permutation(samples.reference_features),
    )
    return {"kernel_classifier_distance": kernel_distance(features, reference)}


def _similarity(samples: Samples) -> dict[str, Estimate]:
    """Of generated images, and of as many training images (all, if there are fewer)."""
    low, data = samples.spec.shape.low, samples.data
    estimate, scales = diversity.pairwise_similarity(samples.examples, low)
    rows = _drawn(data.train, len(samples.examples), samples.generator)
    real = data.preprocess(data.train[rows], torch.Generator().manual_seed(int(rows.sum())))
    name = "pairwise_ssim" if scales == 1 else f"pairwise_ms_ssim_{scales}_scales"
    return {name: estimate, f"{name}_training": diversity.pairwise_similarity(real, low)[0]}


def _coverage(samples: Samples) -> dict[str, Estimate]:
    assert samples.probabilities is not None
    shares = torch.bincount(samples.data.train_labels, minlength=samples.spec.shape.classes or 0).double().numpy()
    result = mode_coverage(samples.probabilities, shares / shares.sum(), RESAMPLES, samples.generator)
    return {"mode_coverage": result.classes, "mode_divergence": result.divergence, "kept_classes": result.kept}


def _class_accuracy(samples: Samples) -> dict[str, Estimate]:
    """Share of samples that the classifier takes for the class asked for, a random one where none was."""
    assert samples.probabilities is not None
    known, count = samples.spec.shape.classes or 1, len(samples.probabilities)
    asked = samples.generator.integers(known, size=count) if samples.classes is None else samples.classes.numpy()
    return {"class_accuracy": mean_of((samples.probabilities.argmax(axis=1) == asked).astype(np.float64))}


def _ngrams(samples: Samples) -> dict[str, Estimate]:
    """Of generated lines from as many training lines, and of as many held-out lines from the same: what perfect lines have."""
    data, symbols = samples.data, bytes.fromhex(samples.data.notes["symbols"])
    generated = decode_lines(samples.examples, symbols)

    def real(part: Tensor) -> list[bytes]:
        rows = _drawn(part, len(generated), samples.generator)
        batches = (data.preprocess(part[some], torch.Generator()) for some in torch.split(rows, DECODED_LINES))
        return [line for batch in batches for line in decode_lines(batch, symbols)]

    training, held_out = real(data.train), real(data.test)
    result = {}
    for n in range(1, min(4, samples.spec.shape.shape[1]) + 1):
        reference = NgramReference(training, n)
        for name, lines in (("", generated), ("_held_out", held_out)):
            result[f"ngram_divergence_{n}{name}"] = reference.estimate(lines, RESAMPLES, samples.generator)
    return result


def _transport(samples: Samples) -> dict[str, Estimate]:
    splits = 10
    count = len(samples.examples) // splits * splits
    rows = torch.from_numpy(samples.generator.integers(len(samples.data.train), size=count))
    real = samples.data.preprocess(samples.data.train[rows], torch.Generator().manual_seed(int(rows.sum())))
    generated = samples.examples[:count]
    return {"transport_cost": transport_cost(generated.flatten(1).double().numpy(), real.flatten(1).double().numpy(), splits)}


def _drawn(part: Tensor, count: int, generator: np.random.Generator) -> Tensor:
    """Row numbers of `count` examples, drawn without replacement; of all, if there are fewer."""
    return torch.from_numpy(generator.choice(len(part), size=min(count, len(part)), replace=False))


MEASURES: dict[str, Callable[[Samples], dict[str, Estimate]]] = {
    "kernel_distance": _kernel,
    "similarity": _similarity,
    "coverage": _coverage,
    "class_accuracy": _class_accuracy,
    "ngrams": _ngrams,
    "transport": _transport,
}
"""By name; what each asks for stands in `wganlib.spec.scoring.NEEDS`."""


def measure(names: tuple[str, ...], samples: Samples) -> dict[str, Estimate]:
    """The named measures of samples.

    Raises:
        WganlibError: a measure for another kind of data, too few samples, or samples that are not finite.
    """
    if not bool(torch.isfinite(samples.examples).all()):
        raise WganlibError("measures: found samples that are not finite; the generator diverged: do not score it")
    result: dict[str, Estimate] = {}
    for name in names:
        try:
            check_measure(name, samples.spec, len(samples.examples))
        except ValueError as error:
            raise WganlibError(str(error)) from None
        try:
            result |= MEASURES[name](samples)
        except ValueError as error:
            raise WganlibError(f"measure {name!r}: {error}; raise scoring.num_samples") from None
    return result
