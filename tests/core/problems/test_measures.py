from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

from descent.core.problems.classification import Classification
from descent.core.problems.networks import perceptron


def fully_connected() -> nn.Module:
    return perceptron([30, 8, 4], nn.Sigmoid, partial(nn.init.normal_, std=0.5))


def convolutional() -> nn.Module:
    return nn.Sequential(nn.Unflatten(1, (1, 5, 6)), nn.Conv2d(1, 4, (5, 6)), nn.Flatten())


@pytest.mark.parametrize("layers", [fully_connected, convolutional])
def test_what_many_networks_measure_together_is_what_each_measures(layers: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    problems = [Classification(layers()).double() for _ in range(5)]
    examples = (torch.rand(40, 30, dtype=torch.float64), torch.arange(40) % 4)
    names = [name for name, _ in problems[0].named_parameters()]
    stacks = {name: torch.stack([problem.get_parameter(name).detach() for problem in problems]) for name in names}
    together = problems[0].measures(stacks, examples)
    each = [problem.measure(*examples) for problem in problems]
    assert together.keys() == each[0].keys()
    for name, values in together.items():
        torch.testing.assert_close(values, torch.stack([one[name] for one in each]), check_dtype=False)
    assert len(set(together["accuracy"].tolist())) > 1
