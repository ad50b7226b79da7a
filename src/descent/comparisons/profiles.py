"""Performance profiles, scores and ranks of optimizers over several problems.

Dolan and Moré, Benchmarking Optimization Software with Performance Profiles, Mathematical Programming 91, 2002; Dahl
et al., Benchmarking Neural Network Training Algorithms (AlgoPerf), 2023.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from descent.comparisons.statistics import CONFIDENCE

Steps = Mapping[str, NDArray[np.float64]]
"""The steps to a problem's target, (starts,) by optimizer; infinite where it is not reached."""
MAX_RATIO = 4.0
"""AlgoPerf's scores count optimizers that take up to so many times the steps of the fastest one."""


def ratios(problems: Sequence[Steps]) -> dict[str, NDArray[np.float64]]:
    """The steps of each optimizer in multiples of the fastest one's, from each start of each problem.

    Returns:
        (starts of all problems,) by optimizer; infinite where it does not reach the target.
    """
    of_problems: dict[str, list[NDArray[np.float64]]] = {}
    for problem in problems:
        steps = np.maximum(np.stack([*problem.values()]), 1.0)  # a start that is there already counts one
        fastest = steps.min(axis=0)
        multiples = steps / np.where(np.isfinite(fastest), fastest, 1.0)
        for optimizer, row in zip(problem, multiples, strict=True):
            of_problems.setdefault(optimizer, []).append(row)
    return {optimizer: np.concatenate(rows) for optimizer, rows in of_problems.items()}


def score(multiples: ArrayLike, end: float = MAX_RATIO) -> float:
    """AlgoPerf's score: the area under an optimizer's profile from 1 to an end, as a share of the largest one possible.

    The profile is the share of problems that it solves in at most a multiple of the fastest optimizer's steps.
    """
    within = np.minimum(np.asarray(multiples, dtype=np.float64), end)
    return float((end - within).mean() / (end - 1))


@dataclass(frozen=True)
class MeanRank:
    """The mean rank of an optimizer over problems, 1 for the fastest.

    Args:
        optimizer: its name.
        of_problems: (problems,), its mean rank over the starts of each.
        solved: the share of the starts from which it reaches the target.
    """

    optimizer: str
    of_problems: NDArray[np.float64]
    solved: float

    @property
    def mean(self) -> float:
        """The mean over problems."""
        return float(self.of_problems.mean())

    @property
    def low(self) -> float:
        """The lower end of the interval."""
        return self.mean - self._margin

    @property
    def high(self) -> float:
        """The upper end of the interval."""
        return self.mean + self._margin

    @property
    def _margin(self) -> float:
        """Half of Student's 95 % interval, which takes the problems for a sample of those of interest."""
        from scipy.special import stdtrit

        count = len(self.of_problems)
        if count < 2:
            return math.nan
        t = stdtrit(count - 1, (1 + CONFIDENCE) / 2)
        return float(t * self.of_problems.std(ddof=1) / math.sqrt(count))


def mean_ranks(problems: Sequence[Steps]) -> list[MeanRank]:
    """The mean ranks of all optimizers, the best first.

    Optimizers that take as many steps, or do not reach the target, share the mean of their ranks.
    """
    from scipy.stats import rankdata

    of_problems = [rankdata(np.stack([*problem.values()]), axis=0).mean(axis=1) for problem in problems]
    ranks = []
    for row, optimizer in enumerate(problems[0]):
        solved = np.concatenate([np.isfinite(problem[optimizer]) for problem in problems])
        ranks.append(MeanRank(optimizer, np.array([ranks[row] for ranks in of_problems]), float(solved.mean())))
    return sorted(ranks, key=lambda rank: rank.mean)


def rank_p_value(first: MeanRank, second: MeanRank) -> float:
    """The probability that optimizers of equal ranks differ as much, by a paired t-test; nan of a single problem."""
    from scipy.special import stdtr

    differences = first.of_problems - second.of_problems
    count = len(differences)
    if count < 2:
        return math.nan
    if np.ptp(differences) == 0:  # what the t-test divides by
        return float(differences[0] == 0)
    t = differences.mean() / (differences.std(ddof=1) / math.sqrt(count))
    return float(2 * stdtr(count - 1, -abs(t)))
