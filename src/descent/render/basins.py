"""The map of basins: the outcome of a run for each start at each learning rate."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from descent.records.sweep import SweepRecord
from descent.render.stamp import new_views
from descent.render.style import BLUE, GREEN, ORANGE, new_figure
from descent.render.trail import Array

MINIMUM_COLOURS = (BLUE, ORANGE, GREEN, "#cc79a7", "#56b4e9", "#f0e442")
OTHER_COLOURS = {
    "at rest elsewhere": "#595959",
    "not at rest yet": "#d9d9d9",  # of maps of an earlier version
    "too slow, not at rest yet": "#d9d9d9",
    "oscillates": "#b9a3cc",
    "diverged": "black",
}
"""The colours of the outcomes that are not minima."""
PICTURE = "basin.png"
PANEL_INCHES = 5.2


def draw_basins(sweep: SweepRecord) -> None:
    """Draw the map of basins of a sweep into its views."""
    arrays = sweep.basins()
    assert arrays is not None
    with new_views(sweep.views) as folder:
        basins_picture(arrays).savefig(folder / PICTURE)


def basins_picture(arrays: Mapping[str, NDArray[Any]]) -> Figure:
    """The picture of a map (`descent.records.sweep.BASINS`): outcomes, or shares of them if a cell has several runs."""
    title, start = str(arrays["title"]), str(arrays["start"])
    outcomes, counts = arrays["outcomes"].tolist(), arrays["counts"]
    runs, experiment = int(counts[:, 0, 0].sum()), arrays["experiment"].tolist()
    if runs == 1:
        cells = counts.argmax(axis=0)
        return outcomes_picture(title, start, arrays["starts"], arrays["rates"], outcomes, cells, experiment)
    shares = {outcome: count / runs for outcome, count in zip(outcomes, counts, strict=True) if count.any()}
    subtitle = f"{runs} seeds, the same in every cell, so that cells differ by start and rate alone"
    return shares_picture(f"{title}\n{subtitle}", start, arrays["starts"], arrays["rates"], shares, experiment)


def outcomes_picture(
    title: str,
    start: str,
    starts: Array,
    rates: Array,
    outcomes: Sequence[str],
    cells: NDArray[np.int64],
    experiment: Sequence[float],
) -> Figure:
    """The outcome of each cell, by colour.

    Args:
        title: of the picture.
        start: the name of the component in which the starts differ.
        starts: (columns,).
        rates: (rows,), evenly spaced in log space.
        outcomes: the names of the outcomes: minima first, and then others.
        cells: (rows, columns), the index of each cell's outcome.
        experiment: the start and the learning rate of the experiment.
    """
    colours = [
        OTHER_COLOURS.get(outcome, MINIMUM_COLOURS[index % len(MINIMUM_COLOURS)])
        for index, outcome in enumerate(outcomes)
    ]
    figure = new_figure(8, 6.6)
    axes = figure.subplots()
    edges = BoundaryNorm(np.arange(len(colours) + 1) - 0.5, len(colours))
    axes.pcolormesh(starts, rates, cells, cmap=ListedColormap(colours), norm=edges, rasterized=True)
    _label(axes, start, experiment)
    present = set(np.unique(cells).tolist())
    patches = [
        Patch(facecolor=colour, edgecolor="#8a8a8a", linewidth=0.5, label=f"{outcome} ({(cells == index).mean():.0%})")
        for index, (outcome, colour) in enumerate(zip(outcomes, colours, strict=True))
        if index in present
    ]
    figure.suptitle(title, fontsize=12)
    figure.legend(handles=[*patches, *axes.lines], loc="outside lower center", ncols=3, fontsize=9)
    return figure


def shares_picture(
    title: str, start: str, starts: Array, rates: Array, shares: dict[str, Array], experiment: Sequence[float]
) -> Figure:
    """The share of each cell's runs that had an outcome, a panel for each outcome.

    Args:
        title: of the picture.
        start: the name of the component in which the starts differ.
        starts: (columns,).
        rates: (rows,), evenly spaced in log space.
        shares: (rows, columns) from 0 to 1, by the outcomes' names.
        experiment: the start and the learning rate of the experiment.
    """
    columns = min(len(shares), 2)
    rows = -(-len(shares) // columns)
    figure = new_figure(PANEL_INCHES * columns + 0.6, 0.85 * PANEL_INCHES * rows + 0.4)
    figure.suptitle(title, fontsize=12)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flatten()
    for axes, (outcome, share) in zip(panels, shares.items(), strict=False):
        mesh = axes.pcolormesh(starts, rates, 100 * share, cmap="viridis", vmin=0, vmax=100, rasterized=True)
        axes.set_title(outcome, fontsize=11)
        _label(axes, start, experiment)
        axes.label_outer()
    for axes in panels[len(shares) :]:
        axes.remove()
    figure.colorbar(mesh, ax=list(panels[: len(shares)]), label="of the runs of a cell, %", shrink=0.8)
    return figure


def _label(axes: Axes, start: str, experiment: Sequence[float]) -> None:
    """Label the axes, and mark the experiment if it is on the map."""
    axes.set(xlabel=start, ylabel="learning rate", yscale="log")
    limits = axes.get_xlim(), axes.get_ylim()
    if all(low <= value <= high for value, (low, high) in zip(experiment, limits, strict=True)):
        style: dict[str, Any] = {"markersize": 9, "markerfacecolor": "white", "markeredgecolor": "black"}
        axes.plot(*experiment, "o", label="the experiment", **style)
