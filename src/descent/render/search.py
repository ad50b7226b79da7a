"""The picture of a search: the trials over the number that is searched, and the best so far over the trials."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from descent.render.scales import set_scales
from descent.render.style import BLUE, GREY, RED, new_figure
from descent.render.trail import Array

LOG_RATIO = 10
"""An axis is logarithmic if its largest value is at least this many times its smallest."""
UNKNOWN = "diverged or stopped"


def search_picture(title: str, metric: str, values: Array, sign: int, numbers: Mapping[str, Array]) -> Figure:
    """A panel for each number, and one for the best so far.

    Args:
        title: of the picture.
        metric: the name of what is searched for.
        values: (trials,), its values in the order of the trials; not finite of a trial that has none.
        sign: 1 if lower values are better, -1 if higher ones are.
        numbers: (trials,) of each number that is searched, by its name.
    """
    figure = new_figure(5.2 * (len(numbers) + 1), 4.8)
    figure.suptitle(title, fontsize=12, wrap=True)
    *panels, last = figure.subplots(1, len(numbers) + 1, sharey=True, squeeze=False)[0]
    trials, finite = np.arange(1.0, len(values) + 1), np.isfinite(values)
    for axes, (name, tried) in zip(panels, numbers.items(), strict=True):
        set_scales(axes, LOG_RATIO, tried)
        axes.set_xlabel(name)
        dots = axes.scatter(tried[finite], values[finite], c=trials[finite], cmap="viridis_r", s=30, zorder=2)
        _mark_unknown(axes, tried[~finite])
    set_scales(last, LOG_RATIO, y=values)
    best = sign * np.minimum.accumulate(np.where(finite, sign * values, np.inf))
    last.plot(trials[finite], values[finite], ".", color=GREY, label="a trial")
    last.step(trials, np.where(np.isfinite(best), best, np.nan), where="post", color=RED, label="the best so far")
    _mark_unknown(last, trials[~finite])
    last.set_xlabel("trials")
    last.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (*panels, last):
        axes.grid(color="#e6e6e6", linewidth=0.6)
        axes.set_axisbelow(True)
    first = panels[0] if panels else last
    first.set_ylabel(metric)
    if panels and finite.any():
        figure.colorbar(dots, ax=panels[-1], label="trial", ticks=MaxNLocator(integer=True))
    handles, labels = last.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=9)
    return figure


def _mark_unknown(axes: Axes, at: Array) -> None:
    """Mark the trials without a value along the top."""
    if len(at):
        heights = np.full(len(at), 0.97)
        axes.plot(at, heights, "X", color=BLUE, markersize=7, transform=axes.get_xaxis_transform(), label=UNKNOWN)
