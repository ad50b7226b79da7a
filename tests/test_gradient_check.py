from collections.abc import Callable
from functools import partial

import pytest
import torch
from faults import Backward, a_percent_more, tampered_perceptron, the_other_way, without_its_largest
from parabola import Parabola
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector

from descent.data.examples import Minibatch
from descent.gradient_check import H, compare
from descent.optim.gradients import Autograd, CentralDifference
from descent.problems import surfaces
from descent.problems.classification import Classification
from descent.problems.networks import perceptron
from descent.problems.problem import Problem
from descent.problems.surface import Surface


def images(count: int = 20, seed: int = 0) -> Minibatch:
    drawn = torch.Generator().manual_seed(seed)
    return torch.rand(count, 8, generator=drawn), torch.randint(4, (count,), generator=drawn)


def network(activation: Callable[[], nn.Module], sizes: tuple[int, ...] = (8, 12, 4), seed: int = 0) -> Problem:
    torch.manual_seed(seed)
    return Classification(perceptron(sizes, activation, partial(nn.init.normal_, std=0.5)))


@pytest.mark.parametrize("activation", [nn.Sigmoid, nn.Tanh, nn.GELU, nn.Softplus])
def test_smooth_networks_agree_to_many_digits(activation: Callable[[], nn.Module]) -> None:
    comparisons = compare(network(activation), images())
    assert [comparison.parameter for comparison in comparisons] == [
        "network.0.weight", "network.0.bias", "network.2.weight", "network.2.bias",
    ]  # fmt: skip
    for comparison in comparisons:
        assert comparison.agrees
        assert comparison.largest_relative < 1e-7


@pytest.mark.parametrize(
    ("height", "start"),
    [
        (surfaces.cubic, 0.5),  # where the gradient is 0 and the third derivative is not
        (surfaces.bowl, [0.0, 0.0]),
        (surfaces.rosenbrock, [-1.2, 1.0]),
        (surfaces.himmelblau, [3.0, 2.0]),
        (surfaces.beale, [1.0, 1.0]),
        (surfaces.rastrigin, [2.2, -1.7]),
        (surfaces.ackley, [2.6, -1.8]),
        (surfaces.styblinski_tang, [0.5, 1.5]),
        (surfaces.six_hump_camel, [-1.8, 0.2]),
    ],
)  # fmt: skip
def test_surfaces_agree(height: Callable[..., Tensor], start: float | list[float]) -> None:
    (comparison,) = compare(Surface(height, start), ())
    assert comparison.agrees


def test_the_kinks_of_relu_are_no_fault_of_the_gradient() -> None:
    kinks = 0
    for seed in range(6):
        problem, minibatch = network(nn.ReLU, (8, 10, 10, 4), seed), images(300, seed)
        assert all(comparison.agrees for comparison in compare(problem, minibatch))
        kinks += off_on_sight(problem, minibatch)
    assert kinks > 10  # so that the test has seen some


def off_on_sight(problem: Problem, minibatch: Minibatch) -> int:
    """How many components a look with one step alone would call wrong, by 1e-4 of the largest."""
    problem.double()
    minibatch = (minibatch[0].double(), minibatch[1])
    estimates = []
    for estimate in (Autograd(), CentralDifference(H, max_parameters=problem.size())):
        problem.zero_grad()
        estimate(problem, minibatch)
        estimates.append([p.grad for p in problem.parameters() if p.grad is not None])
    return sum(int(((a - b).abs() > 1e-4 * a.abs().max()).sum()) for a, b in zip(*estimates, strict=True))


def test_a_start_that_stands_on_a_kink_is_no_fault_of_the_gradient() -> None:
    """Relus after biases of 0 see exactly 0 on a black image."""
    minibatch = (torch.zeros(5, 8), torch.arange(5) % 4)
    assert all(comparison.agrees for comparison in compare(network(nn.ReLU, (8, 12, 12, 4)), minibatch))


@pytest.mark.parametrize("fault", [a_percent_more, without_its_largest, the_other_way, torch.zeros_like])
@pytest.mark.parametrize("seed", range(3))
def test_a_wrong_gradient_is_found_where_it_is(fault: Backward, seed: int) -> None:
    torch.manual_seed(seed)
    comparisons = compare(Classification(tampered_perceptron((8, 12, 4), fault)), images(seed=seed))
    assert [comparison.parameter for comparison in comparisons if not comparison.agrees] == ["network.2.weight"]


def test_the_difference_of_a_wrong_gradient_is_how_wrong_it_is() -> None:
    torch.manual_seed(0)
    problem = Classification(tampered_perceptron((8, 12, 4), a_percent_more))
    _, _, tampered, _ = compare(problem, images())
    assert tampered.largest_relative == pytest.approx(1 - 1 / 1.01, rel=1e-3)


class Root(Problem):
    """The square root of x, whose gradient at 0 is infinite, and which is nan to the left of it."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.x = nn.Parameter(torch.tensor([start]))

    def forward(self, *minibatch: Tensor) -> Tensor:
        return self.x.sqrt().sum()


@pytest.mark.parametrize("start", [-1.0, 0.0, 1e-9])
def test_what_is_no_number_agrees_with_nothing(start: float) -> None:
    (comparison,) = compare(Root(start), ())
    assert not comparison.agrees


class Partly(Parabola):
    """x² with a parameter that it does not depend on, and one that is not to move."""

    def __init__(self) -> None:
        super().__init__()
        self.idle = nn.Parameter(torch.ones(2))
        self.fixed = nn.Parameter(torch.ones(3), requires_grad=False)


def test_the_gradient_of_what_the_loss_does_not_depend_on_is_0() -> None:
    x, idle = compare(Partly(), ())
    assert (x.parameter, x.backpropagation.tolist()) == ("x", [2])
    assert (idle.parameter, idle.backpropagation.tolist(), idle.difference.tolist()) == ("idle", [0, 0], [0, 0])
    assert x.agrees
    assert idle.agrees
    assert idle.largest_relative == 0


def test_the_problem_is_left_as_it_is() -> None:
    problem = network(nn.ReLU)
    before = parameters_to_vector(problem.parameters()).clone()
    compare(problem, images())
    after = parameters_to_vector(problem.parameters())
    assert after.dtype == torch.float32
    assert torch.equal(after, before)
    assert all(parameter.grad is None for parameter in problem.parameters())
