import numpy as np
import pytest
import torch

from descent.core.problems.noisy_polynomial import NoisyPolynomial, polynomial_fit


def points(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    drawn = np.random.default_rng(seed)
    x = drawn.uniform(-10, 10, count)
    return torch.from_numpy(x), torch.from_numpy(drawn.normal(0, 3, count) + x**2)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("degree", [0, 1, 2, 6])
@pytest.mark.parametrize("count", [10, 100])
def test_the_fit_is_that_of_numpy(count: int, degree: int, seed: int) -> None:
    x, y = points(count, seed)
    expected = np.polyfit(x.numpy(), y.numpy(), degree)[::-1]
    np.testing.assert_allclose(polynomial_fit(x, y, degree).numpy(), expected, rtol=1e-9, atol=1e-9)


def test_as_many_points_as_coefficients_are_met_exactly() -> None:
    x, y = points(7, 0)
    fitted = np.polynomial.Polynomial(polynomial_fit(x, y, 6).numpy())
    np.testing.assert_allclose(fitted(x.numpy()), y.numpy(), rtol=1e-9)


@pytest.mark.parametrize("at", [-2.0, 0.0, 3.5])
def test_loss_and_gradient_are_height_and_slope_of_the_fitted_polynomial(at: float) -> None:
    x, y = points(10, 1)
    problem = NoisyPolynomial(at, degree=6)
    loss = problem(x, y)
    (slope,) = torch.autograd.grad(loss, problem.x)
    polynomial = np.polyfit(x.numpy(), y.numpy(), 6)
    np.testing.assert_allclose(loss.item(), np.polyval(polynomial, at), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(slope.item(), np.polyval(np.polyder(polynomial), at), rtol=1e-9, atol=1e-9)


def test_the_loss_is_a_scalar_and_all_is_float64() -> None:
    problem = NoisyPolynomial(-2.0, degree=6)
    loss = problem(*points(10, 2))
    assert (loss.shape, loss.dtype) == ((), torch.float64)
    assert (problem.x.shape, problem.x.dtype) == ((1,), torch.float64)
    assert problem.position() == [-2.0]


def test_degree_0_is_flat_at_the_mean() -> None:
    x, y = points(10, 3)
    problem = NoisyPolynomial(1.5, degree=0)
    loss = problem(x, y)
    torch.testing.assert_close(loss, y.mean())
    (slope,) = torch.autograd.grad(loss, problem.x)
    assert slope.item() == 0
