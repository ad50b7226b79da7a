import re

import pytest
import torch
from torch import Tensor

from descent.core.data.labelled import labelled
from descent.errors import UserError


def test_bytes_become_0_to_1_other_numbers_stay_and_whole_targets_are_classes() -> None:
    inputs, targets = labelled(torch.tensor([[0], [255]], dtype=torch.uint8), torch.tensor([1, 0]), "x", "y").head(2)
    assert (inputs.tolist(), inputs.dtype) == ([[0], [1]], torch.float32)
    assert (targets.tolist(), targets.dtype) == ([1, 0], torch.int64)
    inputs, _ = labelled(torch.tensor([[[0, 1], [2, -300]]]), torch.tensor([3], dtype=torch.uint8), "x", "y").head(1)
    assert (inputs.tolist(), inputs.dtype) == ([[0, 1, 2, -300]], torch.float32)


def test_targets_of_floats_are_numbers_one_row_an_example() -> None:
    _, targets = labelled(torch.zeros(2), torch.tensor([0.5, 2.0], dtype=torch.float64), "x", "y").head(2)
    assert (targets.tolist(), targets.dtype) == ([[0.5], [2]], torch.float32)


@pytest.mark.parametrize(
    ("inputs", "targets", "said"),
    [
        (torch.zeros(0, 3), torch.zeros(0), "x has no examples; there must be one at least"),
        (torch.tensor(1.0), torch.zeros(1), "x has no examples; there must be one at least"),
        (torch.zeros(2, 3), torch.zeros(3), "x has 2 examples, but y 3"),
        (torch.tensor([1.0, torch.nan]), torch.zeros(2), "x has a number that is not finite; leave its example out"),
        (torch.zeros(2), torch.tensor([1.0, torch.inf]), "y has a number that is not finite; leave its example out"),
        (
            torch.zeros(2),
            torch.tensor([[1], [2]]),
            "y has the shape (2, 1); classes are whole numbers",
        ),
        (torch.zeros(2), torch.tensor([1, -1]), "y has a class -1; classes are whole numbers from 0, one an example"),
    ],
)
def test_what_makes_no_examples_is_refused_in_a_line(inputs: Tensor, targets: Tensor, said: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(said)}"):
        labelled(inputs, targets, "x", "y")
