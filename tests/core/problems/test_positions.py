from functools import partial

import pytest
import torch
from parabola import Parabola
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from descent.core.data.examples import Minibatch
from descent.core.problems import surfaces
from descent.core.problems.classification import Classification
from descent.core.problems.networks import perceptron
from descent.core.problems.noisy_polynomial import NoisyPolynomial
from descent.core.problems.positions import gradients_at, leading_plane, losses_at
from descent.core.problems.problem import AT_ONCE, Problem
from descent.core.problems.surface import Surface


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def small_network() -> Problem:
    torch.manual_seed(0)
    return Classification(perceptron([4, 5, 3], nn.Sigmoid, partial(nn.init.normal_, std=1.0))).double()


CASES: list[tuple[Problem, Minibatch]] = [
    (Parabola(), ()),
    (NoisyPolynomial(1.0, degree=3), (randn(10), randn(10, seed=1))),
    (small_network(), (randn(8, 4), torch.arange(8) % 3)),
]


@pytest.mark.parametrize(("problem", "minibatch"), CASES)
def test_losses_are_those_with_the_parameters_set_by_hand(problem: Problem, minibatch: Minibatch) -> None:
    positions = randn(6, problem.size(), seed=2)
    kept = parameters_to_vector(problem.parameters()).detach().clone()
    losses = losses_at(problem, minibatch, positions)
    assert torch.equal(parameters_to_vector(problem.parameters()), kept)
    try:
        expected = []
        for position in positions:
            vector_to_parameters(position, problem.parameters())
            expected.append(problem(*minibatch).item())
    finally:
        vector_to_parameters(kept, problem.parameters())
    torch.testing.assert_close(losses, torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=1e-12)
    assert not losses.requires_grad


@pytest.mark.parametrize(("problem", "minibatch"), CASES)
def test_gradients_are_those_by_backward_with_the_parameters_set_by_hand(
    problem: Problem, minibatch: Minibatch
) -> None:
    positions = randn(6, problem.size(), seed=2)
    kept = parameters_to_vector(problem.parameters()).detach().clone()
    gradients = gradients_at(problem, minibatch, positions)
    assert torch.equal(parameters_to_vector(problem.parameters()), kept)
    assert all(parameter.grad is None for parameter in problem.parameters())
    assert not gradients.requires_grad
    try:
        expected = []
        for position in positions:
            vector_to_parameters(position, problem.parameters())
            found = torch.autograd.grad(problem(*minibatch), list(problem.parameters()))
            expected.append(parameters_to_vector(found))
    finally:
        vector_to_parameters(kept, problem.parameters())
    torch.testing.assert_close(gradients, torch.stack(expected), rtol=1e-10, atol=1e-10)


def test_gradients_on_surfaces_are_those_in_closed_form() -> None:
    positions = randn(50, 2)
    x, y = positions.T
    bowl = gradients_at(Surface(surfaces.bowl, [1, 1]), (), positions)
    torch.testing.assert_close(bowl, 2 * positions)
    rosenbrock = gradients_at(Surface(surfaces.rosenbrock, [1, 1]), (), positions)
    closed = torch.stack([-400 * x * (y - x**2) - 2 * (1 - x), 200 * (y - x**2)], dim=1)
    torch.testing.assert_close(rosenbrock, closed)
    himmelblau = gradients_at(Surface(surfaces.himmelblau, [1, 1]), (), positions)
    first, second = x**2 + y - 11, x + y**2 - 7
    torch.testing.assert_close(himmelblau, torch.stack([4 * x * first + 2 * second, 2 * first + 4 * y * second], dim=1))


def test_the_directions_have_length_1_and_are_at_right_angles() -> None:
    plane = leading_plane(randn(20, 50))
    torch.testing.assert_close(plane.directions @ plane.directions.T, torch.eye(2, dtype=torch.float64))


def path_in_a_plane() -> Tensor:
    """A spiral in a plane of 30 dimensions that holds neither the origin nor an axis."""
    turn = torch.linspace(0, 5, 40, dtype=torch.float64)
    inwards = torch.stack([(6 - turn) * turn.cos(), (6 - turn) * turn.sin()], dim=1)
    return randn(30) + inwards @ randn(2, 30, seed=1)


def test_a_path_in_a_plane_is_found_again_exactly() -> None:
    visited = path_in_a_plane()
    plane = leading_plane(visited)
    assert plane.path.shape == (40, 2)
    torch.testing.assert_close(plane.origin + plane.path @ plane.directions, visited, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(plane.explained.sum(), torch.tensor(1.0, dtype=torch.float64))
    assert plane.explained[0] > plane.explained[1] > 0


def convolved() -> Problem:
    torch.manual_seed(0)
    return Classification(nn.Sequential(nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 3, (2, 2)), nn.Flatten())).double()


@pytest.mark.parametrize(("problem", "minibatch"), [CASES[-1], (convolved(), CASES[-1][1])])
def test_the_losses_on_a_plane_are_those_at_its_points(problem: Problem, minibatch: Minibatch) -> None:
    plane = leading_plane(randn(20, problem.size()))
    coordinates = randn(2 * AT_ONCE + 3, 2, seed=3)
    expected = losses_at(problem, minibatch, plane.origin + coordinates @ plane.directions)
    torch.testing.assert_close(plane.losses(problem, minibatch, coordinates), expected)


def test_the_path_ends_at_the_origin_of_the_plane() -> None:
    visited = randn(20, 50)
    plane = leading_plane(visited)
    assert torch.equal(plane.origin, visited[-1])
    assert torch.equal(plane.path[-1], torch.zeros(2, dtype=torch.float64))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("positions", "size"), [(3, 50), (20, 50), (50, 20), (60, 3)])
def test_the_start_lies_to_the_right_and_above(positions: int, size: int, seed: int) -> None:
    assert (leading_plane(randn(positions, size, seed=seed)).path[0] > 0).all()


def test_no_other_plane_through_the_end_is_nearer_to_the_path() -> None:
    visited = randn(20, 50)
    plane = leading_plane(visited)
    offsets = visited - visited[-1]
    assert plane.explained.sum().item() == pytest.approx((plane.path.square().sum() / offsets.square().sum()).item())
    for seed in range(1, 20):
        other, _ = torch.linalg.qr(plane.directions.T + 0.1 * randn(50, 2, seed=seed))
        assert (offsets @ other).square().sum() < plane.path.square().sum()


@pytest.mark.parametrize("positions", [1, 2])
def test_a_run_that_never_left_its_start_has_a_plane_too(positions: int) -> None:
    start = randn(30)
    plane = leading_plane(start.expand(positions, 30))
    torch.testing.assert_close(plane.directions @ plane.directions.T, torch.eye(2, dtype=torch.float64))
    assert torch.equal(plane.path, torch.zeros(positions, 2, dtype=torch.float64))
    assert torch.equal(plane.origin + plane.path @ plane.directions, start.expand(positions, 30))
    assert plane.explained.tolist() == [0, 0]


def test_a_run_that_went_far_in_float32_has_a_plane_too() -> None:
    visited = path_in_a_plane().float()
    near, far = leading_plane(visited), leading_plane(visited * 1e30)
    torch.testing.assert_close(far.explained, near.explained)
    torch.testing.assert_close(far.path / 1e30, near.path, rtol=1e-4, atol=1e-4)


def test_a_run_that_went_far_in_one_direction_has_a_plane_too() -> None:
    along = torch.linspace(1, 0, 9)
    far = leading_plane(torch.stack([1e30 * along, along.square(), torch.zeros(9)], dim=1))
    assert far.explained.tolist() == pytest.approx([1, 0])
