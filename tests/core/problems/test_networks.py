import json
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from descent.core.problems.networks import convolution, is_perceptron, perceptron, scores_of_all
from descent.errors import UserError


def linears(network: nn.Module) -> list[nn.Linear]:
    return [layer for layer in network.modules() if isinstance(layer, nn.Linear)]


def test_layers_have_the_sizes_asked_for() -> None:
    network = perceptron([784, 50, 30, 10], nn.ReLU, nn.init.zeros_)
    assert [tuple(linear.weight.shape) for linear in linears(network)] == [(50, 784), (30, 50), (10, 30)]
    assert sum(parameter.numel() for parameter in network.parameters()) == 784 * 50 + 50 + 50 * 30 + 30 + 30 * 10 + 10
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


@pytest.mark.parametrize("sizes", [[None, 50, 10], [784, 50, None], [784], [784, 0, 10], [784, 2.5, 10]])
def test_sizes_that_are_no_whole_numbers_are_refused_in_a_line(sizes: list[Any]) -> None:
    with pytest.raises(UserError) as refused:
        perceptron(sizes, nn.ReLU, nn.init.zeros_)
    assert str(refused.value).startswith(f"network.sizes={json.dumps(sizes)}: choose whole numbers from 1")


def test_biases_start_at_0() -> None:
    for linear in linears(perceptron([20, 10, 5], nn.ReLU, nn.init.normal_)):
        assert not linear.bias.any()


@pytest.mark.parametrize(
    ("draw", "deviation"),
    [
        (partial(nn.init.normal_, std=0.01), lambda inputs: 0.01),
        (partial(nn.init.kaiming_normal_, nonlinearity="linear"), lambda inputs: 1 / math.sqrt(inputs)),
    ],
    ids=["normal(0, 0.01)", "LeCun normal"],
)
def test_weights_are_spread_as_drawn(draw: partial[Tensor], deviation: partial[float]) -> None:
    torch.manual_seed(0)
    for linear in linears(perceptron([784, 100, 50], nn.ReLU, draw)):
        weights, expected = linear.weight.detach().double(), deviation(linear.in_features)
        count = weights.numel()
        # Four standard errors of the mean and of the standard deviation of so many normal numbers.
        assert abs(weights.mean().item()) < 4 * expected / math.sqrt(count)
        assert abs(weights.std().item() / expected - 1) < 4 / math.sqrt(2 * count)


def test_scores_are_weighted_sums_with_the_activation_between_layers_only() -> None:
    torch.manual_seed(1)
    network = perceptron([4, 6, 5, 3], nn.Tanh, nn.init.normal_)
    inputs = torch.randn(7, 4)
    first, second, third = (linear.weight for linear in linears(network))
    expected = torch.tanh(torch.tanh(inputs @ first.T) @ second.T) @ third.T
    torch.testing.assert_close(network(inputs), expected)


def test_the_output_activation_is_applied_at_the_end_only() -> None:
    torch.manual_seed(2)
    network = perceptron([4, 6, 3], nn.ReLU, nn.init.normal_, nn.Sigmoid)
    inputs = torch.randn(7, 4)
    first, second = (linear.weight for linear in linears(network))
    expected = torch.sigmoid((inputs @ first.T).clamp_min(0) @ second.T)
    torch.testing.assert_close(network(inputs), expected)


@pytest.mark.parametrize(
    "activation",
    [nn.Identity, nn.ReLU, nn.Sigmoid, nn.Tanh, nn.GELU, nn.SiLU, nn.ELU, nn.LeakyReLU, nn.Softplus],
)
def test_perceptrons_with_any_activation_that_treats_numbers_one_by_one_have_their_scores_together(
    activation: Callable[[], nn.Module],
) -> None:
    torch.manual_seed(3)
    networks = [perceptron([4, 6, 3], activation, nn.init.normal_) for _ in range(3)]
    stacks = {
        name: torch.stack([dict(network.named_parameters())[name] for network in networks])
        for name, _ in networks[0].named_parameters()
    }
    inputs = torch.randn(7, 4)
    assert is_perceptron(networks[0])
    torch.testing.assert_close(
        scores_of_all(networks[0], stacks, inputs), torch.stack([network(inputs) for network in networks])
    )


def test_layers_that_look_at_several_numbers_at_once_make_no_perceptron() -> None:
    assert not is_perceptron(perceptron([4, 6, 3], partial(nn.Softmax, dim=1), nn.init.normal_))
    assert not is_perceptron(nn.Linear(4, 3))


@pytest.mark.parametrize(("side", "channels"), [(28, [8, 16]), (8, [4]), (9, [2, 3, 4])])
def test_a_convolution_takes_flat_square_images_and_gives_a_score_for_each_class(
    side: int, channels: list[int]
) -> None:
    network = convolution(side, channels, classes=7)
    assert network(torch.rand(5, side * side)).shape == (5, 7)
    image = torch.zeros(1, side * side)
    image[0, side + 1] = 1  # in the first rows and columns, which the first field sees
    first = network[1](image.view(1, 1, side, side)) - network[1](torch.zeros(1, 1, side, side))
    assert first.nonzero()[:, 2:].max() <= 2
