"""The share of a conditional generator's samples that the classifier takes for the class that was asked for."""

import math

import numpy as np
import pytest
import torch

from wganlib.datasets.spec import DatasetSpec
from wganlib.scoring.measures import Samples, measure


def test_class_accuracy_by_hand():
    data = DatasetSpec(name="digits", image_size=16)
    probabilities = np.eye(10)[[3, 1, 4, 1, 5, 9, 2, 6]] * 0.5 + 0.05
    samples = Samples(torch.zeros(8, 1, 16, 16), None, data, np.random.default_rng(0), probabilities)
    asked = samples._replace(classes=torch.tensor([3, 1, 4, 1, 5, 0, 0, 0]))
    found = measure(("class_accuracy",), asked)["class_accuracy"]
    assert (found.value, found.num_samples) == (5 / 8, 8)
    assert found.standard_error == pytest.approx(math.sqrt(5 / 8 * 3 / 8 * 8 / 7 / 8))
    # Where no class was asked for, a random one is: a tenth of them agree by chance.
    many = samples._replace(examples=torch.zeros(1, 1, 16, 16), probabilities=np.tile(probabilities, (2000, 1)))
    assert measure(("class_accuracy",), many)["class_accuracy"].value == pytest.approx(0.1, abs=0.01)
