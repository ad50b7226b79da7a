"""The lesson of the report: descents that race on a surface, at rates that a slider chooses."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from descent.records.lesson import SurfaceDescents
from descent.render.axis import Axis, linear_axis, loss_axis
from descent.render.contours import contour_areas
from descent.render.scene import on_page, page_axes
from descent.render.trail import Array

CHART = (44.0, 18.0, 388.0, 218.0)
"""The left, upper, right and lower side of the chart of the losses, on its page, which is 400 units wide."""
LOWEST, ABOVE_START = 1e-6, 10.0
"""The lowest loss that the chart has, and the highest one relative to those of the starts."""
NOWHERE = -32768
"""What stands for a coordinate of no step."""
LOSS_BITS = 12
"""The bits of a loss that are dropped: of the 23 after its first, so that three digits are left."""


@dataclass(frozen=True)
class LessonSurface:
    """A surface of the lesson, on a page that is 400 units wide.

    Args:
        name: of the surface.
        about: what there is to see on it.
        x: the horizontal axis.
        y: the vertical axis.
        areas: SVG paths of the area above each level, the lowest first.
        levels: (areas + 1,), the levels that bound the bands.
        minima: (minima, 2), the known minima.
        starts: (starts, 2), where descents start.
        steps: the axis of the steps in the chart.
        losses: the axis of the losses in the chart.
        race: what the page's script reads of the descents.
    """

    name: str
    about: str
    x: Axis
    y: Axis
    areas: list[str]
    levels: Array
    minima: Array
    starts: Array
    steps: Axis
    losses: Axis
    race: dict[str, Any]
    levels_of: str = "loss"


@dataclass(frozen=True)
class Lesson:
    """The lesson as the page shows it.

    Args:
        surfaces: in the order of their choice.
        optimizers: their names.
        rates: the number of rates of each.
        steps: the number of steps of the descents.
    """

    surfaces: list[LessonSurface]
    optimizers: list[str]
    rates: int
    steps: int


def lesson_of(surfaces: Mapping[str, SurfaceDescents]) -> Lesson:
    """The lesson of a record's descents, which has at least one surface."""
    first = next(iter(surfaces.values()))
    return Lesson(
        surfaces=[_surface(name, descents) for name, descents in surfaces.items()],
        optimizers=first.optimizers.tolist(),
        rates=first.rates.shape[1],
        steps=first.positions.shape[3] - 1,
    )


def _surface(name: str, descents: SurfaceDescents) -> LessonSurface:
    first, second = descents.first, descents.second
    view = (float(first[0]), float(first[-1])), (float(second[0]), float(second[-1]))
    x, y = page_axes(*view, ratio=0.9)
    areas, levels = contour_areas(x, y, (first, second), descents.heights)
    left, top, right, bottom = CHART
    steps = Axis((0.0, float(descents.positions.shape[3] - 1)), (left, right))
    losses = _loss_axis(descents.losses.astype(np.float64), (bottom - 6, top + 6))
    low, high = losses.values
    heights = losses.to_page(np.where(np.isnan(descents.losses), np.nan, descents.losses.clip(low, high)))
    path = on_page(x, y, descents.positions.astype(np.float64).reshape(-1, 2)).reshape(descents.positions.shape)
    return LessonSurface(
        name=name.replace("_", " "),
        about=str(descents.about),
        x=x,
        y=y,
        areas=areas,
        levels=levels,
        minima=on_page(x, y, descents.minima),
        starts=on_page(x, y, descents.starts),
        steps=steps,
        losses=losses,
        race={
            "starts": [_point(start) for start in descents.starts.tolist()],
            "minima": [_point(minimum) for minimum in descents.minima.tolist()],
            "rates": [[f"{rate:.3g}" for rate in rates] for rates in descents.rates.tolist()],
            "path": _base64(_tenths(path)),
            "heights": _base64(_tenths(heights)),
            "losses": _base64(_short(descents.losses)),
            "reached": _base64(descents.reached.astype(np.int8)),
            "steps": descents.steps.ravel().tolist(),
            "diverged": descents.diverged.ravel().astype(int).tolist(),
        },
    )


def _loss_axis(losses: Array, ends: tuple[float, float]) -> Axis:
    """The axis of the losses of all descents on a surface, without those far above the starts."""
    finite = losses[np.isfinite(losses)]
    lowest, start = float(finite.min()), float(losses[..., 0].max())
    if lowest < 0:
        return linear_axis(finite.clip(max=2 * start - lowest), ends)
    return loss_axis(finite.clip(LOWEST, ABOVE_START * start), ends)


def _point(position: list[float]) -> str:
    """A position as people write it."""
    return f"({', '.join(f'{round(value, 2) + 0.0:g}' for value in position)})".replace("-", "−")


def _tenths(coordinates: Array) -> Array:
    """Coordinates on the page in tenths, as whole numbers of 16 bits; NOWHERE where there are none."""
    limit = -NOWHERE - 1
    return np.where(np.isnan(coordinates), NOWHERE, np.nan_to_num(10 * coordinates).clip(-limit, limit)).round()


def _short(losses: Array) -> Array:
    """Losses in single precision without their last bits, which take most of the space."""
    bits = np.ascontiguousarray(losses, dtype="<f4").view("<u4")
    return (bits >> LOSS_BITS << LOSS_BITS).view("<f4")


def _base64(values: Array) -> str:
    """Numbers in the order of bytes that browsers have: those of 64 bits as whole numbers of 16."""
    return b64encode(values.astype("<i2" if values.itemsize == 8 else values.dtype).tobytes()).decode()
