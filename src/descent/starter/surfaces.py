"""The project's own surfaces."""

import torch
from torch import Tensor


def valley(x: Tensor, y: Tensor) -> Tensor:
    """A valley that winds along y = sin(x), with its lowest point at (0, 0)."""
    return (y - torch.sin(x)) ** 2 + x**2 / 20
