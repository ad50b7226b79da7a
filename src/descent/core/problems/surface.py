"""Descent on a surface of any number of coordinates: the position is the only parameter, and no data are needed."""

from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, signature

from torch import Tensor, nn

from descent.core.problems.problem import Problem
from descent.core.problems.starts import Start, start_at
from descent.errors import UserError

RECORDED = 20
"""The most coordinates of a surface whose position is recorded at every step."""


class Surface(Problem):
    """The height of a surface at a point, (components,) in float64.

    Args:
        height: one of `descent.core.problems.surfaces`; one that takes `*x` has as many coordinates as the start.
        start: where the descent starts, a number for each of the surface's coordinates.
        minima: the positions of its lowest points, as far as it has any.

    Raises:
        UserError: for a start that is not a point of the surface.
    """

    def __init__(
        self,
        height: Callable[..., Tensor],
        start: Start,
        minima: Sequence[Sequence[float]] = (),
    ) -> None:
        super().__init__()
        self.height = height
        self.minima = [tuple(minimum) for minimum in minima]
        self.point = nn.Parameter(start_at(start, _components(height, start)))

    def forward(self, *minibatch: Tensor) -> Tensor:
        """The height at the point; surfaces have no minibatches."""
        return self.height(*self.point.unbind())

    def losses(self, parameters: Mapping[str, Tensor], minibatch: tuple[Tensor, ...], *, is_shared: bool) -> Tensor:
        """The heights at all points at once: surfaces compute elementwise."""
        return self.height(*parameters["point"].unbind(1))

    def is_small(self) -> bool:
        """Whether each step's position is recorded: that of up to 20 coordinates."""
        return self.size() <= RECORDED


def _components(height: Callable[..., Tensor], start: Start) -> int:
    """The number of a surface's coordinates."""
    parameters = signature(height).parameters.values()
    if not any(parameter.kind == Parameter.VAR_POSITIONAL for parameter in parameters):
        return len(parameters)
    if isinstance(start, Sequence | Tensor):
        return len(start)
    raise UserError("problem.start: this surface has as many coordinates as its start, which has to be a list")
