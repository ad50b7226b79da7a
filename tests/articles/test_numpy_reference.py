"""The NumPy reference agrees with autograd and torch.optim within the limits of float64."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from descent.articles import numpy_reference
from descent.articles.numpy_reference import Labels
from descent.articles.results import Array

LAYERS: dict[str, Callable[..., torch.Tensor]] = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "identity": torch.clone,
}


def normal_arrays(*shapes: Sequence[int]) -> list[Array]:
    generator = np.random.default_rng(0)
    return [generator.normal(0, 1, shape) for shape in shapes]


def loss_of(parameters: Sequence[torch.Tensor], activations: Sequence[str], inputs: Array, labels: Labels) -> Any:
    size = len(parameters) // len(activations)
    values = torch.from_numpy(inputs)
    for layer, activation in enumerate(activations):
        values = LAYERS[activation](F.linear(values, *parameters[layer * size : (layer + 1) * size]))
    return F.cross_entropy(values, torch.from_numpy(labels))


@pytest.mark.parametrize(
    ("activations", "shapes"),
    [
        (["identity"], [(3, 5)]),
        (["sigmoid", "identity"], [(4, 5), (4,), (3, 4), (3,)]),
        (["relu", "relu", "sigmoid"], [(4, 5), (4,), (6, 4), (6,), (3, 6), (3,)]),
    ],
)
def test_backpropagation_is_autograds(activations: list[str], shapes: list[tuple[int, ...]]) -> None:
    inputs, *parameters = normal_arrays((7, 5), *shapes)
    labels = np.arange(7, dtype=np.int64) % 3
    tensors = [torch.from_numpy(parameter).requires_grad_() for parameter in parameters]
    expected = loss_of(tensors, activations, inputs, labels)
    expected.backward()
    loss, gradients = numpy_reference.backpropagate(parameters, activations, (inputs, labels))
    assert loss == pytest.approx(expected.item(), rel=1e-14)
    for gradient, tensor in zip(gradients, tensors, strict=True):
        assert tensor.grad is not None
        assert gradient == pytest.approx(tensor.grad.numpy(), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(
    ("ours", "optimizer"),
    [
        (partial(numpy_reference.Momentum, 0.3), partial(torch.optim.SGD, lr=0.3)),
        (partial(numpy_reference.Momentum, 0.3, 0.9), partial(torch.optim.SGD, lr=0.3, momentum=0.9)),
        (partial(numpy_reference.Adam, 0.3), partial(torch.optim.Adam, lr=0.3)),
        (partial(numpy_reference.AdaGrad, 0.3), partial(torch.optim.Adagrad, lr=0.3)),
    ],
)
def test_training_is_that_of_torch_optim(
    ours: Callable[[], numpy_reference.Update], optimizer: Callable[..., torch.optim.Optimizer]
) -> None:
    inputs, *parameters = normal_arrays((30, 5), (4, 5), (4,), (3, 4), (3,))
    batches = [(inputs[first : first + 3], np.arange(3, dtype=np.int64)) for first in range(0, 30, 3)]
    activations = ["sigmoid", "identity"]
    tensors = [torch.from_numpy(parameter.copy()).requires_grad_() for parameter in parameters]
    descent = optimizer(tensors)
    expected = []
    for batch in batches:
        descent.zero_grad()
        loss = loss_of(tensors, activations, *batch)
        loss.backward()
        descent.step()
        expected.append(loss.item())
    losses, moved = numpy_reference.train_perceptron(parameters, activations, batches, ours())
    assert losses == pytest.approx(expected, rel=1e-10)
    for parameter, tensor in zip(moved, tensors, strict=True):
        assert parameter == pytest.approx(tensor.detach().numpy(), rel=1e-10)


@pytest.mark.parametrize("lr", [0.1, 1.0, 1e-6, 0.9])
def test_a_descent_on_a_bowl_is_within_rounding_of_the_same_in_fractions(lr: float) -> None:
    path, rounding = numpy_reference.bowl_path((3.0, 2.0), lr, 100, 1000.0)
    exact = [Fraction(value) * (1 - 2 * Fraction(lr)) ** 100 for value in (3, 2)]
    assert path.shape == rounding.shape == (101, 2)
    assert path[0].tolist() == [3, 2]
    assert abs(path[-1] - [float(value) for value in exact]).max() <= rounding[-1].max()
    assert (rounding[1:] < 1e-8 * abs(path[1:])).all()  # so that a rate off by a millionth is seen


def test_a_descent_on_a_bowl_stops_beyond_the_threshold() -> None:
    path, _ = numpy_reference.bowl_path((-3.0, 4.0), 10.0, 100, 1000.0)
    assert path.tolist() == [[-3, 4], [57, -76], [-1083, 1444]]
    assert len(numpy_reference.bowl_path((-3.0, 4.0), 10.0, 100, 76.0)[0]) == 3  # at the bound is not beyond it


def test_a_descent_on_a_parabola_is_within_rounding_of_the_same_in_fractions() -> None:
    path, rounding = numpy_reference.parabola_path(3.0, 0.01, 800)
    exact = float(3 * (1 - 2 * Fraction(0.01)) ** 800)
    assert len(path) == len(rounding) == 801
    assert abs(path[-1] - exact) <= rounding[-1] < 1e-12 * exact


def test_a_descent_on_a_curve_starts_at_its_start() -> None:
    path = numpy_reference.descend_with(numpy_reference.Momentum(0.25), lambda x: 2 * x, 1.0, 3)
    assert path.tolist() == [1, 0.5, 0.25, 0.125]


def test_rounding_to_float32_accumulates_over_the_steps() -> None:
    assert numpy_reference.float32_rounding(np.array([2.0, 1.0])) == pytest.approx([2 * 2.0**-23, 4 * 2.0**-23])
    assert numpy_reference.float32_rounding(np.array([])).tolist() == []
