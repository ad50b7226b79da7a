"""The networks that classify."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


def perceptron(
    sizes: Sequence[int],
    activation: Callable[[], nn.Module],
    weight: Callable[[Tensor], Tensor],
    output: Callable[[], nn.Module] = nn.Identity,
) -> nn.Sequential:
    """Fully connected layers in float32, their biases 0 at the start.

    Args:
        sizes: neurons of each layer, the input's first.
        activation: makes what follows every layer but the last.
        weight: draws the initial weights of a layer in place, (out, in).
        output: makes what follows the last layer.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        linear = nn.Linear(inputs, outputs)
        weight(linear.weight)
        nn.init.zeros_(linear.bias)
        layers += [linear, activation()]
    return nn.Sequential(*layers[:-1], output())


def given_linear(weights: Sequence[Sequence[float]]) -> nn.Linear:
    """One layer without biases, with weights that are given, (inputs, outputs); in float64, as they are published."""
    given = torch.tensor([list(row) for row in weights], dtype=torch.float64)
    inputs, outputs = given.shape
    layer = nn.Linear(inputs, outputs, bias=False, dtype=torch.float64)
    layer.weight = nn.Parameter(given.T.contiguous())
    return layer
