"""Data sets in memory: raw examples, the preprocessing that makes training examples of them, and batches of rows."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from wganlib.datasets import Scaling

Preprocess = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class Dataset:
    """Raw examples [N, ...] with labels [N] (zeros where there are none) of the training and held-out parts.

    `preprocess(raw, stream)` gives float examples [n, ...] of the spec's shape; where a data set is dequantised or drawn afresh
    it draws from the stream. `fakes(count, stream)`, where a data set has them, draws generated examples [count, ...] that
    belong to it. `notes`: facts for a run's provenance, such as the version of the library that resized the images.
    `supports`: all real and all generated examples, each [n, ...], where both are finite sets.
    """

    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor
    preprocess: Preprocess
    sha256: str
    fakes: Callable[[int, torch.Generator], Tensor] | None = None
    notes: dict[str, str] = field(default_factory=dict)
    supports: tuple[Tensor, Tensor] | None = None


def scaled(scaling: Scaling, image_size: int | None = None) -> Preprocess:
    """Preprocessing of grey levels v [n, C, S, S] in 0..255, averaged over blocks first where S is larger than `image_size`.

    "255": 2 (v / 255 - 1/2); "256_dequantised": 2 (v / 256 - 1/2) + U[0, 1/128) (WGAN-GP's CIFAR-10 ResNet); "128":
    (v - 127.5) / 128 (Lipschitz GANs); "unit": v / 255.

    >>> scaled("128", 1)(torch.tensor([[[[0, 255], [255, 0]]]], dtype=torch.uint8), torch.Generator()).item()
    0.0
    """

    def preprocess(raw: Tensor, stream: torch.Generator) -> Tensor:
        values = raw.float()
        if image_size is not None and values.shape[-1] != image_size:
            values = F.avg_pool2d(values, values.shape[-1] // image_size)
        if scaling == "255":
            return 2 * (values / 255 - 0.5)
        if scaling == "256_dequantised":
            noise = torch.rand(values.shape, generator=stream, device=values.device)
            return 2 * (values / 256 - 0.5) + noise / 128
        return (values - 127.5) / 128 if scaling == "128" else values / 255

    return preprocess
