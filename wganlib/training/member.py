"""What a run has for itself, alone or in a stack: data, order of rows, random streams, the penalty's buffer."""

from collections.abc import Sequence

import torch
from torch import Tensor

from wganlib.datasets.batches import Batches
from wganlib.datasets.dataset import Dataset
from wganlib.datasets.loading import load
from wganlib.methods import constraints
from wganlib.methods.method import GradientPenalty
from wganlib.methods.objectives import objective
from wganlib.spec.run import Spec
from wganlib.streams import stream


class Member:
    """One run of a training. `state()` holds what changes of it; one that `load`s it goes on as it would have."""

    def __init__(self, spec: Spec, images: Dataset, device: torch.device):
        self.spec, self.images, self.device = spec, images, device
        self.objective = objective(spec.method.objective)
        constraint = spec.method.constraint
        self.penalty = constraint if isinstance(constraint, GradientPenalty) else None
        self.data_stream = stream(spec.seed, "data")
        self.noise_stream = stream(spec.seed, "noise", device)
        self.batches = Batches(len(images.train), spec.method.batch_size, self.data_stream)
        self.buffer: Tensor | None = None

    def real(self, raw: Tensor, draws: torch.Generator | None = None) -> Tensor:
        """Raw examples [N, ...] as the critic sees them; drawn from `draws`, or from the run's own stream."""
        return self.images.preprocess(raw, draws or self.data_stream).to(self.device)

    def given(self, real: Tensor, draws: torch.Generator | None = None) -> Tensor:
        """Generated examples where no network makes them, as many as real ones: the data set's own, or real ones plus noise."""
        if self.spec.architecture.family == "toy" and self.spec.architecture.generator == "given":
            assert self.images.fakes is not None  # the architecture refuses a data set without them
            return self.images.fakes(len(real), draws or self.noise_stream)
        return real + self.noise(real.shape, draws)

    def noise(self, shape: Sequence[int], draws: torch.Generator | None = None) -> Tensor:
        """Standard normal noise of a shape, from `draws` or from the run's own stream."""
        return torch.randn(tuple(shape), generator=draws or self.noise_stream, device=self.device)

    def points(self, real: Tensor, fake: Tensor) -> Tensor:
        """The penalty's points [N, ...], the buffered ones among them; a leaf that requires its gradient."""
        assert self.penalty is not None
        points = constraints.penalty_points(real, fake, self.noise_stream, self.penalty.pairs, self.penalty.at)
        if self.penalty.buffer and self.buffer is not None:
            points = constraints.with_buffer(points, self.buffer, self.penalty.buffer.mode)
        return points

    def refill(self, points: Tensor, norms: Tensor) -> None:
        """Keep the steepest of the penalty's points [N, ...] by their gradient norms [N], where there is a buffer."""
        if self.penalty and self.penalty.buffer:
            self.buffer = constraints.steepest(points, norms, self.penalty.buffer.size)

    def state(self) -> dict[str, Tensor]:
        """All that changes in training, as named tensors."""
        buffer = {} if self.buffer is None else {"buffer": self.buffer}
        return buffer | {
            "position": torch.tensor(self.batches.position, dtype=torch.int64),
            "order": self.batches.order,
            "stream.data": self.data_stream.get_state(),
            "stream.noise": self.noise_stream.get_state(),
        }

    def load(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state()` gave.

        Raises:
            KeyError, RuntimeError: the tensors are not a run's.
        """
        self.batches.position, self.batches.order = int(state["position"]), state["order"]
        self.data_stream.set_state(state["stream.data"])
        self.noise_stream.set_state(state["stream.noise"])
        self.buffer = state["buffer"].to(self.device) if "buffer" in state else None


def load_all(specs: Sequence[Spec]) -> list[Dataset]:
    """The data of every run; those with equal data sets share one.

    Raises:
        WganlibError: see `wganlib.datasets.loading.load`.
    """
    loaded: dict[str, Dataset] = {}
    for spec in specs:
        key = spec.dataset.canonical()
        if key not in loaded:
            loaded[key] = load(spec.dataset)
    return [loaded[spec.dataset.canonical()] for spec in specs]
