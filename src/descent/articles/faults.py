"""Programs with the faults of the articles' programs."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEP = 1e-4
"""The articles' h."""
LOG_SHIFT = 1e-7
"""The constant that the articles' book adds to a probability before the logarithm, to avoid log(0)."""

AnyArray = NDArray[Any]
Height = Callable[[AnyArray], Any]


def gradient_in_dtype_of(position: AnyArray, height: Height) -> AnyArray:
    """Central differences in the dtype of the position, which is moved in place (articles 001 and 004).

    An array of integers truncates values: 3 + h becomes 3 and 3 - h becomes 2, so that the difference of the two
    heights is divided by a step ten thousand times too small.
    """
    gradient = np.zeros_like(position)
    for index, value in enumerate(position.copy()):
        position[index] = value + STEP
        above = height(position)
        position[index] = value - STEP
        below = height(position)
        gradient[index] = (above - below) / (2 * STEP)
        position[index] = value
    return gradient


def descend(height: Height, start: AnyArray, lr: float, steps: int) -> AnyArray:
    """Gradient descent that does not modify its start (article 001)."""
    position = start
    for _ in range(steps):
        position = position - lr * gradient_in_dtype_of(position, height)
    return position


def descend_in_place(height: Height, start: AnyArray, lr: float, steps: int) -> AnyArray:
    """Gradient descent that modifies its start, so that the next one starts at the end of this one (article 004)."""
    for _ in range(steps):
        start -= lr * gradient_in_dtype_of(start, height)
    return start


def cross_entropy_with_shifted_log(scores: AnyArray, label: int) -> float:
    """Softmax cross entropy as in the book: -log(p + 1e-7), which is about 1e-7 / p too small (article 004)."""
    exponentials = np.exp(scores - scores.max())
    return float(-np.log(exponentials[label] / exponentials.sum() + LOG_SHIFT))
