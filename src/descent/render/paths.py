"""The picture of several descents: their paths over one background, beside their losses over the steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from descent.render.style import RED, REST, new_figure
from descent.render.trail import Array, Range, drawn_indices, last_in_view, mark_start

MAX_EXTRA_WIDTH = 5
"""About how much wider than the last path the first one is drawn, at most."""
HEADROOM, DEPTH = 1e3, 1e-30
"""The limits of a logarithmic panel, relative to the highest loss in view."""


class Background(Protocol):
    """The loss below the paths: a `Field` or a `LossCurve`."""

    @property
    def x(self) -> Range:
        """The range of x in view."""

    @property
    def y(self) -> Range:
        """The range of y in view."""

    def draw(self, axes: Axes) -> None:
        """Draw the loss, and set the limits and labels of the axes."""


@dataclass(frozen=True)
class LabelledPath:
    """One of several descents.

    Args:
        label: its label in the legend.
        path: (steps + 1, 2), the positions, from the start.
        losses: (steps + 1,), the loss at each position; the last may be missing.
        diverged: whether the path diverged at its end.
        colour: of the path.
    """

    label: str
    path: Array
    losses: Array
    diverged: bool
    colour: str = RED


def paths_picture(
    title: str, background: Background, paths: Sequence[LabelledPath], *, has_losses: bool = True
) -> Figure:
    """The paths over their common background and, unless not wanted, their losses over the steps beside."""
    figure = new_figure(12 if has_losses else 7.4, 5.6)
    figure.suptitle(title, fontsize=12, wrap=True)
    plane, *beside = figure.subplots(1, 2, width_ratios=[1.1, 1]) if has_losses else [figure.subplots()]
    background.draw(plane)
    view = background.x, background.y
    for above, path in zip(reversed(range(len(paths))), paths, strict=True):
        # Lower paths are wider, so that all are visible where they coincide, as paths at different rates often do.
        width = 1.2 + above * min(1, MAX_EXTRA_WIDTH / len(paths))
        mark_start(plane, path.path[0], *view)
        points = path.path[drawn_indices(path.path, *view)]
        order = 2.5 if path.colour == REST else 3
        style: dict[str, Any] = {"color": path.colour, "linewidth": width, "zorder": order}
        plane.plot(*points.T, ".-", markersize=4 + width, label=path.label, **style)
        _mark_end(plane, path, 10 + 3 * width, *view)
        for losses in beside:
            losses.plot(np.where(np.isfinite(path.losses), path.losses, np.nan), **style)
    for losses in beside:
        losses.set(xlabel="step", ylabel="loss")
        losses.grid(color="#e6e6e6", linewidth=0.6)
        _limit(losses, paths, *view)
    handles, labels = plane.get_legend_handles_labels()
    handle_of = dict(zip(labels, handles, strict=True))
    entries = dict.fromkeys([*(path.label for path in paths), *handle_of])
    figure.legend([handle_of[entry] for entry in entries], [*entries], loc="outside lower center", ncols=5, fontsize=9)
    return figure


def _mark_end(axes: Axes, path: LabelledPath, size: float, *view: Range) -> None:
    if path.diverged or last_in_view(path.path, *view) < len(path.path) - 1:
        marker, label = "X", "diverged" if path.diverged else "left the view"
    else:
        marker, label = "*", "end"
    style: dict[str, Any] = {"marker": marker, "markeredgecolor": "black", "linestyle": ""}
    axes.plot(*_exit(path.path, *view), color=path.colour, markersize=size, clip_on=False, zorder=6, **style)
    axes.plot([], [], color="white", markersize=12, label=label, **style)  # one legend entry for all such ends


def _exit(path: Array, *view: Range) -> Array:
    """The point on the edge where a path leaves the view for good, or its last position if the next is not finite."""
    low, high = np.transpose(view)
    last = last_in_view(path, *view)
    position: Array = path[last].clip(low, high)
    step = path[min(last + 1, len(path) - 1)] - position
    if not np.isfinite(step).all():
        return position
    room = np.where(step > 0, high - position, low - position)
    crossing: Array = position + step * np.divide(room, step, out=np.ones(2), where=step != 0).min()
    return crossing


def _limit(axes: Axes, paths: Sequence[LabelledPath], *view: Range) -> None:
    """Set limits that include the losses of positions in view; the scale is logarithmic if no loss is negative."""
    losses = np.concatenate([path.losses for path in paths])
    in_view = np.concatenate([path.losses[: last_in_view(path.path, *view) + 1] for path in paths])
    finite = in_view[np.isfinite(in_view)]
    positive = finite[finite > 0]
    if positive.size and not (losses < 0).any():
        top = positive.max()
        axes.set_yscale("log")
        highest = losses[losses <= top * HEADROOM].max()
        axes.set_ylim(max(positive.min(), top * DEPTH) / 2, 2 * highest)
    elif finite.size:
        margin = 0.05 * np.ptp(finite) or 1
        axes.set_ylim(finite.min() - margin, finite.max() + margin)
