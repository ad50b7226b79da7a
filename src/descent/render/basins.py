"""A map of what becomes of every start at every learning rate."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from descent.records.sweep import SweepRecord
from descent.render.style import BLUE, GREEN, ORANGE, new_figure

Array = NDArray[np.float64]
MINIMA = (BLUE, ORANGE, GREEN, "#cc79a7", "#56b4e9", "#f0e442")
"""Colours of minima; of others than minima those below."""
OTHERS = ("#595959", "#d9d9d9", "black")
PICTURE = "basin.png"
PANEL = 5.2
"""Inches."""


def draw_basins(sweep: SweepRecord) -> None:
    """Draw the map of a sweep that is one into its views."""
    arrays = sweep.basins()
    assert arrays is not None
    sweep.views.mkdir(exist_ok=True)
    basins_picture(arrays).savefig(sweep.views / PICTURE)


def basins_picture(arrays: Mapping[str, NDArray[Any]]) -> Figure:
    """The picture of a map of basins, (`descent.records.sweep.BASINS`): outcomes by colour or, of many runs, shares."""
    title, start = str(arrays["title"]), str(arrays["start"])
    outcomes, counts = arrays["outcomes"].tolist(), arrays["counts"]
    runs, experiment = int(counts[:, 0, 0].sum()), arrays["experiment"].tolist()
    if runs == 1:
        which = counts.argmax(axis=0)
        return outcomes_picture(title, start, arrays["starts"], arrays["rates"], outcomes, which, experiment)
    present = {outcome: count / runs for outcome, count in zip(outcomes, counts, strict=True) if count.any()}
    return shares_picture(f"{title}, {runs} runs each", start, arrays["starts"], arrays["rates"], present, experiment)


def outcomes_picture(
    title: str,
    start: str,
    starts: Array,
    rates: Array,
    outcomes: Sequence[str],
    which: NDArray[np.int64],
    here: Sequence[float],
) -> Figure:
    """Which of the outcomes each cell comes to, by colour.

    Args:
        title: of the picture.
        start: the name of what the starts differ in.
        starts: (columns,).
        rates: (rows,), evenly spaced in log space.
        outcomes: what can become of a run: minima first, and then three others.
        which: (rows, columns), the number of each cell's outcome.
        here: the start and the learning rate of the experiment.
    """
    colours = [*(MINIMA[place % len(MINIMA)] for place in range(len(outcomes) - len(OTHERS))), *OTHERS]
    figure = new_figure(8, 6.6)
    axes = figure.subplots()
    edges = BoundaryNorm(np.arange(len(colours) + 1) - 0.5, len(colours))
    axes.pcolormesh(starts, rates, which, cmap=ListedColormap(colours), norm=edges, rasterized=True)
    _label(axes, start, here)
    present = set(np.unique(which).tolist())
    patches = [
        Patch(facecolor=colour, edgecolor="#8a8a8a", linewidth=0.5, label=f"{outcome} ({(which == place).mean():.0%})")
        for place, (outcome, colour) in enumerate(zip(outcomes, colours, strict=True))
        if place in present
    ]
    figure.suptitle(title, fontsize=12)
    figure.legend(handles=[*patches, *axes.lines], loc="outside lower center", ncols=3, fontsize=9)
    return figure


def shares_picture(
    title: str, start: str, starts: Array, rates: Array, shares: dict[str, Array], here: Sequence[float]
) -> Figure:
    """How many of each cell's runs came to each of some outcomes, a panel each.

    Args:
        title: of the picture.
        start: the name of what the starts differ in.
        starts: (columns,).
        rates: (rows,), evenly spaced in log space.
        shares: (rows, columns) from 0 to 1, by the outcomes' names.
        here: the start and the learning rate of the experiment.
    """
    columns = min(len(shares), 2)
    rows = -(-len(shares) // columns)
    figure = new_figure(PANEL * columns + 0.6, 0.85 * PANEL * rows + 0.4)
    figure.suptitle(title, fontsize=12)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flatten()
    for axes, (outcome, share) in zip(panels, shares.items(), strict=False):
        mesh = axes.pcolormesh(starts, rates, 100 * share, cmap="viridis", vmin=0, vmax=100, rasterized=True)
        axes.set_title(outcome, fontsize=11)
        _label(axes, start, here)
        axes.label_outer()
    for axes in panels[len(shares) :]:
        axes.remove()
    figure.colorbar(mesh, ax=list(panels[: len(shares)]), label="of the runs of a cell, %", shrink=0.8)
    return figure


def _label(axes: Axes, start: str, here: Sequence[float]) -> None:
    axes.set(xlabel=start, ylabel="learning rate", yscale="log")
    inside = all(
        low <= value <= high for value, (low, high) in zip(here, (axes.get_xlim(), axes.get_ylim()), strict=True)
    )
    if inside:
        axes.plot(*here, "o", markersize=9, markerfacecolor="white", markeredgecolor="black", label="the experiment")
