"""Where runs end, against a number they differ in: a line for each kind of run, an interval for each group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from descent.render.style import COLOURS, GREY, new_figure
from descent.render.trail import Array

ROW = 0.045
"""How far below the marks of one line those of the next stand, of the height: they may have diverge at one rate."""
SPAN = 10
"""From how many times the least number on the greatest is so far away that the axis is logarithmic."""


@dataclass(frozen=True)
class Line:
    """Runs of one kind, a group at each of some numbers.

    Args:
        label: what tells them from the others.
        x: (points,), the numbers, in order.
        y: (points,), what a group comes to; not finite where it diverged.
        low: (points,), the lower end of its interval.
        high: (points,), the upper end.
        diverged: (points,), how many of a group did.
        of: (points,), how many runs it has.
    """

    label: str
    x: Array
    y: Array
    low: Array
    high: Array
    diverged: Sequence[int]
    of: Sequence[int]


def rates_picture(title: str, x: str, panels: Mapping[str, Sequence[Line]]) -> Figure:
    """A panel for each metric, by its name, with its lines; x is the name of the number."""
    figure = new_figure(6.2 * len(panels), 5)
    figure.suptitle(title, fontsize=12)
    for axes, (metric, lines) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        axes.set(xlabel=x, ylabel=metric)
        axes.grid(color="#e6e6e6", linewidth=0.6)
        _scale(axes, lines)
        rows = cycle(np.arange(0.97, 0.0, -ROW))
        for line, colour in zip(lines, cycle(COLOURS)):
            _draw(axes, line, colour, next(rows) if any(line.diverged) else 0.0)
    handles, labels = axes.get_legend_handles_labels()
    if any(any(line.diverged) for lines in panels.values() for line in lines):
        handles += axes.plot([], [], "X", color=GREY, markersize=8)
        labels += ["diverged"]
    figure.legend(handles, labels, loc="outside lower center", ncols=5, fontsize=9)
    return figure


def _scale(axes: Axes, lines: Sequence[Line]) -> None:
    """Logarithmic axes where numbers are of different orders, and the view on what is finite."""
    across = np.concatenate([line.x for line in lines])
    if (across > 0).all() and across.max() >= SPAN * across.min():
        axes.set_xscale("log")
    up = np.concatenate([np.concatenate([line.y, line.low, line.high]) for line in lines])
    up = up[np.isfinite(up)]
    if up.size and (up > 0).all() and up.max() >= SPAN * up.min():
        axes.set_yscale("log")


def _draw(axes: Axes, line: Line, colour: str, gone: float) -> None:
    """A line with its intervals; what diverged is marked at the height `gone` of the axes, from 0 to 1."""
    finite = np.isfinite(line.y)
    top = np.where(np.isfinite(line.high), line.high, line.y)  # an interval that reaches infinity ends at its mean
    x, y = line.x[finite], line.y[finite]
    span = np.stack([y - line.low[finite], top[finite] - y]).clip(0)
    axes.errorbar(x, y, span, fmt="o-", color=colour, markersize=5, linewidth=1.4, capsize=3, label=line.label)
    for at, count, of in zip(line.x, line.diverged, line.of, strict=True):
        if count:
            along_top = axes.get_xaxis_transform()
            axes.plot([at], [gone], "X", color=colour, markersize=8, transform=along_top, clip_on=False, zorder=5)
            if count < of:
                aside: dict[str, Any] = {"xytext": (6, -3), "textcoords": "offset points", "fontsize": 8}
                axes.annotate(f"{count} of {of}", (at, gone), xycoords=along_top, **aside)
