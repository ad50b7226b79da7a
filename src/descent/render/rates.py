"""The picture of final metrics against the learning rate: a line for each kind of run, an interval for each group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from descent.render.line_names import name_lines, names_at_ends
from descent.render.scales import set_scales
from descent.render.style import GREY, RED, REST, new_figure
from descent.render.trail import Array

MARK_SPACING = 0.045
"""The vertical distance between the marks of two lines, as a share of the height, so that none hides another."""
MARGIN = 0.05
"""On either side of a logarithmic axis, as a share of its length."""
MAX_ROWS = 12
"""The most rows of marks for which values make room."""
MAX_COUNTED = 10
"""Up to this many points of a line have their missing runs counted beside the marks; of more, numbers would overlap."""
LOG_RATIO = 10
"""An axis is logarithmic if its largest value is at least this many times its smallest."""


@dataclass(frozen=True)
class RateLine:
    """The groups of runs of one kind, such as of one optimizer, along the learning rate or another number.

    Args:
        label: its label in the legend.
        x: (points,), the numbers, in order.
        y: (points,), the mean of each group; not finite if it diverged.
        low: (points,), the lower end of its interval.
        high: (points,), the upper end.
        missing: (points,), the number of runs that have no finite value.
        total: (points,), the number of all runs.
        colour: of the line.
    """

    label: str
    x: Array
    y: Array
    low: Array
    high: Array
    missing: Sequence[int]
    total: Sequence[int]
    colour: str = RED


def rates_picture(
    title: str, x_label: str, panels: Mapping[str, Sequence[RateLine]], missing: str = "diverged"
) -> Figure:
    """A panel for each metric, by its name, with its lines.

    Args:
        title: of the picture.
        x_label: the name of the number along the x axis.
        panels: the lines of each metric.
        missing: what became of the runs without a finite value, which are marked along the top.
    """
    figure = new_figure(6.2 * len(panels), 5)
    figure.suptitle(title, fontsize=12, wrap=True)
    for axes, (metric, lines) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        axes.set(xlabel=x_label, ylabel=metric)
        axes.grid(color="#e6e6e6", linewidth=0.6)
        _set_scales(axes, lines)
        heights = np.arange(0.97, 0.0, -MARK_SPACING).tolist()
        marked = 0
        for line in lines:
            _draw(axes, line, heights[marked % len(heights)])
            marked += any(line.missing)
        _leave_room(axes, min(marked, MAX_ROWS))
        name_lines(axes, names_at_ends((line.label, line.colour, line.y) for line in lines))
    if any(any(line.missing) for lines in panels.values() for line in lines):
        mark = axes.plot([], [], "X", color=GREY, markersize=8)
        figure.legend(mark, [missing], loc="outside lower center", fontsize=9)
    return figure


def _set_scales(axes: Axes, lines: Sequence[RateLine]) -> None:
    """Make an axis logarithmic if its values are of different magnitudes."""
    x = np.concatenate([line.x for line in lines])
    y = np.concatenate([np.concatenate([line.y, line.low, line.high]) for line in lines])
    set_scales(axes, LOG_RATIO, x, y)
    if axes.get_xscale() == "log":
        margin = (x.max() / x.min()) ** MARGIN
        axes.set_xlim(x.min() / margin, x.max() * margin)  # which one point that is finite would not span


def _leave_room(axes: Axes, rows: int) -> None:
    """Have the values end below so many rows of marks."""
    if not rows:
        return
    scale = axes.yaxis.get_transform()
    low, high = scale.transform(axes.get_ylim())
    share = 0.97 - rows * MARK_SPACING
    axes.set_ylim(top=float(scale.inverted().transform(low + (high - low) / share)))


def _draw(axes: Axes, line: RateLine, mark_height: float) -> None:
    """Draw a line with its intervals, and marks for missing runs at a height of the axes, from 0 to 1."""
    finite = np.isfinite(line.y)
    top = np.where(np.isfinite(line.high), line.high, line.y)  # an interval that reaches infinity ends at its mean
    x, y = line.x[finite], line.y[finite]
    span = np.stack([y - line.low[finite], top[finite] - y]).clip(0)
    style: dict[str, Any] = {"color": line.colour, "linestyle": "-", "linewidth": 1.4, "markersize": 5, "capsize": 3}
    axes.errorbar(x, y, span, fmt="o", **style, label=line.label, zorder=1.5 if line.colour == REST else 2)
    x_data = axes.get_xaxis_transform()
    for at, missing, total in zip(line.x, line.missing, line.total, strict=True):
        if missing:
            mark = at, mark_height
            axes.plot(*mark, "X", color=line.colour, markersize=8, transform=x_data, clip_on=False, zorder=5)
            if missing < total and len(line.x) <= MAX_COUNTED:
                place: dict[str, Any] = {"xytext": (6, -3), "textcoords": "offset points", "fontsize": 8}
                axes.annotate(f"{missing} of {total}", mark, xycoords=x_data, **place)
