"""Networks whose backpropagation is wrong, and whose losses are right."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from descent.core.problems.networks import perceptron

Backward = Callable[[Tensor], Tensor]


class Tampered(torch.autograd.Function):
    """A tensor as it is; what comes back is passed on as something else."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, backward: Backward) -> Tensor:
        ctx.wrong = backward
        return tensor.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return ctx.wrong(gradient), None


class TamperedLinear(nn.Linear):
    """A linear layer with a wrong gradient of its weight, and a right one of its bias."""

    def __init__(self, inputs: int, outputs: int, backward: Backward) -> None:
        super().__init__(inputs, outputs)
        self.wrong = backward

    def forward(self, inputs: Tensor) -> Tensor:
        return F.linear(inputs, Tampered.apply(self.weight, self.wrong), self.bias)


def a_percent_more(gradient: Tensor) -> Tensor:
    return 1.01 * gradient


def without_its_largest(gradient: Tensor) -> Tensor:
    return gradient * (gradient.abs() < gradient.abs().max())


def the_other_way(gradient: Tensor) -> Tensor:
    return -gradient


def tampered_perceptron(sizes: Sequence[int], backward: Backward = a_percent_more) -> nn.Sequential:
    """A network of relus whose third module is a tampered layer."""
    network = perceptron(sizes, nn.ReLU, partial(nn.init.normal_, std=0.3))
    network[2] = TamperedLinear(sizes[1], sizes[2], backward)
    return network
