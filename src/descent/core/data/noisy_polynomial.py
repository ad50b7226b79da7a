"""Noisy points along a polynomial, as in source article 000, on stochastic gradient descent."""

from pathlib import Path

import numpy as np
from numpy.polynomial import Polynomial

from descent.core.data.points import Points, columns, read_rows


def fit(points: Points, degree: int) -> Polynomial:
    """The polynomial of a degree that is nearest to points in the sum of squares."""
    return Polynomial.fit(*points, degree)


def generate(polynomial: Polynomial, count: int, low: float, high: float, noise: float, seed: int) -> Points:
    """Points evenly spaced in x, from low to high, off the polynomial by normal noise in y.

    Args:
        polynomial: the curve they lie along.
        count: the number of points.
        low: the first x.
        high: the last x.
        noise: standard deviation.
        seed: of the noise; the same one gives the same points.

    Returns:
        x and y, float64, (count,) each.
    """
    x = np.linspace(low, high, count)
    return x, polynomial(x) + np.random.default_rng(seed).normal(0, noise, count)


def read_points(path: Path) -> Points:
    """The x and y of generated points, float64, (points,) each.

    Raises:
        UserError: for a file that is missing or holds something else than points.
    """
    return columns(read_rows(path, "`dvc repro noisy_polynomial` makes it"))
