"""Draws a path in a view: fewer positions than steps, a mark at the start, and a mark where it ends or leaves."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from descent.render.style import RED

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
Range = tuple[float, float]

END: dict[str, Any] = {
    "marker": "*",
    "markersize": 22,
    "markerfacecolor": "none",
    "markeredgecolor": "black",
    "markeredgewidth": 1.3,
    "path_effects": [withStroke(linewidth=3.2, foreground="white")],
}
CROSS: dict[str, Any] = {"marker": "X", "markersize": 13, "color": RED, "markeredgecolor": "black"}
"""The marks of a path's end, and of where it diverges or leaves the view."""
MAX_DRAWN = 1_000
"""About the most positions of a path that are drawn: more would be slow, and not be visible."""


def last_in_view(path: Array, *view: Range) -> int:
    """The index of the last position of a path, (positions, components), within the range of each component; else 0."""
    low, high = np.transpose(view)
    in_view = ((low <= path) & (path <= high)).all(axis=1)
    return int(np.flatnonzero(in_view)[-1]) if in_view.any() else 0


def sample_path(path: Array, count: int, *view: Range) -> Indices:
    """The indices of at most `count` positions of a path, (positions, components), including the first and the last.

    Many descents go far in their first steps and hardly move afterwards. So the samples are spaced evenly in the mean
    of two shares: of the steps, and of the distance within the view.
    """
    if len(path) <= count:
        return np.arange(len(path))
    low, high = np.transpose(view)
    moves = np.diff((path.clip(low, high) - low) / (high - low), axis=0)
    distance = np.concatenate([[0.0], np.nan_to_num(np.hypot.reduce(moves, axis=1)).cumsum()])
    shares = np.linspace(0, 1, len(path)) + distance / max(distance[-1], np.finfo(float).tiny)
    return np.unique(np.searchsorted(shares, np.linspace(0, shares[-1], count)))


def drawn_indices(path: Array, *view: Range) -> Indices:
    """The indices of the positions to draw, up to the first position after the path has left the view for good."""
    last = last_in_view(path, *view)
    return np.union1d(sample_path(path[: last + 2], MAX_DRAWN, *view), [last])


def path_until(step: int, path: Array, indices: Indices) -> Array:
    """The path up to a step, through those of its positions that are drawn."""
    return path[[*indices[indices < step], step]]


def mark_start(axes: Axes, position: Array, *view: Range) -> None:
    """Mark the start with an open circle, which hides nothing; at the rim of the view if it is outside."""
    low, high = np.transpose(view)
    at_rim = position.clip(low, high)
    label = "start" if (at_rim == position).all() else "start, out of view"
    style: dict[str, Any] = {"markerfacecolor": "none", "markeredgecolor": "black", "label": label, "zorder": 5}
    axes.plot(*at_rim, "o", markersize=11, clip_on=False, in_layout=False, **style)


def end_label(path: Array, *view: Range, diverged: bool) -> str:
    """The label of a path's last position in view: "end", or why the path is not drawn any further."""
    last = last_in_view(path, *view)
    if diverged or last < len(path) - 1:
        return f"{'diverged' if diverged else 'left the view'} after step {last:,}"
    return "end"


def mark_end(axes: Axes, path: Array, *view: Range, diverged: bool) -> Line2D:
    """Mark the last position in view: with an open star, through which a minimum is seen, if it is the end.

    Else with a cross.
    """
    last = last_in_view(path, *view)
    label = end_label(path, *view, diverged=diverged)
    style = END if label == "end" else CROSS
    (mark,) = axes.plot(*path[last], **style, label=label, linestyle="", clip_on=False, in_layout=False, zorder=6)
    return mark
