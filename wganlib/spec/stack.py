"""Stacks: runs of one form that are trained as one program. Importing this needs no torch."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from wganlib import architectures, layout
from wganlib.errors import WganlibError, parse
from wganlib.fields import Part
from wganlib.methods.method import GradientPenalty
from wganlib.spec.run import Spec

Form = tuple[object, ...]


def form(spec: Spec) -> Form:
    """What the runs of a stack have in common: networks, optimisers, budget, and the kind of their constraint.

    They may differ in seed, data set, objective, and in the limit, form and weight of the constraint.
    """
    method, data = spec.method, spec.dataset.shape
    constraint = method.constraint
    return (
        spec.architecture.canonical(),
        tuple(map(str, architectures.nodes(spec.architecture, data, "critic"))),
        constraint.kind,
        constraint.buffer if isinstance(constraint, GradientPenalty) else getattr(constraint, "order", None),
        *(part.canonical() for part in (method.critic_optimizer, method.generator_optimizer)),
        (method.critic_steps, method.batch_size, method.generator_batch_size, method.critic_warmup),
        (spec.generator_iterations, spec.log_every, spec.snapshots, spec.threads),
    )


class StackSpec(Part):
    """Runs that are trained as one program: equal in form, they share no number, so that each trains as it would alone."""

    version: ClassVar[int] = 1
    """Of stacked training. Raise it when its numbers change and those of runs that are trained alone do not."""
    files: ClassVar[tuple[str, ...]] = layout.STACK_FILES
    """What its training makes; the spec's own first."""
    runs: Annotated[tuple[Spec, ...], Field(min_length=1)]
    numerics: dict[str, int] = {}
    """The version of stacked training; the runs carry their own."""

    @model_validator(mode="after")
    def _equal(self) -> Self:
        first = self.runs[0]
        for index, run in enumerate(self.runs):
            where = f"runs.{index}"
            if run.architecture.family != "toy":
                raise ValueError(f"{where}: stacks are of toy networks, found {run.architecture.family!r}: train it alone")
            options = ("auxiliary", "generator_ema", "generator_sub_batches", "critic_sub_batches")
            asked = [option for option in options if getattr(run.method, option) is not None]
            asked += ["critic_l2"] if run.method.critic_l2 else []
            if asked:
                raise ValueError(f"{where}: a stack does not train with {asked[0]}: leave it out, or train it alone")
            if run.record:
                raise ValueError(f"{where}: a stack does not record {', '.join(run.record)}: leave record out, or train alone")
            if form(run) != form(first):
                raise ValueError(
                    f"{where}: differs from the first run in more than seed, data set, objective, and limit, form or weight of "
                    "the constraint: train it in a stack of its own"
                )
        if len({run.key for run in self.runs}) != len(self.runs):
            raise ValueError("runs must be distinct")
        if not self.numerics:
            object.__setattr__(self, "numerics", {"stack": self.version})
        return self

    def check_current(self, where: str) -> None:
        """Refuse runs whose numbers this version of the library cannot make; see `Spec.check_current`."""
        if self.numerics != {"stack": self.version}:
            raise WganlibError(f"{where}: made for another version of the library: {self.numerics} differs; plan it again")
        for index, run in enumerate(self.runs):
            run.check_current(f"{where}: runs.{index}")

    @property
    def key(self) -> str:
        """Readable prefix and digest; the name of the stack's folder."""
        objectives = sorted({run.key.split("-")[2] for run in self.runs})
        names = sorted({run.dataset.name for run in self.runs})
        shown = "_".join((names[0] if len(names) == 1 else "several", objectives[0] if len(objectives) == 1 else "several"))
        return f"{shown}-x{len(self.runs)}-{self.digest()}"

    def folder(self, results: Path) -> Path:
        """Where it lies when it is trained."""
        return layout.stack_folder(results, self.key)


def parse_training(value: Any, where: str) -> Spec | StackSpec:
    """What is to be trained: a stack where the plain data have `runs`, else a run.

    Raises:
        WganlibError: see `wganlib.errors.parse`.
    """
    return parse(StackSpec, value, where) if isinstance(value, dict) and "runs" in value else parse(Spec, value, where)


def stacked(specs: Iterable[Spec], size: int) -> list[StackSpec]:
    """Specs in stacks of at most `size` runs, each in the order of its first run; equal specs stand once."""
    distinct = {spec.key: spec for spec in specs}
    groups: dict[Form, list[Spec]] = {}
    for spec in distinct.values():
        groups.setdefault(form(spec), []).append(spec)
    return [
        StackSpec(runs=tuple(group[start : start + size])) for group in groups.values() for start in range(0, len(group), size)
    ]
