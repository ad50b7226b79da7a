"""The scene of a player: the background and the moving position of a descent, in units of a page that is 400 wide."""

from dataclasses import dataclass, field, replace

import numpy as np

from descent.render.axis import Axis, linear_axis
from descent.render.contours import contour_areas
from descent.render.curve import CurveDescent
from descent.render.field import FieldDescent, arrow_vectors
from descent.render.plane import PlaneDescent
from descent.render.shapes import simplify, svg_arrows, svg_line
from descent.render.trail import Array, Indices, Range, end_label, last_in_view, sample_path

LEFT, TOP, WIDTH = 58.0, 8.0, 334.0
"""The left and upper side of the background on the page, and its maximal width."""
MAX_PLAYER_FRAMES = 500
"""The most frames of a player."""
MAX_STEP_CURVES = 120
"""The most minibatch losses in a player; each has some hundred characters."""


@dataclass(frozen=True)
class Scene:
    """The background of a descent, and the moving position.

    Args:
        title: of the page.
        text: a description of the picture.
        x: the horizontal axis.
        y: the vertical axis.
        x_label: the label of the horizontal axis.
        y_label: the label of the vertical axis.
        steps: (frames,), the number of steps taken at each frame.
        path: (frames, 2), the position on the page; nan if it is not finite.
        end: the frame after which no position is in view.
        end_label: the label of the position there.
        values: (frames,) for each component of the position, by its name.
        areas: SVG paths of the area above each level, the lowest first.
        levels: (areas + 1,), the levels that bound the bands.
        levels_of: the label of the levels.
        arrows: the SVG path of the negative gradients.
        minima: (minima, 2), the known minima.
        curve: the SVG path of the loss.
        examples: (examples, 2), the data.
        dots: (frames, 2), positions on the minibatch losses, if each step has a curve of its own.
        step_curves: the SVG path of the loss of each frame's minibatch; empty if all steps have the same curve.
    """

    title: str
    text: str
    x: Axis
    y: Axis
    x_label: str
    y_label: str
    steps: Indices
    path: Array
    end: int
    end_label: str
    values: dict[str, Array] = field(default_factory=dict)
    areas: list[str] = field(default_factory=list)
    levels: Array = field(default_factory=lambda: np.empty(0))
    levels_of: str = "loss"
    arrows: str = ""
    minima: Array = field(default_factory=lambda: np.empty((0, 2)))
    curve: str = ""
    examples: Array = field(default_factory=lambda: np.empty((0, 2)))
    dots: Array | None = None
    step_curves: list[str] = field(default_factory=list)


def scene_of(descent: CurveDescent | FieldDescent | PlaneDescent, steps: int) -> Scene:
    """The scene of a descent of so many steps."""
    match descent:
        case CurveDescent():
            return curve_scene(descent)
        case FieldDescent():
            return field_scene(descent)
        case PlaneDescent():
            return plane_scene(descent, steps)


def curve_scene(descent: CurveDescent) -> Scene:
    """The path of one parameter on the curve of its loss."""
    x, y = page_axes(descent.x, descent.y, ratio=0.62)
    view = descent.x, descent.y
    end = last_in_view(descent.path, *view)
    last = len(descent.path) - 1
    steps = sample_path(descent.path, MAX_PLAYER_FRAMES, *view)
    step_curves: dict[int, Array] = {}
    if descent.examples is not None:  # without data every step has the same curve, which is drawn already
        stride = -(-len(descent.frames) // MAX_STEP_CURVES)
        # The curve after `taken` steps is that of the next step.
        step_curves = {taken + 1: curve for taken, curve in descent.frames[:: stride or 1] if taken < last}
        steps = np.array([0, *step_curves, last])
    steps = np.union1d(steps, [end])
    path = on_page(x, y, descent.path[steps])
    scene = Scene(
        title=descent.title,
        text="The path on the curve of the loss",
        x=x,
        y=y,
        x_label="x",
        y_label="loss",
        steps=steps,
        path=path,
        end=int(np.searchsorted(steps, end)),
        end_label=end_label(descent.path, *view, diverged=descent.diverged),
        values={"x": descent.path[steps, 0]},
        curve=_curve(x, y, descent.grid, descent.curve),
    )
    if descent.examples is None:
        return scene
    dots = path.copy()
    for frame, step in enumerate(steps.tolist()):
        if step in step_curves:
            height = np.interp(descent.path[step, 0], descent.grid, step_curves[step], left=np.nan, right=np.nan)
            dots[frame, 1] = y.to_page(height)
    return replace(
        scene,
        examples=on_page(x, y, np.stack(descent.examples, axis=1)),
        dots=dots,
        step_curves=[
            _curve(x, y, descent.grid, step_curves[step]) if step in step_curves else "" for step in steps.tolist()
        ],
    )


def field_scene(descent: FieldDescent) -> Scene:
    """The path of two parameters on contours of their loss, with negative gradients."""
    loss_field = descent.field
    view = loss_field.x, loss_field.y
    # Equal aspect, so that arrows are perpendicular to contours, unless the view would become a strip.
    x, y = page_axes(*view, ratio=float(np.clip(np.ptp(loss_field.y) / np.ptp(loss_field.x), 0.3, 2)))
    end = last_in_view(descent.path, *view)
    steps = np.union1d(sample_path(descent.path, MAX_PLAYER_FRAMES, *view), [end])
    areas, levels = contour_areas(x, y, loss_field.grid, loss_field.heights)
    positions, vectors = arrow_vectors(loss_field)
    units = np.array([np.ptp(axis.ends) / np.ptp(axis.values) for axis in (x, y)])
    return Scene(
        title=descent.title,
        text="The path on contours of the loss, with its negative gradients",
        x=x,
        y=y,
        x_label="x",
        y_label="y",
        steps=steps,
        path=on_page(x, y, descent.path[steps]),
        end=int(np.searchsorted(steps, end)),
        end_label=end_label(descent.path, *view, diverged=descent.diverged),
        values={"x": descent.path[steps, 0], "y": descent.path[steps, 1]},
        areas=areas,
        levels=levels,
        arrows=svg_arrows(on_page(x, y, positions), vectors * units * [1, -1]),
        minima=on_page(x, y, np.array(loss_field.minima, dtype=np.float64).reshape(-1, 2)),
    )


def plane_scene(descent: PlaneDescent, steps: int) -> Scene:
    """The path of a network in the plane that it spans, on contours of the loss."""
    first_side, second_side = ((float(side[0]), float(side[-1])) for side in descent.grid)
    x, y = page_axes(first_side, second_side, ratio=0.85)
    areas, levels = contour_areas(x, y, descent.grid, descent.losses)
    taken = np.union1d(descent.steps, [steps]).astype(np.intp)
    # The position at the end of a diverged run is the last finite one.
    snapshots = np.searchsorted(descent.steps, taken, side="right") - 1
    first, second = 100 * descent.explained
    return Scene(
        title=descent.title,
        text="The path in the plane that it spans, on contours of the loss",
        x=x,
        y=y,
        x_label=f"1st principal direction ({first:.0f} %)",
        y_label=f"2nd ({second:.0f} %)",
        steps=taken,
        path=on_page(x, y, descent.path[snapshots]),
        end=len(taken) - 1,
        end_label="diverged" if descent.diverged else "end",
        areas=areas,
        levels=levels,
        levels_of=descent.losses_of,
    )


def page_axes(x: Range, y: Range, ratio: float) -> tuple[Axis, Axis]:
    """The axes of a view that is `ratio` times as high as wide."""
    width = min(WIDTH, 1.15 * WIDTH / ratio)
    left = LEFT + (WIDTH - width) / 2
    horizontal, vertical = (left, left + width), (TOP + width * ratio, TOP)
    return linear_axis(np.array(x), horizontal), linear_axis(np.array(y), vertical)


def on_page(x: Axis, y: Axis, positions: Array) -> Array:
    """Positions, (positions, 2), on the page."""
    return np.stack([x.to_page(positions[:, 0]), y.to_page(positions[:, 1])], axis=1)


def _curve(x: Axis, y: Axis, grid: Array, heights: Array) -> str:
    """The SVG path of a curve, without points that are not finite, clipped near the page."""
    points = on_page(x, y, np.stack([grid, heights], axis=1)).clip(-WIDTH, 3 * WIDTH)
    finite = points[np.isfinite(points).all(axis=1)]
    return svg_line(simplify(finite)) if len(finite) else ""
