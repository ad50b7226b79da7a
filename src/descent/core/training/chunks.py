"""Chunks of steps: what Lightning takes for batches."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from descent.core.data.batch_sampler import BatchSampler
from descent.core.training.plan import Plan
from descent.core.training.stepper import Stepper


class Chunks:
    """The steps that runs have still to take, in chunks of indices into the examples.

    They are (steps, batch size) where all runs draw the same minibatches, else (runs, steps, batch size). A chunk has
    at most `chunk_size` steps and ends at each step that the plan names, so that Lightning's callbacks see the runs
    after just that step, for any chunk size.

    Args:
        samplers: of the minibatches, one for each run.
        plan: the runs'.
        chunk_size: the most steps of a chunk.
        stepper: says, each time that chunks are iterated, how many steps are taken already, and of whether any run is
            left in training.
    """

    def __init__(self, samplers: Sequence[BatchSampler], plan: Plan, chunk_size: int, stepper: Stepper) -> None:
        self.samplers, self.plan, self.chunk_size, self.stepper = samplers, plan, chunk_size, stepper
        self.distinct = list(dict.fromkeys(samplers))

    def __iter__(self) -> Iterator[Tensor]:
        step = self.stepper.steps_taken if self.stepper.runs else self.plan.steps
        while step < self.plan.steps:
            last = min(step + self.chunk_size, self.plan.next_stop(step))
            drawn = {sampler: sampler.chunk(step, last) for sampler in self.distinct}
            chunk = drawn[self.distinct[0]]
            yield chunk if len(drawn) == 1 else torch.stack([drawn[sampler] for sampler in self.samplers])
            step += len(chunk)
