"""Logarithmic axes where values are of different magnitudes, exact zeros among them or not."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from descent.render.trail import Array

ZERO_SHARE = 0.5
"""The length of an axis from zero to the smallest positive value, in decades."""


def set_scales(axes: Axes, ratio: float, x: Array | None = None, y: Array | None = None) -> None:
    """Make the axes of values logarithmic, each if none is negative and they are of different magnitudes.

    Args:
        axes: whose scales are set.
        ratio: of the largest value to the smallest that is not zero, from which on an axis is logarithmic.
        x: the values along the horizontal axis; None to leave it.
        y: the values along the vertical axis.
    """
    for values, set_scale in ((x, axes.set_xscale), (y, axes.set_yscale)):
        if values is not None:
            name, settings = _scale(values, ratio)
            set_scale(name, **settings)


def _scale(values: Array, ratio: float) -> tuple[str, dict[str, Any]]:
    """The scale of an axis; with zeros, it begins at zero, and is linear up to the smallest of the other values."""
    finite = values[np.isfinite(values)]
    positive = finite[finite > 0]
    if not positive.size or (finite < 0).any() or positive.max() < ratio * positive.min():
        return "linear", {}
    if (finite == 0).any():
        return "symlog", {"linthresh": positive.min(), "linscale": ZERO_SHARE}
    return "log", {}
