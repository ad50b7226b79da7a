from pathlib import Path

import pytest
import torch
import yaml
from surfaces import valley

PROBLEM = yaml.safe_load((Path(__file__).parents[1] / "conf" / "problem" / "valley.yaml").read_text())["problem"]


@pytest.mark.parametrize("minimum", PROBLEM["minima"])
def test_the_gradient_is_zero_at_each_minimum(minimum: list[float]) -> None:
    point = torch.tensor(minimum, dtype=torch.float64, requires_grad=True)
    valley(*point).backward()
    assert torch.equal(point.grad, torch.zeros(2, dtype=torch.float64))
