from typing import Any

import pytest
import torch
from parabola import Parabola
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR

from descent.core.optim.gradients import Autograd
from descent.core.optim.steepest_descent import SteepestDescent
from descent.core.problems.classification import Classification
from descent.core.problems.networks import perceptron


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


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_is_sgd_without_momentum_to_the_last_bit(dtype: torch.dtype, maximize: bool) -> None:
    inputs = torch.rand(16, 4, generator=torch.Generator().manual_seed(0)).to(dtype)
    labels = torch.arange(16) % 3
    ends = []
    for optimizer_class in (SteepestDescent, torch.optim.SGD):
        torch.manual_seed(0)
        problem = Classification(perceptron([4, 5, 3], nn.Sigmoid, nn.init.normal_)).to(dtype)
        first, *others = problem.parameters()
        groups: list[dict[str, Any]] = [{"params": [first], "lr": 0.3}, {"params": others}]
        optimizer = optimizer_class(groups, lr=0.7, maximize=maximize)
        schedule = CosineAnnealingLR(optimizer, T_max=20)
        for _ in range(20):
            optimizer.zero_grad()
            Autograd()(problem, (inputs, labels))
            optimizer.step()
            schedule.step()
        ends.append(problem.position())
    assert ends[0] == ends[1]


def test_sparse_gradients_are_those_of_sgd() -> None:
    ends = []
    for optimizer_class in (SteepestDescent, torch.optim.SGD):
        torch.manual_seed(0)
        table = nn.Embedding(10, 3, sparse=True)
        optimizer = optimizer_class(table.parameters(), lr=0.7)
        for rows in ([1, 1, 4], [4, 9, 4]):
            optimizer.zero_grad()
            table(torch.tensor(rows)).square().sum().backward()
            assert table.weight.grad is not None
            assert table.weight.grad.is_sparse
            optimizer.step()
        ends.append(table.weight.detach())
    assert torch.equal(*ends)


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


def test_autograd_sees_through_steps_that_are_differentiable() -> None:
    for differentiable in (True, False):
        start = position(3.0)
        x = start.clone()
        x.retain_grad()
        optimizer = SteepestDescent([x], lr=0.1, differentiable=differentiable)
        for _ in range(5):
            x.grad = 2 * x
            with torch.no_grad():  # which a differentiable step overrules, as those of torch.optim do
                optimizer.step()
        assert x.item() == pytest.approx(3 * 0.8**5, rel=1e-12)
        (through,) = torch.autograd.grad(x, start)
        assert through.item() == pytest.approx(0.8**5 if differentiable else 1.0, rel=1e-12)


@pytest.mark.parametrize("lr", [-0.1, -1e-300, float("nan")])
def test_a_learning_rate_that_is_no_number_from_0_is_refused(lr: float) -> None:
    groups: list[list[nn.Parameter] | list[dict[str, Any]]] = [
        [position(1.0)],
        [{"params": [position(1.0)], "lr": 0.1}],
    ]
    for parameters in groups:
        with pytest.raises(ValueError, match="learning rate"):
            SteepestDescent(parameters, lr=lr)
    with pytest.raises(ValueError, match="learning rate"):
        SteepestDescent([{"params": [position(1.0)], "lr": lr}], lr=0.1)
