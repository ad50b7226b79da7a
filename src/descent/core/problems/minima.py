"""The minima of a small problem, as far as they are known or can be found on a grid."""

import torch
from torch import Tensor

from descent.core.data.examples import Minibatch
from descent.core.problems.positions import losses_at
from descent.core.problems.problem import Problem
from descent.core.problems.surface import Surface

GRID = 2001
"""Points at which the loss of one parameter is computed."""
REACH = 0.05
"""The largest distance from a minimum at which a run at rest has reached it."""


def minima_of(problem: Problem, all_examples: Minibatch, low: float, high: float) -> Tensor:
    """The minima of the loss on a minibatch, (minima, components) in float64, the lowest first.

    Those that a surface names, else those of one parameter on a grid between `low` and `high`; else none.
    """
    if isinstance(problem, Surface) and problem.minima:
        minima = torch.tensor(problem.minima, dtype=torch.float64)
    elif problem.size() == 1:
        grid = torch.linspace(low, high, GRID, dtype=torch.float64)
        heights = losses_at(problem, all_examples, grid[:, None])
        inner = heights[1:-1]
        minima = grid[1:-1][(inner < heights[:-2]) & (inner <= heights[2:])][:, None]
    else:
        return torch.empty(0, problem.size(), dtype=torch.float64)
    return minima[losses_at(problem, all_examples, minima).argsort(stable=True)]
