"""A histogram of where many runs ended."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from descent.render.style import BLUE, GREEN, ORANGE, RED, new_figure

Array = NDArray[np.float64]

COLOURS = (RED, GREEN, ORANGE, "black")


def histogram_picture(
    title: str, name: str, values: Array, edges: Array, marks: Mapping[str, float], notes: Sequence[str] = ()
) -> Figure:
    """How many of many runs ended where, and how many of them outside what is shown.

    Args:
        title: of the picture.
        name: of the values.
        values: (runs,), where each ended.
        edges: (bars + 1,), where bars begin and end; the range shown goes from the first to the last.
        marks: positions in that range to be marked, by what they are.
        notes: lines to be added below.
    """
    counts, _ = np.histogram(values, edges)
    outside = len(values) - int(counts.sum())
    said = f"{outside:,} of {len(values):,} runs ended outside the range shown"

    figure = new_figure(8, 5)
    axes = figure.subplots()
    axes.stairs(counts, edges, fill=True, color=BLUE, alpha=0.75)
    rows = 0.08 * len(marks)  # above the bars, one for each mark's label
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0, max(counts.max(), 1) * 1.05 / (1 - rows)), ylabel="runs")
    axes.set_xlabel("\n".join([name, *notes, said]), linespacing=1.5)
    axes.set_title(title, fontsize=11)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    for row, (label, position) in enumerate(marks.items()):
        colour = COLOURS[row % len(COLOURS)]
        on_the_left = position < (edges[0] + edges[-1]) / 2
        axes.axvline(position, color=colour, linewidth=1.3, linestyle="--")
        axes.annotate(
            f"{label} {position:.3g}",
            (position, 0.965 - 0.08 * row),
            (5 if on_the_left else -5, 0),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            ha="left" if on_the_left else "right",
            va="center",
            color=colour,
            fontsize=10,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    return figure
