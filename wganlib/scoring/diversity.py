"""How much samples differ from each other: structural similarity of pairs of images."""

import torch
import torch.nn.functional as F
from torch import Tensor

from wganlib.scoring.formulas import Estimate, mean_of
from wganlib.spec.scoring import SSIM_WINDOW

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the scales (Wang et al. 2003); the first ones are taken and renormalised."""

KERNEL, SIGMA = SSIM_WINDOW, 1.5
"""Gaussian window, in pixels."""

C1, C2 = 0.01**2, 0.03**2

BATCH = 100


def scales_of(image_size: int) -> int:
    """Scales that an 11-pixel window allows: 1 (plain SSIM) up to 32 pixels, 3 for 64, all 5 from 176 pixels on.

    >>> [scales_of(size) for size in (16, 32, 64, 128, 176)]
    [1, 1, 3, 4, 5]
    """
    if image_size <= 32:
        return 1
    return max(s for s in range(1, len(WEIGHTS) + 1) if image_size // 2 ** (s - 1) >= KERNEL)


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
    """(Multi-scale) structural similarity [N] of pairs of images [N, C, S, S] in [0, 1] (Wang et al. 2003, 2004).

    An 11-pixel Gaussian window at every place where it fits, sides halved by 2x2 means from scale to scale, contrasts below
    zero set to zero, the mean over channels last. (torchmetrics' window also goes beyond the border, which tells in small
    images.)
    """
    channels = first.shape[1]
    offsets = torch.arange(KERNEL, dtype=first.dtype) - KERNEL // 2
    line = torch.exp(-(offsets**2) / (2 * SIGMA**2))
    window = (torch.outer(line, line) / line.sum() ** 2).expand(channels, 1, KERNEL, KERNEL)
    weights = [w / sum(WEIGHTS[:scales]) for w in WEIGHTS[:scales]]
    similarity = torch.ones(len(first), channels, dtype=first.dtype)
    a, b = first, second
    for scale, weight in enumerate(weights):
        mean_a, mean_b, aa, bb, ab = (F.conv2d(v, window, groups=channels) for v in (a, b, a * a, b * b, a * b))
        places = (2 * (ab - mean_a * mean_b) + C2) / (aa - mean_a**2 + bb - mean_b**2 + C2)
        if scale == scales - 1:
            places = places * (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
        value = places.mean(dim=(2, 3))
        similarity = similarity * (value if scales == 1 else value.clamp(min=0) ** weight)
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    return similarity.mean(dim=1)
