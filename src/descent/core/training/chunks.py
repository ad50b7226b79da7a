"""Chunks of steps: what Lightning takes for batches."""

from collections.abc import Callable, Iterator

from torch import Tensor

from descent.core.data.minibatches import Minibatches
from descent.core.training.plan import Plan


class Chunks:
    """The steps from where the run stands to its end, as (steps, batch size) indices into the examples.

    A chunk has at most `steps_per_call` steps and ends where the plan looks at something, so that Lightning's
    hooks see the run at just those steps, however long the chunks.
    """

    def __init__(self, minibatches: Minibatches, plan: Plan, steps_per_call: int, start: Callable[[], int]) -> None:
        self.minibatches, self.plan, self.steps_per_call, self.start = (
            minibatches,
            plan,
            steps_per_call,
            start,
        )

    def __iter__(self) -> Iterator[Tensor]:
        step = self.start()
        while step < self.plan.steps:
            chunk = self.minibatches.chunk(step, min(step + self.steps_per_call, self.plan.next_stop(step)))
            yield chunk
            step += len(chunk)
