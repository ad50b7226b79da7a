"""Optimizers composed of others: two that share the parameters of a network, and one whose positions are averaged."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from descent.core.optim.param_groups import PARAMS, has_setting, refuse_ignored
from descent.core.optim.stepping import has_modes, of_parameters, parameters_of, requires_closure, unhooked_step

Group = dict[str, Any]


class ComposedOptimizer(Optimizer):
    """Optimizers of different parameters as one: with their groups, their states, and one `state_dict`.

    Args:
        optimizers: take their steps in this order.

    Raises:
        ValueError: for an optimizer that takes a closure or has modes.
    """

    def __init__(self, optimizers: Sequence[Optimizer]) -> None:
        for optimizer in optimizers:
            if requires_closure(optimizer) or has_modes(optimizer):
                what = "takes a closure" if requires_closure(optimizer) else "averages by itself"
                raise ValueError(f"{type(optimizer).__name__} {what}, and can't be part of {type(self).__name__}")
        super().__init__([group for optimizer in optimizers for group in optimizer.param_groups], {})
        self.optimizers = optimizers
        self.defaults = {name: value for optimizer in optimizers for name, value in optimizer.defaults.items()}
        self._join()
        self._steps = [unhooked_step(optimizer) for optimizer in optimizers]

    def _join(self) -> None:
        """Have the groups of the optimizers, and one state for all."""
        self.param_groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
        for optimizer in self.optimizers:
            self.state.update(optimizer.state)
        self._share(self.state)

    def _share(self, state: defaultdict[Tensor, Any]) -> None:
        """Have a state in common with the optimizers, and with those of which they are composed."""
        self.state = state
        for optimizer in self.optimizers:
            if isinstance(optimizer, ComposedOptimizer):
                optimizer._share(state)
            else:
                optimizer.state = state

    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take a step with each optimizer."""
        for step in self._steps:
            step()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Have each optimizer load its part, in its own way."""
        groups = iter(state_dict["param_groups"])
        of_all = of_parameters(state_dict)
        others = {key: value for key, value in state_dict["state"].items() if key not in of_all}
        self.state.clear()
        for optimizer in self.optimizers:
            own_groups = [next(groups) for _ in optimizer.param_groups]
            own = {number: of_all[number] for group in own_groups for number in group[PARAMS] if number in of_all}
            optimizer.load_state_dict({"state": {**others, **own}, "param_groups": own_groups})
        self._join()


class Split(ComposedOptimizer):
    """One optimizer for the hidden matrices of a network, another for its biases, its last matrix and all else.

    Muon is used so: it makes the update of a matrix orthogonal, which is not meant for the scores of classes or for a
    bias (Jordan et al., https://kellerjordan.github.io/posts/muon).

    Args:
        params: parameters in the order of the network, or groups of them, of which one has all matrices.
        lr: the learning rate of each that is not given one of its own.
        matrices: makes the optimizer of the hidden matrices, as `torch.optim.Muon`.
        rest: makes the optimizer of the rest, as `torch.optim.AdamW`. There is a rest: the last matrix.

    Raises:
        ValueError: for parameters of which none is a hidden matrix, and for matrices in several groups.
    """

    def __init__(self, params: Iterable[Any], lr: float, matrices: partial[Any], rest: partial[Any]) -> None:
        given = list(params)
        groups: list[Group] = given if isinstance(given[0], dict) else [{PARAMS: given}]
        of_groups = [[parameter for parameter in group[PARAMS] if parameter.ndim == 2] for group in groups]
        if sum(map(bool, of_groups)) > 1:
            raise ValueError("groups divide the matrices, so that it can't be told which is the network's last")
        numbers = {id(parameter) for matrices_of_group in of_groups for parameter in matrices_of_group[:-1]}
        if not numbers:
            raise ValueError("no hidden matrix, which is a parameter of two dimensions that is not the last of them")
        hidden, others = _among(groups, numbers, True), _among(groups, numbers, False)
        first = matrices(hidden, **{"lr": lr, **matrices.keywords})
        second = rest(others, **{"lr": lr, **rest.keywords})
        super().__init__([first, second])
        refuse_ignored(matrices, first, "optimizer.matrices")
        refuse_ignored(rest, second, "optimizer.rest")
        for optimizer, groups_of_it in ((first, hidden), (second, others)):
            for name in {name for group in groups_of_it for name in group} - {PARAMS}:
                if not has_setting(optimizer, name):
                    raise ValueError(f"{type(optimizer).__name__}, of some parameters of a group, has no {name!r}")


def _among(groups: Iterable[Group], numbers: Collection[int], is_among: bool) -> list[Group]:
    """The groups, less those parameters that are not, or are, among some, given by their `id`."""
    parts = [
        {**group, PARAMS: [parameter for parameter in group[PARAMS] if (id(parameter) in numbers) == is_among]}
        for group in groups
    ]
    return [part for part in parts if part[PARAMS]]


class ExponentialAverage(ComposedOptimizer):
    """Takes an optimizer's steps, and in `eval()` mode is at the exponential moving average of its positions.

    average <- decay * average + (1 - decay) * position, from the first step's position on, as
    `torch.optim.swa_utils.get_ema_multi_avg_fn` (Polyak and Juditsky 1992). Buffers are not averaged.

    Args:
        optimizer: takes the steps.
        decay: from 0, which is no average, to below 1.

    Raises:
        ValueError: for another decay, and for an optimizer that averages by itself.
    """

    def __init__(self, optimizer: Optimizer, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"average.decay={decay}: choose a number from 0 to below 1")
        super().__init__([optimizer])
        self.decay = decay
        self.is_evaluated = False

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take a step, and average."""
        super().step()
        # Not of parameters without a gradient: optimizers take a state that is not empty for their own.
        for parameter in parameters_of(self):
            if parameter.grad is not None:
                state = self.state[parameter]
                if "average" in state:
                    state["average"].lerp_(parameter, 1 - self.decay)
                else:
                    state["average"] = parameter.detach().clone()

    def train(self) -> None:
        """Have the parameters at the optimizer's position."""
        self._switch(False)

    def eval(self) -> None:
        """Have the parameters at the average."""
        self._switch(True)

    @torch.no_grad()
    def _switch(self, is_evaluated: bool) -> None:
        if is_evaluated == self.is_evaluated:
            return
        self.is_evaluated = is_evaluated
        for parameter, state in self.state.items():
            if isinstance(parameter, Tensor) and "average" in state:
                average = state["average"].clone()
                state["average"].copy_(parameter)
                parameter.copy_(average)


def last_position(optimizer: Optimizer) -> Optimizer:
    """An optimizer as it is, evaluated where its last step has led."""
    return optimizer
