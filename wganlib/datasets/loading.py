"""From a spec's data set to data in memory."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from wganlib.datasets.cifar10 import load_cifar10
from wganlib.datasets.dataset import Dataset
from wganlib.datasets.digits import load_digits
from wganlib.datasets.folders import load_flowers102, load_image_folder, load_tiny_imagenet
from wganlib.datasets.imagenet32 import load_imagenet32
from wganlib.datasets.lsun import load_lsun
from wganlib.datasets.mnist import load_mnist
from wganlib.datasets.pairs import load_pairs
from wganlib.datasets.sklearn_texts import load_sklearn_texts
from wganlib.datasets.spec import DatasetSpec
from wganlib.datasets.text import load_text
from wganlib.datasets.toys import load_toy
from wganlib.errors import WganlibError

LOADERS: dict[str, Callable[[DatasetSpec], Dataset]] = {
    "digits": load_digits,
    "gaussians8": load_toy,
    "gaussians25": load_toy,
    "swiss_roll": load_toy,
    "lgan_case1": load_toy,
    "lgan_case2": load_toy,
    "lgan_case3": load_toy,
    "parallel_lines": load_toy,
    "two_gaussians": load_toy,
    "two_points": load_toy,
    "digits_pairs": load_pairs,
    "cifar10_pairs": load_pairs,
    "mnist": load_mnist,
    "cifar10": load_cifar10,
    "tiny_imagenet": load_tiny_imagenet,
    "imagenet32": load_imagenet32,
    "lsun_bedrooms": load_lsun,
    "image_folder": load_image_folder,
    "flowers102": load_flowers102,
    "sklearn_texts": load_sklearn_texts,
    "billion_word": load_text,
    "text_folder": load_text,
}


def load(spec: DatasetSpec) -> Dataset:
    """Load a data set from its files below DATA_ROOT (`digits`, `sklearn_texts` and the toys need none).

    Raises:
        WganlibError: files are missing or damaged, or hold fewer examples than `train_limit`.
    """
    images = LOADERS[spec.name](spec)
    if spec.train_limit is None:
        return images
    count = len(images.train)
    if spec.train_limit > count:
        raise WganlibError(
            f"train_limit: found {spec.train_limit}, but {spec.name} has {count} training examples: use {count} or less"
        )
    rows = torch.from_numpy(np.random.default_rng(0).permutation(count)[: spec.train_limit])
    return replace(images, train=images.train[rows], train_labels=images.train_labels[rows])
