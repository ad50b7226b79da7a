"""The picture of the noisy points: the points, the polynomial, and the control points that it was fitted to."""

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from descent.render.style import BLUE, GREEN, RED, new_figure
from descent.render.trail import Array

X_RANGE, Y_RANGE = (-7, 7), (-5, 10)
"""The view of the article's animation."""


def points_picture(
    points: tuple[Array, Array], polynomial: Callable[[Array], Array], control_points: tuple[Array, Array]
) -> Figure:
    """Points and control points, x and y of (points,) each, on the curve of the polynomial."""
    figure = new_figure()
    axes = figure.subplots()
    curve = np.linspace(*X_RANGE, 500)
    axes.plot(curve, polynomial(curve), color=GREEN, linewidth=1.5, label="polynomial")
    axes.plot(*points, "o", color=BLUE, markersize=4.5, label="noisy points")
    axes.plot(*control_points, "D", color=RED, markersize=7, markerfacecolor="none", label="control points")
    axes.set(xlim=X_RANGE, ylim=Y_RANGE, xlabel="x", ylabel="y", title="Noisy points along a polynomial")
    axes.grid(alpha=0.25)
    axes.legend(loc="upper center")
    return figure
