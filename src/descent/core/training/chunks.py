"""Chunks of steps: what Lightning takes for batches."""

from collections.abc import Callable, Iterator

from torch import Tensor

from descent.core.data.batch_sampler import BatchSampler
from descent.core.training.plan import Plan


class Chunks:
    """The steps from where the run stands to its end, as (steps, batch size) indices into the examples.

    A chunk has at most `chunk_size` steps and ends where the plan looks at something, so that Lightning's
    hooks see the run at just those steps, however long the chunks.
    """

    def __init__(self, minibatches: BatchSampler, plan: Plan, chunk_size: int, start: Callable[[], int]) -> None:
        self.minibatches, self.plan, self.chunk_size, self.start = (
            minibatches,
            plan,
            chunk_size,
            start,
        )

    def __iter__(self) -> Iterator[Tensor]:
        step = self.start()
        while step < self.plan.steps:
            chunk = self.minibatches.chunk(step, min(step + self.chunk_size, self.plan.next_stop(step)))
            yield chunk
            step += len(chunk)
