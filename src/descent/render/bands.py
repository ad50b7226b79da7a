"""The picture of a metric over the steps: a line and a band for each group of runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from descent.render.style import new_figure
from descent.render.trail import Array

COLUMNS = 3
"""The most panels side by side."""


@dataclass(frozen=True)
class Band:
    """A metric of a group of runs over the steps.

    Args:
        label: the group's label in its panel.
        steps: (points,), the steps at which the metric is known.
        middle: (points,), the group's mean of the metric; not finite after it has diverged.
        low: (points,), the lower edge of the band.
        high: (points,), the upper edge.
    """

    label: str
    steps: Array
    middle: Array
    low: Array
    high: Array


def bands_picture(title: str, metric: str, panels: Mapping[str, Sequence[Band]]) -> Figure:
    """A panel for each kind of run, by its name, with the bands of its groups, from dark to light in their order."""
    columns = min(len(panels), COLUMNS)
    rows = -(-len(panels) // columns)
    figure = new_figure(5.2 * columns + 0.8, 4 * rows + 0.8)
    figure.suptitle(title, fontsize=12, wrap=True)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    values = np.concatenate([band.middle for bands in panels.values() for band in bands])
    values = values[np.isfinite(values)]
    for axes, (kind, bands) in zip(grid.flat, panels.items(), strict=False):
        axes.set_title(kind, fontsize=11)
        axes.grid(color="#e6e6e6", linewidth=0.6)
        colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(bands)))
        for band, colour in zip(bands, colours, strict=True):
            finite = np.isfinite(band.middle)
            high = np.where(np.isfinite(band.high), band.high, band.middle)
            axes.fill_between(band.steps[finite], band.low[finite], high[finite], color=colour, alpha=0.25, linewidth=0)
            axes.plot(band.steps[finite], band.middle[finite], color=colour, linewidth=1.5, label=band.label)
        axes.legend(fontsize=8, title_fontsize=8)
    for axes in grid.flat[len(panels) :]:
        axes.remove()
    if values.size and (values > 0).all() and values.max() >= 100 * values.min():
        grid[0, 0].set_yscale("log")
    figure.supxlabel("step", fontsize=10)
    figure.supylabel(metric, fontsize=10)
    return figure
