"""The networks that classify."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from descent.core.problems.problem import spanned
from descent.errors import UserError

ELEMENTWISE = (nn.Identity, nn.ReLU, nn.Sigmoid, nn.Tanh, nn.GELU, nn.SiLU, nn.ELU, nn.LeakyReLU, nn.Softplus)
"""Layers that treat every number by itself, in tensors of any shape."""


def perceptron(
    sizes: Sequence[int],
    activation: Callable[[], nn.Module],
    weight: Callable[[Tensor], Tensor],
    output: Callable[[], nn.Module] = nn.Identity,
) -> nn.Sequential:
    """Fully connected layers in float32, their biases 0 at the start.

    Args:
        sizes: neurons of each layer, the input's first.
        activation: makes what follows every layer but the last.
        weight: draws the initial weights of a layer in place, (out, in).
        output: makes what follows the last layer.

    Raises:
        UserError: for sizes that are no whole numbers from 1.
    """
    if len(sizes) < 2 or not all(isinstance(size, int) and size > 0 for size in sizes):
        raise UserError(
            f"network.sizes={json.dumps(list(sizes))}: choose whole numbers from 1, the inputs' first and the outputs' "
            "last; a null is of data.features or data.classes, which these data do not declare"
        )
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        linear = nn.Linear(inputs, outputs)
        weight(linear.weight)
        nn.init.zeros_(linear.bias)
        layers += [linear, activation()]
    return nn.Sequential(*layers[:-1], output())


def convolution(side: int, channels: Sequence[int], classes: int) -> nn.Sequential:
    """Convolutions of 3 by 3 with ReLU, each of which halves the image by its largest values, and a layer of scores.

    It takes flat images of one channel, (images, side * side) in float32, as data of bytes are.

    Args:
        side: pixels of an image along each side, at least 2 to the power of the number of convolutions.
        channels: of the convolutions, one after the other.
        classes: the number of scores.
    """
    layers: list[nn.Module] = [nn.Unflatten(1, (1, side, side))]
    for inputs, outputs in pairwise([1, *channels]):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        side //= 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(side * side * channels[-1], classes))


def given_linear(weights: Sequence[Sequence[float]]) -> nn.Linear:
    """One layer without biases, with the given weights, (inputs, outputs), in float64."""
    matrix = torch.tensor([list(row) for row in weights], dtype=torch.float64)
    inputs, outputs = matrix.shape
    layer = nn.Linear(inputs, outputs, bias=False, dtype=torch.float64)
    layer.weight = nn.Parameter(matrix.T.contiguous())
    return layer


def is_perceptron(network: nn.Module) -> bool:
    """Whether a network is fully connected layers in sequence, and layers that treat every number by itself.

    Subclasses, hooks and parametrizations may compute anything; and tied parameters have one name of several.
    """
    _, *layers = network.modules()
    return (
        type(network) is nn.Sequential
        and all(type(layer) in (nn.Linear, *ELEMENTWISE) for layer in layers)
        and not any(_has_hooks(module) for module in (network, *layers))
        and len(list(network.parameters())) == sum(1 for layer in layers for _ in layer.parameters())
    )


def _has_hooks(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks or module._backward_hooks)


def scores_of_all(network: nn.Module, parameters: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
    """The scores of perceptrons that differ from a network in their parameters only: (networks, examples, classes).

    Shared inputs and all first layers are one matrix product, which takes a processor half the time of many small ones.

    Args:
        network: the network.
        parameters: of all, by the network's names, (networks, ...) each.
        inputs: (examples, inputs), shared by all, or (networks, examples, inputs).
    """
    return _through(network.named_children(), parameters, inputs)


def scores_spanned(
    network: nn.Module,
    origin: Mapping[str, Tensor],
    directions: Sequence[Mapping[str, Tensor]],
    coordinates: Iterable[Tensor],
    inputs: Tensor,
) -> Iterator[Tensor]:
    """The scores of a perceptron at points that directions span from an origin: (points, examples, classes).

    The first layer is linear in its parameters, so that its outputs are spanned by those at the origin and along each
    direction: three products for all points.

    Args:
        network: the perceptron.
        origin: parameters, by the network's names.
        directions: from there, by the same names.
        coordinates: of the points, in parts, (points, directions) each.
        inputs: (examples, inputs).
    """
    (name, _), *layers = network.named_children()
    weight, bias = f"{name}.weight", f"{name}.bias"
    points = (origin, *directions)
    outputs = [{"": F.linear(inputs, point[weight], point.get(bias))} for point in points]
    other_layers = [{name: value for name, value in point.items() if name not in (weight, bias)} for point in points]
    for part in coordinates:
        values = spanned(outputs[0], outputs[1:], part)[""]
        yield _through(layers, spanned(other_layers[0], other_layers[1:], part), values)


def _through(layers: Iterable[tuple[str, nn.Module]], parameters: Mapping[str, Tensor], values: Tensor) -> Tensor:
    """The outputs of layers of all networks, each with its name, on values."""
    for name, layer in layers:
        if isinstance(layer, nn.Linear):
            values = _linear_of_all(values, parameters[f"{name}.weight"], parameters.get(f"{name}.bias"))
        else:
            values = layer(values)
    return values


def _linear_of_all(values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Linear layers of all networks: weight (networks, out, in), bias (networks, out), to (networks, examples, out)."""
    if values.ndim == 2:
        outputs: Tensor = F.linear(values, weight.flatten(0, 1), None if bias is None else bias.flatten())
        return outputs.view(-1, *weight.shape[:2]).transpose(0, 1)
    if bias is None:
        return torch.bmm(values, weight.mT)
    return torch.baddbmm(bias[:, None], values, weight.mT)
