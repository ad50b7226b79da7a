from functools import partial

import pytest
import torch
from parabola import Parabola
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector

from descent.core.data.examples import Minibatch
from descent.core.optim.gradients import Autograd, CentralDifference
from descent.core.problems.classification import Classification
from descent.core.problems.networks import perceptron
from descent.core.problems.noisy_polynomial import NoisyPolynomial
from descent.core.problems.positions import losses_at
from descent.core.problems.problem import Problem
from descent.errors import UserError

H = 1e-4


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def small_network() -> Problem:
    torch.manual_seed(0)
    return Classification(perceptron([4, 5, 3], nn.Sigmoid, partial(nn.init.normal_, std=1.0))).double()


CASES: list[tuple[Problem, Minibatch]] = [
    (Parabola(3.0), ()),
    (NoisyPolynomial(1.0, degree=6), (randn(10), randn(10, seed=1))),
    (small_network(), (randn(8, 4), torch.arange(8) % 3)),
]


def gradient(problem: Problem) -> Tensor:
    return torch.cat([p.grad.flatten() for p in problem.parameters() if p.grad is not None])


def third_derivatives(problem: Problem, minibatch: Minibatch) -> Tensor:
    """The third derivative of the loss in each parameter alone, itself from differences."""
    h = 1e-3
    here = parameters_to_vector(problem.parameters()).detach()
    steps = h * torch.eye(len(here), dtype=torch.float64)
    far, near = (
        losses_at(problem, minibatch, here + k * steps) - losses_at(problem, minibatch, here - k * steps)
        for k in (2, 1)
    )
    return (far - 2 * near) / (2 * h**3)


@pytest.mark.parametrize(("problem", "minibatch"), CASES)
def test_central_difference_is_the_gradient_but_for_h_squared(problem: Problem, minibatch: Minibatch) -> None:
    loss = Autograd()(problem, minibatch)
    exact = gradient(problem)
    problem.zero_grad()
    assert torch.equal(CentralDifference(h=H, max_parameters=100)(problem, minibatch), loss)
    # f'''·h²/6 is what the series leaves; the rest is the rounding of the two losses to float64.
    rounding = 100 * torch.finfo(torch.float64).eps * max(1.0, abs(loss.item())) / H
    bound = 1.1 * third_derivatives(problem, minibatch).abs() * H**2 / 6 + rounding
    assert ((gradient(problem) - exact).abs() <= bound).all()


@pytest.mark.parametrize("h", [0.5, 0.25])
def test_the_error_of_central_difference_is_h_squared_on_a_cubic(h: float) -> None:
    x = torch.linspace(-2, 2, 4, dtype=torch.float64)
    problem = NoisyPolynomial(0.5, degree=3)
    CentralDifference(h=h, max_parameters=1)(problem, (x, x**3))
    torch.testing.assert_close(gradient(problem), torch.tensor([3 * 0.5**2 + h**2], dtype=torch.float64))


@pytest.mark.parametrize(("problem", "minibatch"), CASES)
def test_central_difference_puts_every_parameter_back_to_the_last_bit(problem: Problem, minibatch: Minibatch) -> None:
    for h in (H, 0.1, 1 / 3):
        before = parameters_to_vector(problem.parameters()).detach().clone()
        CentralDifference(h=h, max_parameters=100)(problem, minibatch)
        assert torch.equal(parameters_to_vector(problem.parameters()), before)


def test_central_difference_restores_float32_and_gives_gradients_like_the_parameters() -> None:
    problem = small_network().float()
    before = parameters_to_vector(problem.parameters()).detach().clone()
    CentralDifference(h=H, max_parameters=100)(problem, (randn(8, 4).float(), torch.arange(8) % 3))
    assert torch.equal(parameters_to_vector(problem.parameters()), before)
    for parameter in problem.parameters():
        assert parameter.grad is not None
        assert (parameter.grad.shape, parameter.grad.dtype) == (parameter.shape, torch.float32)


def test_central_difference_is_refused_on_a_large_problem_in_one_line() -> None:
    problem = small_network()
    size = problem.size()
    minibatch = (randn(8, 4), torch.arange(8) % 3)
    CentralDifference(h=H, max_parameters=size)(problem, minibatch)
    with pytest.raises(UserError, match=f"gradient.max_parameters={size}$") as caught:
        CentralDifference(h=H, max_parameters=size - 1)(problem, minibatch)
    assert "\n" not in str(caught.value)


class Awkward(Problem):
    """Parameters that are transposed, a part of a larger tensor, a scalar, and one that is not to move.

    It fails at its `fails_at`th evaluation.
    """

    def __init__(self, fails_at: int = -1) -> None:
        super().__init__()
        self.transposed = nn.Parameter(randn(3, 4).T)
        self.part = nn.Parameter(randn(4, 6, seed=1)[:, ::2])
        self.scalar = nn.Parameter(torch.tensor(0.3, dtype=torch.float64))
        self.fixed = nn.Parameter(randn(3, seed=2), requires_grad=False)
        self.evaluations, self.fails_at = 0, fails_at

    def forward(self, *minibatch: Tensor) -> Tensor:
        self.evaluations += 1
        if self.evaluations == self.fails_at:
            raise ValueError("failed")
        return (self.scalar * self.transposed * self.part * self.fixed).sin().sum()


def test_parameters_may_lie_in_memory_as_they_like() -> None:
    problem = Awkward()
    assert not problem.transposed.is_contiguous()
    Autograd()(problem, ())
    exact = gradient(problem)
    problem.zero_grad()
    CentralDifference(h=H, max_parameters=100)(problem, ())
    torch.testing.assert_close(gradient(problem), exact, rtol=0, atol=1e-7)
    # With autograd's strides: torch's fused SGD is wrong where a gradient and its parameter have different strides.
    assert problem.transposed.grad is not None
    assert problem.transposed.grad.stride() == problem.transposed.stride()


def test_a_parameter_that_is_not_to_move_gets_no_gradient() -> None:
    for estimate in (Autograd(), CentralDifference(h=H, max_parameters=100)):
        problem = Awkward()
        estimate(problem, ())
        assert problem.fixed.grad is None


@pytest.mark.parametrize("fails_at", [*range(1, 52)])
def test_a_problem_that_fails_on_the_way_has_its_parameters_back_to_the_last_bit(fails_at: int) -> None:
    problem = Awkward(fails_at)
    before = [parameter.detach().clone() for parameter in problem.parameters()]
    with pytest.raises(ValueError, match="failed"):
        CentralDifference(h=1 / 3, max_parameters=100)(problem, ())
    assert all(map(torch.equal, problem.parameters(), before))


@pytest.mark.parametrize("h", [0.0, -1e-4, float("nan"), float("inf")])
def test_a_step_that_is_none_is_refused_in_one_line(h: float) -> None:
    with pytest.raises(UserError, match=r"^gradient\.h=.*: choose a number above 0, for example gradient\.h=1e-4$"):
        CentralDifference(h=h, max_parameters=1)


def test_autograd_fills_the_gradients_and_gives_the_loss_alone() -> None:
    problem = Parabola(3.0)
    loss = Autograd()(problem, ())
    assert loss.item() == 9
    assert not loss.requires_grad
    assert gradient(problem).tolist() == [6]
