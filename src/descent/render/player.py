"""The player of a descent: one HTML file, in which the position moves along its path, step by step.

It needs no network and no browser storage, so that it works from a local file and in a sandboxed frame.
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
from descent.render.smoothing import smoothed
from descent.render.style import PALETTES, band_colours
from descent.render.trail import Array

NO_VALUE = "–"
"""Shown at the start, where no step has computed a loss yet."""


@dataclass(frozen=True)
class StepSeries:
    """The recorded values of every step, the first step at index 0.

    Args:
        loss: (steps,), the loss of each step's minibatch, before the step.
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


def player(descent: CurveDescent | FieldDescent | PlaneDescent, series: StepSeries) -> str:
    """The HTML of the player of a descent."""
    steps = len(series.loss)
    scene = scene_of(descent, steps)
    charts = _charts(descent, series)
    return _template().render(
        scene=scene,
        charts=charts,
        frames=_frames(scene, series, charts[0]),
        steps=steps,
        palettes=PALETTES,
        colours={theme: band_colours(len(scene.areas), theme) for theme in PALETTES},
        tick_label=tick_label,
    )


def _charts(descent: CurveDescent | FieldDescent | PlaneDescent, series: StepSeries) -> list[Chart]:
    """The chart of the loss and, for a network, that of the accuracy."""
    steps = len(series.loss)
    numbers = np.arange(1.0, steps + 1)
    step_losses = {"step": (numbers, series.loss)}
    if not isinstance(descent, PlaneDescent):
        return [chart("loss", step_losses, steps, height=210)]
    evaluations = {label: curve for label, curve in descent.loss.items() if label not in step_losses}
    step_losses["mean"] = numbers, smoothed(series.loss)
    curves = {"loss": {**step_losses, **evaluations}, "accuracy": descent.accuracy}
    return [chart(name, lines, steps, height=130) for name, lines in curves.items() if lines]


def _at_frames(scene: Scene, values: Array) -> Array:
    """The values of all steps at the scene's frames; nan at the start."""
    return np.concatenate([[np.nan], values])[scene.steps]


def _figures(scene: Scene, series: StepSeries) -> dict[str, list[str]]:
    """The texts of the values at each frame, in six significant digits, by name."""
    step_values = {"loss": series.loss, "gradient norm": series.gradient_norm}
    return {
        "step": [f"{step:,}" for step in scene.steps.tolist()],
        **{
            name: [
                f"{value:.6g}" if step else NO_VALUE
                for step, value in zip(scene.steps.tolist(), _at_frames(scene, values).tolist(), strict=True)
            ]
            for name, values in step_values.items()
        },
        **{f"position {name}": [f"{value:.6g}" for value in values.tolist()] for name, values in scene.values.items()},
    }


def _frames(scene: Scene, series: StepSeries, losses: Chart) -> dict[str, Any]:
    """The data of each frame, as the player's script reads it, in units of the page; None for what is not drawn."""
    return {
        "figures": _figures(scene, series),
        "path": _points(scene.path),
        "dots": None if scene.dots is None else _points(scene.dots),
        "stepCurves": scene.step_curves,
        "end": scene.end,
        "marks": losses.x.to_page(scene.steps.astype(np.float64)).round(1).tolist(),
        "losses": [_rounded(y) for y in losses.y.to_page(_at_frames(scene, series.loss)).tolist()],
    }


def _points(points: Array) -> list[tuple[float, float] | None]:
    """Points, (points, 2), rounded; those far outside the page are moved nearer, towards its middle."""
    middle = np.array([200.0, 200.0])
    offsets = points - middle
    with np.errstate(invalid="ignore"):
        offsets *= np.minimum(1, 1e5 / np.abs(offsets).max(axis=1, keepdims=True))
    rounded = (middle + offsets).round(1).tolist()
    return [(x, y) if np.isfinite(x) and np.isfinite(y) else None for x, y in rounded]


def _rounded(value: float) -> float | None:
    return round(value, 1) if np.isfinite(value) else None
