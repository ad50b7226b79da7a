"""Optimizers as users write them, which torch.optim has none of."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class Averaged(Optimizer):
    """Steepest descent, evaluated at the mean of its positions, as Schedule-Free is at a weighted one."""

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, {"lr": lr, "is_training": False, "steps": 0})

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            if not group["is_training"]:
                raise RuntimeError("not in train mode")
            group["steps"] += 1
            for parameter in group["params"]:
                parameter.add_(parameter.grad, alpha=-group["lr"])
                mean = self.state[parameter].setdefault("mean", torch.zeros_like(parameter))
                mean.lerp_(parameter, 1 / group["steps"])

    def train(self) -> None:
        self._switch(True)

    def eval(self) -> None:
        self._switch(False)

    @torch.no_grad()
    def _switch(self, is_training: bool) -> None:
        for group in self.param_groups:
            if group["is_training"] == is_training:
                continue
            group["is_training"] = is_training
            for parameter in group["params"]:
                if "mean" in self.state[parameter]:
                    kept = parameter.clone()
                    parameter.copy_(self.state[parameter]["mean"])
                    self.state[parameter]["mean"] = kept


class Forgetful(torch.optim.SGD):
    """Takes every third step twice as far, and counts them where no checkpoint sees it."""

    taken = 0

    def step(self, closure: Any = None) -> Any:
        self.taken += 1
        if self.taken % 3 == 0:
            super().step(closure)
        return super().step(closure)


class HalfPrecise(torch.optim.SGD):
    """Keeps the mean of gradients in float32, whatever the dtype of its parameters."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for parameter in group["params"]:
                mean = self.state[parameter].setdefault("mean", torch.zeros_like(parameter, dtype=torch.float32))
                mean.lerp_(parameter.grad.float(), 0.1)
                parameter.add_(mean.double(), alpha=-group["lr"])


class Noisy(torch.optim.SGD):
    """Adds noise to its steps."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad += torch.randn_like(parameter)
        return super().step(closure)
