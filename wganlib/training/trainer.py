"""The training engine: step, history, divergence; `wganlib.training.runs` puts checkpoints, resume and files around it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from wganlib import architectures
from wganlib.architectures.build import critic_parameter_groups
from wganlib.architectures.modules import MovingBatchNorm
from wganlib.datasets.dataset import Batches, Dataset
from wganlib.errors import WganlibError
from wganlib.methods import constraints
from wganlib.methods.method import Clipping, GradientPenalty
from wganlib.methods.objectives import auxiliary_loss, critic_loss, generator_loss, objective
from wganlib.methods.optimizers import make_optimizer, set_learning_rate
from wganlib.spec.run import Spec
from wganlib.streams import stream
from wganlib.training import records
from wganlib.training.networks import build_critic, build_generator

HISTORY_COLUMNS = ("generator_iteration", "critic_loss", "penalty", "gradient_norm", "generator_loss", "seconds")
"""Logged quantities. Losses include the penalty and AC-GAN's terms, not L2; all but the first and last are of the last step.

What a spec records besides stands before `seconds`, which are the training's own: evaluation on held-out examples is left out.
"""


@dataclass
class CriticLosses:
    """What one critic step reports: scalars; gradient_norm is the batch mean at the penalty's points, 0 without a penalty.

    `recorded`: by column, what the spec records of a step that is logged; empty at others.
    """

    total: Tensor
    penalty: Tensor
    gradient_norm: Tensor
    recorded: dict[str, Tensor] = field(default_factory=dict)


class Trainer:
    """A training in progress: networks, optimisers, random streams, data order and history, nothing else.

    `state()` holds all of it as tensors; a trainer that `load`s it goes on exactly as the one that gave it would have.
    """

    def __init__(self, spec: Spec, images: Dataset, device: torch.device):
        self.spec, self.images, self.device = spec, images, device
        self.objective = objective(spec.method.objective)
        initial = stream(spec.seed, "init")
        generator = build_generator(spec, initial)
        # Some toys' generators have no network; an empty module keeps files and states uniform.
        self.trains_generator = generator is not None
        self.generator: nn.Module = (generator or nn.Module()).to(device)
        self.critic = build_critic(spec, initial).to(device)
        # Batch norm must see real and generated examples apart, as in the official code.
        self.critic_ties_examples = "batch" in architectures.normalizations(spec.architecture, spec.dataset.shape, "critic")
        method = spec.method
        groups = critic_parameter_groups(self.critic, method.critic_l2)
        self.optimizers = {"critic": make_optimizer(method.critic_optimizer, groups)}
        self.average: AveragedModel | None = None
        if self.trains_generator:
            weights = [{"params": list(self.generator.parameters())}]
            self.optimizers["generator"] = make_optimizer(method.generator_optimizer, weights)
            if method.generator_ema is not None:
                averaging = get_ema_multi_avg_fn(method.generator_ema)  # type: ignore[no-untyped-call]
                self.average = AveragedModel(self.generator, multi_avg_fn=averaging)
                self.average.update_parameters(self.generator)  # the average begins at the initial weights
        self.data_stream = stream(spec.seed, "data")
        self.noise_stream = stream(spec.seed, "noise", device)
        self.batches = Batches(len(images.train), method.batch_size, self.data_stream)
        self.recorded = frozenset(spec.record or ())
        self.columns = (*HISTORY_COLUMNS[:-1], *records.columns(spec.record), HISTORY_COLUMNS[-1])
        self.compared = records.compared(images, method.batch_size) if "held_out_loss" in self.recorded else 0
        self.buffer: Tensor | None = None
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
            logged = (self.iteration + 1) % self.spec.log_every == 0 or self.iteration + 1 == self.spec.generator_iterations
            critic, generator = self.step(logged)
            self.iteration += 1
            # Reading the values waits for the device, which belongs to the time of the steps.
            values = [float(v) for v in (critic.total, critic.penalty, critic.gradient_norm, generator)] if logged else []
            self.seconds += time.perf_counter() - started
            if logged:
                further = critic.recorded | (self.held_out_losses() if self.compared else {})
                recorded = (float(further[column]) for column in records.columns(self.spec.record))
                self.history.append((self.iteration, *values, *recorded, self.seconds))
                self.stopped = self.diverged
            yield self.iteration

    def step(self, logged: bool = False) -> tuple[CriticLosses, Tensor]:
        """One generator iteration: critic steps, then a generator step (Gulrajani et al. 2017, Algorithm 1).

        `logged`: the last critic step reports what the spec records.
        """
        method, total = self.spec.method, self.spec.generator_iterations
        set_learning_rate(self.optimizers["critic"], method.critic_optimizer, self.iteration, total)
        for left in reversed(range(method.critic_steps_at(self.iteration))):
            losses = self.critic_step(logged and left == 0)
        if not self.trains_generator:
            return losses, torch.zeros((), device=self.device)
        set_learning_rate(self.optimizers["generator"], method.generator_optimizer, self.iteration, total)
        return losses, self.generator_step()

    def critic_step(self, logged: bool = False) -> CriticLosses:
        """One update of the critic on a fresh real batch and fresh generated examples of the same labels."""
        method = self.spec.method
        clipping = method.constraint if isinstance(method.constraint, Clipping) else None
        if clipping and clipping.order == "before":
            constraints.clip_(self.critic.parameters(), clipping.limit)
        rows = self.batches.next()
        real, labels, fake = self._examples(self.images.train[rows], self.images.train_labels[rows], self.data_stream)
        loss, on_real, on_fake = self._unpenalised(real, labels, fake)
        penalty = gradient_norm = torch.zeros((), device=self.device)
        if isinstance(method.constraint, GradientPenalty):
            norms = self._gradient_norms(real, fake, method.constraint)
            penalty = constraints.penalty(norms, method.constraint.form, method.constraint.weight)
            gradient_norm = norms.mean()
        total = loss + penalty
        self.optimizers["critic"].zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        recorded: dict[str, Tensor] = {}
        if logged and "critic_values" in self.recorded:
            recorded |= {"critic_real_mean": on_real.detach().mean(), "critic_fake_mean": on_fake.detach().mean()}
        followed = list(self.critic.parameters()) if logged and "critic_step_cosine" in self.recorded else []
        before = [parameter.detach().clone() for parameter in followed]
        self.optimizers["critic"].step()
        if followed:
            recorded["critic_step_cosine"] = records.step_cosine(before, followed)
        if clipping and clipping.order == "after":
            constraints.clip_(self.critic.parameters(), clipping.limit)
        self.finite &= torch.isfinite(total.detach())
        return CriticLosses(total.detach(), penalty.detach(), gradient_norm.detach(), recorded)

    def held_out_losses(self) -> dict[str, Tensor]:
        """The critic's loss on the first training and the first held-out examples, with its penalty, without a step.

        Mean over whole batches. Both parts meet the same noise and the same u of the penalty, drawn from streams of the
        present iteration alone; the penalty has no buffer, whose points are of training batches. Spectral norms are left as
        they are.
        """
        images, size, found = self.images, self.spec.method.batch_size, {}
        parts = ((images.train, images.train_labels), (images.test, images.test_labels))
        self.critic.eval()  # spectral norm alone differs: no power iteration
        for column, (examples, labels) in zip(records.columns(("held_out_loss",)), parts, strict=True):
            data = stream(self.spec.seed, "held_out", "cpu", self.iteration, 0)
            noise = stream(self.spec.seed, "held_out", self.device, self.iteration, 1)
            batches = (slice(start, start + size) for start in range(0, self.compared - size + 1, size))
            losses = [self._evaluated(examples[rows], labels[rows], data, noise) for rows in batches]
            found[column] = torch.stack(losses).double().mean()
        self.critic.train()
        return found

    def _evaluated(self, raw: Tensor, classes: Tensor, data: torch.Generator, noise: torch.Generator) -> Tensor:
        """The critic's loss on a batch, a scalar."""
        constraint = self.spec.method.constraint
        real, labels, fake = self._examples(raw, classes, data, noise)
        with torch.no_grad():
            loss, _, _ = self._unpenalised(real, labels, fake)
        if isinstance(constraint, GradientPenalty):
            points = constraints.interpolate(real, fake, noise, constraint.pairs)
            norms = constraints.gradient_norms(lambda x: self.critic(x)[:, 0], points)
            loss = loss + constraints.penalty(norms, constraint.form, constraint.weight)
        return loss.detach()

    def _examples(
        self, raw: Tensor, classes: Tensor, data: torch.Generator, noise: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """Real examples, their labels if the critic classifies, and generated examples of these labels."""
        real = self.images.preprocess(raw, data).to(self.device)
        labels = classes.to(self.device) if self.spec.method.auxiliary else None
        with torch.no_grad():
            return real, labels, self._fakes(real, labels, noise)

    def _unpenalised(self, real: Tensor, labels: Tensor | None, fake: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The critic's loss but for the penalty, a scalar, and its values [N] on real and on generated examples."""
        if self.critic_ties_examples:
            on_real, on_fake = self.critic(real), self.critic(fake)
        else:
            on_real, on_fake = self.critic(torch.cat([real, fake])).chunk(2)
        loss = critic_loss(self.objective, on_real[:, 0], on_fake[:, 0])
        auxiliary = self.spec.method.auxiliary
        if auxiliary and labels is not None:
            loss = loss + auxiliary.critic_weight * auxiliary_loss(on_real[:, 1:], labels)
        return loss, on_real[:, 0], on_fake[:, 0]

    def _fakes(self, real: Tensor, labels: Tensor | None, noise: torch.Generator | None = None) -> Tensor:
        """Generated examples, as many as real ones: by the network, the data set, or as real ones plus noise.

        They are drawn from `noise`, or from the training's own stream.
        """
        if self.trains_generator:
            return self._generated(len(real), labels, noise)
        if (
            self.images.fakes is not None
            and self.spec.architecture.family == "toy"
            and self.spec.architecture.generator == "given"
        ):
            return self.images.fakes(len(real), noise or self.noise_stream)
        return real + self._noise(real.shape, noise)

    def _gradient_norms(self, real: Tensor, fake: Tensor, constraint: GradientPenalty) -> Tensor:
        """Norms at the penalty's points; where there is a buffer it joins them, and is refilled from them."""
        points = constraints.interpolate(real, fake, self.noise_stream, constraint.pairs)
        buffer = constraint.buffer
        if buffer and self.buffer is not None:
            points = constraints.with_buffer(points, self.buffer, buffer.mode)
        norms = constraints.gradient_norms(lambda x: self.critic(x)[:, 0], points)
        if buffer:
            self.buffer = constraints.steepest(points, norms, buffer.size)
        return norms

    def generator_step(self) -> Tensor:
        """One update of the generator; returns its loss before the update. Labels, if any, are drawn uniformly."""
        method = self.spec.method
        count, classes = method.generator_batch_size, self.spec.dataset.shape.classes
        labels = None
        if method.auxiliary and classes:
            labels = torch.randint(classes, (count,), generator=self.noise_stream, device=self.device)
        self._record_moving_averages(True)
        fake = self._generated(count, labels)
        self._record_moving_averages(False)
        values = self.critic(fake)
        loss = generator_loss(self.objective, values[:, 0])
        if method.auxiliary and labels is not None:
            loss = loss + method.auxiliary.generator_weight * auxiliary_loss(values[:, 1:], labels)
        # Asking for the generator's gradients alone saves those of the critic's weights.
        parameters = list(self.generator.parameters())
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            # Fused optimisers read a gradient in the parameter's order of memory; `grad` gives transposed ones now and then.
            parameter.grad = gradient.contiguous()
        self.optimizers["generator"].step()
        if self.average is not None:
            self.average.update_parameters(self.generator)
        self.finite &= torch.isfinite(loss.detach())
        return loss.detach()

    def _generated(self, count: int, labels: Tensor | None, noise: torch.Generator | None = None) -> Tensor:
        """Examples [count, ...], made in the method's sub-batches, whose statistics batch norm uses."""
        latent = self._noise((count, self.spec.architecture.latent_size), noise)
        parts = self.spec.method.generator_sub_batches or 1
        if parts == 1:
            return self.generator(latent, labels)  # type: ignore[no-any-return]
        chosen = labels.chunk(parts) if labels is not None else [None] * parts
        return torch.cat([self.generator(z, y) for z, y in zip(latent.chunk(parts), chosen, strict=True)])

    def _record_moving_averages(self, recording: bool) -> None:
        for module in self.generator.modules():
            if isinstance(module, MovingBatchNorm):
                module.recording = recording

    def _noise(self, shape: tuple[int, ...], noise: torch.Generator | None = None) -> Tensor:
        return torch.randn(shape, generator=noise or self.noise_stream, device=self.device)

    def state(self) -> dict[str, Tensor]:
        """Everything that the rest of the training depends on, and the history so far, as named tensors."""
        named = {
            "progress": torch.tensor([self.iteration, self.batches.position, self.stopped], dtype=torch.int64),
            "seconds": torch.tensor(self.seconds, dtype=torch.float64),
            "finite": self.finite,
            "order": self.batches.order,
            "stream.data": self.data_stream.get_state(),
            "stream.noise": self.noise_stream.get_state(),
            "history": torch.tensor(self.history, dtype=torch.float64).reshape(-1, len(self.columns)),
        }
        if self.buffer is not None:
            named["buffer"] = self.buffer
        for name, module in self._modules():
            named |= {f"{name}.{key}": value for key, value in module.state_dict().items()}
        for name, optimizer in self.optimizers.items():
            for index, values in optimizer.state_dict()["state"].items():
                named |= {f"optimizer.{name}.{index}.{key}": value for key, value in values.items() if value is not None}
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
        self.buffer = state["buffer"].to(self.device) if "buffer" in state else None
        for name, module in self._modules():
            module.load_state_dict(_below(state, name))
        for name, optimizer in self.optimizers.items():
            saved: dict[int, dict[str, Tensor]] = {}
            for key, value in _below(state, f"optimizer.{name}").items():
                index, _, field = key.partition(".")
                saved.setdefault(int(index), {})[field] = value
            optimizer.load_state_dict({"state": saved, "param_groups": optimizer.state_dict()["param_groups"]})

    def _modules(self) -> list[tuple[str, nn.Module]]:
        average = [("average", self.average)] if self.average is not None else []
        return [("generator", self.generator), ("critic", self.critic), *average]

    def generator_weights(self) -> dict[str, Tensor]:
        """The generator's weights, those of its moving average under `ema.`."""
        averaged = {f"ema.{k}": v for k, v in self.average.module.state_dict().items()} if self.average is not None else {}
        return self.generator.state_dict() | averaged


def sample(
    generator: nn.Module, spec: Spec, count: int, batch_size: int, noise: torch.Generator, labels: Tensor | None = None
) -> Iterator[Tensor]:
    """Batches of generated examples [n, ...], on the CPU, until `count` are made; batch norm uses a batch's own statistics.

    The last batch is generated whole and cut, so that its statistics are those of a full one. A conditional generator makes
    the classes of `labels` [at least count], or classes drawn uniformly from the noise stream.

    Raises:
        WganlibError: labels are given to an unconditional generator.
    """
    conditional = spec.method.auxiliary is not None
    if labels is not None and not conditional:
        raise WganlibError(
            f"labels were asked of an unconditional generator ({spec.architecture.family}): leave them out, or train an "
            "architecture with 'conditional: true'"
        )
    made, device = 0, next(generator.parameters()).device
    while made < count:
        z = torch.randn((batch_size, spec.architecture.latent_size), generator=noise, device=noise.device)
        chosen = None
        if conditional:
            drawn = torch.randint(spec.dataset.shape.classes or 1, (batch_size,), generator=noise, device=noise.device)
            given = drawn[:0] if labels is None else labels[made : made + batch_size].to(noise.device)
            chosen = torch.cat([given, drawn[len(given) :]])
        with torch.no_grad():
            examples = generator(z.to(device), None if chosen is None else chosen.to(device)).cpu()
        yield examples[: count - made]
        made += batch_size


def _below(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    start = len(prefix) + 1
    return {key[start:]: value for key, value in state.items() if key.startswith(f"{prefix}.")}
