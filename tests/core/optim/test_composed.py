import re
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Any

import pytest
import torch
from conftest import Composed
from pytorch_optimizer import SOAP, Shampoo
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from descent.core.build import assemble
from descent.core.optim.composed import ComposedOptimizer, ExponentialAverage, Split
from descent.core.optim.stepping import load_state
from descent.errors import UserError

INPUTS = torch.randn(20, 6, generator=torch.Generator().manual_seed(0))
MATRICES: dict[str, partial[Any]] = {
    "muon": partial(torch.optim.Muon, weight_decay=0.1),
    "soap": partial(SOAP, precondition_frequency=2),
    "shampoo": partial(Shampoo, preconditioning_compute_steps=2),
}
REST: partial[Any] = partial(torch.optim.AdamW, weight_decay=0.0)
Make = Callable[[nn.Module], Optimizer]


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2))


def steps(module: nn.Module, optimizers: list[Optimizer], count: int) -> list[Tensor]:
    """The parameters after some steps on one loss."""
    for _ in range(count):
        module.zero_grad()
        module(INPUTS).square().mean().backward()
        for optimizer in optimizers:
            optimizer.step()
    return [parameter.detach().clone() for parameter in module.parameters()]


@pytest.mark.parametrize("name", MATRICES)
def test_a_split_optimizer_takes_the_steps_of_its_two(name: str) -> None:
    ours, theirs = network(), network()
    split = Split(ours.parameters(), 0.01, MATRICES[name], REST)
    named = dict(theirs.named_parameters())
    matrices = [named.pop("0.weight"), named.pop("2.weight")]
    pair = [MATRICES[name](matrices, lr=0.01), REST(named.values(), lr=0.01)]
    for mine, its in zip(steps(ours, [split], 7), steps(theirs, pair, 7), strict=True):
        assert torch.equal(mine, its)


@pytest.mark.parametrize("name", MATRICES)
def test_a_split_optimizer_resumes_from_one_state_dict(name: str) -> None:
    def make(module: nn.Module) -> Optimizer:
        return Split(module.parameters(), 0.01, MATRICES[name], REST)

    assert_resumes(make)


@pytest.mark.parametrize("inner", [partial(torch.optim.SGD, momentum=0.9), torch.optim.Adam, torch.optim.Rprop])
def test_an_average_resumes_from_one_state_dict(inner: Callable[..., Optimizer]) -> None:
    assert_resumes(lambda module: ExponentialAverage(inner(module.parameters(), lr=0.01), 0.9))


@pytest.mark.parametrize("name", MATRICES)
def test_an_average_of_a_split_optimizer_resumes_from_one_state_dict(name: str) -> None:
    assert_resumes(
        lambda module: ExponentialAverage(Split(module.parameters(), 0.01, MATRICES[name], REST), 0.9),
        {"average", "exp_avg", "exp_avg_sq", "step"},
    )


def assert_resumes(make: Make, state_of_last: set[str] | None = None) -> None:
    """Seven steps end where three do, and four of another optimizer with their state."""
    whole, halves = network(), network()
    begun, uninterrupted = make(halves), make(whole)
    expected = steps(whole, [uninterrupted], 7)
    steps(halves, [begun], 3)
    if state_of_last is not None:
        assert begun.state[halves.get_parameter("4.bias")].keys() == state_of_last
    state = torch.load(_saved(begun.state_dict()), weights_only=True)
    resumed = make(halves)
    load_state(resumed, state)
    for ours, theirs in zip(steps(halves, [resumed], 4), expected, strict=True):
        assert torch.equal(ours, theirs)
    assert resumed.state_dict()["param_groups"] == uninterrupted.state_dict()["param_groups"]


def _saved(state: dict[str, Any]) -> Any:
    file = BytesIO()
    torch.save(state, file)
    file.seek(0)
    return file


def test_a_schedule_sets_the_rates_of_both_after_a_resumption_as_well() -> None:
    module = network()
    split = Split(module.parameters(), 0.01, MATRICES["muon"], REST)
    steps(module, [split], 1)
    load_state(split, split.state_dict())
    schedule = torch.optim.lr_scheduler.LambdaLR(split, lambda step: 1 / (step + 1))
    split.step()
    schedule.step()
    assert [group["lr"] for optimizer in split.optimizers for group in optimizer.param_groups] == [0.005, 0.005]


def test_each_of_two_may_have_a_learning_rate_of_its_own() -> None:
    split = Split(network().parameters(), 0.01, MATRICES["muon"], partial(REST, lr=0.5))
    assert [group["lr"] for group in split.param_groups] == [0.01, 0.5]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("optimizer.rest._target_=torch.optim.LBFGS", "~optimizer.rest.betas", "~optimizer.rest.weight_decay"),
         "LBFGS takes a closure, and can't be part of Split"),
        (("optimizer.rest._target_=pytorch_optimizer.ScheduleFreeAdamW",),
         "ScheduleFreeAdamW averages by itself, and can't be part of Split"),
        (('+optimizer.groups=[{params: "network.0.*", lr: 0.1}]',), "groups divide the matrices"),
        (('+optimizer.groups=[{params: "*.weight", betas: [0.9, 0.99]}]',),
         "Muon, of some parameters of a group, has no 'betas'"),
        (("+optimizer.matrices.momentun=0.9",), "optimizer.matrices.momentun=0.9: torch.optim.Muon takes no"),
        (("optimizer/matrices=soap", "+optimizer.matrices.betaz=[0.9, 0.9]"),
         "optimizer.matrices.betaz=[0.9, 0.9]: SOAP has no 'betaz'; did you mean 'betas'?"),
        (('+optimizer.groups=[{params: "*.bias", betaz: [0.9, 0.99]}]',),
         "AdamW, of some parameters of a group, has no 'betaz'"),
        (("optimizer=lion", "+optimizer.betaz=[0.9, 0.9]"), "Lion has no 'betaz'; did you mean 'betas'?"),
        (("network=linear",), "no hidden matrix"),
        (("average=ema", "average.decay=1"), "average.decay=1: choose a number from 0 to below 1"),
        (("average=ema", "optimizer=lbfgs"), "LBFGS takes a closure, and can't be part of ExponentialAverage"),
        (("average=ema", "optimizer=schedule_free_sgd"), "ScheduleFreeSGD averages by itself, and"),
    ],
)  # fmt: skip
def test_what_can_not_be_composed_is_refused_in_a_line(
    composed: Composed, overrides: tuple[str, ...], said: str
) -> None:
    experiment = "linear_softmax" if "network=linear" in overrides else "mnist_two_layer"
    with pytest.raises(UserError, match=re.escape(said)) as refused:
        assemble(composed(f"experiment={experiment}", "optimizer=muon", *overrides))
    assert "\n" not in str(refused.value)


def test_groups_reach_the_optimizer_that_has_their_parameters(composed: Composed) -> None:
    groups = '+optimizer.groups=[{params: "*.bias", weight_decay: 0.5}]'
    components = assemble(composed("experiment=mnist_two_layer", "optimizer=muon", groups))
    optimizer = components.optimizer(components.problem.named_parameters())
    assert isinstance(optimizer, ComposedOptimizer)
    decays = [(group["params"][0].shape, group["weight_decay"]) for group in optimizer.param_groups]
    assert decays == [((50, 784), 0.0), ((10, 50), 0.0), ((50,), 0.5)]


@pytest.mark.parametrize("decay", [0.0, 0.9])
def test_an_average_is_pytorchs_and_its_positions_are_the_optimizers(decay: float) -> None:
    ours, theirs = network(), network()
    optimizer = ExponentialAverage(torch.optim.Adam(ours.parameters(), lr=0.01), decay)
    average = AveragedModel(theirs, multi_avg_fn=get_ema_multi_avg_fn(decay))
    its = torch.optim.Adam(theirs.parameters(), lr=0.01)
    for _ in range(5):
        mine, position = steps(ours, [optimizer], 1), steps(theirs, [its], 1)
        average.update_parameters(theirs)
        optimizer.eval()
        for parameter, averaged in zip(ours.parameters(), average.module.parameters(), strict=True):
            assert torch.equal(parameter, averaged)
        optimizer.eval()  # is there already
        optimizer.train()
        for parameter, value, expected in zip(ours.parameters(), mine, position, strict=True):
            assert torch.equal(parameter, value)
            assert torch.equal(value, expected)


def test_a_parameter_without_a_gradient_is_left_as_it_is() -> None:
    module = network()
    module.get_parameter("0.weight").requires_grad_(False)
    optimizer = ExponentialAverage(torch.optim.Adam(module.parameters(), lr=0.01), 0.9)
    steps(module, [optimizer], 2)
    before = module.get_parameter("0.weight").clone()
    optimizer.eval()
    assert torch.equal(module.get_parameter("0.weight"), before)
    optimizer.train()
    module.get_parameter("0.weight").requires_grad_(True)
    steps(module, [optimizer], 2)  # Adam begins its state for it, which an average must not have begun
    assert not torch.equal(module.get_parameter("0.weight"), before)
