"""A path as pictures draw it: as few positions as tell its story, where it starts, and how it ends in their view."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from descent.render.style import RED

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
Range = tuple[float, float]

DRAWN = 1_000
"""About how many positions of a path are drawn: more would be slow, and not be visible."""


def last_inside(path: Array, *view: Range) -> int:
    """The last position of a path, (positions, components), in view: a range for each component; 0 where none is."""
    low, high = np.transpose(view)
    inside = ((low <= path) & (path <= high)).all(axis=1)
    return int(np.flatnonzero(inside)[-1]) if inside.any() else 0


def spread(path: Array, count: int, *view: Range) -> Indices:
    """At most `count` positions of a path, (positions, components), in order; the first and the last among them.

    Many descents go far in their first steps and hardly move in the others. So the positions are spread evenly over
    the mean of the share of the steps taken and the share of the way gone, as far as that is in view.
    """
    if len(path) <= count:
        return np.arange(len(path))
    low, high = np.transpose(view)
    moves = np.diff((path.clip(low, high) - low) / (high - low), axis=0)
    way = np.concatenate([[0.0], np.nan_to_num(np.hypot.reduce(moves, axis=1)).cumsum()])
    shares = np.linspace(0, 1, len(path)) + way / max(way[-1], np.finfo(float).tiny)
    return np.unique(np.searchsorted(shares, np.linspace(0, shares[-1], count)))


def drawn(path: Array, *view: Range) -> Indices:
    """The positions that stand for a path, as far as the first out of view from which it never comes back."""
    leaves = last_inside(path, *view)
    return np.union1d(spread(path[: leaves + 2], DRAWN, *view), [leaves])


def up_to(step: int, path: Array, positions: Indices) -> Array:
    """The path as far as a step, through those of its positions that are drawn."""
    return path[[*positions[positions < step], step]]


def mark_start(axes: Axes, position: Array) -> None:
    """A circle, open, so that what happens there is seen."""
    axes.plot(*position, "o", markersize=11, markerfacecolor="none", markeredgecolor="black", label="start", zorder=5)


def end_label(path: Array, *view: Range, diverged: bool) -> str:
    """What became of a path at its last position in view: "end", or why it cannot be seen any further."""
    last = last_inside(path, *view)
    if diverged or last < len(path) - 1:
        return f"{'diverged' if diverged else 'left the view'} after step {last:,}"
    return "end"


def mark_end(axes: Axes, path: Array, *view: Range, diverged: bool) -> Line2D:
    """A star at the end or, where that is out of view, a cross at the last position in it, and what became of it."""
    last = last_inside(path, *view)
    label = end_label(path, *view, diverged=diverged)
    marker, size = ("*", 16) if label == "end" else ("X", 13)
    (mark,) = axes.plot(
        *path[last],
        marker,
        markersize=size,
        color=RED,
        markeredgecolor="black",
        label=label,
        clip_on=False,
        in_layout=False,
        zorder=6,
    )
    return mark
