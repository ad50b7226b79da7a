"""References for Descent's results: closed forms, and training in plain NumPy that shares no code with Descent."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from descent.articles.faults import STEP
from descent.articles.published_value import Check
from descent.articles.results import Array
from descent.core.data.examples import Data
from descent.core.training.training_run import RunComponents

FLOAT64_EPSILON = float(np.finfo(np.float64).eps)
FLOAT32_EPSILON = float(np.finfo(np.float32).eps)

Labels = NDArray[np.int64]
Minibatch = tuple[Array, Labels]
"""Inputs, (examples, inputs), and labels, (examples,)."""
Update = Callable[[list[Array], list[Array]], list[Array]]
"""A step of an optimizer: takes parameters and their gradients, and returns the new parameters."""


def bowl_path(start: Sequence[float], lr: float, steps: int, divergence_threshold: float) -> tuple[Array, Array]:
    """Gradient descent on x² + y² by central differences, until it exceeds a threshold.

    Each step multiplies the position by 1 - 2 lr, since central differences of squares are exact except for rounding.

    Returns:
        The positions, (steps + 1, 2), and a bound on the rounding error of each.
    """
    path, rounding = [np.array(start, dtype=np.float64)], [np.zeros(2)]
    while len(path) <= steps and np.abs(path[-1]).max() <= divergence_threshold:
        position = path[-1]
        # Two heights and their positions are rounded; the difference of the heights is divided by 2 h.
        gradient_error = 4 * FLOAT64_EPSILON * (position @ position + STEP**2) / STEP
        path.append((1 - 2 * lr) * position)
        rounding.append(abs(1 - 2 * lr) * rounding[-1] + lr * gradient_error + 2 * FLOAT64_EPSILON * np.abs(position))
    return np.array(path), np.array(rounding)


def parabola_path(start: float, lr: float, steps: int) -> tuple[Array, Array]:
    """Gradient descent on x²: start (1 - 2 lr)^step, and a bound on the rounding error of each position."""
    count = np.arange(steps + 1, dtype=np.float64)
    path: Array = np.power(1 - 2 * lr, count) * start
    return path, 2 * FLOAT64_EPSILON * count * np.abs(path)


class Momentum:
    """Gradient descent with momentum, or without."""

    def __init__(self, lr: float, momentum: float = 0.0) -> None:
        self.lr, self.momentum = lr, momentum
        self.velocity: list[Array] | None = None

    def __call__(self, parameters: list[Array], gradients: list[Array]) -> list[Array]:
        """The parameters after a step."""
        before = self.velocity or [np.zeros_like(gradient) for gradient in gradients]
        self.velocity = [self.momentum * v + g for v, g in zip(before, gradients, strict=True)]
        return [p - self.lr * v for p, v in zip(parameters, self.velocity, strict=True)]


class Adam:
    """Adam with default settings except for the learning rate."""

    def __init__(self, lr: float) -> None:
        self.lr, self.step = lr, 0
        self.means: list[Array] | None = None
        self.squares: list[Array] | None = None

    def __call__(self, parameters: list[Array], gradients: list[Array]) -> list[Array]:
        """The parameters after a step."""
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
        """The parameters after a step."""
        before = self.squares or [np.zeros_like(gradient) for gradient in gradients]
        self.squares = [s + g**2 for s, g in zip(before, gradients, strict=True)]
        return [
            p - self.lr * g / (np.sqrt(s) + 1e-10) for p, g, s in zip(parameters, gradients, self.squares, strict=True)
        ]


def descend_with(update: Update, slope: Callable[[Array], Array], start: float, steps: int) -> Array:
    """The positions, (steps + 1,), of a descent on a curve with a given slope."""
    path = [np.array(start)]
    for _ in range(steps):
        path += update([path[-1]], [slope(path[-1])])
    return np.array(path)


ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "identity": (lambda value: value, np.ones_like),
    "relu": (lambda value: np.maximum(value, 0), lambda output: (output > 0).astype(np.float64)),
    "sigmoid": (lambda value: 1 / (1 + np.exp(-value)), lambda output: output * (1 - output)),
}
"""Activations, and their derivatives as functions of their outputs."""


def layer_outputs(parameters: list[Array], activations: Sequence[str], inputs: Array) -> list[Array]:
    """The inputs of a perceptron, followed by the outputs of its layers.

    Args:
        parameters: the weights, (outputs, inputs), of each layer, each followed by the biases if there are any.
        activations: the name of each layer's activation.
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
    """The softmax cross entropy of a perceptron, and its gradients; parameters as `layer_outputs` takes them."""
    inputs, labels = minibatch
    outputs = layer_outputs(parameters, activations, inputs)
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


def train_perceptron(
    parameters: list[Array], activations: Sequence[str], minibatches: Iterable[Minibatch], update: Update
) -> tuple[Array, list[Array]]:
    """Train a perceptron, one step for each minibatch: the loss of each step, and the final parameters."""
    losses = []
    for minibatch in minibatches:
        loss, gradients = backpropagate(parameters, activations, minibatch)
        losses.append(loss)
        parameters = update(parameters, gradients)
    return np.array(losses), parameters


def initial_parameters(components: RunComponents) -> list[Array]:
    """The initial parameters of a run, in float64."""
    return [parameter.detach().double().numpy() for parameter in components.problem.parameters()]


def mnist_minibatches(data: Data, indices: NDArray[np.int64]) -> Iterator[Minibatch]:
    """Minibatches of MNIST, read from its bytes, by their indices, (steps, batch)."""
    pixels, labels = (column.numpy() for column in data.train.columns)
    for rows in indices:
        yield pixels[rows] / 255, labels[rows].astype(np.int64)


def first_losses(
    components: RunComponents, losses: Array, steps: int, activations: Sequence[str], update: Update
) -> Check:
    """Compare the losses of the first steps of a run on MNIST with those of plain NumPy.

    Args:
        components: the run's components, with its initial parameters and minibatches.
        losses: of all its steps.
        steps: the number of steps to compare.
        activations: the name of each layer's activation.
        update: the optimizer.
    """
    minibatches = mnist_minibatches(components.data, components.sampler.chunk(0, steps).numpy())
    expected, _ = train_perceptron(initial_parameters(components), activations, minibatches, update)
    return Check(losses[:steps], expected, float32_rounding(expected))


def float32_rounding(losses: Array) -> Array:
    """A bound on the error of the losses of a run's steps, if every step rounds to float32."""
    rounding: Array = np.arange(1, len(losses) + 1) * FLOAT32_EPSILON * losses.max(initial=0)
    return rounding
