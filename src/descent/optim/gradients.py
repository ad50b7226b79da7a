"""Gradient estimators: each fills the parameters' `grad` for one minibatch and gives the loss there."""

import torch
from torch import Tensor

from descent.errors import UserError
from descent.problems.problem import Problem


def autograd(problem: Problem, minibatch: tuple[Tensor, ...]) -> Tensor:
    """The gradient by backpropagation."""
    loss: Tensor = problem(*minibatch)
    loss.backward()
    return loss.detach()


@torch.no_grad()
def central_difference(problem: Problem, minibatch: tuple[Tensor, ...], h: float, max_parameters: int) -> Tensor:
    """The gradient as (f(x + h) - f(x - h)) / 2h, one parameter after the other.

    Raises:
        UserError: where that would take more than `2 * max_parameters` evaluations a step.
    """
    if problem.size() > max_parameters:
        raise UserError(
            f"gradient=central_difference would evaluate this problem {2 * problem.size():,} times a step; "
            f"use gradient=autograd, or allow it with gradient.max_parameters={problem.size()}"
        )
    for parameter in problem.parameters():
        values, gradient = parameter.view(-1), torch.empty_like(parameter).view(-1)
        for index, value in enumerate(values.tolist()):
            values[index] = value + h
            above = problem(*minibatch)
            values[index] = value - h
            below = problem(*minibatch)
            values[index] = value
            gradient[index] = (above - below) / (2 * h)
        parameter.grad = gradient.view_as(parameter)
    loss: Tensor = problem(*minibatch)
    return loss
