"""Descent pictures of networks: the path in the plane that it spans, beside loss and accuracy over the steps."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from descent.render.animation import MAX_FRAMES, BlittedFigure
from descent.render.smoothing import smoothed
from descent.render.style import BLUE, GREEN, GREY, ORANGE, RED, new_figure
from descent.render.thumbnail import save_thumbnail, thumbnail_axes
from descent.render.timed_path import draw_step_bar, draw_timed_path
from descent.render.trail import CROSS, END, Array

MARKED = 40
"""About the most evaluations that are marked."""
Curve = tuple[Array, Array]
"""Step numbers and values, (points,) each."""


@dataclass(frozen=True)
class PlaneDescent:
    """A path in a plane, with its losses and accuracies.

    Args:
        title: of the picture.
        grid: (first,) and (second,), coordinates of the plane at which the loss is known.
        losses: (second, first), the loss there.
        losses_of: what the losses are, and the examples that they are averaged over, if there are any.
        path: (positions, 2).
        steps: (positions,), the number of steps taken at each position.
        explained: (2,), the share of the path's squared distances along each direction.
        diverged: whether the path diverged at its end.
        loss: curves of the loss: `step`, and a curve for each part that was evaluated.
        accuracy: curves of the accuracy for each part; empty for a problem without accuracies.
    """

    title: str
    grid: tuple[Array, Array]
    losses: Array
    losses_of: str
    path: Array
    steps: Array
    explained: Array
    diverged: bool
    loss: dict[str, Curve]
    accuracy: dict[str, Curve]


MARKS: dict[str, dict[str, Any]] = {
    "train": {"color": BLUE, "marker": "o", "markersize": 5},
    "validation": {"color": GREEN, "marker": "s", "markersize": 4},
    "test": {"color": ORANGE, "marker": "D", "markersize": 3.5},  # smaller, so that both are visible
}
"""How the evaluations on each part of the data are marked."""


def _figure(descent: PlaneDescent) -> tuple[Figure, Axes, list[Axes]]:
    figure = new_figure(10, 5.6)
    figure.suptitle(descent.title, fontsize=12)
    measures = {"loss": descent.loss, **({"accuracy": descent.accuracy} if descent.accuracy else {})}
    axes = figure.subplot_mosaic([["plane", measure] for measure in measures], width_ratios=[1.35, 1])
    plane = axes["plane"]
    filled = plane.contourf(*descent.grid, descent.losses, levels=24, cmap="Blues_r")
    plane.contour(*descent.grid, descent.losses, levels=24, colors="white", linewidths=0.4)
    figure.colorbar(filled, ax=plane, label=descent.losses_of, location="left", shrink=0.9)
    first, second = 100 * descent.explained
    plane.set(xlabel=f"1st principal direction ({first:.0f} %)", ylabel=f"2nd ({second:.0f} %)")
    draw_step_bar(plane, int(descent.steps[-1]))
    for measure, curves in measures.items():
        panel = axes[measure]
        for label, curve in curves.items():
            _draw_curve(panel, label, *curve)
        panel.set_ylabel(measure)
        panel.grid(color="#e6e6e6", linewidth=0.6)
        panel.legend(fontsize=9)
    *above, lowest = panels = [axes[measure] for measure in measures]
    lowest.set_xlabel("step")
    for panel in above:
        panel.sharex(lowest)
        panel.tick_params(labelbottom=False)
    return figure, plane, panels


def _draw_curve(panel: Axes, label: str, steps: Array, values: Array) -> None:
    """Draw the loss of each step with its running mean, or evaluations as marks: what is between them is not known."""
    if label == "step":
        panel.plot(steps, values, color="#d4d4d4", linewidth=0.5)
        panel.plot(steps, smoothed(values), color="#6f6f6f", linewidth=1.2, label="steps, running mean")
    else:
        panel.plot(
            steps, values, linestyle="-", linewidth=0.4, markevery=_every(len(steps)), label=label, **MARKS[label]
        )


def _every(count: int) -> int:
    """Of many evaluations, every so many are marked."""
    return -(-count // MARKED)


def _mark_ends(plane: Axes, descent: PlaneDescent) -> list[Line2D]:
    starts = plane.plot(
        *descent.path[0], "o", markersize=11, markerfacecolor="none", markeredgecolor="black", label="start", zorder=5
    )
    style, label = (CROSS, "diverged") if descent.diverged else (END, "end")
    ends = plane.plot(*descent.path[-1], **style, label=label, linestyle="", zorder=6)
    return [*starts, *ends]


def plane_pictures(descent: PlaneDescent, still: Path, animation: Path | None) -> Figure:
    """Save the still picture and, if a path is given, the animation, which marks the step in the curves as well.

    Args:
        descent: the descent to draw.
        still: the PNG file.
        animation: the GIF file, or None.

    Returns:
        The figure of both.
    """
    figure, plane, panels = _figure(descent)
    full_path = draw_timed_path(plane, descent.path, descent.steps, int(descent.steps[-1]), size=4)
    (track,) = plane.plot(*descent.path.T, color=GREY, linewidth=0.6)
    (trail,) = plane.plot([], [], ".-", color=RED, markersize=4, linewidth=1.4)
    (position,) = plane.plot([], [], "o", color=RED, markersize=10, markeredgecolor="white")
    ends = _mark_ends(plane, descent)
    plane.legend(loc="best", fontsize=9, markerscale=0.7)
    marks = [panel.axvline(0, color=RED, linewidth=1) for panel in panels]
    heading = plane.text(
        0.02, 0.02, "", transform=plane.transAxes, fontsize=11, bbox={"facecolor": "white", "alpha": 0.8}
    )
    frames = np.unique(np.linspace(0, len(descent.path) - 1, MAX_FRAMES).round().astype(int))

    def update(frame: int) -> None:
        last = frames[frame]
        trail.set_data(*descent.path[: last + 1].T)
        position.set_data(*descent.path[last][:, None])
        for mark in marks:
            mark.set_xdata([descent.steps[last]] * 2)
        heading.set_text(f"step {descent.steps[last]:,.0f}")

    moving = [track, *ends, trail, position, *marks, heading]
    blitted = BlittedFigure(figure, [*full_path, *moving])
    blitted.save(still, [*full_path, *ends])
    if animation is not None:
        blitted.animate(animation, moving, update, len(frames), seconds=6)
    return figure


def plane_thumbnail(descent: PlaneDescent, path: Path) -> None:
    """Save the path on the contours, and nothing else, as a small PNG file."""
    figure, axes = thumbnail_axes(0.8)
    axes.contourf(*descent.grid, descent.losses, levels=24, cmap="Blues_r")
    axes.contour(*descent.grid, descent.losses, levels=24, colors="white", linewidths=0.4)
    draw_timed_path(axes, descent.path, descent.steps, int(descent.steps[-1]), size=4)
    _mark_ends(axes, descent)
    save_thumbnail(figure, path)
