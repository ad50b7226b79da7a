"""What a player shows of a descent: a ground, and positions on it, in units of a page that is 400 wide."""

from dataclasses import dataclass, field, replace

import numpy as np

from descent.render.axis import Axis, linear_axis
from descent.render.contours import bands
from descent.render.curve import CurveDescent
from descent.render.field import FieldDescent, arrow_vectors
from descent.render.plane import PlaneDescent
from descent.render.shapes import arrows, line, simplified
from descent.render.trail import Array, Indices, Range, end_label, last_inside, spread

LEFT, TOP, WIDTH = 58.0, 8.0, 334.0
"""Where the ground begins on the page, and how wide it is at most."""
FRAMES = 500
"""The most steps that a player shows."""
CURVES = 120
"""The most curves that steps see; each has some hundred characters."""


@dataclass(frozen=True)
class Scene:
    """The ground of a descent, and what moves on it.

    Args:
        title: of the page.
        text: what is shown, in words.
        x: the axis across.
        y: the axis upwards.
        x_label: what the axis across is of.
        y_label: what the axis upwards is of.
        steps: (frames,), the number of steps taken at each frame.
        path: (frames, 2), the position on the page; nan where it is not finite.
        end: the frame after which no position is in view.
        end_label: what became of the path there.
        values: (frames,) for each component of the position, by its name.
        areas: SVG paths of what is above each level, the lowest first.
        levels: (areas + 1,) between which the bands of height lie.
        levels_of: what the height is.
        arrows: the SVG path of the negative gradients.
        minima: (minima, 2), the lowest points, as far as they are known.
        curve: the SVG path of the loss.
        examples: (examples, 2), the data.
        dots: (frames, 2), positions on what the steps see, where that is another curve than the loss.
        seen: the SVG path of what each frame's step saw; empty where that is the loss.
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
    seen: list[str] = field(default_factory=list)


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
    x, y = _axes(descent.x, descent.y, ratio=0.62)
    view = descent.x, descent.y
    end = last_inside(descent.path, *view)
    last = len(descent.path) - 1
    shown = spread(descent.path, FRAMES, *view)
    seen: dict[int, Array] = {}
    if descent.examples is not None:  # without data it is the curve that is drawn already
        every = -(-len(descent.frames) // CURVES)
        # A curve is that of the step after those taken before it.
        seen = {taken + 1: curve for taken, curve in descent.frames[:: every or 1] if taken < last}
        shown = np.array([0, *seen, last])
    steps = np.union1d(shown, [end])
    path = _on_page(x, y, descent.path[steps])
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
        if step in seen:
            height = np.interp(descent.path[step, 0], descent.grid, seen[step], left=np.nan, right=np.nan)
            dots[frame, 1] = y.at(height)
    return replace(
        scene,
        examples=_on_page(x, y, np.stack(descent.examples, axis=1)),
        dots=dots,
        seen=[_curve(x, y, descent.grid, seen[step]) if step in seen else "" for step in steps.tolist()],
    )


def field_scene(descent: FieldDescent) -> Scene:
    """The path of two parameters on the contours of their loss, among its negative gradients."""
    ground = descent.field
    view = ground.x, ground.y
    # One unit on both axes, so that arrows stand upright on contours, unless that makes a strip of the view.
    x, y = _axes(*view, ratio=float(np.clip(np.ptp(ground.y) / np.ptp(ground.x), 0.3, 2)))
    end = last_inside(descent.path, *view)
    steps = np.union1d(spread(descent.path, FRAMES, *view), [end])
    areas, levels = bands(x, y, ground.grid, ground.heights)
    positions, vectors = arrow_vectors(ground)
    units = np.array([np.ptp(axis.ends) / np.ptp(axis.values) for axis in (x, y)])
    return Scene(
        title=descent.title,
        text="The path on contours of the loss, among its negative gradients",
        x=x,
        y=y,
        x_label="x",
        y_label="y",
        steps=steps,
        path=_on_page(x, y, descent.path[steps]),
        end=int(np.searchsorted(steps, end)),
        end_label=end_label(descent.path, *view, diverged=descent.diverged),
        values={"x": descent.path[steps, 0], "y": descent.path[steps, 1]},
        areas=areas,
        levels=levels,
        arrows=arrows(_on_page(x, y, positions), vectors * units * [1, -1]),
        minima=_on_page(x, y, np.array(ground.minima, dtype=np.float64).reshape(-1, 2)),
    )


def plane_scene(descent: PlaneDescent, steps: int) -> Scene:
    """The path of a network in the plane it spans, on contours of the loss."""
    first_side, second_side = ((float(side[0]), float(side[-1])) for side in descent.grid)
    x, y = _axes(first_side, second_side, ratio=0.85)
    areas, levels = bands(x, y, descent.grid, descent.losses)
    taken = np.union1d(descent.steps, [steps]).astype(np.intp)
    # At the end of a run that diverged, the position is the last one that was finite.
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
        path=_on_page(x, y, descent.path[snapshots]),
        end=len(taken) - 1,
        end_label="diverged" if descent.diverged else "end",
        areas=areas,
        levels=levels,
        levels_of=f"loss over {descent.losses_of}",
    )


def _axes(x: Range, y: Range, ratio: float) -> tuple[Axis, Axis]:
    """The axes of a view that is `ratio` times as high as wide."""
    width = min(WIDTH, 1.15 * WIDTH / ratio)
    left = LEFT + (WIDTH - width) / 2
    across, upwards = (left, left + width), (TOP + width * ratio, TOP)
    return linear_axis(np.array(x), across), linear_axis(np.array(y), upwards)


def _on_page(x: Axis, y: Axis, positions: Array) -> Array:
    """Positions, (positions, 2), on the page."""
    return np.stack([x.at(positions[:, 0]), y.at(positions[:, 1])], axis=1)


def _curve(x: Axis, y: Axis, grid: Array, heights: Array) -> str:
    """The SVG path of a curve, where it is finite and on the page or near it."""
    points = _on_page(x, y, np.stack([grid, heights], axis=1)).clip(-WIDTH, 3 * WIDTH)
    finite = points[np.isfinite(points).all(axis=1)]
    return line(simplified(finite)) if len(finite) else ""
