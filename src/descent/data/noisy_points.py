"""The noisy points of a polynomial as examples to train on."""

import torch
from torch import Tensor

from descent.data.examples import Data, Examples
from descent.data.noisy_polynomial import read_points
from descent.project import project_root


def unchanged(column: Tensor) -> Tensor:
    """A column that is stored as it is computed with."""
    return column


def read_noisy_points(path: str) -> Data:
    """The points' x and y, (points,) each in float64; path is seen from the project."""
    file = project_root() / path
    x, y = (torch.from_numpy(column) for column in read_points(file))
    return Data(train=Examples((x, y), (unchanged, unchanged)), files=(file,))
