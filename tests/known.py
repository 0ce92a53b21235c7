"""Trained runs whose critic is known, and what was measured on them."""

from collections.abc import Callable

import pandas as pd
from torch import Tensor, nn

from wganlib.datasets.loading import load
from wganlib.measuring.study import Findings, Member
from wganlib.spec.run import Spec
from wganlib.training.stacks import Trained


class Critic(nn.Module):
    """A critic given as a function of examples [N, ...] to values [N]."""

    def __init__(self, function: Callable[[Tensor], Tensor]):
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)[:, None]


def trained(spec: Spec, critic: Callable[[Tensor], Tensor] | nn.Module, history: pd.DataFrame | None = None) -> Trained:
    """A run whose critic is known."""
    module = critic if isinstance(critic, nn.Module) else Critic(critic)
    return Trained(spec, load(spec.dataset), module, None, {}, history if history is not None else pd.DataFrame(), "ok", 1.0)


def member(spec: Spec, critic: Callable[[Tensor], Tensor] | nn.Module, group: str = "critics", **labels: str) -> Member:
    return Member(group, labels, trained(spec, critic))


def value(findings: Findings, quantity: str, case: str | None = None) -> float:
    found = [r["value"] for r in findings.rows if r["quantity"] == quantity and case in (None, r["case"])]
    assert len(found) == 1, (quantity, case, findings.rows)
    return found[0]


def expected(findings: Findings, quantity: str) -> float:
    return next(r["expected"] for r in findings.rows if r["quantity"] == quantity)
