"""The noisy points of a polynomial as examples to train on."""

import torch

from descent.core.data.control_points import read_control_points
from descent.core.data.examples import Data, Examples, unchanged
from descent.core.data.noisy_polynomial import fit, generate, read_points
from descent.project import project_root


def read_noisy_points(path: str) -> Data:
    """The points' x and y, (points,) each in float64; path is relative to the project."""
    file = project_root() / path
    x, y = (torch.from_numpy(column) for column in read_points(file))
    return Data(train=Examples((x, y), (unchanged, unchanged)), files=(file,))


def fresh_noisy_points(
    control_points: str, count: int, low: float, high: float, degree: int, noise: float, seed: int
) -> Data:
    """Points as `descent.core.data.noisy_polynomial.generate` makes them, along a polynomial through control points."""
    file = project_root() / control_points
    polynomial = fit(read_control_points(file, degree), degree)
    x, y = (torch.from_numpy(column) for column in generate(polynomial, count, low, high, noise, seed))
    return Data(train=Examples((x, y), (unchanged, unchanged)), files=(file,))
