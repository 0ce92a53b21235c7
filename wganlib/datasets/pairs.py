"""Ten real images against ten images of noise (Zhou et al. 2019, section 5.2)."""

import torch
from torch import Tensor

from wganlib.datasets.cifar10 import load_cifar10
from wganlib.datasets.dataset import Dataset, Preprocess, scaled
from wganlib.datasets.digits import load_digits
from wganlib.datasets.reading import digest
from wganlib.datasets.spec import DatasetSpec
from wganlib.datasets.toys import ROWS
from wganlib.errors import WganlibError

CHOSEN = (1400, 1621, 808, 809, 3687, 6815, 2100, 4037, 9154, 8532)
"""Training images of CIFAR-10 in the official order (ZhimingZhou/LGANs-for-reproduce, gan_synthetic4.3.py)."""

OFFICIAL_LABELS = (6, 9, 9, 4, 1, 1, 2, 7, 8, 3)
"""The labels with which CIFAR-10's training images begin in the official order."""

NOISE_SEED = 1000


FIRST = "the first image of each class"


def load_digits_pairs(spec: DatasetSpec) -> Dataset:
    """The first digit of each class and ten noise images; see `_pairs`."""
    whole = load_digits(DatasetSpec(name="digits", image_size=spec.image_size))
    rows = [_first(whole.train_labels, label, spec.name) for label in range(10)]
    return _pairs(whole.train[rows], whole.preprocess, FIRST)


def load_cifar10_pairs(spec: DatasetSpec) -> Dataset:
    """Ten images of CIFAR-10, scaled as (v - 127.5) / 128, and ten noise images; see `_pairs`.

    The paper's ten where the files have the official order, otherwise the first image of each class: `notes` says which.

    Raises:
        WganlibError: the files of CIFAR-10 are missing or damaged, or lack a class.
    """
    whole = load_cifar10(DatasetSpec(name="cifar10", image_size=spec.image_size))
    labels = whole.train_labels
    if tuple(labels[:10].tolist()) == OFFICIAL_LABELS and len(labels) > max(CHOSEN):
        rows, which = list(CHOSEN), "the paper's ten images of CIFAR-10"
    else:
        rows, which = [_first(labels, label, spec.name) for label in range(10)], FIRST
    return _pairs(whole.train[rows], scaled("128", spec.image_size), which)


def _pairs(raw: Tensor, preprocess: Preprocess, which: str) -> Dataset:
    """Ten images and ten noise images U[-1, 1), both drawn with replacement; the noise is the same for every seed."""
    real = preprocess(raw, torch.Generator().manual_seed(NOISE_SEED))
    fake = 2 * torch.rand(real.shape, generator=torch.Generator().manual_seed(NOISE_SEED)) - 1
    index = torch.zeros(ROWS, 1)
    unlabelled = torch.zeros(ROWS, dtype=torch.int64)
    return Dataset(
        *(index, unlabelled, index, unlabelled),
        lambda raw, stream: _drawn(real, len(raw), stream),
        digest(real.numpy(), fake.numpy()),
        fakes=lambda count, stream: _drawn(fake, count, stream),
        notes={"pairs": which},
        supports=(real, fake),
    )


def _drawn(examples: Tensor, count: int, stream: torch.Generator) -> Tensor:
    rows = torch.randint(len(examples), (count,), generator=stream, device=stream.device)
    return examples.to(stream.device)[rows]


def _first(labels: Tensor, label: int, name: str) -> int:
    result = (labels == label).nonzero()
    if len(result) == 0:
        raise WganlibError(f"{name}: no training image has label {label}: use the whole data set")
    return int(result[0])
