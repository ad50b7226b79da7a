"""How much faster optimizers are than a baseline at its own rate, and what is left of that when it is tuned as well.

Wen, Hall, Ma and Liang, Fantastic Pretraining Optimizers and Where to Find Them, 2025: most of the advantage that is
claimed over AdamW goes away when AdamW's rate is tuned as well.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from descent.comparisons.benchmarks import SolvedProblem
from descent.comparisons.statistics import CONFIDENCE

ALL = "all"
"""The name of the row of all problems."""


@dataclass(frozen=True)
class Speedup:
    """How many times as fast an optimizer is, with Student's 95 % interval of the logarithm.

    The mean is infinite if the optimizer reaches the target from starts from which the baseline does not, 0 if it is
    the other way round, and nan for some starts of each kind.
    """

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        """The number, with its interval if it has one, or who reaches the target more often."""
        if math.isnan(self.mean):
            return "from other starts"
        if self.mean in (0, math.inf):
            return "more often" if self.mean else "less often"
        interval = f" ({self.low:.2g} to {self.high:.2g})" if math.isfinite(self.low) else ""
        return f"{self.mean:.2g}{interval}"


@dataclass(frozen=True)
class Advantage:
    """An optimizer's advantage over the baseline.

    Args:
        problem: its name; ALL for the mean of all.
        optimizer: its name.
        untuned: over the baseline at its own rate.
        tuned: over the baseline at its best rate.
    """

    problem: str
    optimizer: str
    untuned: Speedup
    tuned: Speedup


def advantages(problems: Sequence[SolvedProblem], baseline: str, rate: float) -> list[Advantage]:
    """The advantages of all other optimizers on each problem over its seeds, and on all over the problems.

    Args:
        problems: that were solved.
        baseline: the name of an optimizer.
        rate: its own learning rate, which is among those that were tried.
    """
    optimizers = [optimizer for optimizer in problems[0].steps if optimizer != baseline]
    rows = []
    for optimizer in optimizers:
        logs: dict[str, list[float]] = {"untuned": [], "tuned": []}
        for problem in problems:
            of_baseline = {"untuned": problem.steps_at[baseline][rate], "tuned": problem.steps[baseline]}
            ratios = {name: _log_ratios(steps, problem.steps[optimizer]) for name, steps in of_baseline.items()}
            rows.append(Advantage(problem.name, optimizer, **{name: speedup(ratio) for name, ratio in ratios.items()}))
            for name, ratio in ratios.items():
                with np.errstate(invalid="ignore"):  # infinite ones of both signs
                    logs[name].append(float(ratio.mean()))
        if len(problems) > 1:
            rows.append(Advantage(ALL, optimizer, **{name: speedup(means) for name, means in logs.items()}))
    return rows


def _log_ratios(baseline: NDArray[np.float64], optimizer: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logarithms of how many times as fast an optimizer is, (seeds,); 0 where neither arrives."""
    neither = np.isinf(baseline) & np.isinf(optimizer)
    with np.errstate(invalid="ignore"):
        logs = np.log(np.maximum(baseline, 1.0)) - np.log(np.maximum(optimizer, 1.0))
    return np.where(neither, 0.0, logs)


def speedup(log_ratios: ArrayLike) -> Speedup:
    """The mean of logarithms of ratios as a ratio, with its interval; infinite or 0, without one, if one ratio is."""
    from scipy.special import stdtrit

    logs = np.asarray(log_ratios, dtype=np.float64)
    if not np.isfinite(logs).all():
        ends = logs[~np.isfinite(logs)]
        mean = math.inf if (ends > 0).all() else 0.0 if (ends < 0).all() else math.nan
        return Speedup(mean, math.nan, math.nan)
    margin = math.nan
    if len(logs) > 1:
        margin = float(stdtrit(len(logs) - 1, (1 + CONFIDENCE) / 2) * logs.std(ddof=1) / math.sqrt(len(logs)))
    mean = float(logs.mean())
    return Speedup(math.exp(mean), math.exp(mean - margin), math.exp(mean + margin))


def advantage_rows(rows: Sequence[Advantage]) -> list[dict[str, str | float]]:
    """The rows of advantages.csv."""
    return [
        {
            "problem": row.problem,
            "optimizer": row.optimizer,
            **{
                f"{name}{end}": value
                for name, of_name in (("untuned", row.untuned), ("tuned", row.tuned))
                for end, value in (("", of_name.mean), (" low", of_name.low), (" high", of_name.high))
            },
        }
        for row in rows
    ]


def advantage_conclusions(rows: Sequence[Advantage], baseline: str, rate: float) -> list[str]:
    """How much is left of the largest advantage over the baseline when it is tuned, and where there is no number.

    The advantage is that on all problems or, where no optimizer has a number for that, on one of them.
    """
    on_each = [row for row in rows if row.problem != ALL]
    overall = [row for row in rows if row.problem == ALL] or on_each
    conclusions = []
    if numbers := [row for row in overall if _has_numbers(row)] or [row for row in on_each if _has_numbers(row)]:
        largest = max(numbers, key=lambda row: row.untuned.mean)
        place = "" if largest in overall else f" on {largest.problem}"
        conclusions.append(
            f"Over {baseline} at its own rate of {rate:g}, {largest.optimizer} has the largest advantage{place}: it is "
            f"{largest.untuned} times as fast. Of that {largest.tuned} times is left when {baseline} is tuned as well."
        )
    if problems := dict.fromkeys(row.problem for row in on_each if row.untuned.mean == math.inf):
        conclusions.append(
            f"On {', '.join(problems)}, others reach the target from starts from which {baseline} at {rate:g} does not."
        )
    return conclusions


def _has_numbers(row: Advantage) -> bool:
    """Whether optimizer and baseline reach the target from the same starts, be it tuned or not."""
    return all(math.isfinite(mean) and mean > 0 for mean in (row.untuned.mean, row.tuned.mean))
