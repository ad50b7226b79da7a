import pytest
import torch

from descent.problems import surfaces
from descent.problems.minima import minima_of
from descent.problems.noisy_polynomial import NoisyPolynomial
from descent.problems.surface import Surface


def test_a_surface_tells_its_minima_the_lowest_first() -> None:
    camel = Surface(surfaces.six_hump_camel, (0, 0), [(1.7036, -0.7961), (0.0898, -0.7126)])
    assert minima_of(camel, (), -3, 3).tolist() == [[0.0898, -0.7126], [1.7036, -0.7961]]


def test_the_minima_of_one_parameter_are_seen_where_none_are_told() -> None:
    assert minima_of(Surface(surfaces.cubic, 1.0), (), -2, 2)[:, 0].tolist() == pytest.approx([0.5], abs=0.002)


def test_the_minima_of_a_fitted_curve_are_those_of_the_polynomial_through_its_points() -> None:
    x = torch.linspace(-3, 3, 40, dtype=torch.float64)
    y = (x**2 - 4) ** 2 + x  # its minima at the negative and the positive root of 4x³ - 16x + 1
    found = minima_of(NoisyPolynomial(0.0, degree=4), (x, y), -3, 3)
    assert found[:, 0].tolist() == pytest.approx([-2.0308, 1.9679], abs=0.003)


def test_of_a_surface_of_two_coordinates_that_tells_none_none_are_known() -> None:
    assert minima_of(Surface(surfaces.bowl, (1, 1)), (), -2, 2).shape == (0, 2)
