"""Several descents in one picture: their paths through one field, beside their losses over the steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from descent.render.style import COLOURS, new_figure
from descent.render.trail import Array, Range, drawn, last_inside, mark_start

BROADEST = 5
"""About how much broader than the last path the first is drawn, at most."""
HEADROOM, DEPTH = 1e3, 1e-30
"""How far above the highest loss in view, and below it, a logarithmic panel goes."""


class Ground(Protocol):
    """What paths are drawn on: a `Field` or a `LossCurve`."""

    @property
    def x(self) -> Range:
        """The range of x in view."""

    @property
    def y(self) -> Range:
        """The range of y in view."""

    def draw(self, axes: Axes) -> None:
        """Draw it, limits and labels included."""


@dataclass(frozen=True)
class LabelledPath:
    """One of several descents.

    Args:
        label: what tells it from the others, and what became of it.
        path: (steps + 1, 2), where it is drawn, from the start on.
        losses: (steps + 1,), the loss at each; the last may be missing.
        diverged: whether the path diverged at its end.
    """

    label: str
    path: Array
    losses: Array
    diverged: bool


def paths_picture(title: str, ground: Ground, paths: Sequence[LabelledPath]) -> Figure:
    """The paths on their common ground, and the loss of each over its steps; those of one label have one colour."""
    figure = new_figure(12, 5.6)
    figure.suptitle(title, fontsize=12)
    plane, losses = figure.subplots(1, 2, width_ratios=[1.1, 1])
    ground.draw(plane)
    view = ground.x, ground.y
    colours = dict(zip(dict.fromkeys(path.label for path in paths), cycle(COLOURS)))
    for above, path in zip(reversed(range(len(paths))), paths, strict=True):
        # The more lie above it, the broader: paths at other rates often have one line in common, and all are seen.
        width = 1.2 + above * min(1, BROADEST / len(paths))
        colour = colours[path.label]
        mark_start(plane, path.path[0])
        shown = path.path[drawn(path.path, *view)]
        plane.plot(*shown.T, ".-", color=colour, markersize=4 + width, linewidth=width, label=path.label, zorder=3)
        _mark_end(plane, path, colour, 10 + 3 * width, *view)
        losses.plot(np.where(np.isfinite(path.losses), path.losses, np.nan), color=colour, linewidth=width)
    losses.set(xlabel="step", ylabel="loss")
    losses.grid(color="#e6e6e6", linewidth=0.6)
    _limit(losses, paths, *view)
    handles, labels = plane.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    entries = dict.fromkeys([*(path.label for path in paths), *once])
    figure.legend([once[entry] for entry in entries], [*entries], loc="outside lower center", ncols=5, fontsize=9)
    return figure


def _mark_end(axes: Axes, path: LabelledPath, colour: str, size: float, *view: Range) -> None:
    if path.diverged or last_inside(path.path, *view) < len(path.path) - 1:
        marker, label = "X", "diverged" if path.diverged else "left the view"
    else:
        marker, label = "*", "end"
    look: dict[str, Any] = {"marker": marker, "markeredgecolor": "black", "linestyle": ""}
    axes.plot(*_exit(path.path, *view), color=colour, markersize=size, clip_on=False, zorder=6, **look)
    axes.plot([], [], color="white", markersize=12, label=label, **look)  # in the legend, for all that ended so


def _exit(path: Array, *view: Range) -> Array:
    """Where a path leaves the view for good: on its edge, or at the last position where the next is nowhere."""
    low, high = np.transpose(view)
    last = last_inside(path, *view)
    here: Array = path[last].clip(low, high)
    step = path[min(last + 1, len(path) - 1)] - here
    if not np.isfinite(step).all():
        return here
    room = np.where(step > 0, high - here, low - here)
    there: Array = here + step * np.divide(room, step, out=np.ones(2), where=step != 0).min()
    return there


def _limit(axes: Axes, paths: Sequence[LabelledPath], *view: Range) -> None:
    """Show losses in view whole, on a logarithmic scale if none is negative, and let those that diverge run out."""
    everywhere = np.concatenate([path.losses for path in paths])
    in_view = np.concatenate([path.losses[: last_inside(path.path, *view) + 1] for path in paths])
    shown = in_view[np.isfinite(in_view)]
    positive = shown[shown > 0]
    if positive.size and not (everywhere < 0).any():
        top = positive.max()
        axes.set_yscale("log")
        highest = everywhere[everywhere <= top * HEADROOM].max()
        axes.set_ylim(max(positive.min(), top * DEPTH) / 2, 2 * highest)
    elif shown.size:
        margin = 0.05 * np.ptp(shown) or 1
        axes.set_ylim(shown.min() - margin, shown.max() + margin)
