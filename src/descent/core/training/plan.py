"""How many steps a run takes, and after which of them it is evaluated or its parameters are recorded."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from descent.errors import UserError

SNAPSHOTS = 100
"""How many positions of a run are kept for its picture, evenly over its steps, besides the start."""
EVALUATIONS = 20
"""How often a run is evaluated at least, besides the start, if its configuration does not say how often."""


@dataclass(frozen=True)
class Plan:
    """Step numbers count the steps taken, so 0 is the start.

    Args:
        steps: how many steps the run takes.
        evaluations: after which of them it is evaluated, in order; the start and the end among them.
        snapshots: after which of them its position is kept, in order; the start and the end among them.
    """

    steps: int
    evaluations: tuple[int, ...]
    snapshots: tuple[int, ...]

    def evaluated_at(self, steps: Iterable[int]) -> Self:
        """The same plan with further evaluations."""
        return replace(self, evaluations=tuple(sorted({*self.evaluations, *steps})))

    def next_stop(self, step: int) -> int:
        """The first step after `step` after which the run is evaluated or its parameters are recorded."""
        return min(stops[bisect_right(stops, step)] for stops in (self.evaluations, self.snapshots))


def plan(
    max_steps: int | None, max_epochs: int | None, steps_per_epoch: int, first: int | None, every: int | None
) -> Plan:
    """The plan of a run that ends at `max_steps` or `max_epochs`, whichever comes first.

    It is evaluated after `first` steps (`every`, where None) and every `every` steps from there. Where that is None it
    is an epoch, or a twentieth of the run if that is shorter; a hundredth of the run where an epoch is a step.

    Raises:
        UserError: where the run would have no end.
    """
    ends = [max_steps, None if max_epochs is None else max_epochs * steps_per_epoch]
    steps = min((end for end in ends if end is not None), default=None)
    if steps is None:
        raise UserError("the run has no end: set trainer.max_steps or trainer.max_epochs")
    if every is None and steps_per_epoch > 1:
        every = max(1, min(steps_per_epoch, steps // EVALUATIONS))
    every = every or -(-steps // SNAPSHOTS)
    evaluations = sorted({0, *range(first or every, steps, every), steps})
    snapshots = sorted({round(steps * visit / SNAPSHOTS) for visit in range(SNAPSHOTS + 1)})
    return Plan(steps, tuple(evaluations), tuple(snapshots))
