import pytest
import torch
from torch import Tensor

from descent.core.data.batch_sampler import Order
from descent.core.data.sampling import in_order, shuffled, with_replacement, without_replacement
from descent.core.random_streams import generator

ORDERS = [in_order, shuffled, with_replacement, without_replacement]


def drawn(order: Order, count: int, size: int, index: int = 0) -> Tensor:
    return order(generator(0, "orders", index), count, size)


def chi_square(indices: Tensor, count: int) -> float:
    """How far the examples' frequencies are from equal ones; about count - 1 where chance alone is at work."""
    observed = torch.bincount(indices, minlength=count).double()
    expected = len(indices) / count
    return ((observed - expected).square().sum() / expected).item()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("count", "size"), [(1, 1), (10, 1), (10, 3), (10, 10), (1000, 100)])
def test_indices_are_those_of_examples(order: Order, count: int, size: int) -> None:
    indices = drawn(order, count, size)
    assert indices.dtype == torch.int64
    assert indices.ndim == 1
    assert 0 <= indices.min() <= indices.max() < count


def test_in_order_the_examples_come_as_they_are() -> None:
    assert drawn(in_order, 5, 2).tolist() == [0, 1, 2, 3, 4]


def test_shuffled_is_every_example_once_but_elsewhere() -> None:
    indices = drawn(shuffled, 1000, 100)
    assert indices.sort().values.tolist() == list(range(1000))
    assert (indices != torch.arange(1000)).sum() > 900


@pytest.mark.parametrize(("count", "size"), [(100, 10), (10, 3), (10, 10), (2, 1)])
def test_without_replacement_no_example_is_twice_in_a_minibatch(count: int, size: int) -> None:
    for index in range(50):
        for minibatch in drawn(without_replacement, count, size, index).view(-1, size).tolist():
            assert len(set(minibatch)) == size


def test_without_replacement_an_example_may_come_again_in_the_next_minibatch() -> None:
    epochs = [drawn(without_replacement, 10, 5, index) for index in range(20)]
    assert any(len(epoch.unique()) < 10 for epoch in epochs)


def test_with_replacement_an_example_may_be_twice_in_a_minibatch() -> None:
    minibatches = torch.cat([drawn(with_replacement, 100, 10, index) for index in range(100)]).view(-1, 10).tolist()
    repeating = sum(len(set(minibatch)) < 10 for minibatch in minibatches) / len(minibatches)
    chance = 1 - float(torch.prod(1 - torch.arange(10) / 100))
    # Four standard errors around the birthday paradox's answer.
    assert abs(repeating - chance) < 4 * (chance * (1 - chance) / len(minibatches)) ** 0.5


@pytest.mark.parametrize("order", [with_replacement, without_replacement])
def test_every_example_is_drawn_equally_often(order: Order) -> None:
    indices = torch.cat([drawn(order, 100, 10, index) for index in range(200)])
    # Chi-square of 99 degrees of freedom: mean 99, standard deviation 14; without replacement it is less.
    assert 99 * 0.9 - 4 * 14 < chi_square(indices, 100) < 99 + 4 * 14


def test_shuffled_every_example_comes_first_equally_often() -> None:
    firsts = torch.cat([drawn(shuffled, 20, 5, index)[:1] for index in range(2000)])
    # 19 degrees of freedom: standard deviation 6.2.
    assert 0 < chi_square(firsts, 20) < 19 + 4 * 6.2


@pytest.mark.parametrize("order", ORDERS)
def test_the_same_generator_gives_the_same_order(order: Order) -> None:
    assert torch.equal(drawn(order, 100, 10), drawn(order, 100, 10))
