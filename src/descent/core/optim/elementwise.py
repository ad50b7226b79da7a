"""Whether an optimizer treats every number by itself, so that it may take the steps of many runs as of one."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

TRIED = 3
"""Steps after which it has shown it."""
SLOW, LONG = 0.125, 50
"""A learning rate beside 1, and steps down one slope after which a bound of their length has shown."""


def is_elementwise(optimizer: Callable[[Any], Optimizer]) -> bool:
    """Whether two matrices stacked go where each goes by itself; no list of names would know it of a new optimizer."""
    drawn = torch.Generator().manual_seed(0)
    start = torch.randn(2, 4, 3, generator=drawn, dtype=torch.float64)
    gradients = torch.randn(TRIED, 2, 4, 3, generator=drawn, dtype=torch.float64)
    try:
        stacked = _after(optimizer, start, gradients)
    except (RuntimeError, ValueError, TypeError):  # it takes no tensors of such a shape, or asks for more than them
        return False
    each = [_after(optimizer, start[row], gradients[:, row]) for row in range(len(start))]
    return torch.allclose(stacked, torch.stack(each), rtol=1e-12, atol=0)


def scales_with_rate(optimizer: Callable[..., Optimizer]) -> bool:
    """Whether its every step is proportional to its learning rate `lr`, if that is constant."""
    drawn = torch.Generator().manual_seed(0)
    start = torch.randn(4, 3, generator=drawn, dtype=torch.float64)
    gradients = torch.randn(TRIED, 4, 3, generator=drawn, dtype=torch.float64)
    gradients = torch.cat([gradients, gradients[-1:].expand(LONG, 4, 3)])
    slow = _after(partial(optimizer, lr=SLOW), start, gradients)
    parameter = nn.Parameter(start.clone())
    fast = optimizer([parameter], lr=1.0)
    for gradient in gradients:
        before = parameter.detach().clone()
        parameter.grad = gradient.clone()
        fast.step()
        parameter.data.lerp_(before, 1 - SLOW)
    return torch.allclose(slow, parameter, rtol=1e-9, atol=0)


def _after(optimizer: Callable[[Any], Optimizer], start: Tensor, gradients: Tensor) -> Tensor:
    """Where it leads from a start, against these gradients one after the other."""
    parameter = nn.Parameter(start.clone())
    stepping = optimizer([parameter])
    for gradient in gradients:
        parameter.grad = gradient.clone()
        stepping.step()
    return parameter.detach()
