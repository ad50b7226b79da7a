"""Gradient estimators: each, when called, fills the parameters' `grad` for one minibatch and returns its loss.

They are classes, not partial functions, since Hydra checks each call of a partial, which takes as long as the step.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product

import torch
from torch import Tensor

from descent.core.problems.problem import Problem
from descent.errors import UserError

GradientEstimator = Callable[[Problem, tuple[Tensor, ...]], Tensor]


class Autograd:
    """The gradient by backpropagation.

    Args:
        create_graph: whether the gradient can be differentiated in turn, as optimizers of second order do.
    """

    def __init__(self, *, create_graph: bool = False) -> None:
        self.create_graph = create_graph

    def __call__(self, problem: Problem, minibatch: tuple[Tensor, ...]) -> Tensor:
        """Fill the gradients; the loss, a scalar."""
        loss: Tensor = problem(*minibatch)
        if self.create_graph:
            # As `backward(create_graph=True)`, which warns of the cycle that parameters and gradients then are.
            parameters = [parameter for parameter in problem.parameters() if parameter.requires_grad]
            gradients = torch.autograd.grad(loss, parameters, create_graph=True, allow_unused=True)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
        else:
            loss.backward()
        return loss.detach()


class Accumulated:
    """The mean gradient of a minibatch's parts, each computed by itself: in the memory that a part takes.

    Args:
        estimator: computes the gradient of a part.
        size: the number of examples of a part.
    """

    def __init__(self, estimator: GradientEstimator, size: int) -> None:
        self.estimator, self.size = estimator, size

    def __call__(self, problem: Problem, minibatch: tuple[Tensor, ...]) -> Tensor:
        """Fill the gradients; the mean loss, a scalar."""
        loss, gradients = mean_of((share, *self._of_part(problem, part)) for share, part in parts(minibatch, self.size))
        for name, gradient in gradients.items():
            problem.get_parameter(name).grad = gradient
        return loss

    def _of_part(self, problem: Problem, part: tuple[Tensor, ...]) -> tuple[Tensor, dict[str, Tensor]]:
        problem.zero_grad()
        loss = self.estimator(problem, part)
        parameters = problem.named_parameters()
        return loss, {name: parameter.grad for name, parameter in parameters if parameter.grad is not None}


def mean_of(each: Iterable[tuple[float, Tensor, Mapping[str, Tensor]]]) -> tuple[Tensor, dict[str, Tensor]]:
    """The means of losses and of gradients, by the parameters' names, of parts with their shares of the examples."""
    losses: list[Tensor] = []
    sums: dict[str, Tensor] = {}
    for share, loss, gradients in each:
        losses.append(share * loss)
        for name, gradient in gradients.items():
            sums[name] = sums[name] + share * gradient if name in sums else share * gradient
    return torch.stack(losses).sum(dim=0), sums


def parts(minibatch: tuple[Tensor, ...], size: int, dim: int = 0) -> Iterator[tuple[float, tuple[Tensor, ...]]]:
    """A minibatch in parts of `size` examples, the last of what is left; each with its share of the examples.

    Args:
        minibatch: one tensor for each column.
        size: the number of examples of a part.
        dim: the dimension of the examples.
    """
    count = minibatch[0].shape[dim]
    for part in zip(*(column.split(size, dim) for column in minibatch), strict=True):
        yield part[0].shape[dim] / count, part


def norms_of(gradients: Mapping[str, Tensor]) -> Tensor:
    """The norms of the gradients of several runs, (runs, ...) by parameter, to (runs,)."""
    each = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients.values()])
    total: Tensor = each.norm(dim=0)
    return total


def clipped(gradients: Mapping[str, Tensor], norms: Tensor, largest: float) -> dict[str, Tensor]:
    """The same gradients, those of larger norms scaled down as PyTorch's `clip_grad_norm_` scales them."""
    shares = (largest / (norms + 1e-6)).clamp(max=1)
    return {name: shares.view(-1, *[1] * (gradient.ndim - 1)) * gradient for name, gradient in gradients.items()}


class CentralDifference:
    """The gradient as (f(x + h) - f(x - h)) / 2h, one parameter after the other.

    Args:
        h: the step.
        max_parameters: of the problem; each takes two evaluations of the loss.

    Raises:
        UserError: for a step that is not above 0.
    """

    def __init__(self, h: float, max_parameters: int) -> None:
        if not 0 < h < math.inf:
            raise UserError(f"gradient.h={h}: choose a number above 0, for example gradient.h=1e-4")
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
            if parameter.requires_grad:
                gradient = torch.empty_like(parameter)
                indices = product(*map(range, parameter.shape))
                for index, value in zip(indices, parameter.flatten().tolist(), strict=True):
                    above, below = losses_beside(problem, minibatch, parameter, index, value, self.h)
                    gradient[index] = (above - below) / (2 * self.h)
                parameter.grad = gradient
        loss: Tensor = problem(*minibatch)
        return loss


def losses_beside(
    problem: Problem, minibatch: tuple[Tensor, ...], parameter: Tensor, index: tuple[int, ...], value: float, h: float
) -> tuple[Tensor, Tensor]:
    """The losses with one component of a parameter, of that value, moved by h, up and down.

    The parameter is restored, even after an error.
    """
    try:
        parameter[index] = value + h
        above = problem(*minibatch)
        parameter[index] = value - h
        return above, problem(*minibatch)
    finally:
        parameter[index] = value
