"""Networks as PyTorch users write them, which the ready ones are not."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def body(*inserted: nn.Module, width: int = 12) -> nn.Sequential:
    """A small network on images of 784 pixels, with layers inserted before its last."""
    return nn.Sequential(nn.Linear(784, width), nn.Tanh(), *inserted, nn.Linear(width, 10))


def dropout() -> nn.Module:
    return body(nn.Dropout(0.5))


def batch_norm() -> nn.Module:
    return body(nn.BatchNorm1d(12))


def frozen() -> nn.Module:
    network = body()
    network[0].requires_grad_(False)
    return network


class Unused(nn.Module):
    """Has a layer that it does not use."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Linear(3, 3)
        self.used = body()

    def forward(self, inputs: Tensor) -> Tensor:
        return self.used(inputs)  # type: ignore[no-any-return]


def unused() -> nn.Module:
    return Unused()


def tied() -> nn.Module:
    network = body(nn.Linear(12, 12), nn.Tanh(), nn.Linear(12, 12))
    network[4].weight = network[2].weight
    return network


class TwoTypes(nn.Module):
    """Its last layer is in float64."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(784, 12), nn.Linear(12, 10).double()

    def forward(self, inputs: Tensor) -> Tensor:
        return self.last(self.first(inputs).tanh().double())  # type: ignore[no-any-return]


def two_types() -> nn.Module:
    return TwoTypes()


class Clipped(nn.Linear):
    """A layer whose forward is not its class's."""

    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs).clamp(-0.1, 0.1)


class Double(nn.Module):
    """Computes in float64, so that nothing but a fault is seen of rounding, on 16 means of an image's pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(16, 6), nn.Tanh(), nn.Linear(6, 10)).double()

    def forward(self, inputs: Tensor) -> Tensor:
        return self.body(inputs.double().unflatten(1, (16, 49)).mean(dim=2))  # type: ignore[no-any-return]


def double() -> nn.Module:
    return Double()


def clipped() -> nn.Module:
    return body(Clipped(12, 12))


class WhileTraining(nn.Module):
    """Adds noise as it is trained, of Dropout's kind but by a function."""

    def __init__(self) -> None:
        super().__init__()
        self.network = body()

    def forward(self, inputs: Tensor) -> Tensor:
        return self.network(F.dropout(inputs, 0.1, self.training))  # type: ignore[no-any-return]


def noisy() -> nn.Module:
    return WhileTraining()


NETWORKS = (dropout, batch_norm, frozen, unused, tied, two_types, clipped, noisy)
BATCHED = {"frozen", "unused", "tied", "two_types", "clipped"}
"""Those that are trained as a batch; the others are trained alone."""


@contextmanager
def other_random_numbers() -> Iterator[None]:
    """Draws some random numbers before, which no result may depend on."""
    torch.manual_seed(12345)
    torch.rand(7)
    yield
