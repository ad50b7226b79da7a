"""Which examples make up which step's minibatch: a function of the seed and the step alone.

So a resumed run needs no generator's state, and chunks of any length see the same minibatches.
"""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from descent.core.random_streams import generator
from descent.errors import UserError

Order = Callable[[Generator, int, int], Tensor]


class BatchSampler:
    """The minibatches of all steps, as indices into `count` examples.

    Args:
        count: the number of examples; 0 for a problem that needs no data.
        size: the examples of a minibatch, all of them where None.
        order: one of `descent.core.data.sampling`.
        seed: of the draws.

    Raises:
        UserError: for a minibatch that is empty or larger than the data.
    """

    def __init__(self, count: int, size: int | None, order: Order, seed: int) -> None:
        self.count, self.size = count, count if size is None else size
        if not min(1, count) <= self.size <= count:
            raise UserError(f"data.batch_size={size}: choose from 1 to {count}, the number of examples")
        self.order, self.seed = order, seed
        self.steps_per_epoch = -(-count // self.size) if count else 1
        self._epoch = (-1, torch.empty(0))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BatchSampler) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[object, ...]:
        """Equal for samplers of the same minibatches."""
        return self.count, self.size, self.order, self.seed

    def chunk(self, first: int, last: int) -> Tensor:
        """The minibatches of the steps first ... last - 1, (steps, size) in int64.

        Fewer steps where minibatches of another size follow: the last of an epoch may be smaller, and is a chunk alone.
        """
        if not self.count:
            return torch.empty(last - first, 0, dtype=torch.int64)
        pieces: list[Tensor] = []
        while first < last:
            epoch, step = divmod(first, self.steps_per_epoch)
            drawn = self._drawn(epoch)[step * self.size : (step + last - first) * self.size]
            whole = len(drawn) // self.size
            if not whole:
                return torch.cat(pieces) if pieces else drawn[None]
            pieces.append(drawn[: whole * self.size].view(whole, self.size))
            first += whole
            if len(drawn) % self.size:
                break
        return torch.cat(pieces)

    def _drawn(self, epoch: int) -> Tensor:
        if self._epoch[0] != epoch:
            epoch_generator = generator(self.seed, "minibatches", epoch)
            self._epoch = epoch, self.order(epoch_generator, self.count, self.size)
        return self._epoch[1]
