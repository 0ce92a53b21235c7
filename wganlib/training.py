"""The training engine: step, history, divergence; `wganlib.runs` puts checkpoints, resume and files around it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from wganlib import constraints
from wganlib.architectures.build import build_critic, build_generator, critic_parameter_groups
from wganlib.datasets.images import Batches, Images
from wganlib.objectives import critic_loss, generator_loss, objective
from wganlib.spec import GradientPenalty, OptimizerSpec, Spec
from wganlib.streams import stream

HISTORY_COLUMNS = ("generator_iteration", "critic_loss", "penalty", "gradient_norm", "generator_loss", "seconds")
"""Logged quantities. critic_loss includes the penalty; all but the first and last are those of the iteration's last step."""


@dataclass
class CriticLosses:
    """What one critic step reports: scalars; gradient_norm is the batch mean at the penalty's points, 0 without a penalty."""

    total: Tensor
    penalty: Tensor
    gradient_norm: Tensor


class Trainer:
    """A training in progress: networks, optimisers, random streams, data order and history, nothing else.

    `state()` holds all of it as tensors; a trainer that `load`s it goes on exactly as the one that gave it would have.
    """

    def __init__(self, spec: Spec, images: Images, device: torch.device):
        self.spec, self.images, self.device = spec, images, device
        self.objective = objective(spec.method.objective)
        initial = stream(spec.seed, "init")
        self.generator = build_generator(spec, initial).to(device)
        self.critic = build_critic(spec, initial).to(device)
        method = spec.method
        self.generator_optimizer = _optimizer(method.generator_optimizer, [{"params": list(self.generator.parameters())}])
        groups = critic_parameter_groups(self.critic, method.critic_l2)
        self.critic_optimizer = _optimizer(method.critic_optimizer, groups)
        self.data_stream = stream(spec.seed, "data")
        self.noise_stream = stream(spec.seed, "noise", device)
        self.batches = Batches(len(images.train), method.batch_size, self.data_stream)
        self.iteration = 0
        self.seconds = 0.0
        self.history: list[tuple[float, ...]] = []
        self.finite = torch.ones((), dtype=torch.bool, device=device)
        self.stopped = False

    @property
    def diverged(self) -> bool:
        """Whether a loss or a generator weight has been infinite or not a number."""
        weights = all(bool(torch.isfinite(p).all()) for p in self.generator.parameters())
        return not (weights and bool(self.finite))

    def run(self) -> Iterator[int]:
        """Train to the end of the budget or to divergence, yielding the number of finished generator iterations after each."""
        while self.iteration < self.spec.generator_iterations and not self.stopped:
            started = time.perf_counter()
            critic, generator = self.step()
            self.iteration += 1
            self.seconds += time.perf_counter() - started
            logged = self.iteration % self.spec.log_every == 0 or self.iteration == self.spec.generator_iterations
            if logged:
                values = (critic.total, critic.penalty, critic.gradient_norm, generator)
                self.history.append((self.iteration, *(float(v) for v in values), self.seconds))
                self.stopped = self.diverged
            yield self.iteration

    def step(self) -> tuple[CriticLosses, Tensor]:
        """One generator iteration: `critic_steps` critic steps, then a generator step (Gulrajani et al. 2017, Algorithm 1)."""
        for _ in range(self.spec.method.critic_steps):
            losses = self.critic_step()
        return losses, self.generator_step()

    def critic_step(self) -> CriticLosses:
        """One update of the critic on a fresh real batch and fresh generated examples."""
        method = self.spec.method
        real = self.images.preprocess(self.images.train[self.batches.next()], self.data_stream).to(self.device)
        with torch.no_grad():
            fake = self.generator(self._noise(method.batch_size))
        if self.spec.architecture.critic_normalization == "batch":
            # Batch norm must see real and generated examples apart, as in the official code.
            real_values, fake_values = self.critic(real), self.critic(fake)
        else:
            real_values, fake_values = self.critic(torch.cat([real, fake])).chunk(2)
        loss = critic_loss(self.objective, real_values.flatten(), fake_values.flatten())
        penalty = gradient_norm = torch.zeros((), device=self.device)
        if isinstance(method.constraint, GradientPenalty):
            norms = constraints.gradient_norms(self.critic, constraints.interpolate(real, fake, self.noise_stream))
            penalty = constraints.penalty(norms, method.constraint.form, method.constraint.weight)
            gradient_norm = norms.mean()
        total = loss + penalty
        self.critic_optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self.critic_optimizer.step()
        if method.constraint.kind == "clipping":
            constraints.clip_(self.critic.parameters(), method.constraint.limit)
        self.finite &= torch.isfinite(total.detach())
        return CriticLosses(total.detach(), penalty.detach(), gradient_norm.detach())

    def generator_step(self) -> Tensor:
        """One update of the generator; returns its loss before the update."""
        method = self.spec.method
        parameters = list(self.generator.parameters())
        fake = self.generator(self._noise(method.generator_batch_size))
        loss = generator_loss(self.objective, self.critic(fake).flatten())
        # Asking for the generator's gradients alone saves those of the critic's weights.
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = gradient
        self.generator_optimizer.step()
        self.finite &= torch.isfinite(loss.detach())
        return loss.detach()

    def _noise(self, count: int) -> Tensor:
        size = (count, self.spec.architecture.latent_size)
        return torch.randn(size, generator=self.noise_stream, device=self.device)

    def state(self) -> dict[str, Tensor]:
        """Everything that the rest of the training depends on, and the history so far, as named tensors."""
        named = {
            "progress": torch.tensor([self.iteration, self.batches.position, self.stopped], dtype=torch.int64),
            "seconds": torch.tensor(self.seconds, dtype=torch.float64),
            "finite": self.finite,
            "order": self.batches.order,
            "stream.data": self.data_stream.get_state(),
            "stream.noise": self.noise_stream.get_state(),
            "history": torch.tensor(self.history, dtype=torch.float64).reshape(-1, len(HISTORY_COLUMNS)),
        }
        for name, module in (("generator", self.generator), ("critic", self.critic)):
            named |= {f"{name}.{key}": value for key, value in module.state_dict().items()}
        for name, optimizer in self._optimizers():
            for index, values in optimizer.state_dict()["state"].items():
                named |= {f"{name}.{index}.{key}": value for key, value in values.items()}
        return {key: value.detach().cpu().contiguous() for key, value in named.items()}

    def load(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state()` gave.

        Raises:
            KeyError, RuntimeError, ValueError: the tensors are not those of this spec.
        """
        self.iteration, self.batches.position, stopped = (int(v) for v in state["progress"])
        self.stopped = bool(stopped)
        self.seconds = float(state["seconds"])
        self.finite = state["finite"].to(self.device)
        self.batches.order = state["order"]
        self.data_stream.set_state(state["stream.data"])
        self.noise_stream.set_state(state["stream.noise"])
        self.history = [tuple(row) for row in state["history"].tolist()]
        for name, module in (("generator", self.generator), ("critic", self.critic)):
            module.load_state_dict(_below(state, name))
        for name, optimizer in self._optimizers():
            saved: dict[int, dict[str, Tensor]] = {}
            for key, value in _below(state, name).items():
                index, _, field = key.partition(".")
                saved.setdefault(int(index), {})[field] = value
            optimizer.load_state_dict({"state": saved, "param_groups": optimizer.state_dict()["param_groups"]})

    def _optimizers(self) -> tuple[tuple[str, torch.optim.Optimizer], ...]:
        return ("optimizer.generator", self.generator_optimizer), ("optimizer.critic", self.critic_optimizer)


def sample(generator: nn.Module, latent_size: int, count: int, batch_size: int, noise: torch.Generator) -> Iterator[Tensor]:
    """Batches of generated images [n, C, H, W] until `count` are made; batch norm uses each batch's own statistics.

    The last batch is generated whole and cut, so that its statistics are those of a full one.
    """
    made = 0
    while made < count:
        with torch.no_grad():
            images = generator(torch.randn((batch_size, latent_size), generator=noise, device=noise.device))
        yield images[: count - made]
        made += batch_size


def _optimizer(spec: OptimizerSpec, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    # The fused kernel is one pass over memory on both CPU and GPU; small networks spend much of a step here otherwise.
    return torch.optim.Adam(groups, lr=spec.learning_rate, betas=(spec.beta1, spec.beta2), eps=1e-8, fused=True)


def _below(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    start = len(prefix) + 1
    return {key[start:]: value for key, value in state.items() if key.startswith(f"{prefix}.")}
