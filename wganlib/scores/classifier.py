"""A small convolutional classifier per data set: its probabilities and features stand for Inception's."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from tqdm import tqdm

from wganlib.datasets.images import Batches, Images
from wganlib.errors import WganlibError
from wganlib.files import stop_if_orphaned
from wganlib.spec import ClassifierSpec
from wganlib.streams import stream

FEATURES = 64


class Classifier(nn.Module):
    """Two convolutions with pooling, a hidden layer of 64 features, a linear output: [N, C, S, S] -> logits [N, classes]."""

    def __init__(self, channels: int, image_size: int, classes: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.hidden = nn.Linear(64 * (image_size // 4) ** 2, FEATURES)
        self.output = nn.Linear(FEATURES, classes)

    def features(self, images: Tensor) -> Tensor:
        """Values [N, 64] of the hidden layer before its nonlinearity: no unit is constant, covariances have full rank."""
        x = F.max_pool2d(F.relu(self.conv1(images)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        hidden: Tensor = self.hidden(x.flatten(1))
        return hidden

    def logits(self, features: Tensor) -> Tensor:
        """Logits [N, classes] of features [N, 64]."""
        logits: Tensor = self.output(F.relu(features))
        return logits

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.features(images))


def build(spec: ClassifierSpec) -> Classifier:
    """The untrained classifier of a spec."""
    kind, shape, classes, *_ = spec.dataset.shape
    if kind != "images" or classes is None:
        raise WganlibError(f"data set {spec.dataset.name!r} has no labelled images: a classifier cannot be trained on it")
    return Classifier(shape[0], shape[1], classes)


def train(spec: ClassifierSpec, images: Images) -> tuple[Classifier, float]:
    """Train with Adam at 1e-3 on the preprocessed training part; returns the classifier and its held-out accuracy."""
    classifier = build(spec)
    initial, data = stream(spec.seed, "init"), stream(spec.seed, "data")
    for module in classifier.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_uniform_(module.weight, nonlinearity="relu", generator=initial)
            module.bias = nn.Parameter(torch.zeros(len(module.weight)))
    batches = Batches(len(images.train), 64, data)
    optimizer = torch.optim.Adam(classifier.parameters(), lr=1e-3)
    for _ in tqdm(range(spec.epochs * (len(images.train) // 64)), desc="classifier", disable=None):
        rows = batches.next()
        loss = F.cross_entropy(classifier(images.preprocess(images.train[rows], data)), images.train_labels[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        stop_if_orphaned()
    with torch.no_grad():
        guesses = classifier(images.preprocess(images.test, data)).argmax(dim=1)
    return classifier.eval(), float((guesses == images.test_labels).double().mean())


def load(spec: ClassifierSpec, path: Path) -> Classifier:
    """Read a trained classifier's weights.

    Raises:
        WganlibError: the file is missing, damaged, or holds another network's weights.
    """
    classifier = build(spec)
    try:
        classifier.load_state_dict(load_file(path))
    except FileNotFoundError:
        raise WganlibError(f"{path}: no such file; `wganlib classifier` makes it") from None
    except (SafetensorError, RuntimeError) as error:
        raise WganlibError(
            f"{path}: not this classifier's weights ({_first_line(error)}); delete it and make it anew"
        ) from None
    return classifier.eval()


def outputs(classifier: Classifier, batches: Iterable[Tensor]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Probabilities [N, classes] and features [N, 64] of images given in batches; one pass, nothing kept but the results."""
    probabilities, features = [], []
    with torch.no_grad():
        for images in batches:
            hidden = classifier.features(images)
            features.append(hidden.double().numpy())
            probabilities.append(classifier.logits(hidden).double().softmax(dim=1).numpy())
    return np.concatenate(probabilities), np.concatenate(features)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
