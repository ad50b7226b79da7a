"""Descent pictures of problems with two parameters: the path on contours of the loss, with negative gradients."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from descent.render.animation import BlittedFigure, frame_indices
from descent.render.layout import lay_out
from descent.render.style import GREEN, RED, band_colours, new_figure
from descent.render.thumbnail import save_thumbnail, thumbnail_axes
from descent.render.timed_path import draw_step_bar, draw_timed_path, step_ticks
from descent.render.trail import Array, Range, drawn_indices, last_in_view, mark_end, mark_start, path_until

BANDS = 24
"""The number of filled contour bands."""


@dataclass(frozen=True)
class Field:
    """The loss over two parameters, and its negative gradients.

    Args:
        x: the range of the first parameter that is shown.
        y: the range of the second parameter that is shown.
        grid: (first,) and (second,), coordinates at which the loss is known.
        heights: (second, first), the loss there.
        arrows: (arrows, 2), positions evenly over the view.
        downhill: (arrows, 2), the negative gradients there.
        minima: the positions of the known minima.
    """

    x: Range
    y: Range
    grid: tuple[Array, Array]
    heights: Array
    arrows: Array
    downhill: Array
    minima: Sequence[Sequence[float]]

    def draw(self, axes: Axes) -> None:
        """Draw contours, arrows and minima on axes of equal aspect, so that arrows are perpendicular to contours."""
        self.draw_below(axes)
        self.mark_minima(axes)

    def draw_below(self, axes: Axes) -> None:
        """Draw what paths are above: contours with their bar, and arrows."""
        axes.set(xlabel="x", ylabel="y")
        levels, filled = self.draw_contours(axes)
        if filled is not None:
            bar = axes.figure.colorbar(filled, ax=axes, label="loss", shrink=0.9)
            ticks = levels[4::4].tolist()
            bar.set_ticks(ticks, labels=[f"{float(f'{tick:.3g}'):,g}" for tick in ticks])
        _draw_arrows(axes, self)

    def draw_contours(self, axes: Axes) -> tuple[Array, ContourSet | None]:
        """Draw contours alone; return their levels and the filled bands, if there are any."""
        axes.set(xlim=self.x, ylim=self.y, aspect="equal")
        levels = height_levels(self.heights)
        if len(levels) < 2:
            return levels, None
        filled = axes.contourf(*self.grid, self.heights, levels=levels, colors=band_colours(len(levels) - 1))
        axes.contour(*self.grid, self.heights, levels=levels[1:-1], colors="white", linewidths=0.4)
        return levels, filled

    def mark_minima(self, axes: Axes) -> list[Line2D]:
        """Mark the known minima, above paths and their ends."""
        if not self.minima:
            return []
        label = "minimum" if len(self.minima) == 1 else "minima"
        x, y = np.transpose(self.minima)
        style: dict[str, Any] = {"color": GREEN, "markeredgecolor": "white", "linestyle": "", "label": label}
        return axes.plot(x, y, "P", markersize=9, zorder=7, **style)


@dataclass(frozen=True)
class FieldDescent:
    """A path through a field.

    Args:
        title: of the picture.
        field: the loss around it.
        path: (steps + 1, 2), the positions, from the start.
        diverged: whether the path diverged at its end.
    """

    title: str
    field: Field
    path: Array
    diverged: bool


def height_levels(heights: Array, bands: int = BANDS) -> Array:
    """Contour levels at quantiles, so that bands have equal areas: evenly spaced in a bowl, close along a valley."""
    finite = heights[np.isfinite(heights)]
    return np.unique(np.quantile(finite, np.linspace(0, 1, bands + 1))) if finite.size else finite


def arrow_vectors(field: Field) -> tuple[Array, Array]:
    """The positions and the drawn vectors of the arrows, (arrows, 2) each, without those of zero or infinite slope."""
    slopes = np.hypot(*field.downhill.T)
    kept = np.isfinite(slopes) & (slopes > 0)
    if not kept.any():
        return np.empty((0, 2)), np.empty((0, 2))
    slopes = slopes[kept, None]
    # Proportional to gentle slopes, logarithmic in steep ones: one picture can have both.
    lengths = np.arcsinh(slopes / np.median(slopes))
    spacing = np.sqrt(np.ptp(field.x) * np.ptp(field.y) / len(field.arrows))
    return field.arrows[kept], field.downhill[kept] / slopes * lengths * 0.9 * spacing / lengths.max()


def _draw_arrows(axes: Axes, field: Field) -> None:
    positions, vectors = arrow_vectors(field)
    if not len(positions):
        return
    axes.quiver(
        *positions.T,
        *vectors.T,
        angles="xy",
        scale_units="xy",
        scale=1,
        pivot="middle",
        width=0.0022,
        color="0.25",
        zorder=2,
    )


def _figure(descent: FieldDescent) -> tuple[Figure, Axes]:
    figure = new_figure(8, 1.9 + np.clip(5.8 * np.ptp(descent.field.y) / np.ptp(descent.field.x), 2, 8))
    figure.set_layout_engine("compressed")
    axes = figure.subplots()
    axes.set_title(descent.title, fontsize=11)
    descent.field.draw_below(axes)
    mark_start(axes, descent.path[0], descent.field.x, descent.field.y)
    draw_step_bar(axes, len(descent.path) - 1)
    return figure, axes


def field_pictures(descent: FieldDescent, still: Path, animation: Path | None) -> Figure:
    """Save the still picture of the whole path and, if a path is given, the animation until the path leaves the view.

    Args:
        descent: the descent to draw.
        still: the PNG file.
        animation: the GIF file, or None.

    Returns:
        The figure of both.
    """
    figure, axes = _figure(descent)
    view = descent.field.x, descent.field.y
    steps = drawn_indices(descent.path, *view)
    frames = frame_indices(descent.path[: last_in_view(descent.path, *view) + 2], *view)
    full_path = draw_timed_path(axes, descent.path[steps], steps, len(descent.path) - 1)
    (trail,) = axes.plot([], [], ".-", color=RED, markersize=5, linewidth=1.2)
    (position,) = axes.plot([], [], "o", color=RED, markersize=10, markeredgecolor="white")
    end = mark_end(axes, descent.path, *view, diverged=descent.diverged)
    minima = descent.field.mark_minima(axes)
    text = axes.text(0.02, 0.02, "", transform=axes.transAxes, fontsize=11, bbox={"facecolor": "white", "alpha": 0.8})
    legend = figure.legend(loc="outside lower center", ncols=3, fontsize=9, markerscale=0.7)
    labels = tuple(label.get_text() for label in legend.get_texts())
    texts = descent.title.count("\n"), labels, tuple(step_ticks(len(descent.path) - 1))
    lay_out(figure, (descent.field.x, descent.field.y, descent.field.heights.tobytes(), *texts))

    def update(frame: int) -> None:
        step = frames[frame]
        x, y = descent.path[step]
        trail.set_data(*path_until(step, descent.path, steps).T)
        position.set_data([x], [y])
        end.set_visible(frame == len(frames) - 1)
        text.set_text(f"step {step:,}   x = {x:.4g}   y = {y:.4g}")

    moving = [trail, position, end, *minima, text]
    blitted = BlittedFigure(figure, [*full_path, *moving])
    blitted.save(still, [*full_path, end, *minima])
    if animation is not None:
        blitted.animate(animation, moving, update, len(frames), seconds=len(frames) / 10)
    return figure


def field_thumbnail(descent: FieldDescent, path: Path) -> None:
    """Save the path on the contours, and nothing else, as a small PNG file."""
    field, view = descent.field, (descent.field.x, descent.field.y)
    figure, axes = thumbnail_axes(float(np.clip(np.ptp(field.y) / np.ptp(field.x), 0.5, 2)))
    field.draw_contours(axes)
    axes.set_aspect("auto")
    steps = drawn_indices(descent.path, *view)
    draw_timed_path(axes, descent.path[steps], steps, len(descent.path) - 1, size=4)
    mark_start(axes, descent.path[0], *view)
    mark_end(axes, descent.path, *view, diverged=descent.diverged)
    field.mark_minima(axes)
    save_thumbnail(figure, path)
