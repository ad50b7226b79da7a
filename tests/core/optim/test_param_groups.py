import re
from typing import Any

import pytest
import torch
from conftest import Composed
from torch import nn

from descent.core.build import assemble
from descent.core.optim.param_groups import OptimizerFactory
from descent.errors import UserError
from descent.runs.train import train


def named() -> dict[str, nn.Parameter]:
    """The parameters of a small network by their names."""
    return dict(nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 2)).named_parameters())


def groups_of(*groups: dict[str, Any]) -> list[tuple[list[str], dict[str, Any]]]:
    """The names in each group of an optimizer, and the settings of the group."""
    parameters = named()
    names = {parameter: name for name, parameter in parameters.items()}
    optimizer = OptimizerFactory(lambda params: torch.optim.SGD(params, lr=0.1), groups)(parameters.items())
    return [([names[parameter] for parameter in group["params"]], group) for group in optimizer.param_groups]


def test_a_parameter_is_in_the_first_group_that_matches_its_name_and_the_rest_have_the_common_settings() -> None:
    rest, biases, last = groups_of({"params": "*.bias", "momentum": 0.9}, {"params": "2.*", "lr": 0.5})
    assert [rest[0], biases[0], last[0]] == [["0.weight"], ["0.bias", "2.bias"], ["2.weight"]]
    assert [group["lr"] for _, group in (rest, biases, last)] == [0.1, 0.1, 0.5]
    assert [group["momentum"] for _, group in (rest, biases, last)] == [0, 0.9, 0]


def test_groups_that_take_all_parameters_leave_none_without_a_group() -> None:
    ((names, settings),) = groups_of({"params": "*", "momentum": 0.9})
    assert names == list(named())
    assert settings["momentum"] == 0.9


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ({"params": "3.*"}, "optimizer.groups.1: no parameter is named '3.*'; there are 0.weight, 2.weight"),
        ({"params": "0.bias"}, "optimizer.groups.1: no parameter is named '0.bias'; there are 0.weight, 2.weight"),
        ({"params": "2.*", "momentun": 0.9}, "optimizer.groups.1.momentun: SGD has no 'momentun'; did you mean 'momen"),
    ],
)
def test_a_pattern_without_parameters_and_a_setting_that_does_not_exist_are_refused(
    group: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(said)}"):
        groups_of({"params": "*.bias"}, group)


def test_a_configuration_refuses_a_group_without_a_pattern_in_a_line(composed: Composed) -> None:
    with pytest.raises(UserError, match=r"^optimizer.groups=\[.*\]: choose groups of parameters, each with a pattern"):
        composed("problem=bowl", "+optimizer.groups=[{weight_decay: 0}]")


def test_weight_decay_shrinks_the_parameters_of_its_group_alone(composed: Composed) -> None:
    """Where the gradient is zero, decay is all that moves them: by lr * weight_decay of themselves a step."""
    groups = '+optimizer.groups=[{params: "*.bias", weight_decay: 0}]'
    config = composed("experiment=mnist_two_layer", "trainer.max_steps=1", "+optimizer.weight_decay=0.5", groups)
    components = assemble(config)
    optimizer = components.optimizer(components.problem.named_parameters())
    for parameter in components.problem.parameters():
        parameter.data.fill_(1)
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in components.problem.named_parameters():
        assert parameter.detach().unique().item() == pytest.approx(1 if "bias" in name else 0.95)


def test_a_group_has_its_own_learning_rate_throughout_a_schedule(composed: Composed) -> None:
    """On x² + y², a rate of 0 leaves a coordinate where it is; of a network it leaves a layer."""
    frozen = '+optimizer.groups=[{params: "network.0.*", lr: 0}]'
    common = ("experiment=mnist_two_layer", "trainer.max_steps=5", "schedule=cosine", "data.batch_size=10")
    start = {name: value.clone() for name, value in assemble(composed(*common)).problem.state_dict().items()}
    result = train(composed(*common, frozen))
    end = torch.load(result.folder / "record" / "checkpoint.ckpt", weights_only=True)["state_dict"]
    for name, value in start.items():
        assert torch.equal(end[name], value) == name.startswith("network.0.")
