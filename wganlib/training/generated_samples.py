"""Samples of a trained generator."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from wganlib.errors import WganlibError
from wganlib.spec.run import Spec


def sample(
    generator: nn.Module, spec: Spec, count: int, batch_size: int, noise: torch.Generator, labels: Tensor | None = None
) -> Iterator[Tensor]:
    """Batches of generated examples [n, ...]: those of `sample_with_classes` without their classes."""
    for examples, _ in sample_with_classes(generator, spec, count, batch_size, noise, labels):
        yield examples


def sample_with_classes(
    generator: nn.Module, spec: Spec, count: int, batch_size: int, noise: torch.Generator, labels: Tensor | None = None
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Batches of generated examples [n, ...] and their classes [n], on the CPU, until `count` are made.

    Batch norm uses a batch's own statistics. The last batch is generated whole and cut, so that its statistics are those of a
    full one. A conditional generator makes the classes of `labels` [at least count], or classes drawn uniformly from the noise
    stream; an unconditional one has none.

    Raises:
        WganlibError: labels are given to an unconditional generator.
    """
    conditional = spec.method.auxiliary is not None
    if labels is not None and not conditional:
        raise WganlibError(
            f"labels were asked of an unconditional generator ({spec.architecture.family}): leave them out, or train an "
            "architecture with 'conditional: true'"
        )
    weight, made = next(generator.parameters(), None), 0
    device = noise.device if weight is None else weight.device
    while made < count:
        z = torch.randn((batch_size, spec.architecture.latent_size), generator=noise, device=noise.device)
        chosen = None
        if conditional:
            drawn = torch.randint(spec.dataset.shape.classes or 1, (batch_size,), generator=noise, device=noise.device)
            given = drawn[:0] if labels is None else labels[made : made + batch_size].to(noise.device)
            chosen = torch.cat([given, drawn[len(given) :]])
        with torch.no_grad():
            examples = generator(z.to(device), None if chosen is None else chosen.to(device)).cpu()
        yield examples[: count - made], None if chosen is None else chosen[: count - made].cpu()
        made += batch_size
