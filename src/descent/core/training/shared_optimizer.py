"""One optimizer for several runs of a batch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from descent.core.optim.param_groups import NamedParameters
from descent.core.optim.stepping import learning_rate, load_state, of_parameters, parameters_of, set_mode, unhooked_step
from descent.core.training.checkpoint import OptimizerState


class SharedOptimizer:
    """Takes the steps of one run of a batch, or those of several runs of equal settings, stacked.

    These may differ in their learning rates if steps are proportional to the rate: the step of each is its share of
    the step at the highest rate.

    Args:
        optimizer: makes the optimizer of named parameters, at the highest rate.
        schedule: makes the learning-rate schedule of an optimizer, or None for a constant one.
        rows: the runs' rows of each stack of parameters, (runs, ...) by name, which are updated in place.
        rates: the runs' learning rates.
        states: the states of the runs' optimizers and schedules, as each would have its own; None at the start.
    """

    def __init__(
        self,
        optimizer: Callable[[NamedParameters], Optimizer],
        schedule: Callable[[Optimizer], LRScheduler | None],
        rows: Mapping[str, Tensor],
        rates: Sequence[float],
        states: Sequence[OptimizerState] | None,
    ) -> None:
        self.count = len(rates)
        self.rates = torch.tensor(rates, dtype=torch.float64, device=next(iter(rows.values())).device)
        self.has_one_rate = bool((self.rates == self.rates[0]).all())
        self.highest_rate = self.rates.max()
        self.is_of_one_run = self.count == 1
        named = {name: nn.Parameter(self._as_alone(row)) for name, row in rows.items()}
        self.parameters = list(named.values())
        # Copies of the parameters before a step; allocated once, which takes half the time.
        self.before = [] if self.has_one_rate else [torch.empty_like(parameter) for parameter in self.parameters]
        self.optimizer = optimizer(named.items())
        self.schedule = schedule(self.optimizer)
        self.unhooked_step = unhooked_step(self.optimizer)
        if states is not None:
            self.restore(self._stacked(states))
        set_mode(self.optimizer, "train")

    def restore(self, state: OptimizerState) -> None:
        """Load the state of the optimizer and the schedule."""
        load_state(self.optimizer, state.optimizer)
        if self.schedule is not None:
            self.schedule.load_state_dict(state.schedule or {})

    def _as_alone(self, row: Tensor) -> Tensor:
        """Of one run's only row, the shape that it has alone: not all optimizers treat every number by itself."""
        return row[0] if self.is_of_one_run else row

    def step(self, gradients: Sequence[Tensor | None]) -> None:
        """Take a step against the runs' rows of each stack of gradients; None for a stack that has no gradient."""
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = None if gradient is None else self._as_alone(gradient)
        for before, parameter in zip(self.before, self.parameters, strict=False):
            before.copy_(parameter.detach())
        self.unhooked_step()
        for before, parameter in zip(self.before, self.parameters, strict=False):
            share = (self.rates / self.highest_rate).to(before.dtype).view(-1, *[1] * (before.ndim - 1))
            torch.lerp(before, parameter.data, share, out=parameter.data)
        if self.schedule is not None:
            self.schedule.step()

    def learning_rates(self) -> list[float]:
        """The learning rate of each run's next step."""
        return [learning_rate(self.optimizer)] * self.count if self.has_one_rate else self.rates.tolist()

    def whole_state(self) -> OptimizerState:
        """The state of the optimizer and the schedule, as `restore` takes it."""
        schedule = None if self.schedule is None else self.schedule.state_dict()
        return OptimizerState(self.optimizer.state_dict(), schedule)

    def state(self, row: int) -> OptimizerState:
        """The state of the optimizer and the schedule of one of the runs, as it would be alone."""
        state, parameters = self.optimizer.state_dict(), parameters_of(self.optimizer)
        of_run = {
            number: {
                name: value[row].clone() if self._is_stacked(value, parameters[number]) else value
                for name, value in values.items()
            }
            for number, values in of_parameters(state).items()
        }
        groups = state["param_groups"]
        if not self.has_one_rate:
            groups = [{**group, "lr": self.rates[row].item()} for group in groups]
        schedule = None if self.schedule is None else self.schedule.state_dict()
        return OptimizerState({"state": {**state["state"], **of_run}, "param_groups": groups}, schedule)

    def _is_stacked(self, value: Any, parameter: Tensor) -> bool:
        """Whether a part of the optimizer's state has a row for each run."""
        return not self.is_of_one_run and isinstance(value, Tensor) and value.shape == parameter.shape

    def _stacked(self, states: Sequence[OptimizerState]) -> OptimizerState:
        """The state of which these are the runs' parts, that of the run with the highest rate for what has no rows."""
        fastest = states[int(self.rates.argmax())]
        if self.is_of_one_run:
            return fastest
        parameters = parameters_of(self.optimizer)
        of_all = {
            number: {
                name: torch.stack([state.optimizer["state"][number][name] for state in states])
                if isinstance(value, Tensor) and value.shape == parameters[number].shape[1:]
                else value
                for name, value in values.items()
            }
            for number, values in of_parameters(fastest.optimizer).items()
        }
        state = {**fastest.optimizer, "state": {**fastest.optimizer["state"], **of_all}}
        return OptimizerState(state, fastest.schedule)
