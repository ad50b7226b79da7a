"""What a right program gives: closed forms, and training in plain NumPy, which share no code with Descent's."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from descent.articles.faults import STEP
from descent.articles.published_value import Check
from descent.articles.results import Array
from descent.core.build import RunComponents
from descent.core.data.examples import Data

EPSILON = float(np.finfo(np.float64).eps)
SINGLE = float(np.finfo(np.float32).eps)

Labels = NDArray[np.int64]
Minibatch = tuple[Array, Labels]
"""Inputs, (examples, inputs), and labels, (examples,)."""
Update = Callable[[list[Array], list[Array]], list[Array]]
"""Where an optimizer takes parameters of which it is given the gradients."""


def on_bowl(start: Sequence[float], lr: float, steps: int, divergence_threshold: float) -> tuple[Array, Array]:
    """Gradient descent on x² + y² by central differences, until it goes beyond a threshold.

    Each step multiplies the position by 1 - 2 lr, since central differences of squares are exact but for rounding.

    Returns:
        The positions, (steps + 1, 2), and how far rounding may put each off.
    """
    path, rounding = [np.array(start, dtype=np.float64)], [np.zeros(2)]
    while len(path) <= steps and np.abs(path[-1]).max() <= divergence_threshold:
        position = path[-1]
        # Two heights are rounded, and where they are taken; their difference is divided by 2 h.
        of_gradient = 4 * EPSILON * (position @ position + STEP**2) / STEP
        path.append((1 - 2 * lr) * position)
        rounding.append(abs(1 - 2 * lr) * rounding[-1] + lr * of_gradient + 2 * EPSILON * np.abs(position))
    return np.array(path), np.array(rounding)


def on_parabola(start: float, lr: float, steps: int) -> tuple[Array, Array]:
    """Gradient descent on x²: start (1 - 2 lr)^step, and how far rounding may put each position off."""
    count = np.arange(steps + 1, dtype=np.float64)
    path: Array = np.power(1 - 2 * lr, count) * start
    return path, 2 * EPSILON * count * np.abs(path)


class Momentum:
    """Gradient descent with momentum, or without."""

    def __init__(self, lr: float, momentum: float = 0.0) -> None:
        self.lr, self.momentum = lr, momentum
        self.velocity: list[Array] | None = None

    def __call__(self, parameters: list[Array], gradients: list[Array]) -> list[Array]:
        """Where a step leads."""
        before = self.velocity or [np.zeros_like(gradient) for gradient in gradients]
        self.velocity = [self.momentum * v + g for v, g in zip(before, gradients, strict=True)]
        return [p - self.lr * v for p, v in zip(parameters, self.velocity, strict=True)]


class Adam:
    """Adam with its defaults but for the rate."""

    def __init__(self, lr: float) -> None:
        self.lr, self.step = lr, 0
        self.means: list[Array] | None = None
        self.squares: list[Array] | None = None

    def __call__(self, parameters: list[Array], gradients: list[Array]) -> list[Array]:
        """Where a step leads."""
        self.step += 1
        means = self.means or [np.zeros_like(gradient) for gradient in gradients]
        squares = self.squares or means
        self.means = [0.9 * m + 0.1 * g for m, g in zip(means, gradients, strict=True)]
        self.squares = [0.999 * s + 0.001 * g**2 for s, g in zip(squares, gradients, strict=True)]
        return [
            p - self.lr * m / (1 - 0.9**self.step) / (np.sqrt(s / (1 - 0.999**self.step)) + 1e-8)
            for p, m, s in zip(parameters, self.means, self.squares, strict=True)
        ]


class AdaGrad:
    """AdaGrad."""

    def __init__(self, lr: float) -> None:
        self.lr = lr
        self.squares: list[Array] | None = None

    def __call__(self, parameters: list[Array], gradients: list[Array]) -> list[Array]:
        """Where a step leads."""
        before = self.squares or [np.zeros_like(gradient) for gradient in gradients]
        self.squares = [s + g**2 for s, g in zip(before, gradients, strict=True)]
        return [
            p - self.lr * g / (np.sqrt(s) + 1e-10) for p, g, s in zip(parameters, gradients, self.squares, strict=True)
        ]


def descend_by(update: Update, slope: Callable[[Array], Array], start: float, steps: int) -> Array:
    """Descent along a curve of which the slope is given: its positions, (steps + 1,)."""
    path = [np.array(start)]
    for _ in range(steps):
        path += update([path[-1]], [slope(path[-1])])
    return np.array(path)


ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "identity": (lambda value: value, np.ones_like),
    "relu": (lambda value: np.maximum(value, 0), lambda output: (output > 0).astype(np.float64)),
    "sigmoid": (lambda value: 1 / (1 + np.exp(-value)), lambda output: output * (1 - output)),
}
"""What follows a layer, and its derivative as a function of what it gives."""


def outputs_of(parameters: list[Array], activations: Sequence[str], inputs: Array) -> list[Array]:
    """What each layer of a perceptron gives, the inputs first.

    Args:
        parameters: the weights, (outputs, inputs), of each layer, each followed by the biases if there are any.
        activations: what follows each layer.
        inputs: (examples, inputs).
    """
    outputs = [inputs]
    size = len(parameters) // len(activations)
    for layer, activation in enumerate(activations):
        weight, *bias = parameters[layer * size : (layer + 1) * size]
        outputs.append(ACTIVATIONS[activation][0](sum(bias, start=outputs[-1] @ weight.T)))
    return outputs


def backpropagate(
    parameters: list[Array], activations: Sequence[str], minibatch: Minibatch
) -> tuple[float, list[Array]]:
    """The softmax cross entropy of a perceptron, and its gradients; parameters as `outputs_of` takes them."""
    inputs, labels = minibatch
    outputs = outputs_of(parameters, activations, inputs)
    size = len(parameters) // len(activations)
    examples = np.arange(len(labels))
    scores = outputs[-1] - outputs[-1].max(axis=1, keepdims=True)
    exponentials = np.exp(scores)
    sums = exponentials.sum(axis=1, keepdims=True)
    loss = (np.log(sums[:, 0]) - scores[examples, labels]).mean()
    slopes = exponentials / sums
    slopes[examples, labels] -= 1
    slopes /= len(labels)
    gradients: list[Array] = []
    for layer in reversed(range(len(activations))):
        slopes = slopes * ACTIVATIONS[activations[layer]][1](outputs[layer + 1])
        gradients = [slopes.T @ outputs[layer], slopes.sum(axis=0)][:size] + gradients
        slopes = slopes @ parameters[layer * size]
    return float(loss), gradients


def train(
    parameters: list[Array], activations: Sequence[str], minibatches: Iterable[Minibatch], update: Update
) -> tuple[Array, list[Array]]:
    """Train a perceptron, a step for each minibatch: the loss of each and the final parameters."""
    losses = []
    for minibatch in minibatches:
        loss, gradients = backpropagate(parameters, activations, minibatch)
        losses.append(loss)
        parameters = update(parameters, gradients)
    return np.array(losses), parameters


def parameters_of(parts: RunComponents) -> list[Array]:
    """Those that a run starts from, in float64."""
    return [parameter.detach().double().numpy() for parameter in parts.problem.parameters()]


def of_mnist(data: Data, indices: NDArray[np.int64]) -> Iterator[Minibatch]:
    """BatchSampler, (steps, batch) indices, from the bytes that MNIST is stored in."""
    pixels, labels = (column.numpy() for column in data.train.columns)
    for rows in indices:
        yield pixels[rows] / 255, labels[rows].astype(np.int64)


def first_losses(parts: RunComponents, losses: Array, steps: int, activations: Sequence[str], update: Update) -> Check:
    """The losses that a run on MNIST recorded of its first steps, held against those of plain NumPy.

    Args:
        parts: of the run, which say from which parameters it starts and which images each step takes.
        losses: of all its steps.
        steps: how many are looked at.
        activations: what follows each layer.
        update: the optimizer.
    """
    minibatches = of_mnist(parts.data, parts.minibatches.chunk(0, steps).numpy())
    expected, _ = train(parameters_of(parts), activations, minibatches, update)
    return Check(losses[:steps], expected, float32_rounding(expected))


def float32_rounding(losses: Array) -> Array:
    """How far a rounding to float32 in every step may put the losses of a run's steps off."""
    rounding: Array = np.arange(1, len(losses) + 1) * SINGLE * losses.max(initial=0)
    return rounding
