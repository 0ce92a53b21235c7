"""What makes a job's numbers its own: random streams of one seed, and how torch is set before it computes."""

from typing import Literal

import numpy as np
import torch

# A stream's place is part of every result: append new names, never reorder.
_NAMES = ("init", "data", "noise", "scoring", "held_out")
Name = Literal["init", "data", "noise", "scoring", "held_out"]


def settle(threads: int) -> None:
    """Set torch, for the whole process, to what the numbers of trainings and scores rest on."""
    torch.set_num_threads(threads)
    # What `use_deterministic_algorithms` sets, which imports the compiler first and takes seconds.
    torch.set_deterministic_debug_mode("warn")
    # It would also fill all new memory before it is written, to show who reads it before: a pass over memory for nothing.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    # Numbers below the normal range, as a saturated critic makes them, take a processor many times as long; they become zero.
    torch.set_flush_denormal(True)


def stream(seed: int, name: Name, device: torch.device | str = "cpu", *within: int) -> torch.Generator:
    """A torch generator whose numbers depend on the seed and the stream's name alone.

    `within`: numbers, none negative, that choose one of many streams of the name, for instance that of an iteration.
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(_NAMES.index(name), *within))
    return torch.Generator(device).manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1)))
