"""What the best of a number of trials is expected to be, and how sensitive an optimizer is to its learning rate.

Dodge, Gururangan, Card, Schwartz and Smith, Show Your Work: Improved Reporting of Experimental Results, EMNLP 2019;
Sivaprasad, Mai, Vogels, Jaggi and Fleuret, Optimizer Benchmarking Needs to Account for Hyperparameter Tuning, ICML
2020.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from descent.comparisons.grouping import GroupedRuns
from descent.comparisons.ranking import RankedGroup
from descent.records.label import OPTIMIZER

FEWEST = 3
"""The fewest settings of a kind of runs of which it is said how its best value depends on them."""
NEAR = 0.05
"""A value is near the best one if it is off by this share of it at most."""


def expected_best(costs: ArrayLike) -> NDArray[np.float64]:
    """The mean of the lowest of k of n costs, over all choices of k, for k = 1 ... n.

    The i-th lowest is the lowest of C(n - i, k - 1) choices of the C(n, k). Infinite where all of k may be.
    """
    ordered = np.sort(np.asarray(costs, dtype=np.float64))
    rows = (lowest_shares(len(ordered), chosen) for chosen in range(1, len(ordered) + 1))
    return np.array([ordered[row > 0] @ row[row > 0] for row in rows])


def best_quantile(costs: ArrayLike, level: float) -> NDArray[np.float64]:
    """The quantile of the lowest of k of n costs, over all choices of k, for k = 1 ... n."""
    ordered = np.sort(np.asarray(costs, dtype=np.float64))
    rows = (lowest_shares(len(ordered), chosen) for chosen in range(1, len(ordered) + 1))
    return ordered[[int(np.searchsorted(np.cumsum(row), level * (1 - 1e-12))) for row in rows]]


def lowest_shares(count: int, chosen: int) -> NDArray[np.float64]:
    """The share of all choices of k of n things of which the i-th is the lowest, for i = 1 ... n.

    Each is computed from the one before, since the numbers of choices have thousands of digits for thousands of things.
    """
    left = np.arange(count - 1, 0, -1)
    factors = np.append(chosen / count, (left - chosen + 1) / left)
    return np.cumprod(factors)


@dataclass(frozen=True)
class Trials:
    """The settings at which an optimizer, or another kind of runs, was tried.

    Args:
        kind: its name.
        ranked: the groups of runs at each.
    """

    kind: str
    ranked: Sequence[RankedGroup]

    @property
    def costs(self) -> NDArray[np.float64]:
        """The groups' values times the sign of the criterion, (settings,): the lower the better."""
        return np.array([group.criterion.sign * group.value for group in self.ranked])


def trials_of(grouped: GroupedRuns, ranked: Sequence[RankedGroup]) -> list[Trials]:
    """The trials of each optimizer if there are several, else of each kind of runs, in the order of the groups."""
    optimizers = [group.group.runs[0].params.get(OPTIMIZER, "") for group in ranked]
    has_several = len(set(optimizers)) > 1
    kinds: dict[str, list[RankedGroup]] = {}
    for optimizer, group in zip(optimizers, ranked, strict=True):
        kinds.setdefault(optimizer if has_several else group.group.kind, []).append(group)
    order = [group.runs[0].params.get(OPTIMIZER, "") if has_several else group.kind for group in grouped.groups]
    return [Trials(kind, kinds[kind]) for kind in dict.fromkeys(order) if kind in kinds]


def budget_conclusions(trials: Sequence[Trials]) -> list[str]:
    """Which kind is the best at which number of trials, in a line, where that depends on it."""
    expected = {of_kind.kind: expected_best(of_kind.costs) for of_kind in trials}
    most = min(map(len, expected.values()), default=0)
    firsts: list[tuple[str, int]] = []
    for number in range(most):
        values = {kind: values[number] for kind, values in expected.items() if math.isfinite(values[number])}
        if values:
            leader = min(values, key=values.__getitem__)
            if not firsts or firsts[-1][0] != leader:
                firsts.append((leader, number + 1))
    if len(firsts) < 2:
        return []
    phases = [f"{kind} from {number}" for kind, number in firsts]
    return [f"the best depends on the number of trials: {', '.join(phases)}"]


def sensitivity_rows(grouped: GroupedRuns, ranked: Sequence[RankedGroup]) -> list[dict[str, Any]]:
    """For each kind of runs, over how many decades of the rate its values are within 5 % of its best one.

    A rate stands for half of the way, in log space, to the next ones that were tried.
    """
    by_kind: dict[str, list[RankedGroup]] = {}
    for group in ranked:
        by_kind.setdefault(group.group.kind, []).append(group)
    rows = []
    for kind, groups in by_kind.items():
        rates = sorted(groups, key=lambda group: group.group.x or 0.0)
        x = np.array([group.group.x or 0.0 for group in rates])
        if len(x) < FEWEST or not (x > 0).all():
            continue
        costs = np.array([group.criterion.sign * group.value for group in rates])
        best = costs.min()
        if not math.isfinite(best):
            continue
        borders = np.log10(np.array([x[0], *np.sqrt(x[1:] * x[:-1]), x[-1]]))
        widths = np.diff(borders)
        rows.append(
            {
                "kind": kind,
                "settings": len(x),
                "best": rates[0].criterion.sign * best,
                f"best at {grouped.x_param}": x[costs.argmin()],
                "decades within 5 %": float(widths[costs <= best + NEAR * abs(best)].sum()),
                "decades tried": float(widths.sum()),
            }
        )
    return rows
