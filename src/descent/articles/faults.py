"""The faults of the articles' programs, each small enough to see what it does."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEP = 1e-4
"""The articles' h."""
IN_LOG = 1e-7
"""What the book that they follow adds to a probability before it takes the logarithm, so that 0 does no harm."""

Array = NDArray[Any]
Height = Callable[[Array], Any]


def gradient_in_the_type_of(position: Array, height: Height) -> Array:
    """Central differences in the array's own type, the position moved in place (articles 001 and 004).

    Whole numbers cut what is written to them: 3 + h becomes 3 and 3 - h becomes 2, so that the difference of the two
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


def descend(height: Height, start: Array, lr: float, steps: int) -> Array:
    """Gradient descent that leaves its start alone (article 001)."""
    position = start
    for _ in range(steps):
        position = position - lr * gradient_in_the_type_of(position, height)
    return position


def descend_in_place(height: Height, start: Array, lr: float, steps: int) -> Array:
    """Gradient descent that moves its start, so that the next one begins where this one ended (article 004)."""
    for _ in range(steps):
        start -= lr * gradient_in_the_type_of(start, height)
    return start


def cross_entropy_with_shifted_log(scores: Array, label: int) -> float:
    """Softmax cross entropy as the book has it: -log(p + 1e-7), which is some 1e-7 / p too small (article 004)."""
    exponentials = np.exp(scores - scores.max())
    return float(-np.log(exponentials[label] / exponentials.sum() + IN_LOG))
