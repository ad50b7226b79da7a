"""How often Descent's conclusions are right, counted over simulated sweeps whose truth is known."""

import numpy as np
from numpy.typing import NDArray

from descent.comparisons.grouping import GroupedRuns, SeedGroup
from descent.comparisons.ranking import RankedGroup, conclusions
from descent.comparisons.statistics import interval
from descent.records.criterion import Criterion

LOSS = Criterion("loss/train", "minimize")
SWEEPS, INTERVALS = 2_000, 4_000
Row = dict[str, str | float]


def claims(finals: NDArray[np.float64]) -> tuple[str, bool]:
    """The best of optimizers with final losses (optimizers, seeds), and whether it is said to beat the second."""
    groups = [SeedGroup(str(number), None, []) for number in range(len(finals))]
    order = sorted(
        (RankedGroup(group, group.kind, LOSS, values) for group, values in zip(groups, finals, strict=True)),
        key=lambda group: group.value,
    )
    lines = conclusions(GroupedRuns(None, [], groups), order)
    return order[0].label, any(line.startswith("it beats") for line in lines)


def claimed_of_equal(optimizers: int, seeds: int, sweeps: int) -> float:
    """The share of sweeps of equal optimizers, of normal losses, in which a winner is claimed."""
    generator = np.random.default_rng(0)
    return float(np.mean([claims(generator.normal(size=(optimizers, seeds)))[1] for _ in range(sweeps)]))


def found(optimizers: int, seeds: int, sweeps: int) -> float:
    """The share of sweeps in which the optimizer is claimed that is better than all others by 2 standard deviations."""
    generator = np.random.default_rng(0)
    better = np.array([[-2.0], *[[0.0]] * (optimizers - 1)])
    claimed = (claims(generator.normal(size=(optimizers, seeds)) + better) for _ in range(sweeps))
    return float(np.mean([claim == ("0", True) for claim in claimed]))


def covered(seeds: int, intervals: int) -> float:
    """The share of intervals of normal values that hold their true mean."""
    low, high = interval(np.random.default_rng(0).normal(size=(seeds, intervals)))
    return float(np.mean((low <= 0) & (high >= 0)))


def simulations() -> list[Row]:
    """A row for each question: the share of simulated sweeps, and what it should be."""
    rows: list[Row] = []
    for optimizers in (2, 3, 6):
        share = claimed_of_equal(optimizers, 5, SWEEPS)
        rows.append(_row(f"a winner is claimed of {optimizers} equal optimizers, 5 seeds each", share, "at most 0.05"))
    for optimizers in (2, 3, 6):
        share = found(optimizers, 10, SWEEPS)
        rows.append(_row(f"the better of {optimizers} is found, by 2 deviations, 10 seeds each", share, "at least 0.9"))
    rows += [
        _row(f"an interval of {seeds} seeds holds the truth", covered(seeds, INTERVALS), "0.95")
        for seeds in (2, 3, 5, 8, 10, 20)
    ]
    return rows


def _row(what: str, share: float, goal: str) -> Row:
    return {"simulated": what, "share": share, "goal": goal}
