"""What all pictures have in common: size, white ground, and colours that the colour-blind tell apart."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, GREY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#8a8a8a"
COLOURS = (RED, ORANGE, "black", "#cc79a7", GREEN, BLUE)
"""Of several things in one picture."""
PALETTES = {
    "light": {"blue": BLUE, "orange": ORANGE, "green": GREEN, "red": RED, "grey": GREY},
    "dark": {"blue": "#56b4e9", "orange": "#f2bb4e", "green": "#43d6a6", "red": "#ff8b50", "grey": "#9aa3ab"},
}
"""The colours of a web page on a light and on a dark ground."""
# The lower the darker on both grounds, so that a path shines in its valley.
_DEPTHS: dict[str, Callable[[Any], Any]] = {
    "light": lambda shares: colormaps["Blues_r"](0.3 + 0.67 * shares),
    "dark": LinearSegmentedColormap.from_list("depths", ["#0b1d2e", "#23415c", "#557690"]),
}


def new_figure(width: float = 6.4, height: float = 4.8) -> Figure:
    """An empty figure, in inches of 100 pixels, that no pyplot state holds on to."""
    # White in light and dark: MLflow's artifact view shows a transparent picture on either.
    return Figure(figsize=(width, height), dpi=100, layout="constrained", facecolor="white")


def band_colours(count: int, ground: str = "light") -> list[str]:
    """A colour for each band of height, the lowest first, on a light or a dark ground."""
    return [to_hex(_DEPTHS[ground](share)) for share in np.linspace(0, 1, count)]
