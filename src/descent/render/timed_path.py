"""A path whose colour tells the step, and the bar that says which colour is which."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap, PowerNorm

from descent.render.trail import Array, Indices

COLOURS = ListedColormap(matplotlib.colormaps["YlOrRd"](np.linspace(0.35, 1, 256)))
"""From orange at the start to dark red at the end: visible on white, and on bands of blue."""
HALO = 1.6
"""How much wider than a path the white line below it is, in points."""


def draw_timed_path(axes: Axes, points: Array, steps: Indices | Array, last: int, size: float = 5) -> list[Artist]:
    """Draw a path whose colour tells the step, the first steps apart: most descents go farthest in these.

    Args:
        axes: to draw on.
        points: (positions, 2).
        steps: (positions,), the number of steps taken at each.
        last: the number of steps of the whole path.
        size: of the dots, in points.
    """
    norm = _norm(last)
    width = size / 4
    (halo,) = axes.plot(*points.T, color="white", linewidth=width + HALO, alpha=0.8, zorder=3)
    pairs = [*np.stack([points[:-1], points[1:]], axis=1)]
    segments = LineCollection(pairs, cmap=COLOURS, norm=norm, linewidths=width, zorder=3.1)
    segments.set_array(np.asarray(steps[1:], dtype=np.float64))
    axes.add_collection(segments, autolim=False)
    x, y = points.T
    dots = axes.scatter(x, y, c=np.asarray(steps), cmap=COLOURS, norm=norm, s=size**2, linewidths=0, zorder=3.2)
    return [halo, segments, dots]


def draw_step_bar(axes: Axes, last: int) -> None:
    """Draw the bar of the colours below axes."""
    bar = axes.figure.colorbar(
        ScalarMappable(_norm(last), COLOURS), ax=axes, location="bottom", shrink=0.6, aspect=40, label="step"
    )
    ticks = step_ticks(last)
    bar.set_ticks(ticks, labels=[f"{step:,}" for step in ticks])


def step_ticks(last: int) -> Sequence[int]:
    """The start, the last step, and round numbers between them, about evenly along the bar."""
    round_numbers = (int(float(f"{last * share**2:.1g}")) for share in (0.25, 0.5, 0.75))
    return sorted({0, *round_numbers, last})


def _norm(last: int) -> PowerNorm:
    """The square root of a step's share of all steps."""
    return PowerNorm(0.5, vmin=0, vmax=max(last, 1))
