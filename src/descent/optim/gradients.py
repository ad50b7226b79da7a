"""Gradient estimators: called, each fills the parameters' `grad` for one minibatch and gives the loss there.

They are classes, not functions that a configuration binds: Hydra checks each call of what it bound, which takes as
long as the step.
"""

import torch
from torch import Tensor

from descent.errors import UserError
from descent.problems.problem import Problem


class Autograd:
    """The gradient by backpropagation."""

    def __call__(self, problem: Problem, minibatch: tuple[Tensor, ...]) -> Tensor:
        """Fill the gradients; the loss, a scalar."""
        loss: Tensor = problem(*minibatch)
        loss.backward()
        return loss.detach()


class CentralDifference:
    """The gradient as (f(x + h) - f(x - h)) / 2h, one parameter after the other.

    Args:
        h: the step.
        max_parameters: of the problem; each takes two evaluations of the loss.
    """

    def __init__(self, h: float, max_parameters: int) -> None:
        self.h, self.max_parameters = h, max_parameters

    @torch.no_grad()
    def __call__(self, problem: Problem, minibatch: tuple[Tensor, ...]) -> Tensor:
        """Fill the gradients; the loss, a scalar.

        Raises:
            UserError: for a problem of more than `max_parameters`.
        """
        if problem.size() > self.max_parameters:
            raise UserError(
                f"gradient=central_difference would evaluate this problem {2 * problem.size():,} times a step; "
                f"use gradient=autograd, or allow it with gradient.max_parameters={problem.size()}"
            )
        for parameter in problem.parameters():
            values, gradient = parameter.view(-1), torch.empty_like(parameter).view(-1)
            for index, value in enumerate(values.tolist()):
                values[index] = value + self.h
                above = problem(*minibatch)
                values[index] = value - self.h
                below = problem(*minibatch)
                values[index] = value
                gradient[index] = (above - below) / (2 * self.h)
            parameter.grad = gradient.view_as(parameter)
        loss: Tensor = problem(*minibatch)
        return loss
