"""One seed, several independent random streams."""

from typing import Literal

import numpy as np
import torch

# A stream's place is part of every result: append new names, never reorder.
_NAMES = ("init", "data", "noise", "scoring")


def stream(seed: int, name: Literal["init", "data", "noise", "scoring"], device: torch.device | str = "cpu") -> torch.Generator:
    """A torch generator whose numbers depend on the seed and the stream's name alone."""
    sequence = np.random.SeedSequence(seed, spawn_key=(_NAMES.index(name),))
    return torch.Generator(device).manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1)))
