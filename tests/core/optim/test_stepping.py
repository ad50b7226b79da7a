from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils.hooks import RemovableHandle

from descent.core.optim.steepest_descent import SteepestDescent
from descent.core.optim.stepping import in_eval_mode, parameters_of, unhooked_step


@pytest.mark.parametrize("kind", [SteepestDescent, torch.optim.SGD, torch.optim.Adam, torch.optim.Rprop])
def test_it_takes_the_same_step_and_leaves_no_mark_in_a_profile(kind: Any) -> None:
    each = [nn.Parameter(torch.tensor([1.0, 2.0])) for _ in range(2)]
    mine, its = (kind([parameter], lr=0.1) for parameter in each)
    bare = unhooked_step(mine)
    with torch.profiler.profile() as profile:
        for _ in range(3):
            for parameter in each:
                parameter.grad = parameter.detach() ** 2
            bare()
            its.step()
    assert torch.equal(*each)
    (marks,) = [event.count for event in profile.key_averages() if event.key.startswith("Optimizer.step")]
    assert marks == 3


@pytest.mark.parametrize(
    "register",
    [
        torch.optim.Optimizer.register_step_pre_hook,
        torch.optim.Optimizer.register_step_post_hook,
        lambda _, hook: register_optimizer_step_pre_hook(hook),
        lambda _, hook: register_optimizer_step_post_hook(hook),
    ],
    ids=["before its steps", "after its steps", "before all steps", "after all steps"],
)
def test_hooks_are_called(register: Callable[..., RemovableHandle]) -> None:
    parameter = nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    calls = []
    with register(optimizer, lambda *_: calls.append(True)):
        unhooked_step(optimizer)()
    assert calls == [True]


def test_a_step_that_pytorch_has_not_wrapped_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1)
    calls = []
    monkeypatch.setattr(torch.optim.SGD, "step", lambda _: calls.append(True))
    unhooked_step(optimizer)()
    assert calls == [True]


@pytest.mark.filterwarnings("error")
def test_a_schedule_knows_that_its_optimizer_has_stepped() -> None:
    parameter = nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    schedule = StepLR(optimizer, 1)
    unhooked_step(optimizer)()
    schedule.step()  # else it would warn


class Averaged(torch.optim.SGD):
    """Evaluated at a third of its parameters, from which it comes back with a rounding error."""

    def eval(self) -> None:
        for parameter in parameters_of(self):
            parameter.data /= 3

    def train(self) -> None:
        for parameter in parameters_of(self):
            parameter.data *= 3


def test_an_optimizer_is_in_eval_mode_in_the_context_and_its_parameters_are_back_to_the_bit() -> None:
    start = torch.rand(1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    parameter = nn.Parameter(start.clone())
    optimizer = Averaged([parameter], lr=0.0, momentum=0.9)
    with in_eval_mode(optimizer):
        assert torch.equal(parameter, start)  # before its first step there is nothing to move
    parameter.sum().backward()
    optimizer.step()
    with in_eval_mode(optimizer):
        assert torch.equal(parameter, start / 3)
    assert not torch.equal(start / 3 * 3, start)
    assert torch.equal(parameter, start)


def test_an_optimizer_without_modes_is_left_as_it_is() -> None:
    parameter = nn.Parameter(torch.ones(2))
    with in_eval_mode(torch.optim.SGD([parameter])):
        parameter.data += 1
    assert parameter.tolist() == [2, 2]
