"""Orders in which examples make up minibatches: each gives one epoch's, as indices into the examples.

All take the generator of an epoch, the number of examples and the size of a minibatch, and return
(indices,) in int64, minibatch after minibatch.
"""

from torch import Generator, Tensor, arange, rand, randint, randperm


def in_order(generator: Generator, count: int, size: int) -> Tensor:
    """The examples as they come, the same in every epoch."""
    return arange(count)


def shuffled(generator: Generator, count: int, size: int) -> Tensor:
    """Every example once an epoch, in an order drawn anew."""
    return randperm(count, generator=generator)


def with_replacement(generator: Generator, count: int, size: int) -> Tensor:
    """Every example of a minibatch drawn from all, so that one may be drawn twice."""
    return randint(count, (-(-count // size) * size,), generator=generator)


def without_replacement(generator: Generator, count: int, size: int) -> Tensor:
    """Every minibatch drawn from all examples anew, none of them twice in it."""
    return rand(-(-count // size), count, generator=generator).topk(size, largest=False).indices.flatten()
