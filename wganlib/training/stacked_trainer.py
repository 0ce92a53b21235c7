"""Training a stack: runs of one form as one batched program, each as `wganlib.training.trainer` would train it alone."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from wganlib.datasets.dataset import Dataset
from wganlib.methods import constraints
from wganlib.methods.constraints import clip_, gradient_norms
from wganlib.methods.method import Clipping
from wganlib.methods.objectives import critic_loss, generator_loss
from wganlib.spec.stack import StackSpec
from wganlib.streams import stream
from wganlib.training.engine import HISTORY_COLUMNS, Engine
from wganlib.training.member import Member
from wganlib.training.networks import build_critic, build_generator
from wganlib.training.outcomes import outcomes

Value = TypeVar("Value")

COLUMNS = ("run", *HISTORY_COLUMNS[:-1], "critic_on_real", "critic_on_fake", HISTORY_COLUMNS[-1])
"""Logged quantities. `run`: its place in the stack; critic_on_...: mean of the critic over the last step's batches; seconds: of
the whole stack; the others as in `wganlib.training.engine`."""


class Networks:
    """S networks of one form, called as one: [S, N, ...] -> [S, N, ...]."""

    def __init__(self, modules: Sequence[nn.Module]):
        self.modules = list(modules)
        # One network alone is faster called as it is; spectral norm's power iteration writes to buffers in place.
        self.batched = len(self.modules) > 1 and not any(dict(module.named_buffers()) for module in self.modules)
        self._weights: dict[str, Tensor] = {}
        if self.batched:
            stacked, _ = stack_module_state(self.modules)
            self._weights = {name: value.detach().requires_grad_() for name, value in stacked.items()}
            self._call = vmap(lambda weights, x: functional_call(self.modules[0], weights, (x,)))

    def __call__(self, x: Tensor) -> Tensor:
        if self.batched:
            return self._call(self._weights, x)  # type: ignore[no-any-return]
        return torch.stack([module(part) for module, part in zip(self.modules, x, strict=True)])

    def parameters(self) -> list[Tensor]:
        """What an optimiser trains: each weight of all networks at once, or the weights of one network after the other."""
        if self.batched:
            return list(self._weights.values())
        return [p for module in self.modules for p in module.parameters()]

    def clip_(self, limits: Sequence[float]) -> None:
        """Clamp all parameters of network i to [-limits[i], limits[i]]."""
        if not self.batched:
            for module, limit in zip(self.modules, limits, strict=True):
                clip_(module.parameters(), limit)
            return
        with torch.no_grad():
            for weight in self._weights.values():
                bound = torch.tensor(limits, device=weight.device).view(-1, *[1] * (weight.ndim - 1))
                weight.clamp_(-bound, bound)

    def state_dict(self) -> dict[str, Tensor]:
        """All weights and buffers, those of network i in row i."""
        if self.batched:
            return {name: weight.detach() for name, weight in self._weights.items()}
        states = [module.state_dict() for module in self.modules]
        return {name: torch.stack([state[name] for state in states]).detach() for name in states[0]}

    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> None:
        """Go on from what `state_dict()` gave.

        Raises:
            KeyError, RuntimeError: they are other networks' weights.
        """
        if self.batched:
            if state_dict.keys() != self._weights.keys():
                raise KeyError("other weights than these networks have")
            with torch.no_grad():
                for name, weight in self._weights.items():
                    weight.copy_(state_dict[name])
            return
        for index, module in enumerate(self.modules):
            module.load_state_dict({name: value[index] for name, value in state_dict.items()})


class StackedTrainer(Engine):
    """A stack's training in progress."""

    spec: StackSpec

    def __init__(self, spec: StackSpec, data: Sequence[Dataset], device: torch.device):
        members = [Member(run, images, device) for run, images in zip(spec.runs, data, strict=True)]
        generators, critics = [], []
        for run in spec.runs:
            initial = stream(run.seed, "init")
            generators.append(build_generator(run, initial))
            critics.append(build_critic(run, initial).to(device))
        self.critic = Networks(critics)
        made = [generator.to(device) for generator in generators if generator is not None]
        self.generator = Networks(made) if made else None
        groups = [{"params": self.critic.parameters()}]
        super().__init__(spec, members, self.critic, groups, self.generator, ("critic_values",), COLUMNS)
        self.limits = [c.limit for run in spec.runs if isinstance(c := run.method.constraint, Clipping)]
        # Neighbours with equal functions are computed together.
        self.objectives = _neighbours([member.objective for member in members])
        self.forms = _neighbours([(p.form, p.weight) if (p := member.penalty) else None for member in members])

    def outcomes(self) -> list[str]:
        return outcomes(self.finite, (w for network in self.networks.values() for w in network.state_dict().values()))

    def alive(self) -> bool:
        return bool(self.finite.any())

    def clip_(self) -> None:
        self.critic.clip_(self.limits)

    def examples(self) -> tuple[Tensor, None, Tensor]:
        """Real and generated examples, each [S, N, ...]; no critic of a stack classifies."""
        reals = [member.real(member.images.train[member.batches.next()]) for member in self.members]
        with torch.no_grad():
            if self.generator is None:
                fakes = torch.stack([member.given(real) for member, real in zip(self.members, reals, strict=True)])
            else:
                fakes = self._generated(self.generator, len(reals[0])).contiguous()
        return torch.stack(reals), None, fakes

    def critic_losses(self, real: Tensor, labels: Tensor | None, fake: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        on_real, on_fake = self.critic(torch.cat([real, fake], dim=1))[..., 0].chunk(2, dim=1)
        return self._by_objective(lambda row, r, f: critic_loss(row, r, f), on_real, on_fake), on_real, on_fake

    def penalties(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        at = torch.stack([member.points(*pair) for member, *pair in zip(self.members, real, fake, strict=True)]).detach()
        # Examples do not meet in these networks: the gradient of the sum over all of them holds that of each.
        flat = at.flatten(0, 1).requires_grad_()
        norms = gradient_norms(lambda x: self.critic(x.view(at.shape)), flat).view(len(at), -1)
        for member, points, slopes in zip(self.members, at, norms, strict=True):
            member.refill(points, slopes)
        parts = []
        for settings, start, stop in self.forms:
            assert settings is not None
            form, weight = settings
            parts.append(vmap(lambda n, form=form, weight=weight: constraints.penalty(n, form, weight))(norms[start:stop]))
        return torch.cat(parts), norms.mean(dim=1)

    def generator_losses(self) -> Tensor:
        assert self.generator is not None
        fake = self._generated(self.generator, self.common.method.generator_batch_size)
        return self._by_objective(lambda row, f: generator_loss(row, f), self.critic(fake)[..., 0])

    def _generated(self, generator: Networks, count: int) -> Tensor:
        size = (count, self.common.architecture.latent_size)
        return generator(torch.stack([member.noise(size) for member in self.members]))

    def _by_objective(self, function: Callable[..., Tensor], *values: Tensor) -> Tensor:
        """function(objective, row of each value) for every run, [S]."""
        parts = []
        for row, start, stop in self.objectives:
            parts.append(vmap(lambda *v, row=row: function(row, *v))(*(value[start:stop] for value in values)))
        return torch.cat(parts)

    def generator_weights(self) -> dict[str, Tensor]:
        """The generators' weights, those of run i in row i; empty where no network generates."""
        return {} if self.generator is None else self.generator.state_dict()


def _neighbours(values: list[Value]) -> list[tuple[Value, int, int]]:
    """Runs of equal neighbouring values with their bounds."""
    bounds: list[tuple[Value, int, int]] = []
    start = 0
    for value, group in itertools.groupby(values):
        stop = start + len(list(group))
        bounds.append((value, start, stop))
        start = stop
    return bounds
