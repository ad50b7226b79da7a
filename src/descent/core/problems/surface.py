"""Descent on a surface: the position is the only parameter, and no data are needed."""

from collections.abc import Callable, Mapping, Sequence
from inspect import signature

from torch import Tensor, nn

from descent.core.problems.problem import Problem
from descent.core.problems.starts import Start, start_at


class Surface(Problem):
    """The height of a surface at a point, (components,) in float64.

    Args:
        height: one of `descent.core.problems.surfaces`.
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
        self.point = nn.Parameter(start_at(start, len(signature(height).parameters)))

    def forward(self, *minibatch: Tensor) -> Tensor:
        """The height at the point; surfaces have no minibatches."""
        return self.height(*self.point.unbind())

    def losses(self, parameters: Mapping[str, Tensor], minibatch: tuple[Tensor, ...], *, is_shared: bool) -> Tensor:
        """The heights at all points at once: surfaces compute elementwise."""
        return self.height(*parameters["point"].unbind(1))
