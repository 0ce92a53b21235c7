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

from wganlib.datasets.batches import Batches
from wganlib.datasets.dataset import Dataset
from wganlib.errors import WganlibError
from wganlib.files import stop_if_orphaned
from wganlib.spec.scoring import ClassifierSpec
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


class Block(nn.Sequential):
    """3x3 convolution, batch norm, ReLU, and where asked 2x2 max pooling."""

    def __init__(self, inputs: int, outputs: int, pool: bool = False):
        layers = [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        super().__init__(*layers, *([nn.MaxPool2d(2)] if pool else []))


class ResNet(nn.Module):
    """A small residual network: four stages of doubling width, two with a residual pair, global max pooling; 8 w features."""

    def __init__(self, channels: int, width: int, classes: int):
        super().__init__()
        w = width
        self.stem = Block(channels, w)
        self.stage1, self.pair1 = Block(w, 2 * w, pool=True), nn.Sequential(Block(2 * w, 2 * w), Block(2 * w, 2 * w))
        self.stage2 = Block(2 * w, 4 * w, pool=True)
        self.stage3, self.pair3 = Block(4 * w, 8 * w, pool=True), nn.Sequential(Block(8 * w, 8 * w), Block(8 * w, 8 * w))
        self.output = nn.Linear(8 * w, classes)

    def features(self, images: Tensor) -> Tensor:
        """Values [N, 8 w] after global max pooling."""
        x = self.stage1(self.stem(images))
        x = self.stage3(self.stage2(x + self.pair1(x)))
        pooled: Tensor = (x + self.pair3(x)).amax(dim=(2, 3))
        return pooled

    def logits(self, features: Tensor) -> Tensor:
        """Logits [N, classes] of features [N, 8 w]."""
        logits: Tensor = self.output(features)
        return logits

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.features(images))


Network = Classifier | ResNet


def build(spec: ClassifierSpec) -> Network:
    """The untrained classifier of a spec."""
    _, shape, classes, *_ = spec.dataset.shape
    assert classes is not None
    if spec.resnet_width is not None:
        return ResNet(shape[0], spec.resnet_width, classes)
    return Classifier(shape[0], shape[1], classes)


def train(spec: ClassifierSpec, images: Dataset, device: torch.device) -> tuple[Network, float]:
    """Train on the preprocessed training part; returns the classifier, on the device, and its held-out accuracy.

    The small network by Adam at 1e-3; the residual one by SGD with momentum on a one-cycle schedule, on images that are
    shifted by up to 4 pixels and, where they have colours, flipped.
    """
    classifier = build(spec)
    initial, data = stream(spec.seed, "init"), stream(spec.seed, "data")
    for module in classifier.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_uniform_(module.weight, nonlinearity="relu", generator=initial)
            if module.bias is not None:
                module.bias = nn.Parameter(torch.zeros(len(module.weight)))
    classifier.to(device)
    batch_size = 64 if spec.resnet_width is None else 256
    batches = Batches(len(images.train), min(batch_size, len(images.train)), data)
    steps = spec.epochs * max(1, len(images.train) // batch_size)
    optimizer: torch.optim.Optimizer
    schedule = None
    if spec.resnet_width is None:
        optimizer = torch.optim.Adam(classifier.parameters(), lr=1e-3)
    else:
        optimizer = torch.optim.SGD(classifier.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=steps, pct_start=0.25)
    for _ in tqdm(range(steps), desc="classifier", disable=None):
        rows = batches.next()
        real = images.preprocess(images.train[rows], data)
        if schedule is not None:
            real = _augmented(real, images.train.shape[1] == 3, data)
        loss = F.cross_entropy(classifier(real.to(device)), images.train_labels[rows].to(device))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if schedule is not None:
            schedule.step()
        stop_if_orphaned()
    classifier.eval()
    correct = 0
    with torch.no_grad():
        for start in range(0, len(images.test), 1000):
            part = images.preprocess(images.test[start : start + 1000], data).to(device)
            correct += int((classifier(part).argmax(dim=1).cpu() == images.test_labels[start : start + 1000]).sum())
    return classifier, correct / len(images.test)


def _augmented(images: Tensor, flip: bool, data: torch.Generator) -> Tensor:
    """Images [n, C, S, S], each shifted by -4..4 pixels both ways, edges repeated, and with `flip` mirrored or not."""
    count, side = len(images), images.shape[-1]
    padded = F.pad(images, (4, 4, 4, 4), mode="replicate")
    top, left = torch.randint(9, (2, count, 1), generator=data)
    rows, columns = top + torch.arange(side), left + torch.arange(side)
    if flip:
        mirrored = torch.rand((count, 1), generator=data) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    return padded[torch.arange(count)[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def load(spec: ClassifierSpec, path: Path) -> Network:
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


def outputs(classifier: Network, batches: Iterable[Tensor]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Probabilities [N, classes] and features [N, D] of images given in batches; one pass, nothing kept but the results."""
    device = next(classifier.parameters()).device
    probabilities, features = [], []
    with torch.no_grad():
        for images in batches:
            hidden = classifier.features(images.to(device))
            features.append(hidden.double().cpu().numpy())
            probabilities.append(classifier.logits(hidden).double().softmax(dim=1).cpu().numpy())
    return np.concatenate(probabilities), np.concatenate(features)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
