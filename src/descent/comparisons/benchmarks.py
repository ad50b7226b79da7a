"""What a benchmark says of its optimizers: how soon each solves which problem, and what may be concluded."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from descent.comparisons.grouping import EndedRun
from descent.comparisons.profiles import MeanRank, Steps, mean_ranks, rank_p_value, ratios, score
from descent.comparisons.statistics import CONFIDENCE
from descent.comparisons.targets import STEPS
from descent.records.criterion import TRAIN_LOSS
from descent.records.label import OPTIMIZER, RATE, SEED


@dataclass(frozen=True)
class SolvedProblem:
    """How soon optimizers solve a problem, at each learning rate, from each start or seed.

    Args:
        name: of the problem.
        steps_at: (seeds,) by optimizer and by rate: the steps to the target; infinite if a run diverged or missed it.
        best: the rate of each optimizer at which it does best.
    """

    name: str
    steps_at: Mapping[str, Mapping[float, NDArray[np.float64]]]
    best: Mapping[str, float]

    @property
    def steps(self) -> Steps:
        """(seeds,) by optimizer: the steps to the target at its best rate."""
        return {optimizer: by_rate[self.best[optimizer]] for optimizer, by_rate in self.steps_at.items()}

    @property
    def studies(self) -> Steps:
        """By optimizer, as AlgoPerf counts: the fastest trial of each study, and the median over studies, (1,).

        A seed is a study, and the rates are its trials.
        """
        return {
            optimizer: np.median(np.stack(list(by_rate.values())).min(axis=0), keepdims=True)
            for optimizer, by_rate in self.steps_at.items()
        }

    def is_at_end(self, optimizer: str) -> bool:
        """Whether the best rate of an optimizer is the smallest or the largest of several that were tried."""
        rates = self.steps_at[optimizer]
        return len(rates) > 2 and self.best[optimizer] in (min(rates), max(rates))


def solved_problem(name: str, runs: Sequence[EndedRun]) -> SolvedProblem:
    """How soon each optimizer solves a problem, by runs with their steps to the target.

    An optimizer does best at the rate at which it reaches the target most often; of several, at the one that takes the
    fewest steps, and then the one that ends at the lowest loss.
    """
    by_rate: dict[str, dict[float, list[EndedRun]]] = {}
    for run in sorted(runs, key=lambda run: int(run.params[SEED])):
        rates = by_rate.setdefault(run.params[OPTIMIZER], {})
        rates.setdefault(float(run.params[RATE]), []).append(run)
    return SolvedProblem(
        name,
        {optimizer: {rate: _steps(runs) for rate, runs in rates.items()} for optimizer, rates in by_rate.items()},
        {optimizer: min(rates, key=partial(_order, rates)) for optimizer, rates in by_rate.items()},
    )


def _steps(runs: Sequence[EndedRun]) -> NDArray[np.float64]:
    return np.array([math.inf if run.diverged else run.final(STEPS) for run in runs])


def _order(by_rate: Mapping[float, Sequence[EndedRun]], rate: float) -> tuple[float, float, float]:
    """The lower, the better the runs at a rate do."""
    runs = by_rate[rate]
    steps = _steps(runs)
    arrived = steps[np.isfinite(steps)]
    losses = [math.inf if run.diverged else run.metrics.get(TRAIN_LOSS, math.inf) for run in runs]
    return -len(arrived) / len(steps), float(arrived.mean()) if len(arrived) else math.inf, float(np.median(losses))


def benchmark_conclusions(problems: Sequence[SolvedProblem]) -> list[str]:
    """What may be concluded of the optimizers, in sentences."""
    steps = [problem.steps for problem in problems]
    first, *others = mean_ranks(steps)
    multiples = ratios(steps)[first.optimizer]
    interval = f" ({first.low:.2f} to {first.high:.2f}, Student's {CONFIDENCE:.0%} interval over problems)"
    lines = [
        f"{first.optimizer} has the best mean rank of {len(others) + 1} optimizers on {_count(problems)}: "
        f"{first.mean:.2f}{interval if len(problems) > 1 else ''}. It reaches the target from {first.solved:.0%} of "
        f"{len(multiples)} starts, and from {(multiples == 1).mean():.0%} no other one is faster.",
        *_separable(first, others),
    ]
    most = max(others, key=lambda rank: rank.solved, default=first)
    if most.solved > first.solved:
        lines.append(f"{most.optimizer} reaches the target from the most starts: {most.solved:.0%}.")
    unsolved = [problem.name for problem in problems if not np.isfinite(np.stack([*problem.steps.values()])).any()]
    if unsolved:
        lines.append(f"No optimizer reaches the target on {', '.join(unsolved)}.")
    if at_ends := _at_ends(problems):
        lines.append(f"The best rate is the smallest or the largest tried for {', '.join(at_ends)}: widen the range.")
    lines.append(
        "Each optimizer is tuned on each problem, by the runs that rank it, at as many rates as every other one."
    )
    return lines


def _count(problems: Sequence[SolvedProblem]) -> str:
    return f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"


def _separable(first: MeanRank, others: Sequence[MeanRank]) -> list[str]:
    """Which optimizers the first one is not separable from, in a sentence."""
    equal = [rank.optimizer for rank in others if not rank_p_value(first, rank) < 1 - CONFIDENCE]
    if equal:
        return [f"Over these problems it is not separable from {', '.join(equal)}."]
    return (
        [f"It is separable from each of the others (t-tests over problems, p < {1 - CONFIDENCE:.2f})."]
        if others
        else []
    )


def _at_ends(problems: Sequence[SolvedProblem]) -> list[str]:
    """The optimizers that do best at an end of the rates tried where they solve a problem, and on how many problems."""
    counts: dict[str, int] = {}
    for problem in problems:
        for optimizer, steps in problem.steps.items():
            if problem.is_at_end(optimizer) and np.isfinite(steps).any():
                counts[optimizer] = counts.get(optimizer, 0) + 1
    return [f"{optimizer} (on {count})" for optimizer, count in counts.items()]


def rank_rows(problems: Sequence[SolvedProblem]) -> list[dict[str, str | float]]:
    """A row for each optimizer, the best first: its mean rank, its share of solved starts, and its scores."""
    steps = [problem.steps for problem in problems]
    multiples, of_studies = ratios(steps), ratios([problem.studies for problem in problems])
    return [
        {
            "optimizer": rank.optimizer,
            "mean rank": rank.mean,
            "low": rank.low,
            "high": rank.high,
            "solved": rank.solved,
            "score": score(multiples[rank.optimizer]),
            "AlgoPerf score": score(of_studies[rank.optimizer]),
        }
        for rank in mean_ranks(steps)
    ]
