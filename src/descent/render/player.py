"""The player of a descent: one HTML file, in which the position moves along its path, step by step.

It needs no network and keeps nothing in the browser, so that it plays from a disk and in a sandboxed frame alike.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from descent.render.axis import tick_label
from descent.render.chart import Chart, chart
from descent.render.curve import CurveDescent
from descent.render.field import FieldDescent
from descent.render.plane import PlaneDescent
from descent.render.scene import Scene, scene_of
from descent.render.style import PALETTES, band_colours
from descent.render.trail import Array

NOTHING = "–"
"""What stands for a value that there is none of: at its start a run has taken no step that saw a loss."""


@dataclass(frozen=True)
class Series:
    """What the record has of every step, the first one's at index 0.

    Args:
        loss: (steps,), the loss that each step saw before it moved.
        gradient_norm: (steps,), the norm of its gradient.
    """

    loss: Array
    gradient_norm: Array


@cache
def _template() -> Template:
    """The player's template, which takes longer to compile than most players to fill in."""
    templates = Environment(
        loader=PackageLoader("descent", "render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return templates.get_template("player.html.j2")


def player(descent: CurveDescent | FieldDescent | PlaneDescent, series: Series) -> str:
    """The text of an HTML file that plays a descent."""
    steps = len(series.loss)
    scene = scene_of(descent, steps)
    charts = _charts(descent, series)
    return _template().render(
        scene=scene,
        charts=charts,
        frames=_frames(scene, series, charts[0]),
        steps=steps,
        palettes=PALETTES,
        colours={ground: band_colours(len(scene.areas), ground) for ground in PALETTES},
        tick_label=tick_label,
    )


def _charts(descent: CurveDescent | FieldDescent | PlaneDescent, series: Series) -> list[Chart]:
    """The loss over the steps and, of a network, the evaluations' too; the chart of the loss comes first."""
    steps = len(series.loss)
    every = {"step": (np.arange(1.0, steps + 1), series.loss)}
    if not isinstance(descent, PlaneDescent):
        return [chart("loss", every, steps, height=210)]
    evaluations = {label: curve for label, curve in descent.loss.items() if label not in every}
    curves = {"loss": {**every, **evaluations}, "accuracy": descent.accuracy}
    return [chart(name, lines, steps, height=130) for name, lines in curves.items() if lines]


def _at_frames(scene: Scene, values: Array) -> Array:
    """Values of every step, those of the scene's frames; nan at the start."""
    return np.concatenate([[np.nan], values])[scene.steps]


def _figures(scene: Scene, series: Series) -> dict[str, list[str]]:
    """What is read at each frame, in six figures, by what it is."""
    measured = {"loss": series.loss, "gradient norm": series.gradient_norm}
    return {
        "step": [f"{step:,}" for step in scene.steps.tolist()],
        **{
            name: [
                f"{value:.6g}" if step else NOTHING
                for step, value in zip(scene.steps.tolist(), _at_frames(scene, values).tolist(), strict=True)
            ]
            for name, values in measured.items()
        },
        **{f"position {name}": [f"{value:.6g}" for value in values.tolist()] for name, values in scene.values.items()},
    }


def _frames(scene: Scene, series: Series, losses: Chart) -> dict[str, Any]:
    """Where everything that moves is at each frame, in units of the page; None where it is nowhere."""
    return {
        "figures": _figures(scene, series),
        "path": _points(scene.path),
        "dots": None if scene.dots is None else _points(scene.dots),
        "seen": scene.seen,
        "end": scene.end,
        "marks": losses.x.at(scene.steps.astype(np.float64)).round(1).tolist(),
        "losses": [_place(place) for place in losses.y.at(_at_frames(scene, series.loss)).tolist()],
    }


def _points(points: Array) -> list[tuple[float, float] | None]:
    """Points, (points, 2), on the page: those far out of it nearer, in the same direction from its middle."""
    middle = np.array([200.0, 200.0])
    offsets = points - middle
    with np.errstate(invalid="ignore"):
        offsets *= np.minimum(1, 1e5 / np.abs(offsets).max(axis=1, keepdims=True))
    rounded = (middle + offsets).round(1).tolist()
    return [(x, y) if np.isfinite(x) and np.isfinite(y) else None for x, y in rounded]


def _place(value: float) -> float | None:
    return round(value, 1) if np.isfinite(value) else None
