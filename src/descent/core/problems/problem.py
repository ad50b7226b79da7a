"""The base class of all problems: modules whose forward gives a loss."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

SMALL = 2
"""The most parameters of a problem whose position is recorded at every step, unless it says otherwise."""
AT_ONCE = 16
"""Points of a plane whose losses are computed together: all at once would take a thousand times a network's memory."""


class Problem(nn.Module):
    """A module whose forward takes a minibatch and gives a scalar loss, which training minimises."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Use the general batched form of a method that a subclass overrides, unless it overrides that form as well."""
        super().__init_subclass__(**keywords)
        for name, batched in (("forward", ("losses", "losses_spanned")), ("measure", ("measures",))):
            for method in batched:
                if name in vars(cls) and method not in vars(cls):
                    setattr(cls, method, getattr(Problem, method))

    def forward(self, *minibatch: Tensor) -> Tensor:
        """The loss on a minibatch, a scalar."""
        raise NotImplementedError

    def losses(self, parameters: Mapping[str, Tensor], minibatch: tuple[Tensor, ...], *, is_shared: bool) -> Tensor:
        """The losses of problems that differ from this one in their parameters only, (problems,).

        Args:
            parameters: of all, by their names, (problems, ...) each.
            minibatch: the one that all share, or theirs stacked, (problems, ...) each.
            is_shared: whether all share the minibatch.
        """

        def loss(of_one: dict[str, Tensor], minibatch: tuple[Tensor, ...]) -> Tensor:
            return functional_call(self, of_one, minibatch)  # type: ignore[no-any-return]

        return vmap(loss, in_dims=(0, None if is_shared else 0))(dict(parameters), minibatch)

    def losses_spanned(
        self,
        origin: Mapping[str, Tensor],
        directions: Sequence[Mapping[str, Tensor]],
        coordinates: Tensor,
        minibatch: tuple[Tensor, ...],
    ) -> Tensor:
        """The losses at points that directions span from an origin: coordinates (points, directions) to (points,)."""
        points = (spanned(origin, directions, part) for part in coordinates.split(AT_ONCE))
        return torch.cat([self.losses(parameters, minibatch, is_shared=True) for parameters in points])

    def measure(self, *examples: Tensor) -> dict[str, Tensor]:
        """What an evaluation reports of examples, each a mean over them; `loss` is always there."""
        return {"loss": self(*examples)}

    def measures(self, parameters: Mapping[str, Tensor], examples: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """What an evaluation reports of problems that differ from this one in their parameters only, (problems,) each.

        Args:
            parameters: of all, by their names, (problems, ...) each.
            examples: the examples, which all share.
        """
        of_all = {f"problem.{name}": stack for name, stack in parameters.items()}

        def measure(of_one: dict[str, Tensor]) -> dict[str, Tensor]:
            return functional_call(_MeasureModule(self), of_one, examples)  # type: ignore[no-any-return]

        return vmap(measure)(of_all)

    def size(self) -> int:
        """The number of parameters, counted as numbers."""
        return sum(parameter.numel() for parameter in self.parameters())

    def is_small(self) -> bool:
        """Whether the position has so few components that each step's is recorded."""
        return self.size() <= SMALL

    def position(self) -> list[float]:
        """The parameters as a flat list."""
        return [value for parameter in self.parameters() for value in parameter.detach().flatten().tolist()]


def spanned(
    origin: Mapping[str, Tensor], directions: Sequence[Mapping[str, Tensor]], coordinates: Tensor
) -> dict[str, Tensor]:
    """The parameters at points that directions span from an origin, (points, ...) each."""
    return {
        name: value + torch.tensordot(coordinates.to(value.dtype), torch.stack([d[name] for d in directions]), dims=1)
        for name, value in origin.items()
    }


class _MeasureModule(nn.Module):
    """A module whose forward is a problem's `measure`, since `functional_call` calls forward only."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.problem = problem

    def forward(self, *examples: Tensor) -> dict[str, Tensor]:
        return self.problem.measure(*examples)
