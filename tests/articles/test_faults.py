"""Programs with the articles' faults give the published digits, and programs without them ours."""

import numpy as np
import pytest
import torch

from descent.articles import article_001, article_004
from descent.articles.faults import LOG_SHIFT, descend, descend_in_place, gradient_in_dtype_of
from descent.articles.published_value import same_digits
from descent.core.optim.gradients import CentralDifference
from descent.core.optim.steepest_descent import SteepestDescent
from descent.core.problems.surface import Surface
from descent.core.problems.surfaces import bowl

FROM_INTEGERS = {
    0.1: (["-6.35809854e-07", "-3.81434987e-07"], 3 * 0.8**100),
    1: (["-2499150084997", "-1499450054998"], 3.0),
    0.000001: (["2.97441101", "1.98460701"], 3 * (1 - 2e-6) ** 100),
}


def ours(start: tuple[float, float], lr: float) -> list[float]:
    """The end of a hundred steps of Descent."""
    surface = Surface(bowl, start)
    gradient, optimizer = CentralDifference(h=1e-4, max_parameters=2), SteepestDescent(surface.parameters(), lr=lr)
    for _ in range(100):
        gradient(surface, ())
        optimizer.step()
    return surface.position()


@pytest.mark.parametrize("lr", FROM_INTEGERS)
def test_integers_give_the_digits_of_article_001_and_floats_the_closed_form(lr: float) -> None:
    published, x = FROM_INTEGERS[lr]
    assert all(map(same_digits, published, article_001.integer_descent(lr)))
    in_floats = descend(article_001.bowl, np.array([3.0, 2.0]), lr, 100)
    assert not any(map(same_digits, published, in_floats))
    assert in_floats == pytest.approx([x, x * 2 / 3], rel=1e-6)
    assert ours((3, 2), lr) == pytest.approx(in_floats.tolist(), rel=1e-9)


def test_an_integer_start_makes_the_first_gradient_25000_and_15000() -> None:
    assert gradient_in_dtype_of(np.array([3, 2]), article_001.bowl).tolist() == [25000, 15000]
    assert gradient_in_dtype_of(np.array([3.0, 2.0]), article_001.bowl) == pytest.approx([6, 4])


def test_a_rate_of_1_on_a_parabola_steps_to_the_opposite_point() -> None:
    surface = Surface(bowl, (3.0, 2.0))
    optimizer = SteepestDescent(surface.parameters(), lr=1.0)
    for step in range(1, 1001):
        optimizer.zero_grad()
        loss: torch.Tensor = surface()
        loss.backward()
        optimizer.step()
        assert surface.position() == [3.0 * (-1) ** step, 2.0 * (-1) ** step]


@pytest.mark.parametrize(("lr", "factor"), [(0.1, 0.8), (0.5, 0.0), (0.9, -0.8), (1.01, -1.02), (10.0, -19.0)])
def test_a_step_on_a_parabola_multiplies_by_one_minus_twice_the_rate(lr: float, factor: float) -> None:
    surface = Surface(bowl, (3.0, 2.0))
    loss: torch.Tensor = surface()
    loss.backward()
    SteepestDescent(surface.parameters(), lr=lr).step()
    assert surface.position() == pytest.approx([3 * factor, 2 * factor], abs=1e-12)


def test_a_start_changed_in_place_gives_the_digits_of_article_004_and_one_left_alone_does_not() -> None:
    right, large, small = article_004.in_place_descents()
    assert all(map(same_digits, ["-6.11110793e-10", "8.14814391e-10"], right))
    for position in (large, small):
        assert all(map(same_digits, ["2.34235971e+12", "-3.96091057e+12"], position))
    assert ours((-3, 4), 0.1) == pytest.approx([-3 * 0.8**100, 4 * 0.8**100], rel=1e-8)
    assert ours((-3, 4), 1e-10) == pytest.approx([-3 * (1 - 2e-10) ** 100, 4 * (1 - 2e-10) ** 100], rel=1e-12)


def test_the_numerical_gradient_is_zero_far_out() -> None:
    far = np.array([2.34235971e12, -3.96091057e12])
    assert gradient_in_dtype_of(far.copy(), article_001.bowl).tolist() == [0, 0]
    assert descend_in_place(article_001.bowl, far.copy(), 10.0, 100).tolist() == far.tolist()


def test_a_shifted_logarithm_gives_the_loss_and_the_gradient_of_article_004() -> None:
    weights = np.array(article_004.W).flatten()
    loss = article_004.shifted_loss(weights)
    assert loss == pytest.approx(0.9113499186284006, abs=1e-8)
    share = np.exp(-loss) - LOG_SHIFT
    assert -np.log(share) == pytest.approx(0.91135017, abs=5e-9)
    gradient = gradient_in_dtype_of(weights, article_004.shifted_loss)
    published = ["0.22846974", "0.1303415", "-0.35881124", "0.34270461", "0.19551225", "-0.53821686"]
    assert all(map(same_digits, published, gradient))
