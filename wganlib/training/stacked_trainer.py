"""Training a stack: runs of one form as one batched program, each as `wganlib.training.trainer` would train it alone."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from wganlib.datasets.dataset import Batches, Dataset
from wganlib.methods import constraints
from wganlib.methods.constraints import clip_, gradient_norms
from wganlib.methods.method import Clipping, GradientPenalty
from wganlib.methods.objectives import critic_loss, generator_loss, objective
from wganlib.methods.optimizers import make_optimizer, set_learning_rate
from wganlib.spec.run import Spec
from wganlib.spec.stack import StackSpec
from wganlib.streams import stream
from wganlib.training.networks import build_critic, build_generator

Value = TypeVar("Value")

COLUMNS = (
    "run",
    "generator_iteration",
    "critic_loss",
    "penalty",
    "gradient_norm",
    "generator_loss",
    "critic_on_real",
    "critic_on_fake",
    "seconds",
)
"""Logged quantities. `run`: its place in the stack; critic_on_...: mean of the critic over the last step's batches; seconds: of
the whole stack; the others as in `wganlib.training.trainer`."""


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

    def state(self) -> dict[str, Tensor]:
        """All weights and buffers, those of network i in row i."""
        if self.batched:
            return {name: weight.detach().clone() for name, weight in self._weights.items()}
        states = [module.state_dict() for module in self.modules]
        return {name: torch.stack([state[name] for state in states]).detach() for name in states[0]}

    def load(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state()` gave."""
        if self.batched:
            if state.keys() != self._weights.keys():
                raise KeyError("other weights than these networks have")
            with torch.no_grad():
                for name, weight in self._weights.items():
                    weight.copy_(state[name])
            return
        for index, module in enumerate(self.modules):
            module.load_state_dict({name: value[index] for name, value in state.items()})


class Member:
    """What one run of a stack has for itself: its data, order of rows, random streams and buffer."""

    def __init__(self, spec: Spec, images: Dataset, device: torch.device):
        self.spec, self.images, self.device = spec, images, device
        self.objective = objective(spec.method.objective)
        self.data_stream = stream(spec.seed, "data")
        self.noise_stream = stream(spec.seed, "noise", device)
        self.batches = Batches(len(images.train), spec.method.batch_size, self.data_stream)
        self.buffer: Tensor | None = None

    def real(self) -> Tensor:
        """The next real batch [N, ...]."""
        rows = self.batches.next()
        return self.images.preprocess(self.images.train[rows], self.data_stream).to(self.device)

    def given_fake(self, real: Tensor) -> Tensor:
        """Generated examples where no network makes them: the data set's own, or the real ones plus noise."""
        if self.spec.architecture.family == "toy" and self.spec.architecture.generator == "given":
            assert self.images.fakes is not None  # the architecture refuses a data set without them
            return self.images.fakes(len(real), self.noise_stream)
        return real + self.noise(real.shape)

    def noise(self, shape: Sequence[int]) -> Tensor:
        """Standard normal noise of this run."""
        return torch.randn(tuple(shape), generator=self.noise_stream, device=self.device)

    def points(self, real: Tensor, fake: Tensor, constraint: GradientPenalty) -> Tensor:
        """The penalty's points, the buffered ones among them."""
        points = constraints.interpolate(real, fake, self.noise_stream, constraint.pairs)
        if constraint.buffer and self.buffer is not None:
            points = constraints.with_buffer(points, self.buffer, constraint.buffer.mode)
        return points.detach()


class StackedTrainer:
    """A stack's training in progress. `state()` holds all of it; a trainer that `load`s it goes on exactly as it would have."""

    def __init__(self, spec: StackSpec, data: Sequence[Dataset], device: torch.device):
        self.spec, self.device = spec, device
        self.first = spec.runs[0]
        self.members = [Member(run, images, device) for run, images in zip(spec.runs, data, strict=True)]
        generators, critics = [], []
        for run in spec.runs:
            initial = stream(run.seed, "init")
            generators.append(build_generator(run, initial))
            critics.append(build_critic(run, initial).to(device))
        self.critic = Networks(critics)
        made = [generator.to(device) for generator in generators if generator is not None]
        self.generator = Networks(made) if made else None
        method = self.first.method
        self.critic_optimizer = make_optimizer(method.critic_optimizer, [{"params": self.critic.parameters()}])
        if self.generator is not None:
            groups = [{"params": self.generator.parameters()}]
            self.generator_optimizer = make_optimizer(method.generator_optimizer, groups)
        # Neighbours with equal functions are computed together.
        self.objectives = _neighbours([member.objective for member in self.members])
        self.penalties = _neighbours(
            [(c.form, c.weight) if isinstance(c := run.method.constraint, GradientPenalty) else None for run in spec.runs]
        )
        self.iteration = 0
        self.seconds = 0.0
        self.history: list[tuple[float, ...]] = []
        self.finite = torch.ones(len(spec.runs), dtype=torch.bool, device=device)
        self.snapshots: dict[int, dict[str, Tensor]] = {}

    def run(self) -> Iterator[int]:
        """Train to the end of the budget, yielding the number of finished generator iterations after each.

        A run whose values are no longer finite goes on as it is and disturbs no other; all of them so ends the stack.
        """
        total, every = self.first.generator_iterations, self.first.log_every
        while self.iteration < total:
            started = time.perf_counter()
            logged = self.step()
            self.iteration += 1
            if self.iteration in self.first.snapshots and self.generator is not None:
                self.snapshots[self.iteration] = self.generator.state()
            if self.iteration % every == 0 or self.iteration == total:
                values = torch.stack(logged).cpu().tolist()
                self.seconds += time.perf_counter() - started
                for index, row in enumerate(zip(*values, strict=True)):
                    self.history.append((index, self.iteration, *row, self.seconds))
                if not bool(self.finite.any()):
                    return
            else:
                self.seconds += time.perf_counter() - started
            yield self.iteration

    def step(self) -> list[Tensor]:
        """One generator iteration; what `COLUMNS` lists from critic_loss to critic_on_fake, each [S]."""
        method, total = self.first.method, self.first.generator_iterations
        set_learning_rate(self.critic_optimizer, method.critic_optimizer, self.iteration, total)
        for _ in range(method.critic_steps_at(self.iteration)):
            loss, penalty, norm, on_real, on_fake = self.critic_step()
        generator = torch.zeros_like(loss)
        if self.generator is not None:
            set_learning_rate(self.generator_optimizer, method.generator_optimizer, self.iteration, total)
            generator = self.generator_step()
        return [loss, penalty, norm, generator, on_real, on_fake]

    def critic_step(self) -> tuple[Tensor, ...]:
        """One update of every critic; loss, penalty, mean gradient norm, mean value on reals and on fakes, each [S]."""
        constraint = self.first.method.constraint
        limits = [c.limit for run in self.spec.runs if isinstance(c := run.method.constraint, Clipping)]
        if limits and isinstance(constraint, Clipping) and constraint.order == "before":
            self.critic.clip_(limits)
        reals = [member.real() for member in self.members]
        with torch.no_grad():
            fakes = self._fakes(reals)
        real, fake = torch.stack(reals), torch.stack(fakes)
        on_real, on_fake = self.critic(torch.cat([real, fake], dim=1))[..., 0].chunk(2, dim=1)
        loss = self._by_objective(lambda row, r, f: critic_loss(row, r, f), on_real, on_fake)
        penalty = norm = torch.zeros_like(loss)
        if isinstance(constraint, GradientPenalty):
            penalty, norm = self._penalty(reals, fakes)
        total = loss + penalty
        self.critic_optimizer.zero_grad(set_to_none=True)
        total.sum().backward()  # type: ignore[no-untyped-call]
        self.critic_optimizer.step()
        if limits and isinstance(constraint, Clipping) and constraint.order == "after":
            self.critic.clip_(limits)
        self.finite &= torch.isfinite(total.detach())
        return tuple(value.detach() for value in (total, penalty, norm, on_real.mean(dim=1), on_fake.mean(dim=1)))

    def _penalty(self, reals: list[Tensor], fakes: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Penalties and mean gradient norms, each [S]."""
        points = []
        for member, real, fake in zip(self.members, reals, fakes, strict=True):
            constraint = member.spec.method.constraint
            assert isinstance(constraint, GradientPenalty)
            points.append(member.points(real, fake, constraint))
        at = torch.stack(points)
        # Examples do not meet in these networks: the gradient of the sum over all of them holds that of each.
        flat = at.flatten(0, 1).requires_grad_()
        norms = gradient_norms(lambda x: self.critic(x.view(at.shape)), flat).view(len(points), -1)
        for member, here, slopes in zip(self.members, at, norms, strict=True):
            constraint = member.spec.method.constraint
            if isinstance(constraint, GradientPenalty) and constraint.buffer:
                member.buffer = constraints.steepest(here, slopes, constraint.buffer.size)
        parts = []
        for settings, start, stop in self.penalties:
            assert settings is not None
            form, weight = settings
            parts.append(vmap(lambda n, form=form, weight=weight: constraints.penalty(n, form, weight))(norms[start:stop]))
        return torch.cat(parts), norms.mean(dim=1)

    def generator_step(self) -> Tensor:
        """One update of every generator; their losses before it, [S]."""
        assert self.generator is not None
        fake = self._generated(self.first.method.generator_batch_size)
        loss = self._by_objective(lambda row, f: generator_loss(row, f), self.critic(fake)[..., 0])
        parameters = self.generator.parameters()
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss.sum(), parameters), strict=True):
            # Fused optimisers read a gradient in the parameter's order of memory; `grad` gives transposed ones now and then.
            parameter.grad = gradient.contiguous()
        self.generator_optimizer.step()
        self.finite &= torch.isfinite(loss.detach())
        return loss.detach()

    def _fakes(self, reals: list[Tensor]) -> list[Tensor]:
        if self.generator is not None:
            return list(self._generated(len(reals[0])))
        return [member.given_fake(real) for member, real in zip(self.members, reals, strict=True)]

    def _generated(self, count: int) -> Tensor:
        assert self.generator is not None
        size = (count, self.first.architecture.latent_size)
        return self.generator(torch.stack([member.noise(size) for member in self.members]))

    def _by_objective(self, function: Callable[..., Tensor], *values: Tensor) -> Tensor:
        """function(objective, row of each value) for every run, [S]."""
        parts = []
        for row, start, stop in self.objectives:
            parts.append(vmap(lambda *v, row=row: function(row, *v))(*(value[start:stop] for value in values)))
        return torch.cat(parts)

    def state(self) -> dict[str, Tensor]:
        """Everything that the rest of the training depends on, and the history so far, as named tensors."""
        named = {
            "progress": torch.tensor(self.iteration, dtype=torch.int64),
            "seconds": torch.tensor(self.seconds, dtype=torch.float64),
            "finite": self.finite,
            "history": torch.tensor(self.history, dtype=torch.float64).reshape(-1, len(COLUMNS)),
        }
        for index, member in enumerate(self.members):
            own = {
                "position": torch.tensor(member.batches.position, dtype=torch.int64),
                "order": member.batches.order,
                "stream.data": member.data_stream.get_state(),
                "stream.noise": member.noise_stream.get_state(),
            } | ({"buffer": member.buffer} if member.buffer is not None else {})
            named |= {f"run{index}.{key}": value for key, value in own.items()}
        for iteration, weights in self.snapshots.items():
            named |= {f"snapshot.{iteration}.{key}": value for key, value in weights.items()}
        for name, networks, optimizer in self._trained():
            named |= {f"{name}.{key}": value for key, value in networks.state().items()}
            for index, values in optimizer.state_dict()["state"].items():
                named |= {f"optimizer.{name}.{index}.{key}": value for key, value in values.items() if value is not None}
        return {key: value.detach().cpu().contiguous() for key, value in named.items()}

    def load(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state()` gave.

        Raises:
            KeyError, RuntimeError, ValueError: the tensors are not those of this stack.
        """
        self.iteration, self.seconds = int(state["progress"]), float(state["seconds"])
        self.finite = state["finite"].to(self.device)
        self.history = [tuple(row) for row in state["history"].tolist()]
        for index, member in enumerate(self.members):
            own = below(state, f"run{index}")
            member.batches.position, member.batches.order = int(own["position"]), own["order"]
            member.data_stream.set_state(own["stream.data"])
            member.noise_stream.set_state(own["stream.noise"])
            member.buffer = own["buffer"].to(self.device) if "buffer" in own else None
        kept = below(state, "snapshot")
        for iteration in sorted({int(key.partition(".")[0]) for key in kept}):
            self.snapshots[iteration] = {key: value.to(self.device) for key, value in below(kept, str(iteration)).items()}
        for name, networks, optimizer in self._trained():
            networks.load(below(state, name))
            saved: dict[int, dict[str, Tensor]] = {}
            for key, value in below(state, f"optimizer.{name}").items():
                place, _, field = key.partition(".")
                saved.setdefault(int(place), {})[field] = value
            optimizer.load_state_dict({"state": saved, "param_groups": optimizer.state_dict()["param_groups"]})

    def outcomes(self) -> list[str]:
        """`ok`, or `diverged` where a loss has been or a weight is infinite or not a number."""
        finite = self.finite.clone()
        for _, networks, _ in self._trained():
            for value in networks.state().values():
                finite &= torch.isfinite(value).flatten(1).all(dim=1).to(finite.device)
        return ["ok" if ok else "diverged" for ok in finite.tolist()]

    def generator_weights(self) -> dict[str, Tensor]:
        """The generators' last weights, and those at the snapshots under `snapshot.<iteration>.`; empty without networks."""
        if self.generator is None:
            return {}
        earlier = ((f"snapshot.{i}.{key}", value) for i, weights in self.snapshots.items() for key, value in weights.items())
        return self.generator.state() | dict(earlier)

    def _trained(self) -> list[tuple[str, Networks, torch.optim.Optimizer]]:
        trained = [("critic", self.critic, self.critic_optimizer)]
        if self.generator is not None:
            trained.append(("generator", self.generator, self.generator_optimizer))
        return trained


def below(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The entries below `prefix.`, without it."""
    return {key[len(prefix) + 1 :]: value for key, value in state.items() if key.startswith(f"{prefix}.")}


def _neighbours(values: list[Value]) -> list[tuple[Value, int, int]]:
    """Runs of equal neighbouring values with their bounds."""
    found: list[tuple[Value, int, int]] = []
    start = 0
    for value, group in itertools.groupby(values):
        stop = start + len(list(group))
        found.append((value, start, stop))
        start = stop
    return found
