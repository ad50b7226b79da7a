"""Steepest descent as an optimizer like any other."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim.optimizer import Optimizer, ParamsT


class SteepestDescent(Optimizer):
    """x <- x - lr * gradient, and nothing else (source article 002).

    Args:
        params: parameters, or groups of them, each with its own settings.
        lr: the learning rate, from 0.
        maximize: climb instead.
        differentiable: let autograd see through the steps.

    Raises:
        ValueError: for a negative learning rate.
    """

    def __init__(self, params: ParamsT, lr: float, *, maximize: bool = False, differentiable: bool = False) -> None:
        super().__init__(params, {"lr": lr, "maximize": maximize, "differentiable": differentiable})
        for rate in (lr, *(group["lr"] for group in self.param_groups)):
            if not rate >= 0:
                raise ValueError(f"Invalid learning rate: {rate}")

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:  # type: ignore[override]
        """Take one step; `closure` evaluates the loss anew, gradients included, and its loss is returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            rate = group["lr"] if group["maximize"] else -group["lr"]
            with torch.set_grad_enabled(group["differentiable"]):
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        parameter.add_(parameter.grad, alpha=rate)
        return loss
