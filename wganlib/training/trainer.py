"""The training of one run, whose networks are called plainly: vmap over a single run would cost 14 to 25 %."""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from wganlib.architectures.build import critic_parameter_groups
from wganlib.architectures.modules import MovingBatchNorm, parts_of
from wganlib.architectures.piecewise import differentiated_twice
from wganlib.datasets.dataset import Dataset
from wganlib.methods import constraints
from wganlib.methods.method import Clipping
from wganlib.methods.objectives import auxiliary_loss, critic_loss, generator_loss
from wganlib.spec.run import Spec
from wganlib.streams import stream
from wganlib.training import records
from wganlib.training.engine import HISTORY_COLUMNS, Engine
from wganlib.training.member import Member
from wganlib.training.networks import build_critic, build_generator
from wganlib.training.outcomes import outcomes


class Trainer(Engine):
    """A run's training in progress."""

    spec: Spec

    def __init__(self, spec: Spec, images: Dataset, device: torch.device):
        initial = stream(spec.seed, "init")
        generator = build_generator(spec, initial)
        # Some toys' generators have no network; an empty module keeps files uniform.
        self.generator: nn.Module = (generator or nn.Module()).to(device)
        self.critic = build_critic(spec, initial).to(device)
        self.member = Member(spec, images, device)
        record = spec.record or ()
        self.compared = records.compared(images, spec.method.batch_size) if "held_out_loss" in record else None
        super().__init__(
            spec,
            [self.member],
            self.critic,
            critic_parameter_groups(self.critic, spec.method.critic_l2),
            None if generator is None else self.generator,
            record,
            (*HISTORY_COLUMNS[:-1], *records.columns(record), HISTORY_COLUMNS[-1]),
        )
        self.average: AveragedModel | None = None
        if spec.method.generator_ema is not None:
            averaging = get_ema_multi_avg_fn(spec.method.generator_ema)  # type: ignore[no-untyped-call]
            self.average = AveragedModel(self.generator, multi_avg_fn=averaging)
            self.average.update_parameters(self.generator)  # the average begins at the initial weights
            self.networks["average"] = self.average

    def outcomes(self) -> list[str]:
        """See `Engine.outcomes`; of the weights the generator's count alone."""
        return outcomes(self.finite, (parameter.unsqueeze(0) for parameter in self.generator.parameters()))

    def alive(self) -> bool:
        return self.outcomes() == ["ok"]

    def clip_(self) -> None:
        constraint = self.spec.method.constraint
        assert isinstance(constraint, Clipping)
        constraints.clip_(self.critic.parameters(), constraint.limit)

    def examples(self) -> tuple[Tensor, Tensor | None, Tensor]:
        rows = self.member.batches.next()
        images = self.member.images
        return self._examples(images.train[rows], images.train_labels[rows])

    def _examples(
        self, raw: Tensor, classes: Tensor, data: torch.Generator | None = None, noise: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """These real examples, their labels if the critic classifies, and generated examples of these labels.

        What they draw is from `data` and `noise`, or from the training's own streams.
        """
        real = self.member.real(raw, data)
        labels = classes.to(self.device) if self.spec.method.auxiliary else None
        with torch.no_grad():
            fake = self._generated(len(real), labels, noise) if self.trains_generator else self.member.given(real, noise)
        return real, labels, fake

    # The critic's batch norm sees real and generated examples apart, as in the official code.
    def critic_losses(self, real: Tensor, labels: Tensor | None, fake: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        with parts_of(self.critic, 2 * (self.spec.method.critic_sub_batches or 1)):
            on_real, on_fake = self.critic(torch.cat([real, fake])).chunk(2)
        loss = critic_loss(self.member.objective, on_real[:, 0], on_fake[:, 0])
        auxiliary = self.spec.method.auxiliary
        if auxiliary and labels is not None:
            loss = loss + auxiliary.critic_weight * auxiliary_loss(on_real[:, 1:], labels)
        return loss, on_real[:, 0], on_fake[:, 0]

    def penalties(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        points = self.member.points(real, fake)
        penalty, norms = self._penalty(points)
        self.member.refill(points, norms)
        return penalty, norms.mean()

    def _penalty(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """The penalty at points [N, ...], a scalar, and the gradient norms [N] there."""
        form = self.member.penalty
        assert form is not None
        with differentiated_twice():
            norms = constraints.gradient_norms(lambda x: self.critic(x)[:, 0], points)
        return constraints.penalty(norms, form.form, form.weight), norms

    def generator_losses(self) -> Tensor:
        """The generator's loss on fresh examples; labels, if any, are drawn uniformly."""
        method = self.spec.method
        count, classes = method.generator_batch_size, self.spec.dataset.shape.classes
        labels = None
        if method.auxiliary and classes:
            labels = torch.randint(classes, (count,), generator=self.member.noise_stream, device=self.device)
        self._record_moving_averages(True)
        fake = self._generated(count, labels)
        self._record_moving_averages(False)
        with parts_of(self.critic, method.critic_sub_batches or 1):
            values = self.critic(fake)
        loss = generator_loss(self.member.objective, values[:, 0])
        if method.auxiliary and labels is not None:
            loss = loss + method.auxiliary.generator_weight * auxiliary_loss(values[:, 1:], labels)
        return loss

    def generator_step(self) -> Tensor:
        """One update of the generator and of its moving average; returns its loss before the update."""
        loss = super().generator_step()
        if self.average is not None:
            self.average.update_parameters(self.generator)
        return loss

    def _generated(self, count: int, labels: Tensor | None, noise: torch.Generator | None = None) -> Tensor:
        """Examples [count, ...], made in the method's sub-batches, whose statistics batch norm uses."""
        latent = self.member.noise((count, self.spec.architecture.latent_size), noise)
        with parts_of(self.generator, self.spec.method.generator_sub_batches or 1):
            return self.generator(latent, labels)  # type: ignore[no-any-return]

    def _record_moving_averages(self, recording: bool) -> None:
        for module in self.generator.modules():
            if isinstance(module, MovingBatchNorm):
                module.recording = recording

    def held_out_losses(self) -> dict[str, Tensor]:
        """The critic's loss on the first training and the first held-out examples, with its penalty, without a step.

        Mean over whole batches. Both parts meet the same noise and the same u of the penalty, drawn from streams of the
        present iteration alone; the penalty has no buffer, whose points are of training batches. Spectral norms are left as
        they are. Empty where the spec does not record it.
        """
        if not self.compared:
            return {}
        images, size, means = self.member.images, self.spec.method.batch_size, {}
        parts = ((images.train, images.train_labels, self.compared[0]), (images.test, images.test_labels, self.compared[1]))
        self.critic.eval()  # spectral norm alone differs: no power iteration
        for column, (examples, labels, count) in zip(records.columns(("held_out_loss",)), parts, strict=True):
            data = stream(self.spec.seed, "held_out", "cpu", self.iteration, 0)
            noise = stream(self.spec.seed, "held_out", self.device, self.iteration, 1)
            batches = (slice(start, start + size) for start in range(0, count - size + 1, size))
            losses = [self._evaluated(examples[rows], labels[rows], data, noise) for rows in batches]
            means[column] = torch.stack(losses).double().mean()
        self.critic.train()
        return means

    def _evaluated(self, raw: Tensor, classes: Tensor, data: torch.Generator, noise: torch.Generator) -> Tensor:
        """The critic's loss on a batch, a scalar."""
        real, labels, fake = self._examples(raw, classes, data, noise)
        with torch.no_grad():
            loss, _, _ = self.critic_losses(real, labels, fake)
        if form := self.member.penalty:
            loss = loss + self._penalty(constraints.penalty_points(real, fake, noise, form.pairs, form.at))[0]
        return loss.detach()

    def generator_weights(self) -> dict[str, Tensor]:
        """The generator's weights, those of its moving average under `ema.`."""
        averaged = {f"ema.{k}": v for k, v in self.average.module.state_dict().items()} if self.average is not None else {}
        return self.generator.state_dict() | averaged
