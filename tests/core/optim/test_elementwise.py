from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

from descent.core.optim.elementwise import is_elementwise, scales_with_rate
from descent.core.optim.steepest_descent import SteepestDescent

PROPORTIONAL: list[Callable[..., Any]] = [
    partial(SteepestDescent, lr=0.1),
    partial(torch.optim.SGD, lr=0.1),
    partial(torch.optim.SGD, lr=0.1, momentum=0.9, nesterov=True),
    partial(torch.optim.SGD, lr=0.1, momentum=0.9, weight_decay=0.1),
    partial(torch.optim.Adam, lr=0.1, fused=True),
    partial(torch.optim.AdamW, lr=0.1, weight_decay=0.1),
    partial(torch.optim.RMSprop, lr=0.1, momentum=0.5),
    partial(torch.optim.Adagrad, lr=0.1, lr_decay=0.1),
]


@pytest.mark.parametrize("optimizer", PROPORTIONAL)
def test_most_optimizers_treat_every_number_by_itself_and_go_as_far_as_their_rate_says(optimizer: Any) -> None:
    assert is_elementwise(optimizer)
    assert scales_with_rate(optimizer)


def test_one_that_looks_at_a_matrix_as_a_whole_is_not_elementwise() -> None:
    assert not is_elementwise(partial(torch.optim.Adafactor, lr=0.1))
    assert not is_elementwise(partial(torch.optim.Muon, lr=0.1))


def test_one_whose_steps_have_a_greatest_length_does_not_scale_with_it() -> None:
    assert is_elementwise(partial(torch.optim.Rprop, lr=0.1))
    assert not scales_with_rate(partial(torch.optim.Rprop, lr=0.1))


class Normed(torch.optim.SGD):
    """Steps of one length, that of the rate."""

    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = parameter.grad / parameter.grad.norm()
        return super().step(closure)


def test_one_that_norms_the_gradient_is_not_elementwise() -> None:
    assert not is_elementwise(partial(Normed, lr=0.1))


class Leaning(torch.optim.SGD):
    """Every number's step depends a billionth on all others."""

    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = parameter.grad + 1e-9 * parameter.grad.mean()
        return super().step(closure)


def test_one_that_looks_at_the_others_a_little_is_not_elementwise() -> None:
    assert not is_elementwise(partial(Leaning, lr=0.1))


def test_one_that_asks_for_more_than_gradients_is_not() -> None:
    assert not is_elementwise(partial(torch.optim.LBFGS, lr=0.1))


def drifting(parameters: Any, lr: float) -> torch.optim.Optimizer:
    """Goes a way that is the square of the rate."""
    return torch.optim.SGD(parameters, lr=lr * lr)


def test_one_whose_steps_grow_otherwise_than_the_rate_does_not_scale_with_it() -> None:
    assert not scales_with_rate(partial(drifting, lr=0.5))


def falling_short(parameters: Any, lr: float) -> torch.optim.Optimizer:
    """Goes a millionth less far than its rate says where that is 1."""
    return torch.optim.SGD(parameters, lr=lr * (1 - 1e-6 * lr))


def test_one_whose_steps_are_almost_proportional_to_the_rate_does_not_scale_with_it() -> None:
    assert not scales_with_rate(partial(falling_short, lr=0.5))
