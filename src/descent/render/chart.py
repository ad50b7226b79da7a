"""Charts in a web page: loss and accuracy over the steps."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from descent.render.axis import Axis, linear_axis, loss_axis
from descent.render.plane import Curve
from descent.render.shapes import svg_dots, svg_line
from descent.render.trail import Array, Indices

LEFT, TOP, RIGHT = 44.0, 18.0, 388.0
"""The sides of a chart on its page, which is 400 units wide; the name is above."""
MAX_DOTS = 60
"""The most points of a curve that has dots."""
BINS = 300
"""A long curve is reduced to the lowest and the highest value of each of this many parts."""


@dataclass(frozen=True)
class Chart:
    """A metric over the steps.

    Args:
        name: of the metric.
        x: the axis of the steps.
        y: the axis of the metric.
        lines: SVG paths by their labels.
        dots: SVG paths of the points of those that have few.
        bottom: the chart's lower side on its page; values lie a little above it.
    """

    name: str
    x: Axis
    y: Axis
    lines: dict[str, str]
    dots: dict[str, str]
    bottom: float


def chart(name: str, curves: Mapping[str, Curve], steps: int, height: float) -> Chart:
    """The chart of a metric of a run of so many steps."""
    bottom = TOP + height
    values = np.concatenate([values for _, values in curves.values()])
    ends = bottom - 6, TOP + 6
    y = loss_axis(values, ends) if name == "loss" else linear_axis(values, ends)
    x = Axis((0.0, float(max(steps, 1))), (LEFT, RIGHT))

    def on_page(curve: Curve) -> Array:
        steps, values = curve
        kept = envelope(values)
        return np.column_stack([x.to_page(steps[kept]), y.to_page(values[kept])])

    points = {label: on_page(curve) for label, curve in curves.items()}
    lines = {label: svg_line(line) for label, line in points.items()}
    dots = {label: svg_dots(line) for label, line in points.items() if len(line) <= MAX_DOTS}
    return Chart(name, x, y, lines, dots, bottom)


def envelope(values: Array) -> Indices:
    """The indices of the values that a long curve is reduced to: the first, the last, and the extremes of each part."""
    indices = np.arange(len(values))
    if len(values) <= 2 * BINS:
        return indices
    extremes = [0, len(values) - 1]
    for part in np.array_split(indices, BINS):
        finite = part[np.isfinite(values[part])]
        if finite.size:
            extremes += [finite[values[finite].argmin()], finite[values[finite].argmax()]]
    return np.unique(extremes)
