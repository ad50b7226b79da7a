"""Descent on a curve that every step sees differently: a polynomial fitted to a few of many noisy points."""

import torch
from torch import Tensor, nn

from descent.core.problems.problem import Problem
from descent.core.problems.starts import Start, start_at


def polynomial_fit(x: Tensor, y: Tensor, degree: int) -> Tensor:
    """Least-squares polynomial through points.

    Args:
        x: (points,), float64.
        y: (points,), float64.
        degree: below the number of points.

    Returns:
        (degree + 1,) coefficients, the constant first.
    """
    powers = x[:, None] ** torch.arange(degree + 1, device=x.device)
    # Columns of one length, as numpy.polyfit does: powers of 10 to the 6th would drown the others.
    length = powers.norm(dim=0)
    scaled: Tensor = torch.linalg.lstsq(powers / length, y[:, None]).solution[:, 0]
    return scaled.div(length)


class NoisyPolynomial(Problem):
    """The value at `x` of the polynomial fitted to the minibatch alone (source article 000).

    Its parameter `x`, (1,) in float64, moves down the slope of a curve that is another at every step, which
    may carry it out of a local minimum.
    """

    def __init__(self, start: Start, degree: int) -> None:
        super().__init__()
        self.degree = degree
        self.x = nn.Parameter(start_at(start, 1))

    def forward(self, *minibatch: Tensor) -> Tensor:
        """The height at `x` of the polynomial fitted to the points (x, y), each (points,) in float64."""
        x, y = minibatch
        coefficients = polynomial_fit(x, y, self.degree)
        height = torch.zeros_like(self.x)
        for coefficient in coefficients.flip(0):
            height = height * self.x + coefficient
        return height.squeeze()
