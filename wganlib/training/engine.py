"""What trainings of one run and of a stack share: steps, history, optimisers, state.

`Trainer` calls the networks of one run plainly, `StackedTrainer` those of many as one; `wganlib.training.runs` puts
checkpoints, resume and files around both.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from wganlib.methods.method import Clipping, GradientPenalty
from wganlib.methods.optimizers import make_optimizer, set_learning_rate
from wganlib.spec.run import Spec
from wganlib.spec.stack import StackSpec
from wganlib.training import records
from wganlib.training.member import Member

HISTORY_COLUMNS = ("generator_iteration", "critic_loss", "penalty", "gradient_norm", "generator_loss", "seconds")
"""Logged quantities. Losses include the penalty and AC-GAN's terms, not L2; all but the first and last are of the last step.

What a spec records besides stands before `seconds`, which are the training's own: evaluation on held-out examples is left out.
"""


class Network(Protocol):
    """A network of one run, or those of many as one."""

    def parameters(self) -> Iterable[Tensor]: ...

    def state_dict(self) -> dict[str, Tensor]: ...

    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> Any: ...


@dataclass
class CriticLosses:
    """What one critic step reports; gradient_norm is the batch mean at the penalty's points, 0 without a penalty.

    `recorded`: by column, what the history holds besides of a step that is logged; empty at others.
    """

    total: Tensor
    penalty: Tensor
    gradient_norm: Tensor
    recorded: dict[str, Tensor] = field(default_factory=dict)


class Engine(ABC):
    """A training in progress: networks, optimisers, what each run has for itself, and history, nothing else.

    `state()` holds all of it as tensors; an engine that `load`s it goes on exactly as the one that gave it would have. What is
    one number for each of S runs is [S] in a stack, and a scalar where a run is trained alone.
    """

    def __init__(
        self,
        spec: Spec | StackSpec,
        members: Sequence[Member],
        critic: Network,
        critic_groups: list[dict[str, Any]],
        generator: Network | None,
        record: tuple[str, ...],
        columns: tuple[str, ...],
    ):
        self.spec, self.members, self.device = spec, members, members[0].device
        self.common = members[0].spec  # in form; runs of a stack differ in seed, data set, objective and details of the penalty
        self.networks: dict[str, Network] = {"critic": critic}
        method = self.common.method
        self.optimizers = {"critic": make_optimizer(method.critic_optimizer, critic_groups)}
        if generator is not None:
            self.networks["generator"] = generator
            weights = [{"params": list(generator.parameters())}]
            self.optimizers["generator"] = make_optimizer(method.generator_optimizer, weights)
        self.record, self.columns = record, columns
        self.iteration = 0
        self.seconds = 0.0
        self.history: list[tuple[float, ...]] = []
        self.finite = torch.ones(len(members), dtype=torch.bool, device=self.device)
        self.stopped = False

    @property
    def trains_generator(self) -> bool:
        """Whether a network generates; if not, critics alone are trained."""
        return "generator" in self.networks

    @abstractmethod
    def outcomes(self) -> list[str]:
        """Of each run `ok`, or `diverged` where a loss has been or a weight is infinite or not a number."""

    @abstractmethod
    def alive(self) -> bool:
        """Whether any run is worth training on."""

    @abstractmethod
    def generator_weights(self) -> dict[str, Tensor]:
        """The generators' weights; empty where no network generates."""

    @abstractmethod
    def clip_(self) -> None:
        """Clamp the critics' weights to the limits of their constraint."""

    @abstractmethod
    def examples(self) -> tuple[Tensor, Tensor | None, Tensor]:
        """The next real examples, their labels if the critic classifies, and generated examples of these labels."""

    @abstractmethod
    def critic_losses(self, real: Tensor, labels: Tensor | None, fake: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The critic's loss but for the penalty, and its values on real and on generated examples, [N] or [S, N]."""

    @abstractmethod
    def penalties(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """The gradient penalty and the mean gradient norm at its points."""

    @abstractmethod
    def generator_losses(self) -> Tensor:
        """The generator's loss on fresh examples."""

    def held_out_losses(self) -> dict[str, Tensor]:
        """What `held_out_loss` records of this iteration, by column; see `Trainer.held_out_losses`."""
        return {}

    def run(self) -> Iterator[int]:
        """Train to the end of the budget or to divergence, yielding the number of finished generator iterations after each.

        A run of a stack that diverged goes on as it is and disturbs no other; all of them so end the stack.
        """
        total, every = self.common.generator_iterations, self.common.log_every
        while self.iteration < total and not self.stopped:
            started = time.perf_counter()
            logged = (self.iteration + 1) % every == 0 or self.iteration + 1 == total
            critic, generator = self.step(logged)
            self.iteration += 1
            # Reading the values waits for the device, which belongs to the time of the steps.
            values = _floats(critic.total, critic.penalty, critic.gradient_norm, generator) if logged else []
            self.seconds += time.perf_counter() - started
            if logged:
                further = critic.recorded | self.held_out_losses()
                values += _floats(*(further[column] for column in records.columns(self.record)))
                for run, row in enumerate(zip(*values, strict=True)):
                    place = (run,) if "run" in self.columns else ()
                    self.history.append((*place, self.iteration, *row, self.seconds))
                self.stopped = not self.alive()
            yield self.iteration

    def step(self, logged: bool = False) -> tuple[CriticLosses, Tensor]:
        """One generator iteration: critic steps, then a generator step (Gulrajani et al. 2017, Algorithm 1).

        `logged`: the last critic step reports what is recorded.
        """
        method, total = self.common.method, self.common.generator_iterations
        set_learning_rate(self.optimizers["critic"], method.critic_optimizer, self.iteration, total)
        for left in reversed(range(method.critic_steps_at(self.iteration))):
            losses = self.critic_step(logged and left == 0)
        if not self.trains_generator:
            return losses, torch.zeros_like(losses.total)
        set_learning_rate(self.optimizers["generator"], method.generator_optimizer, self.iteration, total)
        return losses, self.generator_step()

    def critic_step(self, logged: bool = False) -> CriticLosses:
        """One update of the critic on a fresh real batch and fresh generated examples of the same labels."""
        constraint = self.common.method.constraint
        clipped = constraint.order if isinstance(constraint, Clipping) else None
        if clipped == "before":
            self.clip_()
        real, labels, fake = self.examples()
        loss, on_real, on_fake = self.critic_losses(real, labels, fake)
        penalty = gradient_norm = torch.zeros_like(loss)
        if isinstance(constraint, GradientPenalty):
            penalty, gradient_norm = self.penalties(real, fake)
        total = loss + penalty
        self.optimizers["critic"].zero_grad(set_to_none=True)
        total.sum().backward()  # type: ignore[no-untyped-call]
        recorded: dict[str, Tensor] = {}
        if logged and "critic_values" in self.record:
            means = (values.detach().mean(dim=-1) for values in (on_real, on_fake))
            recorded |= zip(records.columns(("critic_values",)), means, strict=True)
        followed = list(self.networks["critic"].parameters()) if logged and "critic_step_cosine" in self.record else []
        before = [parameter.detach().clone() for parameter in followed]
        self.optimizers["critic"].step()
        if followed:
            recorded["critic_step_cosine"] = records.step_cosine(before, followed)
        if clipped == "after":
            self.clip_()
        self.finite &= torch.isfinite(total.detach())
        return CriticLosses(total.detach(), penalty.detach(), gradient_norm.detach(), recorded)

    def generator_step(self) -> Tensor:
        """One update of the generator; returns its loss before the update."""
        loss = self.generator_losses()
        # Asking for the generator's gradients alone saves those of the critic's weights.
        parameters = list(self.networks["generator"].parameters())
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss.sum(), parameters), strict=True):
            # Fused optimisers read a gradient in the parameter's order of memory; `grad` gives transposed ones now and then.
            parameter.grad = gradient.contiguous()
        self.optimizers["generator"].step()
        self.finite &= torch.isfinite(loss.detach())
        return loss.detach()

    def state(self) -> dict[str, Tensor]:
        """Everything that the rest of the training depends on, and the history so far, as named tensors."""
        named = {
            "progress": torch.tensor([self.iteration, self.stopped], dtype=torch.int64),
            "seconds": torch.tensor(self.seconds, dtype=torch.float64),
            "finite": self.finite,
            "history": torch.tensor(self.history, dtype=torch.float64).reshape(-1, len(self.columns)),
        }
        for run, member in enumerate(self.members):
            named |= {f"run{run}.{key}": value for key, value in member.state().items()}
        for name, network in self.networks.items():
            named |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
        for name, optimizer in self.optimizers.items():
            for index, values in optimizer.state_dict()["state"].items():
                named |= {f"optimizer.{name}.{index}.{key}": value for key, value in values.items() if value is not None}
        return {key: value.detach().cpu().contiguous() for key, value in named.items()}

    def load(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state()` gave.

        Raises:
            KeyError, RuntimeError, ValueError: the tensors are not those of this spec.
        """
        self.iteration, stopped = (int(v) for v in state["progress"])
        self.stopped = bool(stopped)
        self.seconds = float(state["seconds"])
        self.finite = state["finite"].to(self.device)
        self.history = [tuple(row) for row in state["history"].tolist()]
        for run, member in enumerate(self.members):
            member.load(below(state, f"run{run}"))
        for name, network in self.networks.items():
            network.load_state_dict(below(state, name))
        for name, optimizer in self.optimizers.items():
            saved: dict[int, dict[str, Tensor]] = {}
            for key, value in below(state, f"optimizer.{name}").items():
                index, _, part = key.partition(".")
                saved.setdefault(int(index), {})[part] = value
            optimizer.load_state_dict({"state": saved, "param_groups": optimizer.state_dict()["param_groups"]})


def below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The entries below `prefix.`, without it."""
    start = len(prefix) + 1
    return {key[start:]: value for key, value in state.items() if key.startswith(f"{prefix}.")}


def _floats(*values: Tensor) -> list[list[float]]:
    """Scalars or [S] as lists of S numbers."""
    return [value.reshape(-1).tolist() for value in values]
