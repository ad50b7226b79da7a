"""A single example, spelled out in the configuration."""

from collections.abc import Sequence

import torch

from descent.core.data.examples import Data, Examples, unchanged


def one_example(inputs: Sequence[float], label: int) -> Data:
    """Inputs, (1, components) in float64, and the class they belong to."""
    columns = torch.tensor([list(inputs)], dtype=torch.float64), torch.tensor([label])
    return Data(train=Examples(columns, (unchanged, unchanged)))
