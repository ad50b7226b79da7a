"""Where a descent starts."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from descent.core.random_streams import generator
from descent.errors import UserError
from descent.records.run import coordinates

Start = float | Sequence[float] | Tensor | Callable[[int], Tensor]
"""Where a descent starts, or what gives it for the number of components."""


def drawn(components: int, seed: int, x: Sequence[float], y: Sequence[float] | None = None) -> Tensor:
    """A position drawn uniformly, (components,) in float64, from between the bounds x, and y for every second one."""
    limits = [x, x if y is None else y]
    bounds = torch.tensor([limits[place % 2] for place in range(components)], dtype=torch.float64)
    share = torch.rand(components, generator=generator(seed, "start"), dtype=torch.float64)
    return torch.lerp(bounds[:, 0], bounds[:, 1], share)


def start_at(start: Start, components: int) -> Tensor:
    """A new position in float64, (components,), equal to a given start, which is not changed.

    Whole numbers become floats: kept whole, every step would be cut to a whole number as well.

    Raises:
        UserError: for a start of another shape, or one that is not of finite numbers.
    """
    example = ", ".join(f"{value}.0" for value in range(1, components + 1))
    advice = f"choose {components} finite number{'s'[: components - 1]}, for example problem.start=[{example}]"
    if callable(start):
        start = start(components)
    try:
        position = torch.as_tensor(start, dtype=torch.float64).detach().clone()
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"problem.start={start}: not numbers; {advice}") from error
    if position.ndim == 0 and components == 1:
        position = position[None]
    if position.shape != (components,):
        names = ", ".join(coordinates(components))
        raise UserError(f"problem.start={start}: the position is ({names}); {advice}")
    if not position.isfinite().all():
        raise UserError(f"problem.start={start}: not finite; {advice}")
    return position
