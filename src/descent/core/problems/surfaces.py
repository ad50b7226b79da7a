"""Surfaces to descend on: heights over one or two coordinates, elementwise on tensors of any one shape.

A new one is a function here and a file in conf/problem that names it, its minima and what a picture of it shows.
Formulas and minima of the test surfaces are those of Surjanovic and Bingham, "Virtual Library of Simulation
Experiments: Test Functions and Datasets", 2013.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor


def parabola(x: Tensor) -> Tensor:
    """x² (source articles 002 and 003)."""
    return x**2


def cubic(x: Tensor) -> Tensor:
    """x³ - 0.75x + 1: a dip at 0.5, a crest at -0.5, and minus infinity beyond it (source article 003)."""
    return x**3 - 0.75 * x + 1


def bowl(x: Tensor, y: Tensor) -> Tensor:
    """x² + y² (source articles 001 and 004)."""
    return x**2 + y**2


def rosenbrock(x: Tensor, y: Tensor) -> Tensor:
    """A narrow, bent valley, flat along its floor."""
    return 100 * (y - x**2) ** 2 + (1 - x) ** 2


def himmelblau(x: Tensor, y: Tensor) -> Tensor:
    """Four minima, all equally deep."""
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def beale(x: Tensor, y: Tensor) -> Tensor:
    """A flat middle between steep corners."""
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def booth(x: Tensor, y: Tensor) -> Tensor:
    """A bowl that is stretched along a diagonal."""
    return (x + 2 * y - 7) ** 2 + (2 * x + y - 5) ** 2


def rastrigin(x: Tensor, y: Tensor) -> Tensor:
    """A bowl full of dips, one beside every pair of whole numbers."""
    return 20 + x**2 - 10 * torch.cos(2 * math.pi * x) + y**2 - 10 * torch.cos(2 * math.pi * y)


def ackley(x: Tensor, y: Tensor) -> Tensor:
    """A funnel in a rippled plain; its bottom is a kink, where it has no gradient."""
    distance = torch.sqrt((x**2 + y**2) / 2)
    ripples = (torch.cos(2 * math.pi * x) + torch.cos(2 * math.pi * y)) / 2
    return 20 + math.e - 20 * torch.exp(-0.2 * distance) - torch.exp(ripples)


def styblinski_tang(x: Tensor, y: Tensor) -> Tensor:
    """Four dips, one of them deepest."""
    return (x**4 - 16 * x**2 + 5 * x + y**4 - 16 * y**2 + 5 * y) / 2


def six_hump_camel(x: Tensor, y: Tensor) -> Tensor:
    """Six dips, two of them deepest, opposite each other."""
    return (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2


def chained_rosenbrock(*x: Tensor) -> Tensor:
    """Rosenbrock's valley in any number of coordinates from two on (Rosenbrock 1960; Dixon and Mills 1994)."""
    return sum((rosenbrock(first, second) for first, second in pairwise(x)), torch.zeros_like(x[0]))


def ellipsoid(*x: Tensor) -> Tensor:
    """A bowl whose curvatures rise evenly in their logarithm, from 1 to 100 times that of the first coordinate."""
    ratio = 100 ** (1 / max(1, len(x) - 1))
    return sum((ratio**place * value**2 for place, value in enumerate(x)), torch.zeros_like(x[0]))
