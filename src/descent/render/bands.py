"""The picture of a metric over the steps: a line and a band for each group of runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from descent.render.line_names import name_lines, names_at_ends
from descent.render.scales import set_scales
from descent.render.style import RED, REST, new_figure
from descent.render.trail import Array

COLUMNS = 3
"""The most panels side by side."""
MARKED = 40
"""Up to this many values of a line are marked."""
LOG_RATIO = 100
"""The axis of the metric is logarithmic if the largest value is at least this many times the smallest."""


@dataclass(frozen=True)
class Band:
    """A metric of a group of runs over the steps.

    Args:
        label: the group's label in its panel.
        steps: (points,), the steps at which the metric is known.
        middle: (points,), the group's mean of the metric; not finite after it has diverged.
        low: (points,), the lower edge of the band.
        high: (points,), the upper edge.
        colour: of the line and the band.
    """

    label: str
    steps: Array
    middle: Array
    low: Array
    high: Array
    colour: str = RED


def bands_picture(title: str, metric: str, panels: Mapping[str, Sequence[Band]]) -> Figure:
    """A panel for each kind of run, by its name, with the bands of its groups."""
    columns = min(len(panels), COLUMNS)
    rows = -(-len(panels) // columns)
    figure = new_figure(5.2 * columns + 0.8, 4 * rows + 0.8)
    figure.suptitle(title, fontsize=12, wrap=True)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    values = np.concatenate([band.middle for bands in panels.values() for band in bands])
    set_scales(grid[0, 0], LOG_RATIO, y=values)
    for axes, (kind, bands) in zip(grid.flat, panels.items(), strict=False):
        axes.set_title(kind, fontsize=11)
        axes.grid(color="#e6e6e6", linewidth=0.6)
        for band in bands:
            finite, order = np.isfinite(band.middle), 1.5 if band.colour == REST else 2
            high = np.where(np.isfinite(band.high), band.high, band.middle)
            steps, middle = band.steps[finite], band.middle[finite]
            axes.fill_between(steps, band.low[finite], high[finite], color=band.colour, alpha=0.2, linewidth=0)
            mark = "." if len(steps) <= MARKED else ""  # between evaluations, nothing is known
            style: dict[str, Any] = {"color": band.colour, "linewidth": 1.5, "marker": mark, "zorder": order}
            axes.plot(steps, middle, label=band.label, **style)
    for axes in grid.flat[len(panels) :]:
        axes.remove()
    for axes, bands in zip(grid.flat, panels.values(), strict=False):
        name_lines(axes, names_at_ends((band.label, band.colour, band.middle) for band in bands))
    figure.supxlabel("step", fontsize=10)
    figure.supylabel(metric, fontsize=10)
    return figure
