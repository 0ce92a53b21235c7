"""The handwritten digits that scikit-learn carries: 1,797 images of 8x8 pixels, grey levels 0 to 16, ten classes.

Source: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI repository, 1998 (its test part).
"""

import hashlib

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from wganlib.datasets.dataset import Dataset
from wganlib.datasets.reading import package_folder
from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import WganlibError

SHA256 = "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"
"""Of the pixels as uint8 followed by the labels as uint8."""

TRAIN_COUNT = 1437


def load_digits(spec: DatasetSpec) -> Dataset:
    """Training and held-out digits [N, 1, 8, 8] with labels.

    The split is fixed: a permutation of the rows by NumPy's default generator with seed 0, the first 1,437 for training.
    Preprocessing adds noise uniform over one grey level, scales to [-1, 1) and resizes bilinearly.
    """
    # The file that `sklearn.datasets.load_digits` reads: importing that takes longer than many trainings' first steps.
    table = np.loadtxt(package_folder("sklearn") / "datasets/data/digits.csv.gz", delimiter=",").astype(np.uint8)
    pixels, labels = table[:, :-1].reshape(-1, 8, 8), table[:, -1]
    result = hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest()
    if result != SHA256:
        raise WganlibError(f"digits: scikit-learn's images have sha256 {result}, expected {SHA256}; install the locked version")
    order = np.random.default_rng(0).permutation(len(pixels))
    images = torch.from_numpy(pixels[order]).unsqueeze(1)
    classes = torch.from_numpy(labels[order]).long()

    def preprocess(raw: Tensor, stream: torch.Generator) -> Tensor:
        noise = torch.rand(raw.shape, generator=stream, device=raw.device)
        scaled = (raw.float() + noise) * (2 / 17) - 1
        return F.interpolate(scaled, size=spec.image_size, mode="bilinear", align_corners=False)

    parts = images[:TRAIN_COUNT], classes[:TRAIN_COUNT], images[TRAIN_COUNT:], classes[TRAIN_COUNT:]
    return Dataset(*parts, preprocess, result)
