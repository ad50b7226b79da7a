"""The picture of a table of numbers: a cell for each optimizer and problem, the darker the fewer steps it takes."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from descent.render.style import new_figure
from descent.render.trail import Array

DARK = 0.55
"""From this shade on, the text of a cell is white."""


def heat_map_picture(
    title: str, rows: Sequence[str], columns: Sequence[str], shades: Array, texts: Sequence[Sequence[str]]
) -> Figure:
    """A table of cells.

    Args:
        title: of the picture.
        rows: their names.
        columns: their names.
        shades: (rows, columns), from 0, the lightest, to 1.
        texts: of the cells, a line or several each.
    """
    figure = new_figure(2.2 + 0.95 * len(columns), 1.6 + 0.62 * len(rows))
    figure.suptitle(title, fontsize=11, wrap=True)
    axes = figure.subplots()
    colours = colormaps["Blues"]
    axes.imshow(np.asarray(shades, dtype=np.float64), cmap=colours, vmin=0, vmax=1.15, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=35, ha="right", fontsize=9)
    axes.set_yticks(range(len(rows)), rows, fontsize=9)
    axes.tick_params(length=0)
    for row, of_row in enumerate(texts):
        for column, text in enumerate(of_row):
            colour = "white" if shades[row][column] > DARK else "#1a1a1a"
            axes.text(column, row, text, ha="center", va="center", fontsize=7.5, color=colour)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="minor", length=0)
    return figure
