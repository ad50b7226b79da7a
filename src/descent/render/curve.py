"""Descent pictures of problems with one parameter: the path on the curve of the loss."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from descent.render.animation import BlittedFigure
from descent.render.style import BLUE, GREEN, GREY, ORANGE, RED, new_figure
from descent.render.thumbnail import save_thumbnail, thumbnail_axes
from descent.render.timed_path import draw_step_bar, draw_timed_path
from descent.render.trail import Array, Range, drawn_indices, mark_end, mark_start, path_until


@dataclass(frozen=True)
class LossCurve:
    """The loss over one parameter.

    Args:
        x: the range of the parameter that is shown.
        y: the range of the loss that is shown.
        grid: (points,), values of the parameter.
        heights: (points,), the loss there.
    """

    x: Range
    y: Range
    grid: Array
    heights: Array

    def draw(self, axes: Axes) -> None:
        """Draw the curve, and set the limits and labels of the axes."""
        axes.set(xlim=self.x, ylim=self.y, xlabel="x", ylabel="loss")
        axes.grid(color="#e6e6e6", linewidth=0.6)
        axes.plot(self.grid, self.heights, color=BLUE, linewidth=1.5, label="loss")


@dataclass(frozen=True)
class CurveDescent:
    """A path along a curve.

    Args:
        title: of the picture.
        x: the range of x that is shown.
        y: the range of y that is shown.
        grid: (points,), values of x.
        curve: (points,), the loss over all examples there.
        path: (steps + 1, 2), x and the loss there, from the start.
        diverged: whether the path diverged at its end.
        examples: x and y of the data, which are in the same plane as the curve; None if the loss has no data.
        frames: for some steps, in order: the number of steps before it, and the loss of its minibatch, (points,).
    """

    title: str
    x: Range
    y: Range
    grid: Array
    curve: Array
    path: Array
    diverged: bool
    examples: tuple[Array, Array] | None
    frames: list[tuple[int, Array]]


def _axes(figure: Figure, descent: CurveDescent) -> Axes:
    axes = figure.add_subplot(xlim=descent.x, ylim=descent.y, xlabel="x", ylabel="loss")
    axes.set_title(descent.title, fontsize=11)
    axes.grid(color="#e6e6e6", linewidth=0.6)
    if descent.examples is not None:
        axes.plot(*descent.examples, ".", color=GREY, markersize=5, label="data")
    label = "loss" if descent.examples is None else "loss over all data"
    axes.plot(descent.grid, descent.curve, color=BLUE, linewidth=1.5, label=label)
    return axes


def curve_pictures(descent: CurveDescent, still: Path, animation: Path | None) -> None:
    """Save the still picture as a PNG file and, if a path is given, the animation as a GIF file."""
    curve_picture(descent).savefig(still)
    if animation is not None:
        curve_animation(descent, animation)


def curve_picture(descent: CurveDescent) -> Figure:
    """The curve with the positions of the whole path, its start and its end."""
    figure = new_figure(8, 5.6)
    axes = _axes(figure, descent)
    view = descent.x, descent.y
    steps = drawn_indices(descent.path, *view)
    draw_timed_path(axes, descent.path[steps], steps, len(descent.path) - 1, size=6)
    draw_step_bar(axes, len(descent.path) - 1)
    mark_start(axes, descent.path[0], *view)
    mark_end(axes, descent.path, *view, diverged=descent.diverged)
    axes.legend(loc="upper center", ncols=3, fontsize=9, markerscale=0.7)
    return figure


def curve_thumbnail(descent: CurveDescent, path: Path) -> None:
    """Save the path on the curve, and nothing else, as a small PNG file."""
    figure, axes = thumbnail_axes(0.62)
    view = descent.x, descent.y
    axes.set(xlim=descent.x, ylim=descent.y)
    axes.plot(descent.grid, descent.curve, color=BLUE, linewidth=1.5)
    steps = drawn_indices(descent.path, *view)
    draw_timed_path(axes, descent.path[steps], steps, len(descent.path) - 1, size=5)
    mark_start(axes, descent.path[0], *view)
    mark_end(axes, descent.path, *view, diverged=descent.diverged)
    save_thumbnail(figure, path)


def curve_animation(descent: CurveDescent, path: Path) -> None:
    """Save the loss of each step's minibatch, with the position on it, as a GIF file."""
    figure = new_figure(8, 5)
    axes = _axes(figure, descent)
    steps = drawn_indices(descent.path, descent.x, descent.y)
    (step_curve,) = axes.plot([], [], color=GREEN, linewidth=2)
    if descent.examples is not None:  # without data every step has the same curve, which is drawn already
        step_curve.set_label("loss the step sees")
    (trail,) = axes.plot([], [], "o-", color=ORANGE, markersize=3, linewidth=0.8, alpha=0.6)
    (position,) = axes.plot([], [], "o", color=RED, markersize=13, label="position")
    text = axes.text(0.02, 0.04, "", transform=axes.transAxes, fontsize=11)
    axes.legend(loc="upper center", ncols=4, fontsize=9)

    def update(frame: int) -> None:
        step, curve = descent.frames[frame]
        x, _ = descent.path[step]
        if descent.examples is not None:
            step_curve.set_data(descent.grid, curve)
        trail.set_data(*path_until(step, descent.path, steps).T)
        position.set_data([x], [np.interp(x, descent.grid, curve, left=np.nan, right=np.nan)])
        text.set_text(f"step {step:,}   x = {x:.4g}")

    frames = len(descent.frames)
    moving = [step_curve, trail, position, text]
    BlittedFigure(figure, moving).animate(path, moving, update, frames, seconds=frames / 5)
