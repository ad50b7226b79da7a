"""What is done with data before training: sizes checked, examples held out, inputs standardized, classes one-hot."""

import math
from dataclasses import replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from descent.core.data.examples import Data, Examples, Prepare
from descent.core.random_streams import generator
from descent.errors import UserError

SLICE = 1_000
"""Examples prepared at once."""
MAX_VALIDATION = 5_000
"""The most examples that `data.validation=auto` holds out: as many as of MNIST's 60,000."""
VALIDATION_SHARE = 10
"""It holds out one of so many training examples."""


def check_sizes(data: Data, features: int | None, classes: int | None) -> None:
    """Check the numbers of inputs and of classes that a configuration declares; None for one that it does not.

    Raises:
        UserError: if the data have another number.
    """
    columns = data.train.columns
    if features is not None:
        found = math.prod(columns[0].shape[1:]) if len(columns) > 1 else 0
        if features != found:
            raise UserError(f"data.features={features}: these data have {found:,} inputs an example; set it to that")
    if classes is not None:
        found = class_count(data) if _has_classes(data) else 0
        if classes != found:
            raise UserError(f"data.classes={classes}: these data have {found:,} classes; set it to that")


def class_count(data: Data) -> int:
    """The number of classes, of which the last is the largest in training and test examples."""
    return max(int(examples.columns[-1].max()) for examples in data.splits().values()) + 1


def _has_classes(data: Data) -> bool:
    last = data.train.columns[-1] if data.train.columns else torch.empty(0)
    return last.ndim == 1 and not last.is_floating_point()


def with_test_share(data: Data, share: float, seed: int) -> Data:
    """The data with a share of their training examples, which the seed draws, as the test examples.

    Raises:
        UserError: for data that have test examples, or too few to hold some out.
    """
    count = round(share * len(data.train))
    if data.test is not None:
        raise UserError(f"data.test_share={share}: these data have {len(data.test):,} test examples of their own")
    if not 0 < count < len(data.train):
        raise UserError(f"data.test_share={share}: of {len(data.train)} examples {count} would be held out")
    test, train = _split(data.train, count, generator(seed, "held out"))
    return replace(data, train=train, test=test)


def with_validation(data: Data, count: int | Literal["auto"], seed: int) -> Data:
    """The data with a number of their training examples, which the seed draws, as the validation examples.

    `auto` is a tenth, up to 5,000; and none of fewer than 10 examples.

    Raises:
        UserError: for data with too few training examples.
    """
    examples = min(len(data.train) // VALIDATION_SHARE, MAX_VALIDATION) if count == "auto" else count
    if examples == 0:
        return data
    if examples >= len(data.train):
        raise UserError(f"data.validation={count}: there are {len(data.train):,} training examples; choose fewer")
    validation, train = _split(data.train, examples, generator(seed, "validation"))
    return replace(data, train=train, validation=validation)


def _split(examples: Examples, count: int, draws: Generator) -> tuple[Examples, Examples]:
    """Some examples, drawn at random, and the others, both in their order."""
    order = torch.randperm(len(examples), generator=draws)
    return _selected(examples, order[:count].sort().values), _selected(examples, order[count:].sort().values)


def _selected(examples: Examples, rows: Tensor) -> Examples:
    return replace(examples, columns=tuple(column[rows] for column in examples.columns))


class Standardize(nn.Module):
    """Turns stored inputs into those whose every feature has a mean of 0 and a standard deviation of 1 in training.

    Args:
        prepare: turns stored rows into floats.
        mean: of each feature.
        deviation: of each feature; 1 for one that is constant.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, prepare: Prepare, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.prepare = prepare
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, stored: Tensor) -> Tensor:
        """The standardized rows."""
        return (self.prepare(stored) - self.mean) / self.deviation


def standardized(data: Data) -> Data:
    """The data with the first of their columns, the inputs, standardized by the training examples.

    Raises:
        UserError: for data without inputs.
    """
    if len(data.train.columns) < 2:
        raise UserError("data.standardize=true: these data have no inputs beside what is predicted")
    parts = [part[0].double() for part in data.train.slices(SLICE)]
    mean = torch.stack([part.sum(dim=0) for part in parts]).sum(dim=0) / len(data.train)
    squares = torch.stack([(part - mean).square().sum(dim=0) for part in parts]).sum(dim=0)
    deviation = (squares / len(data.train)).sqrt()
    deviation = torch.where(deviation > 0, deviation, 1.0)
    dtype = data.train.head(1)[0].dtype
    prepare = Standardize(data.train.prepare[0], mean.to(dtype), deviation.to(dtype))
    return _with_prepare(data, 0, prepare)


class OneHot(nn.Module):
    """Turns classes, (rows,), into vectors in float32, (rows, classes): 1 at the class, else 0."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, stored: Tensor) -> Tensor:
        """The vectors."""
        return F.one_hot(stored.long(), self.classes).float()


def one_hot(data: Data) -> Data:
    """The data with the last of their columns, the classes, as vectors.

    Raises:
        UserError: for data whose last column has no classes.
    """
    if not _has_classes(data):
        raise UserError("data.one_hot=true: what is predicted is no class")
    return _with_prepare(data, len(data.train.columns) - 1, OneHot(class_count(data)))


def _with_prepare(data: Data, place: int, prepare: Prepare) -> Data:
    """The data with another preparation of a column."""

    def prepared(examples: Examples) -> Examples:
        return replace(examples, prepare=(*examples.prepare[:place], prepare, *examples.prepare[place + 1 :]))

    return data.mapped(prepared)
