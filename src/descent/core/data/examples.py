"""Examples in memory, as they are stored, and minibatches of them, as a problem takes them."""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn

Minibatch = tuple[Tensor, ...]
Prepare = Callable[[Tensor], Tensor]
"""Turns stored rows of a column into those that a problem computes with; a module, if it has tensors of its own."""
ROWS = 300
"""Examples gathered together: about as many of MNIST's as a processor's cache holds, floats and all."""


def unchanged(column: Tensor) -> Tensor:
    """A column that is stored as it is computed with."""
    return column


@dataclass(frozen=True)
class Examples:
    """Columns of one length: what a problem's forward takes, one tensor an argument.

    Args:
        columns: (examples, ...) each; none at all for a problem that needs no data.
        prepare: for each column, what turns stored rows into those the problem computes with.
    """

    columns: tuple[Tensor, ...] = ()
    prepare: tuple[Prepare, ...] = ()

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def to(self, device: torch.device) -> "Examples":
        """The same examples on a device."""
        prepare = tuple(deepcopy(one).to(device) if isinstance(one, nn.Module) else one for one in self.prepare)
        return replace(self, columns=tuple(column.to(device) for column in self.columns), prepare=prepare)

    def first(self, count: int) -> "Examples":
        """The first `count` examples, or all where there are fewer, as they are stored."""
        return replace(self, columns=tuple(column[:count] for column in self.columns))

    def head(self, count: int) -> Minibatch:
        """The first `count` examples, or all where there are fewer, as a minibatch."""
        return self._prepared(column[:count] for column in self.columns)

    def slices(self, size: int) -> Iterator[Minibatch]:
        """All examples, `size` at a time, the last one shorter if they don't divide."""
        for first in range(0, max(len(self), 1), size):
            yield self._prepared(column[first : first + size] for column in self.columns)

    def minibatches(self, indices: Tensor) -> Iterator[Minibatch]:
        """The minibatches of a chunk of steps, some gathered and prepared together; indices (steps, batch), int64."""
        for part in indices.split(max(1, ROWS // max(1, indices.shape[1]))):
            gathered = self._prepared(column.index_select(0, part.view(-1)) for column in self.columns)
            split = [column.view(*part.shape, *column.shape[1:]).unbind(0) for column in gathered]
            yield from zip(*split, strict=True) if split else [()] * len(part)

    def _prepared(self, columns: Iterator[Tensor]) -> Minibatch:
        return tuple(prepare(column) for prepare, column in zip(self.prepare, columns, strict=True))


@dataclass(frozen=True)
class Data:
    """What a run is trained and tested on.

    Args:
        train: the training examples.
        test: the test examples, if there are any.
        files: that they were read from.
        digest: the MD5 of the examples, if they may change with no change of these files or of the configuration.
        validation: examples held out from training, by which runs are ranked, if there are any.
    """

    train: Examples = field(default_factory=Examples)
    test: Examples | None = None
    files: tuple[Path, ...] = ()
    digest: str | None = None
    validation: Examples | None = None

    def to(self, device: torch.device) -> "Data":
        """The same data on a device; this object if it is there already."""
        if all(column.device == device for column in self.train.columns):
            return self
        return self.mapped(lambda examples: examples.to(device))

    def splits(self) -> dict[str, Examples]:
        """The examples of each split that there is, by its name in metrics: train, validation, test."""
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: examples for name, examples in splits.items() if examples is not None}

    def mapped(self, change: Callable[[Examples], Examples]) -> "Data":
        """The same data with a change of the examples of every split."""
        validation, test = (None if held_out is None else change(held_out) for held_out in (self.validation, self.test))
        return replace(self, train=change(self.train), validation=validation, test=test)


def concatenated(each: Sequence[Examples]) -> tuple[Examples, list[int]]:
    """The examples of all runs, those that several share once, and where in them each run's own begin."""
    distinct = {id(examples): examples for examples in each}
    if len(distinct) == 1:
        return each[0], [0] * len(each)
    starts, end = {}, 0
    for key, examples in distinct.items():
        starts[key], end = end, end + len(examples)
    columns = zip(*(examples.columns for examples in distinct.values()), strict=True)
    return Examples(tuple(map(torch.cat, columns)), each[0].prepare), [starts[id(examples)] for examples in each]
