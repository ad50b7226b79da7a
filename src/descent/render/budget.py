"""The picture of the best of a number of trials: a line and a band for each kind of runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from descent.render.style import line_styles, new_figure
from descent.render.trail import Array

LOG_RATIO = 100
"""The axis of the values is logarithmic if the largest is at least this many times the smallest."""


@dataclass(frozen=True)
class BudgetLine:
    """The best value of 1, 2, 3 ... trials.

    Args:
        label: in the legend.
        mean: (trials,), the expected value; not finite where all trials may have diverged.
        low: (trials,), one edge of the band.
        high: (trials,), the other.
    """

    label: str
    mean: Array
    low: Array
    high: Array


def budget_picture(title: str, y_label: str, lines: Sequence[BudgetLine]) -> Figure:
    """The lines over the number of trials."""
    figure = new_figure(7.5, 5)
    figure.suptitle(title, fontsize=12, wrap=True)
    axes = figure.subplots()
    axes.set(xlabel="settings tried", ylabel=y_label)
    axes.grid(color="#e6e6e6", linewidth=0.6)
    values = np.concatenate([np.concatenate([line.mean, line.low, line.high]) for line in lines])
    values = values[np.isfinite(values)]
    if values.size and (values > 0).all() and values.max() >= LOG_RATIO * values.min():
        axes.set_yscale("log")
    for line, (colour, dash) in zip(lines, line_styles(), strict=False):
        trials = np.arange(1, len(line.mean) + 1)
        in_band = np.isfinite(line.low) & np.isfinite(line.high)
        low, high = line.low[in_band], line.high[in_band]
        axes.fill_between(trials[in_band], low, high, color=colour, alpha=0.15, linewidth=0)
        finite = np.isfinite(line.mean)
        style: dict[str, Any] = {"color": colour, "linestyle": dash, "marker": "o", "markersize": 3, "linewidth": 1.5}
        axes.plot(trials[finite], line.mean[finite], **style, label=line.label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=9)
    return figure
