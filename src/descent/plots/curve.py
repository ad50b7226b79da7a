"""Descent pictures for one parameter: the path on the curve of the loss."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from descent.plots.animation import save_animation
from descent.plots.style import BLUE, GREEN, GREY, ORANGE, RED, new_figure

Array = NDArray[np.float64]
Range = tuple[float, float]


@dataclass(frozen=True)
class CurveDescent:
    """A path along a curve.

    Args:
        title: of the picture.
        x: the range of x that is shown.
        y: the range of y that is shown.
        grid: (points,), where the curves are known.
        curve: (points,), the loss over all examples.
        path: (steps + 1, 2), x and the loss there, from the start on.
        diverged: whether the path ran away at its end.
        examples: x and y of data that lie in the same plane as the curve, if they do.
        frames: for some steps, in order, the number of steps taken before it and the curve, (points,), that it
            descended on.
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
    axes.plot(descent.grid, descent.curve, color=BLUE, linewidth=1.5, label="loss over all data")
    return axes


def curve_picture(descent: CurveDescent) -> Figure:
    """The curve, every position on it, the start and the end."""
    figure = new_figure(8, 5)
    axes = _axes(figure, descent)
    path = descent.path
    x, y = path.T
    axes.plot(x, y, color=ORANGE, linewidth=0.8, alpha=0.7, zorder=3)
    dots = axes.scatter(x, y, c=np.arange(len(path)), cmap="YlOrRd", s=28, edgecolors="0.3", linewidths=0.4, zorder=4)
    figure.colorbar(dots, ax=axes, label="step", shrink=0.9)
    axes.plot(*path[0], "o", markersize=11, markerfacecolor="none", markeredgecolor="black", label="start", zorder=5)
    if descent.diverged:
        inside = _last_inside(descent)
        axes.plot(*path[inside], "X", markersize=13, color=RED, label=f"ran away after step {inside}", zorder=6)
    else:
        axes.plot(*path[-1], "*", markersize=16, color=RED, markeredgecolor="black", label="end", zorder=6)
    axes.legend(loc="upper center", ncols=3, fontsize=9)
    return figure


def curve_animation(descent: CurveDescent, path: Path) -> None:
    """The curve that each step descends on, with the position on it, as a GIF file."""
    figure = new_figure(8, 5)
    axes = _axes(figure, descent)
    (seen,) = axes.plot([], [], color=GREEN, linewidth=2, label="loss the step sees")
    (trail,) = axes.plot([], [], "o-", color=ORANGE, markersize=3, linewidth=0.8, alpha=0.6)
    (here,) = axes.plot([], [], "o", color=RED, markersize=13, label="position")
    text = axes.text(0.02, 0.04, "", transform=axes.transAxes, fontsize=11)
    axes.legend(loc="upper center", ncols=4, fontsize=9)

    def draw(frame: int) -> None:
        step, curve = descent.frames[frame]
        x, _ = descent.path[step]
        seen.set_data(descent.grid, curve)
        trail.set_data(*descent.path[: step + 1].T)
        here.set_data([x], [np.interp(x, descent.grid, curve, left=np.nan, right=np.nan)])
        text.set_text(f"step {step}   x = {x:.3f}")

    frames = len(descent.frames)
    save_animation(path, figure, [seen, trail, here, text], draw, frames, seconds=frames / 5)


def _last_inside(descent: CurveDescent) -> int:
    x, y = descent.path.T
    inside = (descent.x[0] <= x) & (x <= descent.x[1]) & (descent.y[0] <= y) & (y <= descent.y[1])
    return int(np.flatnonzero(inside)[-1]) if inside.any() else 0
