"""Learning-rate schedules: each takes the optimizer and the run's number of steps, and is stepped every step."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LinearLR, LRScheduler, OneCycleLR


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
