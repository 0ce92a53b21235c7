"""What a training may record beside its losses (`Spec.record`). Recording leaves the training as it is, bit for bit.

`critic_values`: means of the critic's values over the real and the generated batch of the last critic step, before its update
(Zhou et al. 2019, Figure 6). `critic_step_cosine`: see `step_cosine`, of the last critic step. `held_out_loss`: the critic's
loss after the iteration on the first training and on the first held-out examples, whose distance shows overfitting (Gulrajani
et al. 2017, Figure 5, plots the negative); see `Trainer.held_out_losses`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from wganlib.datasets.dataset import Dataset
from wganlib.errors import WganlibError
from wganlib.spec.run import RECORDS

COMPARED = 10_000
"""Most held-out examples on which the critic's loss is computed, and training examples beside them."""


def columns(record: tuple[str, ...] | None) -> tuple[str, ...]:
    """The history's further columns, in order.

    >>> columns(("critic_values",))
    ('critic_real_mean', 'critic_fake_mean')
    """
    return tuple(column for name in record or () for column in RECORDS[name].columns)


def step_cosine(before: Sequence[Tensor], after: Sequence[Tensor]) -> Tensor:
    """Cosine between an optimiser's step and the negative gradient it was given, a float64 scalar; 1 for gradient descent.

    before, after: the parameters around the step; those after it still hold their gradients, those without one do not count.
    All are one vector. L2 in the optimiser belongs to the step, not to the gradient. Not a number where step or gradient is
    zero. Below zero the step goes uphill, as Adam's did with momentum on a clipped critic (Arjovsky et al. 2017, section 4.2).

    >>> weight = torch.tensor([2.0, 1.0], requires_grad=True)
    >>> weight.grad = torch.tensor([3.0, 4.0])
    >>> step_cosine([torch.tensor([3.0, 1.0])], [weight]).item()  # (-1, 0) and (-3, -4)
    0.6
    """
    # Of the order of millions of small float32 differences: their sums need more digits.
    pairs = [((b - a.detach()).double(), a.grad.double()) for b, a in zip(before, after, strict=True) if a.grad is not None]
    product, steps, gradients = (
        torch.stack([(x * y).sum() for x, y in chosen]).sum()
        for chosen in (pairs, [(s, s) for s, _ in pairs], [(g, g) for _, g in pairs])
    )
    return product / (steps * gradients).sqrt()


def compared(images: Dataset, batch_size: int) -> tuple[int, int]:
    """How many training and how many held-out examples are compared: of the first no more than of the second.

    Raises:
        WganlibError: they are fewer than a batch, or the held-out examples are the training examples.
    """
    held_out = min(COMPARED, len(images.test))
    train = min(held_out, len(images.train))
    if train < batch_size:
        raise WganlibError(
            f"record: held_out_loss compares {train} examples for training and {held_out} held out (there are "
            f"{len(images.train)} and {len(images.test)}), less than one batch of {batch_size}: use a batch_size of at most "
            f"{train}, or leave it out"
        )
    if torch.equal(images.train[:train], images.test[:train]):
        raise WganlibError(
            "record: held_out_loss needs held-out examples, but this data set's are those for training, "
            "or both are drawn afresh for every batch: leave it out"
        )
    return train, held_out
