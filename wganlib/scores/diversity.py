"""How much samples differ from each other: structural similarity of pairs of images."""

import torch
from torch import Tensor
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure, structural_similarity_index_measure

from wganlib.scores.statistics import Estimate, mean_of

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the scales (Wang et al. 2003); the first ones are taken and renormalised."""

KERNEL, SIGMA = 11, 1.5
"""Gaussian window, in pixels."""

BATCH = 100


def scales_of(image_size: int) -> int:
    """Scales that an 11-pixel window allows: 1 (plain SSIM) up to 32 pixels, 3 for 64, all 5 from 176 pixels on.

    >>> [scales_of(size) for size in (16, 32, 64, 128, 176)]
    [1, 1, 3, 4, 5]
    """
    if image_size <= 32:
        return 1
    # The window fits the coarsest scale; the second bound is torchmetrics'.
    fitting = (s for s in range(1, len(WEIGHTS) + 1) if image_size / 2 ** (s - 1) >= KERNEL and image_size > 10 * (s - 1) ** 2)
    return max(fitting)


def pairwise_similarity(images: Tensor, low: float) -> tuple[Estimate, int]:
    """Mean structural similarity of pairs of images [N, C, S, S] in [low, 1], and the number of scales; 1 is a collapsed set.

    Image i goes with image i + N/2: the pairs are disjoint, so the mean's standard error is theirs.

    Raises:
        ValueError: fewer than 4 images.
    """
    if len(images) < 4:
        raise ValueError(f"similarity of pairs needs at least 4 images, found {len(images)}")
    half, scales = len(images) // 2, scales_of(images.shape[-1])
    unit = ((images - low) / (1.0 - low)).double()
    values = []
    for start in range(0, half, BATCH):
        end = min(start + BATCH, half)
        values.append(ssim(unit[start:end], unit[half + start : half + end], scales))
    return mean_of(torch.cat(values).numpy()), scales


def ssim(first: Tensor, second: Tensor, scales: int) -> Tensor:
    """(Multi-scale) structural similarity [N] of pairs of images [N, C, S, S] in [0, 1], by torchmetrics."""
    if scales == 1:
        single = structural_similarity_index_measure(first, second, sigma=SIGMA, data_range=1.0, reduction="none")
        assert isinstance(single, Tensor)
        return single.reshape(-1)
    weights = tuple(w / sum(WEIGHTS[:scales]) for w in WEIGHTS[:scales])
    many = multiscale_structural_similarity_index_measure(
        first, second, sigma=SIGMA, data_range=1.0, reduction="none", betas=weights, normalize="relu"
    )
    return many.reshape(-1)
