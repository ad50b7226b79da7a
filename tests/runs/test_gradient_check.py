import sys
from collections.abc import Callable
from functools import partial

import pytest
import torch
from conftest import Composed
from faults import Backward, Tampered, a_percent_more, tampered_perceptron, the_other_way, without_its_largest
from parabola import Parabola
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector

from descent.core.data.examples import Minibatch
from descent.core.optim.gradients import Autograd, CentralDifference
from descent.core.problems import surfaces
from descent.core.problems.classification import Classification
from descent.core.problems.networks import perceptron
from descent.core.problems.problem import Problem
from descent.core.problems.surface import Surface
from descent.runs.gradient_check import SHARE, GradientComparison, H, check_gradient, compare_gradients


def images(count: int = 20, seed: int = 0) -> Minibatch:
    drawn = torch.Generator().manual_seed(seed)
    return torch.rand(count, 8, generator=drawn), torch.randint(4, (count,), generator=drawn)


def network(activation: Callable[[], nn.Module], sizes: tuple[int, ...] = (8, 12, 4), seed: int = 0) -> Problem:
    torch.manual_seed(seed)
    return Classification(perceptron(sizes, activation, partial(nn.init.normal_, std=0.5)))


@pytest.mark.parametrize("activation", [nn.Sigmoid, nn.Tanh, nn.GELU, nn.Softplus])
def test_smooth_networks_agree_to_many_digits(activation: Callable[[], nn.Module]) -> None:
    comparisons = compare_gradients(network(activation), images())
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
    (comparison,) = compare_gradients(Surface(height, start), ())
    assert comparison.agrees


def test_the_kinks_of_relu_are_no_fault_of_the_gradient() -> None:
    kinks = 0
    for seed in range(6):
        problem, minibatch = network(nn.ReLU, (8, 10, 10, 4), seed), images(300, seed)
        assert all(comparison.agrees for comparison in compare_gradients(problem, minibatch))
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


def test_a_start_on_a_kink_is_no_fault_of_the_gradient() -> None:
    """Relus after biases of 0 see exactly 0 on a black image."""
    minibatch = (torch.zeros(5, 8), torch.arange(5) % 4)
    assert all(comparison.agrees for comparison in compare_gradients(network(nn.ReLU, (8, 12, 12, 4)), minibatch))


@pytest.mark.parametrize("fault", [a_percent_more, without_its_largest, the_other_way, torch.zeros_like])
@pytest.mark.parametrize("seed", range(3))
def test_a_wrong_gradient_is_found_where_it_is(fault: Backward, seed: int) -> None:
    torch.manual_seed(seed)
    comparisons = compare_gradients(Classification(tampered_perceptron((8, 12, 4), fault)), images(seed=seed))
    assert [comparison.parameter for comparison in comparisons if not comparison.agrees] == ["network.2.weight"]


def test_the_difference_of_a_wrong_gradient_is_how_wrong_it_is() -> None:
    torch.manual_seed(0)
    problem = Classification(tampered_perceptron((8, 12, 4), a_percent_more))
    _, _, tampered, _ = compare_gradients(problem, images())
    assert tampered.largest_relative == pytest.approx(1 - 1 / 1.01, rel=1e-3)


class Linear(Problem):
    """A height and slopes from it, whose backpropagation is off by some amounts."""

    def __init__(self, slopes: Tensor, faults: Tensor, height: float = 0.0) -> None:
        super().__init__()
        self.x = nn.Parameter(torch.zeros(len(slopes), dtype=torch.float64))
        self.slopes, self.faults, self.height = slopes, faults, height

    def forward(self, *minibatch: Tensor) -> Tensor:
        x: Tensor = Tampered.apply(self.x, lambda gradient: gradient + self.faults)
        return self.height + (self.slopes * x).sum()


class Bent(Parabola):
    """x², whose backpropagation is off by a part of it."""

    def __init__(self, fault: float) -> None:
        super().__init__()
        self.fault = fault

    def forward(self, *minibatch: Tensor) -> Tensor:
        x: Tensor = Tampered.apply(self.x, lambda gradient: gradient * (1 + self.fault))
        return x.square().sum()


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_a_component_may_be_off_by_a_hundred_thousandth_of_the_largest(scale: float) -> None:
    slopes = scale * torch.tensor([0.001, 1.0, 0.0], dtype=torch.float64)
    for fault, agrees in ((0.9e-5, True), (1.1e-5, False)):
        (comparison,) = compare_gradients(Linear(slopes, scale * torch.tensor([fault, 0.0, 0.0])), ())
        assert comparison.agrees == agrees
        assert comparison.largest == scale


def test_that_holds_where_the_slope_changes() -> None:
    for fault, agrees in ((0.9e-5, True), (1.1e-5, False)):
        (comparison,) = compare_gradients(Bent(fault), ())
        assert comparison.agrees == agrees


def test_of_many_components_the_wrong_ones_are_found() -> None:
    """They are shared out among threads."""
    slopes = torch.rand(2 * SHARE + 50, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    faults = torch.zeros_like(slopes)
    wrong = torch.tensor([20, 237])
    slopes[wrong], faults[wrong] = torch.tensor([[0.1, 0.9], [0.5, -0.5]], dtype=torch.float64)
    (comparison,) = compare_gradients(Linear(slopes, faults), ())
    assert comparison.disagreeing.nonzero().tolist() == [[20], [237]]
    torch.testing.assert_close(comparison.backpropagation, slopes + faults)
    torch.testing.assert_close(comparison.difference, slopes, rtol=0, atol=1e-8)


class Rounded(Problem):
    """A height that hundreds of operations leave as it is, but for their rounding, less a part of it."""

    def __init__(self, height: float, less: float) -> None:
        super().__init__()
        self.height, self.less = height, less
        self.factors = torch.rand(300, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.5
        self.x = nn.Parameter(torch.ones(30, dtype=torch.float64))

    def forward(self, *minibatch: Tensor) -> Tensor:
        height = torch.tensor(self.height, dtype=torch.float64)
        for x, factor in zip(self.x.repeat(10), self.factors, strict=True):
            height = height * (factor + 1e-12 * x) / factor
        return height - self.less


@pytest.mark.parametrize(("height", "less"), [(1000.0, 0.0), (1.0, 0.0), (1.0, 1.0)])
def test_what_rounding_makes_of_the_loss_is_no_fault_of_the_gradient(height: float, less: float) -> None:
    (comparison,) = compare_gradients(Rounded(height, less), ())
    assert comparison.agrees
    assert comparison.largest_relative > 0.1  # so that the test has seen some


@pytest.mark.parametrize("height", [1.0, 1e6])
def test_a_fault_beyond_what_rounding_can_make_is_found(height: float) -> None:
    """That is ten roundings of the loss at first sight, and from a hundred times as near a hundred times as much."""
    most = 10 * sys.float_info.epsilon * height / H * (1 + 100)
    for share, agrees in ((0.8, True), (1.2, False)):
        fault = torch.full((1,), share * most, dtype=torch.float64)
        (comparison,) = compare_gradients(Linear(torch.zeros_like(fault), fault, height), ())
        assert comparison.agrees == agrees


def test_a_gradient_that_is_missing_is_off_by_all_of_it() -> None:
    slopes = torch.tensor([0.5, -2.0], dtype=torch.float64)
    (comparison,) = compare_gradients(Linear(slopes, -slopes), ())
    assert (comparison.largest, comparison.largest_relative) == pytest.approx((2, 1))


@pytest.mark.parametrize(("overrides", "h"), [((), 1e-4), (("gradient=central_difference", "gradient.h=1e-3"), 1e-3)])
def test_the_difference_is_of_losses_at_the_step_that_the_experiment_has(
    composed: Composed, overrides: tuple[str, ...], h: float
) -> None:
    """A central difference of x³ is off by the square of its step."""
    (comparison,), _ = check_gradient(composed("problem=cubic", "trainer.max_steps=1", *overrides))
    assert comparison.largest_absolute == pytest.approx(h**2, rel=1e-2)


class Root(Problem):
    """The square root of x, whose gradient at 0 is infinite, and which is nan to the left of it."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.x = nn.Parameter(torch.tensor([start]))

    def forward(self, *minibatch: Tensor) -> Tensor:
        return self.x.sqrt().sum()


@pytest.mark.parametrize("start", [-1.0, 0.0, 1e-9])
def test_what_is_no_number_agrees_with_nothing(start: float) -> None:
    (comparison,) = compare_gradients(Root(start), ())
    assert not comparison.agrees


class Partly(Parabola):
    """x² with a parameter that it does not depend on, and one that is not to move."""

    def __init__(self) -> None:
        super().__init__()
        self.idle = nn.Parameter(torch.ones(2))
        self.fixed = nn.Parameter(torch.ones(3), requires_grad=False)


def test_the_gradient_of_what_the_loss_does_not_depend_on_is_0() -> None:
    x, idle = compare_gradients(Partly(), ())
    assert (x.parameter, x.backpropagation.tolist()) == ("x", [2])
    assert (idle.parameter, idle.backpropagation.tolist(), idle.difference.tolist()) == ("idle", [0, 0], [0, 0])
    assert x.agrees
    assert idle.agrees
    assert idle.largest_relative == 0


def test_the_problem_is_left_as_it_is() -> None:
    problem = network(nn.ReLU)
    before = parameters_to_vector(problem.parameters()).clone()
    compare_gradients(problem, images())
    after = parameters_to_vector(problem.parameters())
    assert after.dtype == torch.float32
    assert torch.equal(after, before)
    assert all(parameter.grad is None for parameter in problem.parameters())


def test_a_loss_of_0_everywhere_has_a_gradient_that_agrees() -> None:
    nothing = torch.zeros(3, dtype=torch.float64)
    assert GradientComparison("weight", nothing, nothing, rounding=0.0).agrees
