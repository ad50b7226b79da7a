from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from descents import nobody, record_in
from torch import nn

from descent.data.examples import Data, Examples
from descent.data.minibatches import Minibatches
from descent.data.orders import in_order, shuffled
from descent.optim.gradients import Autograd
from descent.optim.schedules import constant, one_cycle
from descent.optim.steepest_descent import SteepestDescent
from descent.problems.classification import Classification
from descent.problems.networks import perceptron
from descent.problems.problem import Problem
from descent.problems.surface import Surface
from descent.problems.surfaces import bowl, rosenbrock
from descent.seeds import generator
from descent.training.loop import descend
from descent.training.module import Descent
from descent.training.plan import plan
from descent.training.together import Member, Together

STEPS = 40
NONE = Minibatches(0, None, shuffled, seed=0)
OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "steepest descent": partial(SteepestDescent, lr=0.001),
    "momentum": partial(torch.optim.SGD, lr=0.001, momentum=0.9),
    "adam": partial(torch.optim.Adam, lr=0.01, fused=True),
    "rmsprop": partial(torch.optim.RMSprop, lr=0.01),
    "adagrad": partial(torch.optim.Adagrad, lr=0.1),
    "adamw": partial(torch.optim.AdamW, lr=0.01, fused=True),
}


def alone(folder: Path, member: Member, optimizer: Callable[..., Any], schedule: Any, bound: float) -> Descent:
    """The same run through Lightning."""
    length = plan(STEPS, None, member.minibatches.steps_per_epoch, None, STEPS)
    module = Descent(member.problem, member.examples, Autograd(), optimizer, schedule, bound)
    data = Data(train=member.examples)
    descend(module, data, member.minibatches, length, record_in(folder, length), "cpu", 100, 60, nobody)
    return module


def network(seed: int) -> Problem:
    torch.manual_seed(seed)
    return Classification(perceptron([30, 8, 4], nn.Sigmoid, partial(nn.init.normal_, std=0.1)))


def images(seed: int) -> Examples:
    pixels = torch.randint(256, (50, 30), dtype=torch.uint8, generator=generator(seed, "images"))
    labels = torch.randint(4, (50,), dtype=torch.uint8, generator=generator(seed, "labels"))
    return Examples((pixels, labels), (lambda stored: stored / 255, torch.Tensor.long))


def take(members: list[Member], optimizer: Callable[..., Any], schedule: Any, bound: float = torch.inf) -> Together:
    """Take all steps together."""
    together = Together(members, optimizer, schedule, bound)
    length = plan(STEPS, None, members[0].minibatches.steps_per_epoch, None, STEPS)
    assert list(together.descend(length)) == [0, STEPS]
    return together


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_runs_on_a_surface_end_where_each_ends_alone(tmp_path: Path, optimizer: Callable[..., Any]) -> None:
    starts = [(-1.2, 1.0), (0.5, 0.5), (1.5, -0.3)]
    schedule = partial(one_cycle, steps=STEPS, rise=0.3)
    members = [Member(Surface(rosenbrock, start), Examples(), NONE) for start in starts]
    take(members, optimizer, schedule)
    for index, start in enumerate(starts):
        single = Member(Surface(rosenbrock, start), Examples(), NONE)
        alone(tmp_path / str(index), single, optimizer, schedule, torch.inf)
        assert members[index].problem.position() == pytest.approx(single.problem.position(), rel=1e-12)


SHARED = images(0)
KINDS: dict[str, Callable[[int], Member]] = {
    "with one order": lambda seed: Member(network(seed), SHARED, Minibatches(50, 7, in_order, seed)),
    "with orders of their own": lambda seed: Member(network(seed), SHARED, Minibatches(50, 7, shuffled, seed)),
    "with data of their own": lambda seed: Member(network(seed), images(seed), Minibatches(50, 7, shuffled, seed)),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_networks_end_where_each_ends_alone(tmp_path: Path, kind: Callable[[int], Member]) -> None:
    schedule = partial(constant, steps=STEPS)
    members = [kind(seed) for seed in range(3)]
    take(members, OPTIMIZERS["adam"], schedule)
    for seed in range(3):
        single = kind(seed)
        alone(tmp_path / str(seed), single, OPTIMIZERS["adam"], schedule, torch.inf)
        for ours, its in zip(members[seed].problem.parameters(), single.problem.parameters(), strict=True):
            torch.testing.assert_close(ours, its, rtol=1e-4, atol=1e-6)  # sums in another order, in float32


def test_a_run_that_runs_away_is_found_at_the_step_at_which_it_is_alone_and_harms_no_other(tmp_path: Path) -> None:
    starts, lr = [(1.0, 1.0), (90.0, 0.0), (0.5, -2.0)], 1.02
    optimizer, schedule = partial(SteepestDescent, lr=lr), partial(constant, steps=STEPS)
    members = [Member(Surface(bowl, start), Examples(), NONE) for start in starts]
    together = take(members, optimizer, schedule, bound=100.0)
    singles = [Member(Surface(bowl, start), Examples(), NONE) for start in starts]
    modules = [alone(tmp_path / str(index), single, optimizer, schedule, 100.0) for index, single in enumerate(singles)]
    assert together.diverged.tolist() == [module.diverged for module in modules] == [False, True, False]
    assert together.steps_taken.tolist() == [module.steps_taken for module in modules]
    for member, single in zip(members, singles, strict=True):
        assert member.problem.position() == pytest.approx(single.problem.position(), rel=1e-12)


def test_a_loss_that_is_not_finite_leaves_the_position_where_it_was(tmp_path: Path) -> None:
    optimizer, schedule = partial(SteepestDescent, lr=1e120), partial(constant, steps=STEPS)
    together = take([Member(Surface(bowl, (1.0, 1.0)), Examples(), NONE)] * 1, optimizer, schedule)
    single = Member(Surface(bowl, (1.0, 1.0)), Examples(), NONE)
    module = alone(tmp_path / "alone", single, optimizer, schedule, torch.inf)
    assert together.diverged.tolist() == [module.diverged] == [True]
    assert together.steps_taken.tolist() == [module.steps_taken]
    assert together.members[0].problem.position() == single.problem.position()
