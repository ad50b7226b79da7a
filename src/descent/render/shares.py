"""The picture of the share of runs, or of problems, that are there by a step or another number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from descent.render.style import line_styles, new_figure
from descent.render.trail import Array

LOG_RATIO = 20
"""The axis of the numbers is logarithmic if its end is at least this many times the smallest."""


@dataclass(frozen=True)
class ShareLine:
    """The numbers of one kind of runs, of which a share is at most each number.

    Args:
        label: in the legend.
        values: (runs,), the number of each; infinite of one that is never there.
        end: where the line ends at the latest.
    """

    label: str
    values: Array
    end: float

    def corners(self, start: float) -> tuple[Array, Array]:
        """The numbers at which the share changes, from a start, and the shares from there on."""
        reached, counts = np.unique(self.values[np.isfinite(self.values)], return_counts=True)
        shares = np.cumsum(counts) / len(self.values)
        last = shares[-1] if len(shares) else 0.0
        return np.array([start, *reached, self.end]), np.array([0.0, *shares, last])


def shares_picture(title: str, x_label: str, y_label: str, lines: Sequence[ShareLine]) -> Figure:
    """A line of steps for each kind of runs, from 0 to at most 1."""
    figure = new_figure(7.5, 5)
    figure.suptitle(title, fontsize=12, wrap=True)
    axes = figure.subplots()
    axes.set(xlabel=x_label, ylabel=y_label, ylim=(-0.02, 1.02))
    axes.grid(color="#e6e6e6", linewidth=0.6)
    values = np.concatenate([line.values[np.isfinite(line.values)] for line in lines])
    positive = values[values > 0]
    is_logarithmic = positive.size > 0 and max(line.end for line in lines) >= LOG_RATIO * positive.min()
    start = float(positive.min()) if is_logarithmic else 0.0
    if is_logarithmic:
        axes.set_xscale("log")
    for line, (colour, dash) in zip(lines, line_styles(), strict=False):
        at, shares = line.corners(start)
        style: dict[str, Any] = {"color": colour, "linestyle": dash, "linewidth": 1.6}
        axes.step(np.maximum(at, start), shares, where="post", **style, label=line.label)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=9)
    return figure
