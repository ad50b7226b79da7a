import pytest
import torch
from torch import Tensor

from descent.core.data.examples import Examples


def halved(column: Tensor) -> Tensor:
    return column / 2


def examples(count: int = 10) -> Examples:
    """Bytes of two numbers each, prepared as their halves in float32, and labels, prepared in int64."""
    images = torch.arange(2 * count, dtype=torch.uint8).view(count, 2)
    return Examples((images, torch.arange(count, dtype=torch.uint8)), (halved, Tensor.long))


def by_hand(rows: list[int]) -> tuple[Tensor, Tensor]:
    return torch.tensor([[row, row + 0.5] for row in rows]), torch.tensor(rows)


INDICES = torch.tensor([[3, 1, 4], [1, 5, 9], [2, 6, 5], [0, 0, 0]])


def assert_same(minibatch: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> None:
    for column, wanted in zip(minibatch, expected, strict=True):
        assert column.dtype == wanted.dtype
        assert torch.equal(column, wanted)


def test_minibatches_are_what_indexing_each_step_gives() -> None:
    minibatches = list(examples().minibatches(INDICES))
    assert len(minibatches) == len(INDICES)
    for minibatch, rows in zip(minibatches, INDICES, strict=True):
        assert_same(minibatch, by_hand(rows.tolist()))


def test_columns_of_any_shape_are_gathered() -> None:
    images = torch.arange(5 * 3 * 4 * 2).view(5, 3, 4, 2)
    _, second = Examples((images,), (Tensor.float,)).minibatches(torch.tensor([[0, 1], [4, 2]]))
    assert_same(second, (images[[4, 2]].float(),))


def test_where_there_is_no_data_minibatches_are_empty() -> None:
    none = Examples()
    assert len(none) == 0
    assert list(none.minibatches(torch.empty(3, 0, dtype=torch.int64))) == [(), (), ()]
    assert none.head(5) == ()
    assert list(none.slices(5)) == [()]


@pytest.mark.parametrize("size", [1, 3, 5, 9, 10, 11, 1000])
def test_slices_hold_every_example_once_and_in_order(size: int) -> None:
    slices = list(examples().slices(size))
    lengths = [len(labels) for _, labels in slices]
    assert sum(lengths) == 10
    assert lengths[:-1] == [size] * (len(lengths) - 1)
    assert 0 < lengths[-1] <= size
    assert_same(tuple(torch.cat(column) for column in zip(*slices, strict=True)), by_hand(list(range(10))))


@pytest.mark.parametrize(("count", "rows"), [(0, 0), (1, 1), (4, 4), (10, 10), (99, 10)])
def test_head_is_the_first_examples_as_far_as_there_are(count: int, rows: int) -> None:
    assert_same(examples().head(count), (*(column[:rows] for column in by_hand(list(range(10)))),))


def test_on_another_device_they_are_the_same_examples() -> None:
    moved = examples().to(torch.device("meta"))
    assert {column.device.type for column in moved.columns} == {"meta"}
    assert [(column.shape, column.dtype) for column in moved.columns] == [((10, 2), torch.uint8), ((10,), torch.uint8)]
    assert_same(examples().to(torch.device("cpu")).head(10), by_hand(list(range(10))))


def test_columns_need_a_preparation_each() -> None:
    with pytest.raises(ValueError, match="zip"):
        Examples((torch.zeros(3), torch.zeros(3)), (halved,)).head(1)
