"""The papers' optimisers from their specs. PyTorch's own, and TensorFlow 1's RMSProp, which is another method."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from wganlib.methods.method import OptimizerSpec


class TensorFlowRMSProp(Optimizer):
    """RMSProp as TensorFlow 1 has it: a = alpha a + (1 - alpha) g^2 from a = 1; w -= learning rate * g / sqrt(a + epsilon).

    torch.optim.RMSprop begins at a = 0 and adds epsilon to the root: its first step is 1 / sqrt(1 - alpha) times as long as the
    learning rate, this one's about |g|. `weight_decay` adds weight_decay * w to the gradient g, as torch's optimisers do.

    >>> weight = torch.nn.Parameter(torch.tensor([1.0]))
    >>> weight.grad = torch.tensor([2.0])
    >>> TensorFlowRMSProp([weight], lr=0.1, alpha=0.9, eps=1e-10).step()
    >>> round(weight.item(), 6)  # 1 - 0.1 * 2 / sqrt(0.9 + 0.1 * 4)
    0.824588
    """

    def __init__(self, params: Any, lr: float, alpha: float, eps: float, weight_decay: float = 0.0):
        super().__init__(params, {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                gradient: Tensor = parameter.grad
                if group["weight_decay"]:
                    gradient = gradient + group["weight_decay"] * parameter
                state = self.state[parameter]
                if not state:
                    state["square_avg"] = torch.ones_like(parameter)
                average: Tensor = state["square_avg"]
                average.mul_(group["alpha"]).addcmul_(gradient, gradient, value=1 - group["alpha"])
                parameter.addcdiv_(gradient, (average + group["eps"]).sqrt(), value=-group["lr"])


def make_optimizer(spec: OptimizerSpec, groups: list[dict[str, Any]]) -> Optimizer:
    """The optimiser of a spec over parameter groups."""
    rate = spec.learning_rate
    if spec.name == "adam":
        # The fused kernel is one pass over memory on both CPU and GPU; small networks spend much of a step here otherwise.
        return torch.optim.Adam(groups, lr=rate, betas=(spec.beta1, spec.beta2), eps=1e-8, fused=True)
    if spec.name == "rmsprop":
        return torch.optim.RMSprop(groups, lr=rate, alpha=spec.alpha, eps=spec.epsilon)
    if spec.name == "rmsprop_tf":
        return TensorFlowRMSProp(groups, lr=rate, alpha=spec.alpha, eps=spec.epsilon)
    return torch.optim.SGD(groups, lr=rate)


def set_learning_rate(optimizer: Optimizer, spec: OptimizerSpec, iteration: int, total: int) -> None:
    """The learning rate of generator iteration `iteration`, counted from 0, of `total`: the spec's, where it decays lower."""
    if spec.decay is not None:
        for group in optimizer.param_groups:
            group["lr"] = spec.learning_rate * spec.decay.factor(iteration, total)
