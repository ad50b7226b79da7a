"""Charts of a web page: measures over the steps."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from descent.render.axis import Axis, linear_axis, loss_axis
from descent.render.plane import Curve
from descent.render.shapes import line
from descent.render.trail import Array, Indices

LEFT, TOP, RIGHT = 44.0, 18.0, 388.0
"""The sides of a chart on its page, 400 units wide; the name stands above."""
BINS = 300
"""Of how many equal parts of a curve the lowest and the highest value are drawn."""


@dataclass(frozen=True)
class Chart:
    """A measure over the steps.

    Args:
        name: of the measure.
        x: the axis of the steps.
        y: the axis of the measure.
        lines: SVG paths by what they are the measure of.
        bottom: the chart's lower side on its page; values lie a little above it.
    """

    name: str
    x: Axis
    y: Axis
    lines: dict[str, str]
    bottom: float


def chart(name: str, curves: Mapping[str, Curve], steps: int, height: float) -> Chart:
    """The chart of a measure, by its name, of a run of so many steps."""
    bottom = TOP + height
    values = np.concatenate([values for _, values in curves.values()])
    ends = bottom - 6, TOP + 6
    y = loss_axis(values, ends) if name == "loss" else linear_axis(values, ends)
    x = Axis((0.0, float(max(steps, 1))), (LEFT, RIGHT))

    def drawn(curve: Curve) -> str:
        positions, heights = curve
        kept = envelope(heights)
        return line(np.column_stack([x.at(positions[kept]), y.at(heights[kept])]))

    return Chart(name, x, y, {label: drawn(curve) for label, curve in curves.items()}, bottom)


def envelope(values: Array) -> Indices:
    """The values that stand for a long curve, in order: the first, the last, the extremes of each part between."""
    indices = np.arange(len(values))
    if len(values) <= 2 * BINS:
        return indices
    extremes = [0, len(values) - 1]
    for part in np.array_split(indices, BINS):
        finite = part[np.isfinite(values[part])]
        if finite.size:
            extremes += [finite[values[finite].argmin()], finite[values[finite].argmax()]]
    return np.unique(extremes)
