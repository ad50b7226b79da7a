"""The picture of a gradient check: central differences against backpropagation, on the diagonal if they are equal."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from descent.records.files import read_arrays
from descent.records.folder import RECORD, VIEWS
from descent.render.stamp import new_views
from descent.render.style import BLUE, GREY, RED, new_figure
from descent.render.trail import Array

GRADIENTS, PICTURE = "gradients.npz", "gradients.png"


@dataclass(frozen=True)
class Gradients:
    """The gradient of one parameter by both estimators, (components,) each.

    Args:
        title: of its panel.
        backpropagation: on the x axis.
        difference: the central differences, on the y axis.
        agree: whether they agree.
    """

    title: str
    backpropagation: Array
    difference: Array
    agree: bool


def gradients_picture(title: str, panels: Sequence[Gradients]) -> Figure:
    """A panel for each parameter, with all of its components, so that a single wrong one is visible."""
    columns = math.ceil(math.sqrt(len(panels)))
    rows = math.ceil(len(panels) / columns)
    figure = new_figure(max(6.4, 4.2 * columns), 4.2 * rows + 0.4)
    figure.suptitle(f"{title}: backpropagation against central difference", fontsize=12)
    for index, panel in enumerate(panels, start=1):
        axes = figure.add_subplot(rows, columns, index, aspect="equal")
        components = np.concatenate([panel.backpropagation, panel.difference])
        extent = 1.1 * np.abs(components, where=np.isfinite(components), out=np.zeros_like(components)).max() or 1.0
        axes.plot([-extent, extent], [-extent, extent], color=GREY, linewidth=0.8)
        axes.plot(
            panel.backpropagation, panel.difference, ".", color=BLUE if panel.agree else RED, markersize=5, alpha=0.5
        )
        axes.set(xlim=(-extent, extent), ylim=(-extent, extent), xlabel="backpropagation", ylabel="central difference")
        axes.set_title(f"{panel.title}, {'agree' if panel.agree else 'disagree'}", fontsize=10)
        axes.locator_params(nbins=5)
        axes.ticklabel_format(scilimits=(-2, 3))
        axes.grid(color="#e6e6e6", linewidth=0.6)
    return figure


def draw_gradients(folder: Path) -> None:
    """Draw the picture of a gradient check from its record into its views."""
    arrays = read_arrays((folder / RECORD / GRADIENTS).read_bytes())
    title, agrees = str(arrays.pop("title")), arrays.pop("agrees").tolist()
    panels = [
        Gradients(parameter, backpropagation, difference, agreement)
        for (parameter, (backpropagation, difference)), agreement in zip(arrays.items(), agrees, strict=True)
    ]
    with new_views(folder / VIEWS) as drawn:
        gradients_picture(title, panels).savefig(drawn / PICTURE)
