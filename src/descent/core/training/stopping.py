"""Which runs leave training before their last step: those that reach the target, and the worst of several."""

import math
from collections.abc import Callable, Hashable, Mapping
from typing import Protocol

import numpy as np

from descent.core.training.training_run import TrainingRun
from descent.errors import UserError
from descent.records.criterion import Criterion, Target


class Stopping(Protocol):
    """Says which runs leave training after an evaluation, and notes the reason in their states."""

    def __call__(self, evaluated: Mapping[TrainingRun, Mapping[str, float]]) -> list[TrainingRun]:
        """Those that leave, of runs that are in training and have just been evaluated, with their metrics."""


class TargetStopping:
    """Has runs leave at the first evaluation that reaches their targets; those without a target stay."""

    def __init__(self, targets: Mapping[TrainingRun, Target]) -> None:
        self.targets = targets

    def __call__(self, evaluated: Mapping[TrainingRun, Mapping[str, float]]) -> list[TrainingRun]:
        """Those that reached theirs."""
        leaving = []
        for run in evaluated.keys() & self.targets:
            target = self.targets[run]
            if target.is_reached(evaluated[run][target.criterion.metric]):
                run.state.reached_target = True
                leaving.append(run)
        return leaving


class Halving:
    """Successive halving: at each rung, a step, only a share of the groups of runs stays, those of the best means.

    Jamieson and Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter Optimization, AISTATS 2016.

    Args:
        rungs: after which steps the worst leave.
        keep: the share of the groups that stays, rounded up.
        criterion: by which groups are compared.
        group: equal for runs that differ in their seed only, which leave together.
    """

    def __init__(
        self,
        rungs: tuple[int, ...],
        keep: float,
        criterion: Criterion,
        group: Callable[[TrainingRun], Hashable],
    ) -> None:
        self.rungs, self.keep, self.criterion, self.group = rungs, keep, criterion, group

    def __call__(self, evaluated: Mapping[TrainingRun, Mapping[str, float]]) -> list[TrainingRun]:
        """The runs of the worst groups, if this is a rung.

        Raises:
            UserError: if they do not measure the objective.
        """
        values: dict[Hashable, list[float]] = {}
        for run, metrics in evaluated.items():
            if run.state.steps_taken in self.rungs:
                if self.criterion.metric not in metrics:
                    raise UserError(f"halving: the runs do not measure objective.metric={self.criterion.metric}")
                value = self.criterion.sign * metrics[self.criterion.metric]
                values.setdefault(self.group(run), []).append(math.inf if math.isnan(value) else value)
        best_first = sorted(values, key=lambda group: float(np.mean(values[group])))
        worst = set(best_first[math.ceil(self.keep * len(best_first)) :])
        leaving = [run for run in evaluated if self.group(run) in worst]
        for run in leaving:
            run.state.stopped = True
        return leaving


def rungs(after: int, keep: float, steps: int) -> tuple[int, ...]:
    """The steps after which runs are halved: the first rung, and each further one later by the inverse of `keep`."""
    count = math.floor(math.log(steps / after) / -math.log(keep)) + 1 if after <= steps else 0
    later = (round(after / keep**number) for number in range(count))
    return tuple(dict.fromkeys(rung for rung in later if rung < steps))
