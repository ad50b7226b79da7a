"""Learning-rate schedules: each takes the optimizer and the run's number of steps, and is stepped every step."""

import math
from bisect import bisect_right
from itertools import accumulate

from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    OneCycleLR,
    PolynomialLR,
)


def constant(optimizer: Optimizer, steps: int) -> None:
    """The optimizer's own learning rate throughout."""


def step(optimizer: Optimizer, steps: int, drops: int, factor: float) -> LRScheduler:
    """`drops` times, at equal distances, the learning rate is multiplied by `factor`."""
    # StepLR's distances are whole numbers: where they don't divide the steps, there would be a drop too many or few.
    return LambdaLR(optimizer, lambda step: factor ** (step * (drops + 1) // steps))


def cosine(optimizer: Optimizer, steps: int) -> LRScheduler:
    """Half a cosine from the learning rate down to 0 at the last step (Loshchilov and Hutter 2017)."""
    return CosineAnnealingLR(optimizer, T_max=steps)


def one_cycle(optimizer: Optimizer, steps: int, rise: float) -> LRScheduler:
    """Up to the learning rate over the fraction `rise` of the steps, then down to almost 0 (Smith 2018).

    Momentum stays as it is, so that the schedule changes nothing but the learning rate.
    """
    peaks = [group["lr"] for group in optimizer.param_groups]
    # The rise takes a step at least: OneCycleLR divides by its length.
    rise = max(rise, 2 / (steps + 1))
    return OneCycleLR(optimizer, max_lr=peaks, total_steps=steps + 1, pct_start=rise, cycle_momentum=False)


def warmup(optimizer: Optimizer, steps: int, rise: float) -> LRScheduler:
    """Linearly up to the learning rate over the fraction `rise` of the steps, then constant."""
    length = max(1, round(steps * rise))
    return LinearLR(optimizer, start_factor=1 / length, total_iters=length - 1 or 1)


def linear(optimizer: Optimizer, steps: int, final: float) -> LRScheduler:
    """In a straight line from the learning rate to `final` of it at the last step."""
    return LinearLR(optimizer, start_factor=1, end_factor=final, total_iters=steps)


def polynomial(optimizer: Optimizer, steps: int, power: float) -> LRScheduler:
    """Down to 0 at the last step, as the share of the steps that are left, to a power."""
    return PolynomialLR(optimizer, total_iters=steps, power=power)


def exponential(optimizer: Optimizer, steps: int, final: float) -> LRScheduler:
    """Down by the same factor at each step, to `final` of the learning rate at the last.

    Raises:
        ValueError: for a `final` that is not above 0.
    """
    if not final > 0:
        raise ValueError(f"schedule.final={final}: choose a number above 0")
    return ExponentialLR(optimizer, gamma=final ** (1 / steps))


def warm_restarts(optimizer: Optimizer, steps: int, cycles: int, growth: float) -> LRScheduler:
    """Half a cosine down to 0, and from the learning rate again (SGDR, Loshchilov and Hutter 2017).

    Args:
        optimizer: the optimizer.
        steps: the run's.
        cycles: how many cosines.
        growth: how many times as long each is as the one before.

    Raises:
        ValueError: for no cycle, or one that is not longer than nothing.
    """
    if cycles < 1 or not growth > 0:
        raise ValueError(f"schedule.cycles={cycles}, schedule.growth={growth}: choose both above 0")
    lengths = [growth**cycle for cycle in range(cycles)]
    ends = [steps * end / sum(lengths) for end in accumulate(lengths)]

    def share(step: int) -> float:
        cycle = min(bisect_right(ends, step), cycles - 1)
        start = ends[cycle - 1] if cycle else 0.0
        return (1 + math.cos(math.pi * (step - start) / (ends[cycle] - start))) / 2

    return LambdaLR(optimizer, share)


def warmup_stable_decay(optimizer: Optimizer, steps: int, rise: float, fall: float) -> LRScheduler:
    """Up over the fraction `rise` of the steps, constant, and down to 0 over the last `fall` (Hu et al. 2024, MiniCPM).

    Raises:
        ValueError: for fractions that together are more than all steps.
    """
    if not (rise >= 0 and fall >= 0 and rise + fall <= 1):
        raise ValueError(f"schedule.rise={rise}, schedule.fall={fall}: choose fractions whose sum is at most 1")
    up, down = max(1, round(steps * rise)), max(1, round(steps * fall))
    return LambdaLR(optimizer, lambda step: min((step + 1) / up, 1.0, (steps - step) / down))
