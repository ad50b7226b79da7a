"""Optimizers as users write them, which torch.optim has none of."""

from collections import deque
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


class Slowing(torch.optim.SGD):
    """Halves its rate after each step, as no schedule tells."""

    def step(self, closure: Any = None) -> Any:
        super().step(closure)
        for group in self.param_groups:
            group["lr"] /= 2


class Unrated(Optimizer):
    """Takes its rate, and keeps it where no group has it."""

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, {})
        self.length = lr

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.sub_(parameter.grad, alpha=self.length)


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


class LateNoise(Noisy):
    """Adds noise to its steps from the third on."""

    taken = 0

    def step(self, closure: Any = None) -> Any:
        self.taken += 1
        return super().step(closure) if self.taken > 2 else torch.optim.SGD.step(self, closure)


class Newton(Optimizer):
    """Divides each number's gradient by its second derivative, all others fixed."""

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, {"lr": lr})

    def step(self, closure: Callable[[], Tensor] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                gradient = parameter.grad.flatten()
                rows = [torch.autograd.grad(value, parameter, retain_graph=True)[0] for value in gradient]
                curvature = torch.stack(rows).flatten(1).diagonal().view_as(parameter)
                with torch.no_grad():
                    parameter.sub_(parameter.grad / curvature, alpha=group["lr"])


class Picky(Optimizer):
    """Takes a module instead of its parameters."""

    def __init__(self, params: Any, lr: float) -> None:
        if not hasattr(params, "named_parameters"):
            raise AttributeError(f"a {type(params).__name__!r} has no names\nof parameters")
        super().__init__(params.parameters(), {"lr": lr})


class Counting(torch.optim.SGD):
    """Counts its steps in its state beside that of its parameters, and halves its rate at every second."""

    def step(self, closure: Any = None) -> Any:
        steps = self.state.setdefault("steps", torch.tensor(0))  # type: ignore[call-overload]
        steps += 1
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad *= 0.5 if steps % 2 else 1
        return super().step(closure)


class Remembering(torch.optim.SGD):
    """Keeps its last gradients in a queue, which no checkpoint can hold."""

    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter].setdefault("last", deque(maxlen=2)).append(parameter.grad.clone())
        return super().step(closure)
