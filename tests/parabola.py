"""The smallest of problems."""

import torch
from torch import Tensor, nn

from descent.core.problems.problem import Problem


class Parabola(Problem):
    """x², in float64 and without data."""

    def __init__(self, start: float = 1.0) -> None:
        super().__init__()
        self.x = nn.Parameter(torch.tensor([start], dtype=torch.float64))

    def forward(self, *minibatch: Tensor) -> Tensor:
        return self.x.square().sum()
