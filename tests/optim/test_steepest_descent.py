from typing import Any

import pytest
import torch
from parabola import Parabola
from torch import Tensor, nn

from descent.optim.gradients import Autograd
from descent.optim.steepest_descent import SteepestDescent
from descent.problems.classification import Classification
from descent.problems.networks import perceptron


def position(x: float) -> nn.Parameter:
    return nn.Parameter(torch.tensor([x], dtype=torch.float64))


@pytest.mark.parametrize("lr", [0.0, 0.01, 0.1, 0.5, 0.9, 1.1])
def test_on_x_squared_every_step_multiplies_by_1_minus_twice_the_learning_rate(lr: float) -> None:
    problem = Parabola(1.0)
    optimizer = SteepestDescent(problem.parameters(), lr=lr)
    for step in range(1, 51):
        optimizer.zero_grad()
        Autograd()(problem, ())
        optimizer.step()
        assert problem.x.item() == pytest.approx((1 - 2 * lr) ** step, rel=1e-12, abs=1e-300)


def test_it_is_sgd_without_momentum() -> None:
    inputs = torch.rand(16, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(16) % 3
    ends = []
    for optimizer_class in (SteepestDescent, torch.optim.SGD):
        torch.manual_seed(0)
        problem = Classification(perceptron([4, 5, 3], nn.Sigmoid, nn.init.normal_))
        optimizer = optimizer_class(problem.parameters(), lr=0.5)
        for _ in range(20):
            optimizer.zero_grad()
            Autograd()(problem, (inputs, labels))
            optimizer.step()
        ends.append(problem.position())
    assert ends[0] == ends[1]


def test_a_closure_is_evaluated_with_gradients_and_its_loss_returned() -> None:
    problem = Parabola(1.0)
    optimizer = SteepestDescent(problem.parameters(), lr=0.1)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = problem()
        loss.backward()
        return loss

    with torch.no_grad():
        losses = [optimizer.step(closure) for _ in range(50)]
    expected = [0.8 ** (2 * step) for step in range(50)]
    assert [loss.item() for loss in losses if loss is not None] == pytest.approx(expected, rel=1e-12)
    assert problem.x.item() == pytest.approx(0.8**50, rel=1e-12)


def test_without_a_closure_there_is_no_loss() -> None:
    assert SteepestDescent([position(1.0)], lr=0.1).step() is None


def test_maximize_climbs() -> None:
    problem = Parabola(1.0)
    optimizer = SteepestDescent(problem.parameters(), lr=0.1, maximize=True)
    for _ in range(10):
        optimizer.zero_grad()
        Autograd()(problem, ())
        optimizer.step()
    assert problem.x.item() == pytest.approx(1.2**10, rel=1e-12)


def test_each_group_descends_at_its_own_learning_rate() -> None:
    slow, fast = position(1.0), position(1.0)
    groups: list[dict[str, Any]] = [{"params": [slow]}, {"params": [fast], "lr": 0.25}]
    optimizer = SteepestDescent(groups, lr=0.1)
    (slow + fast).sum().backward()
    optimizer.step()
    assert (slow.item(), fast.item()) == (0.9, 0.75)


def test_a_parameter_without_a_gradient_stays() -> None:
    moved, left = position(1.0), position(1.0)
    optimizer = SteepestDescent([moved, left], lr=0.1)
    moved.sum().backward()
    optimizer.step()
    assert (moved.item(), left.item()) == (0.9, 1.0)


def test_its_state_brings_back_the_settings() -> None:
    state = SteepestDescent([position(1.0)], lr=0.125, maximize=True).state_dict()
    x = position(1.0)
    optimizer = SteepestDescent([x], lr=0.5)
    optimizer.load_state_dict(state)
    assert optimizer.state_dict() == state
    x.sum().backward()
    optimizer.step()
    assert x.item() == 1.125


@pytest.mark.parametrize("lr", [-0.1, -1e-300, float("nan")])
def test_a_learning_rate_that_is_no_number_from_0_is_refused(lr: float) -> None:
    with pytest.raises(ValueError, match="learning rate"):
        SteepestDescent([position(1.0)], lr=lr)
