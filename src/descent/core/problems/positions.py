"""The loss and its gradient at given positions, and over the plane that a path spans."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call, grad, vmap

from descent.core.data.examples import Minibatch
from descent.core.problems.problem import Problem


@torch.no_grad()
def losses_at(problem: Problem, minibatch: Minibatch, positions: Tensor) -> Tensor:
    """The loss on one minibatch at each position: (positions, parameters) to (positions,)."""
    return vmap(_loss_on(problem, minibatch))(positions)


def gradients_at(problem: Problem, minibatch: Minibatch, positions: Tensor) -> Tensor:
    """Its gradient at each position: (positions, parameters) to (positions, parameters)."""
    gradients: Tensor = vmap(grad(_loss_on(problem, minibatch)))(positions)
    return gradients


def _loss_on(problem: Problem, minibatch: Minibatch) -> Callable[[Tensor], Tensor]:
    """The loss on a minibatch as a function of the position, (parameters,)."""

    def loss(position: Tensor) -> Tensor:
        return functional_call(problem, named(problem, position), minibatch)  # type: ignore[no-any-return]

    return loss


def named(problem: Problem, position: Tensor) -> dict[str, Tensor]:
    """A position, (parameters,), as the problem's parameters, each by its name."""
    like = dict(problem.named_parameters())
    pieces = position.split([parameter.numel() for parameter in like.values()])
    return {
        name: piece.view_as(parameter).to(parameter.dtype)
        for (name, parameter), piece in zip(like.items(), pieces, strict=True)
    }


@dataclass(frozen=True)
class Plane:
    """A plane through parameter space.

    Args:
        origin: (parameters,).
        directions: (2, parameters), of length 1 and at right angles.
        path: (positions, 2), coordinates in the plane of the positions that span it.
        explained: (2,), the share of the squared distances from the origin that lies along each direction.
    """

    origin: Tensor
    directions: Tensor
    path: Tensor
    explained: Tensor

    @torch.no_grad()
    def losses(self, problem: Problem, minibatch: Minibatch, coordinates: Tensor) -> Tensor:
        """The loss on one minibatch at points of the plane: (points, 2) to (points,)."""
        origin, *directions = (named(problem, row) for row in (self.origin, *self.directions))
        return problem.losses_spanned(origin, directions, coordinates, minibatch)


def leading_plane(visited: Tensor) -> Plane:
    """The plane through the last of some positions along their two leading principal directions.

    So are paths of networks drawn in Li et al., "Visualizing the Loss Landscape of Neural Nets", 2018, section 7.

    Args:
        visited: (positions, parameters), in order.
    """
    origin = visited[-1]
    offsets = visited - origin
    # A run that diverges at once has visited one position only, which any two directions serve.
    rows = F.pad(offsets, (0, 0, 0, max(0, 2 - len(offsets))))
    # The singular vectors of a few long rows, by way of an orthonormal basis of theirs: in a fifth of the time.
    basis, triangle = torch.linalg.qr(rows.T)
    _, lengths, directions = torch.linalg.svd(triangle.T)
    directions = directions[:2] @ basis.T
    # The signs of directions are arbitrary: these put the start to the right and above.
    signs = torch.where(directions @ offsets[0] < 0, -1.0, 1.0)
    directions = directions * signs[:, None]
    # Relative to the longest, since the squares of a run that diverges overflow.
    squares = (lengths / lengths[0].clamp_min(torch.finfo(lengths.dtype).tiny)).square()
    explained = squares[:2] / squares.sum().clamp_min(1)
    return Plane(origin, directions, offsets @ directions.T, explained)
