"""The histogram of the final positions of many runs."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from descent.render.style import BLUE, GREEN, ORANGE, RED, new_figure
from descent.render.trail import Array

MARK_COLOURS = (RED, GREEN, ORANGE, "black")


def histogram_picture(
    title: str, name: str, values: Array, edges: Array, marks: Mapping[str, float], notes: Sequence[str] = ()
) -> Figure:
    """The histogram of final values, and the number of runs that ended outside its range.

    Args:
        title: of the picture.
        name: of the values.
        values: (runs,), the final values.
        edges: (bars + 1,), the edges of the bars; the first and the last are the range shown.
        marks: marked values in that range, by their labels.
        notes: lines of text below the axis.
    """
    counts, _ = np.histogram(values, edges)
    outside = len(values) - int(counts.sum())
    outside_note = f"{outside:,} of {len(values):,} runs ended outside the range shown"

    figure = new_figure(8, 5)
    axes = figure.subplots()
    axes.stairs(counts, edges, fill=True, color=BLUE, alpha=0.75)
    rows = 0.08 * len(marks)  # above the bars, one for each mark's label
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0, max(counts.max(), 1) * 1.05 / (1 - rows)), ylabel="runs")
    axes.set_xlabel("\n".join([name, *notes, outside_note]), linespacing=1.5)
    axes.set_title(title, fontsize=11)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    for row, (label, position) in enumerate(marks.items()):
        colour = MARK_COLOURS[row % len(MARK_COLOURS)]
        is_left = position < (edges[0] + edges[-1]) / 2
        axes.axvline(position, color=colour, linewidth=1.3, linestyle="--")
        axes.annotate(
            f"{label} {position:.3g}",
            (position, 0.965 - 0.08 * row),
            (5 if is_left else -5, 0),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            ha="left" if is_left else "right",
            va="center",
            color=colour,
            fontsize=10,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    return figure
