import copy
import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts, LRScheduler

from descent.core.optim.schedules import (
    constant,
    cosine,
    exponential,
    linear,
    one_cycle,
    polynomial,
    step,
    warm_restarts,
    warmup,
    warmup_stable_decay,
)

LR = 0.5
Schedule = Callable[[Optimizer, int], LRScheduler | None]


def sgd(*rates: float) -> SGD:
    groups = [{"params": [nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates]
    return SGD(groups, lr=LR, momentum=0.8)


def rates(schedule: Schedule, steps: int) -> list[float]:
    """The learning rate of each step, and last the one that is left when all are taken."""
    optimizer = sgd(LR)
    scheduler = schedule(optimizer, steps)
    seen = []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
    return [*seen, optimizer.param_groups[0]["lr"]]


ALL: dict[str, Schedule] = {
    "constant": constant,
    "step": partial(step, drops=2, factor=0.1),
    "cosine": cosine,
    "one_cycle": partial(one_cycle, rise=0.3),
    "warmup": partial(warmup, rise=0.1),
    "linear": partial(linear, final=0.0),
    "polynomial": partial(polynomial, power=2.0),
    "exponential": partial(exponential, final=0.01),
    "warm_restarts": partial(warm_restarts, cycles=3, growth=2.0),
    "warmup_stable_decay": partial(warmup_stable_decay, rise=0.1, fall=0.2),
}


def test_constant_stays() -> None:
    assert rates(constant, 10) == [LR] * 11


@pytest.mark.parametrize("steps", [3, 4, 5, 10, 99, 100, 101, 1000])
@pytest.mark.parametrize("drops", [0, 1, 2])
def test_step_drops_as_often_as_asked_at_equal_distances(drops: int, steps: int) -> None:
    seen = rates(partial(step, drops=drops, factor=0.1), steps)[:steps]
    for drop in range(drops + 1):
        # A level holds from its share of the steps on to the next one's.
        first, last = (math.ceil(steps * share / (drops + 1)) for share in (drop, drop + 1))
        assert seen[first:last] == pytest.approx([LR * 0.1**drop] * (last - first))
        assert last > first


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 1000])
def test_cosine_is_half_a_cosine_that_is_0_when_all_steps_are_taken(steps: int) -> None:
    expected = [LR * (1 + math.cos(math.pi * taken / steps)) / 2 for taken in range(steps + 1)]
    assert rates(cosine, steps) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("steps", "rise"), [(99, 0.3), (199, 0.5), (999, 0.1), (99, 0.02)])
def test_one_cycle_rises_to_its_peak_and_falls_to_almost_0_along_cosines(steps: int, rise: float) -> None:
    seen = rates(partial(one_cycle, rise=rise), steps)
    peak = round(rise * (steps + 1)) - 1
    start, end = LR / 25, LR / 25 / 1e4

    def between(low: float, high: float, share: float) -> float:
        return high + (low - high) * (1 + math.cos(math.pi * share)) / 2

    expected = [between(start, LR, taken / peak) for taken in range(peak)]
    expected += [between(LR, end, (taken - peak) / (steps - peak)) for taken in range(peak, steps + 1)]
    assert seen == pytest.approx(expected, rel=1e-9)
    assert max(seen) == seen[peak] == LR


@pytest.mark.parametrize("rise", [0.0, 0.1, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("steps", [2, 3, 4, 9, 19])
def test_one_cycle_reaches_the_learning_rate_and_never_exceeds_it(steps: int, rise: float) -> None:
    seen = rates(partial(one_cycle, rise=rise), steps)
    assert min(seen) > 0
    assert max(seen) <= LR * (1 + 1e-12)
    assert max(seen) >= 0.75 * LR


def test_one_cycle_leaves_momentum_alone() -> None:
    momentum, adam = sgd(LR), Adam([nn.Parameter(torch.zeros(1))], lr=LR, betas=(0.8, 0.9))
    for optimizer in (momentum, adam):
        scheduler = one_cycle(optimizer, 10, rise=0.3)
        for _ in range(10):
            optimizer.step()
            scheduler.step()
            (group,) = optimizer.param_groups
            assert group.get("momentum", 0.8) == 0.8
            assert group.get("betas", (0.8, 0.9)) == (0.8, 0.9)


@pytest.mark.parametrize(("steps", "rise", "length"), [(100, 0.1, 10), (100, 0.02, 2), (50, 1.0, 50), (100, 0.0, 1)])
def test_warmup_rises_evenly_and_then_stays(steps: int, rise: float, length: int) -> None:
    expected = [LR * min(1, (taken + 1) / length) for taken in range(steps + 1)]
    assert rates(partial(warmup, rise=rise), steps) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("steps", [1, 3, 10, 100])
def test_linear_polynomial_and_exponential_are_their_closed_forms(steps: int) -> None:
    shares = [taken / steps for taken in range(steps + 1)]
    straight = [LR * (1 - 0.75 * share) for share in shares]
    assert rates(partial(linear, final=0.25), steps) == pytest.approx(straight, rel=1e-9)
    assert rates(partial(polynomial, power=2.0), steps) == pytest.approx(
        [LR * (1 - share) ** 2 for share in shares], rel=1e-9, abs=1e-12
    )
    assert rates(partial(exponential, final=0.01), steps) == pytest.approx([LR * 0.01**share for share in shares])


@pytest.mark.parametrize(("cycles", "growth", "ends"), [(1, 1.0, [70]), (3, 2.0, [10, 30, 70]), (2, 6.0, [10, 70])])
def test_warm_restarts_are_cosines_from_the_learning_rate_to_0_of_growing_lengths(
    cycles: int, growth: float, ends: list[int]
) -> None:
    seen = rates(partial(warm_restarts, cycles=cycles, growth=growth), 70)
    for start, end in zip([0, *ends], ends, strict=False):
        expected = [LR * (1 + math.cos(math.pi * share / (end - start))) / 2 for share in range(end - start)]
        assert seen[start:end] == pytest.approx(expected, rel=1e-9)
    assert seen[70] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("growth", "multiplier"), [(1.0, 1), (2.0, 2)])
def test_warm_restarts_are_pytorchs_where_the_lengths_are_whole(growth: float, multiplier: int) -> None:
    its = partial(CosineAnnealingWarmRestarts, T_0=10, T_mult=multiplier)
    steps = sum(10 * multiplier**cycle for cycle in range(3))
    theirs = rates(lambda optimizer, steps: its(optimizer), steps)
    assert rates(partial(warm_restarts, cycles=3, growth=growth), steps)[:steps] == pytest.approx(theirs[:steps])


@pytest.mark.parametrize(("steps", "rise", "fall"), [(100, 0.1, 0.2), (50, 0.0, 1.0), (50, 0.5, 0.5), (30, 0.3, 0.0)])
def test_warmup_stable_decay_rises_stays_and_falls(steps: int, rise: float, fall: float) -> None:
    seen = rates(partial(warmup_stable_decay, rise=rise, fall=fall), steps)
    up, down = max(1, round(steps * rise)), max(1, round(steps * fall))
    assert seen[:up] == pytest.approx([LR * (step + 1) / up for step in range(up)])
    assert seen[up : steps - down] == [LR] * max(0, steps - down - up)
    assert seen[steps - down + 1 :] == pytest.approx([LR * left / down for left in reversed(range(down))], abs=1e-12)


@pytest.mark.parametrize(
    "schedule",
    [
        partial(exponential, final=0.0),
        partial(warm_restarts, cycles=0, growth=1.0),
        partial(warm_restarts, cycles=2, growth=0.0),
        partial(warmup_stable_decay, rise=0.6, fall=0.6),
        partial(warmup_stable_decay, rise=-0.1, fall=0.6),
    ],
    ids=["exponential", "no cycle", "no growth", "too long", "below 0"],
)
def test_a_schedule_that_makes_no_sense_is_refused(schedule: Schedule) -> None:
    with pytest.raises(ValueError, match=r"^schedule\..*: choose "):
        rates(schedule, 10)


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("name", ALL)
def test_the_shortest_runs_have_a_learning_rate_in_every_step(name: str, steps: int) -> None:
    seen = rates(ALL[name], steps)[:steps]
    assert all(0 < rate <= LR for rate in seen)


@pytest.mark.parametrize("name", sorted(set(ALL) - {"constant"}))
def test_groups_keep_their_proportion(name: str) -> None:
    optimizer = sgd(0.4, 0.1)
    scheduler = ALL[name](optimizer, 20)
    assert scheduler is not None
    for _ in range(20):
        first, second = (group["lr"] for group in optimizer.param_groups)
        assert first == pytest.approx(4 * second, rel=1e-9)
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize("name", sorted(set(ALL) - {"constant"}))
@pytest.mark.parametrize("taken", [1, 7, 19])
def test_a_resumed_schedule_continues_as_if_it_had_never_stopped(name: str, taken: int) -> None:
    whole = rates(ALL[name], 20)
    optimizer = sgd(LR)
    scheduler = ALL[name](optimizer, 20)
    assert scheduler is not None
    for _ in range(taken):
        optimizer.step()
        scheduler.step()
    states = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))

    optimizer = sgd(LR)
    scheduler = ALL[name](optimizer, 20)
    assert scheduler is not None
    optimizer.load_state_dict(states[0])
    scheduler.load_state_dict(states[1])
    for step_number in range(taken, 20):
        assert optimizer.param_groups[0]["lr"] == whole[step_number]
        optimizer.step()
        scheduler.step()
