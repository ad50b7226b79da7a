from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from descent.core.data.batch_sampler import BatchSampler, Order
from descent.core.data.sampling import in_order, shuffled, with_replacement, without_replacement
from descent.errors import UserError

ORDERS = [in_order, shuffled, with_replacement, without_replacement]
SIZES = [(1, 1), (10, 1), (10, 3), (10, 5), (10, 7), (10, 10), (100, 32), (7, None)]
STEPS = 25

every_order = pytest.mark.parametrize("order", ORDERS)
every_size = pytest.mark.parametrize(("count", "size"), SIZES)


def sequence(minibatches: BatchSampler, length: int, first: int = 0, last: int = STEPS) -> list[list[int]]:
    """The minibatches of the steps first ... last - 1, asked for `length` steps at a time."""
    rows: list[list[int]] = []
    while first < last:
        chunk = minibatches.chunk(first, min(first + length, last))
        assert chunk.dtype == torch.int64
        assert 0 < len(chunk) <= min(length, last - first)
        rows += chunk.tolist()
        first += len(chunk)
    return rows


@every_order
@every_size
@pytest.mark.parametrize("length", [2, 3, 4, 10, 24, 100])
def test_chunks_of_any_length_give_the_same_minibatches(
    order: Order, count: int, size: int | None, length: int
) -> None:
    alone = sequence(BatchSampler(count, size, order, seed=0), 1)
    assert sequence(BatchSampler(count, size, order, seed=0), length) == alone
    assert len(alone) == STEPS


@every_order
@every_size
@pytest.mark.parametrize("first", [1, 2, 3, 4, 9, 24])
def test_a_run_resumed_at_any_step_sees_the_same_minibatches(
    order: Order, count: int, size: int | None, first: int
) -> None:
    whole = sequence(BatchSampler(count, size, order, seed=0), 5)
    assert sequence(BatchSampler(count, size, order, seed=0), 5, first) == whole[first:]


@every_order
def test_steps_may_be_asked_for_again_and_backwards(order: Order) -> None:
    minibatches = BatchSampler(10, 3, order, seed=0)
    whole = sequence(minibatches, 1)
    for step in reversed(range(STEPS)):
        assert minibatches.chunk(step, step + 1).tolist() == [whole[step]]


@pytest.mark.parametrize("order", [in_order, shuffled])
@every_size
def test_every_example_comes_once_an_epoch(order: Order, count: int, size: int | None) -> None:
    minibatches = BatchSampler(count, size, order, seed=0)
    epoch = minibatches.steps_per_epoch
    rows = sequence(minibatches, 4, last=3 * epoch)
    for first in range(0, 3 * epoch, epoch):
        examples = [example for row in rows[first : first + epoch] for example in row]
        assert sorted(examples) == list(range(count))


@pytest.mark.parametrize("order", [in_order, shuffled])
def test_the_ragged_last_minibatch_of_an_epoch_stands_alone(order: Order) -> None:
    minibatches = BatchSampler(10, 4, order, seed=0)
    assert minibatches.steps_per_epoch == 3
    shapes = []
    step = 0
    while step < 9:
        shapes.append(tuple(minibatches.chunk(step, 9).shape))
        step += shapes[-1][0]
    assert shapes == [(2, 4), (1, 2)] * 3


@pytest.mark.parametrize("order", [with_replacement, without_replacement])
def test_minibatches_drawn_anew_are_never_ragged(order: Order) -> None:
    assert BatchSampler(10, 4, order, seed=0).chunk(0, 30).shape == (30, 4)


def test_a_chunk_continues_across_epochs_that_divide() -> None:
    assert BatchSampler(10, 5, in_order, seed=0).chunk(1, 4).tolist() == [
        [5, 6, 7, 8, 9],
        [0, 1, 2, 3, 4],
        [5, 6, 7, 8, 9],
    ]


@every_order
def test_without_a_size_a_minibatch_is_all_examples(order: Order) -> None:
    minibatches = BatchSampler(10, None, order, seed=0)
    assert minibatches.steps_per_epoch == 1
    assert minibatches.chunk(0, 6).shape == (6, 10)


@every_order
def test_without_data_there_are_steps_but_no_examples(order: Order) -> None:
    minibatches = BatchSampler(0, None, order, seed=0)
    assert minibatches.steps_per_epoch == 1
    assert minibatches.chunk(3, 8).shape == (5, 0)
    assert minibatches.chunk(3, 8).dtype == torch.int64


@every_size
def test_an_epoch_has_as_many_steps_as_its_examples_fill(count: int, size: int | None) -> None:
    steps = BatchSampler(count, size, in_order, seed=0).steps_per_epoch
    size = size or count
    assert (steps - 1) * size < count <= steps * size


@pytest.mark.parametrize("size", [-1, 0, 11, 1000])
def test_a_size_out_of_range_is_refused_in_one_line(size: int) -> None:
    with pytest.raises(UserError, match=rf"^data\.batch_size={size}: choose from 1 to 10\b.*$"):
        BatchSampler(10, size, in_order, seed=0)


@pytest.mark.parametrize("order", [shuffled, with_replacement, without_replacement])
def test_another_seed_or_epoch_gives_other_minibatches(order: Order) -> None:
    def epochs(seed: int) -> list[Tensor]:
        minibatches = BatchSampler(100, 10, order, seed)
        return [minibatches.chunk(first, first + 10) for first in range(0, 30, 10)]

    drawn = [epoch for seed in (0, 1, 2) for epoch in epochs(seed)]
    for place, one in enumerate(drawn):
        for other in drawn[place + 1 :]:
            assert not torch.equal(one, other)
    assert all(torch.equal(one, again) for one, again in zip(epochs(1), drawn[3:6], strict=True))


def test_in_order_no_seed_or_epoch_matters() -> None:
    epochs = [BatchSampler(100, 10, in_order, seed).chunk(first, first + 10) for seed in (0, 1) for first in (0, 10)]
    assert all(torch.equal(one, other) for one, other in pairwise(epochs))


def test_minibatches_are_equal_if_they_are_of_the_same_examples_size_order_and_seed() -> None:
    common: dict[str, Any] = {"count": 10, "size": 5, "order": shuffled, "seed": 0}
    one = BatchSampler(**common)
    assert one == BatchSampler(**common)
    assert hash(one) == hash(BatchSampler(**common))
    for change in ({"count": 20}, {"size": 2}, {"order": in_order}, {"seed": 1}):
        assert one != BatchSampler(**common | change)


def test_an_epoch_is_drawn_once() -> None:
    drawn = 0

    def counted(generator: Generator, count: int, size: int) -> Tensor:
        nonlocal drawn
        drawn += 1
        return shuffled(generator, count, size)

    sequence(BatchSampler(10, 2, counted, seed=0), 1, last=25)
    assert drawn == 5
