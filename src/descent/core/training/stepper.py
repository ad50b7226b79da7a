"""One optimizer for several of the runs that are trained together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from descent.core.optim.stepping import unhooked_step
from descent.core.training.checkpoint import Checkpoint


@dataclass(frozen=True)
class State:
    """The state of an optimizer and of its learning-rate schedule, None for a constant one."""

    optimizer: dict[str, Any]
    schedule: dict[str, Any] | None


class Stepper:
    """Takes the steps of one run, with tensors of its own shape, or of several that are set alike, stacked.

    Those may differ in their learning rates if steps are proportional to it: then each goes its share of the way that
    the fastest would go.

    Args:
        optimizer: makes the optimizer of parameters, that of the fastest.
        schedule: makes the learning-rate schedule of an optimizer, or None for a constant one.
        rows: the runs' rows of each stack of parameters, (runs, ...), which are moved in place.
        rates: the runs' learning rates.
        taken_up: the checkpoint that the only run goes on from, if it does.
    """

    def __init__(
        self,
        optimizer: Callable[[Any], Optimizer],
        schedule: Callable[[Optimizer], LRScheduler | None],
        rows: Sequence[Tensor],
        rates: Sequence[float],
        taken_up: Checkpoint | None,
    ) -> None:
        self.count = len(rows[0])
        self.rates = torch.tensor(rates, dtype=torch.float64, device=rows[0].device)
        self.are_equal = bool((self.rates == self.rates[0]).all())
        self.fastest = self.rates.max()
        self.is_alone = self.count == 1
        self.parameters = self._parameters(rows)
        self.before = self._scratch()
        self.optimizer = optimizer(self.parameters)
        self.schedule = schedule(self.optimizer)
        self.unhooked_step = unhooked_step(self.optimizer)
        if taken_up is not None:
            self.optimizer.load_state_dict(taken_up.optimizer)
            if self.schedule is not None:
                self.schedule.load_state_dict(taken_up.schedule or {})

    def _parameters(self, rows: Sequence[Tensor]) -> list[nn.Parameter]:
        return [nn.Parameter(self._own(row)) for row in rows]

    def _scratch(self) -> list[Tensor]:
        """Where runs of different rates stood before a step: room that is made once, which takes half the time."""
        return [] if self.are_equal else [torch.empty_like(parameter) for parameter in self.parameters]

    def _own(self, row: Tensor) -> Tensor:
        """In the shape that the run has alone, where it is: not all optimizers treat every number by itself."""
        return row[0] if self.is_alone else row

    def step(self, gradients: Sequence[Tensor]) -> None:
        """Take a step against the runs' rows of each stack of gradients."""
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = self._own(gradient)
        for start, parameter in zip(self.before, self.parameters, strict=False):
            start.copy_(parameter.detach())
        self.unhooked_step()
        for start, parameter in zip(self.before, self.parameters, strict=False):
            share = (self.rates / self.fastest).to(start.dtype).view(-1, *[1] * (start.ndim - 1))
            torch.lerp(start, parameter.data, share, out=parameter.data)
        if self.schedule is not None:
            self.schedule.step()

    def move(self, rows: Sequence[Tensor], kept: Tensor) -> None:
        """Go on with other rows, those of the runs that are kept: a mask, (runs,)."""
        self.count = len(rows[0])
        self.rates = self.rates[kept]
        parameters = self._parameters(rows)
        for group in self.optimizer.param_groups:
            group["params"] = parameters
        for old, new in zip(self.parameters, parameters, strict=True):
            if old in self.optimizer.state:
                self.optimizer.state[new] = {
                    name: value[kept] if self._is_stacked(value, old) else value
                    for name, value in self.optimizer.state.pop(old).items()
                }
        self.parameters = parameters
        self.before = self._scratch()

    def state(self, row: int) -> State:
        """The state of the optimizer and the schedule of one of the runs, as it would be alone."""
        state = self.optimizer.state_dict()
        own = {
            number: {
                name: value[row].clone() if self._is_stacked(value, self.parameters[number]) else value
                for name, value in values.items()
            }
            for number, values in state["state"].items()
        }
        groups = state["param_groups"]
        if not self.are_equal:
            groups = [{**group, "lr": self.rates[row].item()} for group in groups]
        schedule = None if self.schedule is None else self.schedule.state_dict()
        return State({"state": own, "param_groups": groups}, schedule)

    def _is_stacked(self, value: Any, parameter: Tensor) -> bool:
        """Whether a part of the optimizer's state has a row for each run."""
        return not self.is_alone and isinstance(value, Tensor) and value.shape == parameter.shape
