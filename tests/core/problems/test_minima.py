import math

import pytest
import torch
from torch import Tensor

from descent.core.problems import surfaces
from descent.core.problems.minima import minima_of
from descent.core.problems.noisy_polynomial import NoisyPolynomial
from descent.core.problems.surface import Surface


def test_a_surface_lists_its_minima_the_lowest_first() -> None:
    camel = Surface(surfaces.six_hump_camel, (0, 0), [(1.7036, -0.7961), (0.0898, -0.7126)])
    assert minima_of(camel, (), -3, 3).tolist() == [[0.0898, -0.7126], [1.7036, -0.7961]]


def test_the_minima_of_one_parameter_are_searched_where_none_are_listed() -> None:
    assert minima_of(Surface(surfaces.cubic, 1.0), (), -2, 2)[:, 0].tolist() == pytest.approx([0.5], abs=0.002)


def waves(x: Tensor) -> Tensor:
    return torch.cos(40 * x)


def test_they_are_seen_to_the_thousandth_of_half_the_width() -> None:
    expected = [math.pi * turn / 40 for turn in range(-25, 26, 2)]
    found = minima_of(Surface(waves, 1.0), (), -2, 2)[:, 0].sort().values
    assert found.tolist() == pytest.approx(expected, abs=0.001)


def terrace(x: Tensor) -> Tensor:
    """Falls to a level from -1 to 1, and rises from there."""
    return (x.abs() - 1).clamp_min(0)


def test_a_level_floor_is_one_minimum() -> None:
    assert minima_of(Surface(terrace, 1.0), (), -2, 2)[:, 0].tolist() == pytest.approx([-1], abs=0.001)


def test_the_minima_of_a_fitted_curve_are_those_of_the_polynomial_through_its_points() -> None:
    x = torch.linspace(-3, 3, 40, dtype=torch.float64)
    y = (x**2 - 4) ** 2 + x  # its minima at the negative and the positive root of 4x³ - 16x + 1
    found = minima_of(NoisyPolynomial(0.0, degree=4), (x, y), -3, 3)
    assert found[:, 0].tolist() == pytest.approx([-2.0308, 1.9679], abs=0.003)


def test_a_surface_of_two_coordinates_that_lists_no_minima_has_none() -> None:
    assert minima_of(Surface(surfaces.bowl, (1, 1)), (), -2, 2).shape == (0, 2)
