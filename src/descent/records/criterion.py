"""Which values of a metric are better, and after how many steps a run reached one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Self

from descent.errors import UserError
from descent.records.run import EVALUATIONS, STEPS, RunRecord
from descent.records.tables import Table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Direction = Literal["minimize", "maximize"]
TRAIN_LOSS = "loss/train"
"""The metric that every run has."""
STEPS_TO_TARGET = "steps_to_target"
"""The metric that says after how many steps a run reached its target; infinite if it did not."""
PRECISION = 1e-5
"""The largest relative difference of two losses that count as equal: sums in float32 are rounded up to this."""


@dataclass(frozen=True)
class Criterion:
    """A metric by which runs are compared, and which of its values are better.

    Args:
        metric: its name, such as `accuracy/validation`: the measure, and the split of the examples.
        direction: whether lower values are better, or higher ones.
    """

    metric: str
    direction: Direction

    @property
    def sign(self) -> int:
        """1 if a lower value is better, -1 if a higher one is: the value times the sign is minimised."""
        return 1 if self.direction == "minimize" else -1

    @property
    def worst(self) -> float:
        """The value of a run that diverged: infinitely bad."""
        return self.sign * math.inf

    @property
    def split(self) -> str:
        """The split of the examples that it measures: `train`, `validation` or `test`; empty if it measures none."""
        return self.metric.rpartition("/")[2] if "/" in self.metric else ""

    def on(self, split: str) -> Self:
        """The same measure on another split of the examples: `train`, `validation` or `test`."""
        return replace(self, metric=f"{self.metric.rpartition('/')[0]}/{split}")

    def of(self, metric: str) -> Self:
        """The criterion of another metric, which is of the same measure or of the loss.

        Raises:
            UserError: for a metric of which it is not known whether a higher value is better.
        """
        measure = metric.partition("/")[0]
        if measure == self.metric.partition("/")[0]:
            return replace(self, metric=metric)
        if measure == "loss":
            return replace(self, metric=metric, direction="minimize")
        raise UserError(
            f"{metric}: is a higher value better, or a lower one? make it the objective, whose direction is set: "
            f"'objective={{metric: {metric}, direction: maximize}}'"
        )

    def best(self, table: Table) -> tuple[float, float] | None:
        """The best finite value in a table of evaluations, and its step; None if there is none."""
        if self.metric not in table.columns:
            return None
        values = zip(table.column(self.metric).tolist(), table.column("step").tolist(), strict=True)
        finite = [(value, step) for value, step in values if math.isfinite(value)]
        return min(finite, key=lambda value_and_step: self.sign * value_and_step[0], default=None)


@dataclass(frozen=True)
class Target:
    """A value of a metric that runs are to reach: this one or a better one."""

    criterion: Criterion
    value: float

    def is_reached(self, value: float) -> bool:
        """Whether a value of the metric reaches it; nan does not."""
        return self.criterion.sign * value <= self.criterion.sign * self.value

    def steps(self, record: RunRecord) -> float:
        """After how many steps a run first reached it; infinite if it did not.

        Evaluations count. Where they show that the losses of the steps are those of all training examples, as on a
        surface, every step counts.
        """
        evaluations = record.read(EVALUATIONS)
        metric = self.criterion.metric
        if metric not in evaluations.columns:
            return math.inf
        evaluated = list(zip(evaluations.column("step").tolist(), evaluations.column(metric).tolist(), strict=True))
        first = next((step for step, value in evaluated if self.is_reached(value)), math.inf)
        if metric == TRAIN_LOSS:
            losses = record.table(STEPS).values("loss/step")[:, 0]  # each before its step
            if _are_of_all_examples(losses, evaluated):
                reached = self.criterion.sign * losses <= self.criterion.sign * self.value
                first = min([first, *reached.nonzero()[0][:1].tolist()])
        return first


def _are_of_all_examples(losses: "NDArray[np.float64]", evaluated: Sequence[tuple[float, float]]) -> bool:
    """Whether the losses before each step are those of the evaluations, step and loss, of all training examples."""
    pairs = [(float(losses[int(step)]), loss) for step, loss in evaluated if step < len(losses)]
    return all(math.isclose(*pair, rel_tol=PRECISION) or not any(map(math.isfinite, pair)) for pair in pairs)
