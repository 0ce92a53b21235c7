"""From a spec's data set to data in memory."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module

import numpy as np
import torch

from wganlib.datasets import DATASETS
from wganlib.datasets.dataset import Dataset
from wganlib.datasets.spec import DatasetSpec
from wganlib.errors import WganlibError


def load(spec: DatasetSpec) -> Dataset:
    """Load a data set by its row's function, from its files below DATA_ROOT (`digits`, `sklearn_texts` and the toys need none).

    Raises:
        WganlibError: files are missing or damaged, or hold fewer examples than `train_limit`.
    """
    module, _, function = DATASETS[spec.name].loader.partition(":")
    loader: Callable[[DatasetSpec], Dataset] = getattr(import_module(module), function)
    data = loader(spec)
    if spec.train_limit is None:
        return data
    count = len(data.train)
    if spec.train_limit > count:
        raise WganlibError(
            f"train_limit: found {spec.train_limit}, but {spec.name} has {count} training examples: use {count} or less"
        )
    rows = torch.from_numpy(np.random.default_rng(0).permutation(count)[: spec.train_limit])
    return replace(data, train=data.train[rows], train_labels=data.train_labels[rows])
