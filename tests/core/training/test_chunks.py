from itertools import accumulate
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from descent.core.data.batch_sampler import BatchSampler
from descent.core.data.sampling import shuffled
from descent.core.training.chunks import Chunks
from descent.core.training.plan import Plan, plan

EVERY = 7


def run(count: int = 10, size: int | None = 3, steps: int = 333) -> tuple[BatchSampler, Plan]:
    """A run whose last minibatch of an epoch is smaller, evaluated every 7 steps and visited some 3 steps apart."""
    minibatches = BatchSampler(count, size, shuffled, seed=0)
    return minibatches, plan(steps, None, minibatches.steps_per_epoch, None, EVERY)


def chunks(minibatches: BatchSampler, made: Plan, chunk_size: int, start: int = 0) -> list[Tensor]:
    return list(Chunks([minibatches], made, chunk_size, after(start)))


def after(steps_taken: int, runs: int = 1) -> Any:
    """A stepper of runs that have taken steps."""
    return SimpleNamespace(steps_taken=steps_taken, runs=["run"] * runs)


@pytest.mark.parametrize("chunk_size", [1, 2, 3, 5, 100, 10_000])
@pytest.mark.parametrize("start", [0, 1, 5, 7, 150, 332, 333])
def test_chunks_hold_every_step_from_the_start_to_the_end_once(chunk_size: int, start: int) -> None:
    minibatches, made = run()
    rows = [row for chunk in chunks(minibatches, made, chunk_size, start) for row in chunk.tolist()]
    assert rows == [minibatches.chunk(step, step + 1)[0].tolist() for step in range(start, made.steps)]


@pytest.mark.parametrize("chunk_size", [1, 2, 3, 5, 100, 10_000])
@pytest.mark.parametrize("start", [0, 1, 5, 7, 150, 332])
def test_a_chunk_ends_wherever_the_plan_looks_at_something(chunk_size: int, start: int) -> None:
    minibatches, made = run()
    ends = list(accumulate((len(chunk) for chunk in chunks(minibatches, made, chunk_size, start)), initial=start))
    assert {stop for stop in (*made.evaluations, *made.snapshots) if stop > start} <= set(ends)
    assert ends[-1] == made.steps


@pytest.mark.parametrize("chunk_size", [1, 2, 3, 5, 100])
def test_no_chunk_is_longer_than_a_call(chunk_size: int) -> None:
    lengths = [len(chunk) for chunk in chunks(*run(), chunk_size)]
    assert min(lengths) >= 1
    assert max(lengths) <= chunk_size


def test_chunks_end_nowhere_else_where_all_minibatches_have_one_size() -> None:
    minibatches, made = run(count=12)
    lengths = (len(chunk) for chunk in chunks(minibatches, made, 10_000))
    assert list(accumulate(lengths, initial=0)) == sorted({*made.evaluations, *made.snapshots})


def test_without_data_chunks_count_the_steps() -> None:
    made = Plan(steps=10, evaluations=(0, 4, 10), snapshots=(0, 10))
    parts = chunks(BatchSampler(0, None, shuffled, seed=0), made, 5)
    assert [tuple(chunk.shape) for chunk in parts] == [(4, 0), (5, 0), (1, 0)]


def test_every_iteration_starts_at_the_steps_then_taken() -> None:
    minibatches, made = run()
    stepper = after(0)
    again = Chunks([minibatches], made, 100, stepper)
    whole = torch.cat([chunk.flatten() for chunk in again])
    stepper.steps_taken = 8  # two epochs of four minibatches, of ten examples each
    assert torch.equal(torch.cat([chunk.flatten() for chunk in again]), whole[20:])
    stepper.steps_taken = made.steps
    assert list(again) == []


def test_no_step_is_left_where_no_run_is_in_training() -> None:
    minibatches, made = run()
    assert list(Chunks([minibatches], made, 100, after(5, runs=0))) == []


def test_runs_that_draw_other_minibatches_have_a_row_each() -> None:
    _, made = run()
    samplers = [BatchSampler(10, 3, shuffled, seed=seed) for seed in (0, 1, 0)]
    for chunk, of_first in zip(Chunks(samplers, made, 100, after(0)), chunks(samplers[0], made, 100), strict=True):
        assert torch.equal(chunk[0], of_first)
        assert torch.equal(chunk[2], of_first)
    first = next(iter(Chunks(samplers, made, 100, after(0))))
    assert not torch.equal(first[0], first[1])
    equal = Chunks([BatchSampler(10, 3, shuffled, seed=0) for _ in range(2)], made, 100, after(0))
    assert next(iter(equal)).ndim == 2
