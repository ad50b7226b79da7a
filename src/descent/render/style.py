"""The style of all pictures: figure size, white background, and colours that the colour-blind can distinguish."""

from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, GREY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#8a8a8a"
COLOURS = (RED, ORANGE, "black", "#cc79a7", GREEN, BLUE)
"""The colours of several lines in one picture, in order."""
DASHES: tuple[str, ...] = ("-", "--", ":", "-.")
"""The line styles of several lines, so that two of one colour differ."""
THUMBNAIL = 3.2
"""The width of a small picture in inches."""
PALETTES = {
    "light": {"blue": BLUE, "orange": ORANGE, "green": GREEN, "red": RED, "grey": GREY, "pink": "#b8578c"},
    "dark": {
        "blue": "#56b4e9",
        "orange": "#f2bb4e",
        "green": "#43d6a6",
        "red": "#ff8b50",
        "grey": "#9aa3ab",
        "pink": "#f0a6cf",
    },
}
"""The colours of a web page in each theme."""
# Low losses are dark in both themes, so that a path stands out in its valley.
_COLORMAPS: dict[str, Callable[[Any], Any]] = {
    "light": lambda shares: colormaps["Blues_r"](0.3 + 0.67 * shares),
    "dark": LinearSegmentedColormap.from_list("depths", ["#0b1d2e", "#23415c", "#557690"]),
}


def new_figure(width: float = 6.4, height: float = 4.8) -> Figure:
    """An empty figure of so many inches, 100 pixels each, without pyplot's global state."""
    # White, since MLflow's artifact view shows a transparent picture in its light or dark theme.
    return Figure(figsize=(width, height), dpi=100, layout="constrained", facecolor="white")


def thumbnail_axes(ratio: float) -> tuple[Figure, Axes]:
    """Axes without labels that fill a small figure, `ratio` times as high as wide."""
    figure = Figure(figsize=(THUMBNAIL, THUMBNAIL * ratio), dpi=100, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    return figure, axes


def line_styles() -> Iterator[tuple[str, str]]:
    """Colours and line styles that differ for as many lines as possible; all colours come before the second style."""
    return cycle((colour, dash) for dash in DASHES for colour in COLOURS)


def band_colours(count: int, theme: str = "light") -> list[str]:
    """A colour for each band of loss, the lowest first, in a light or a dark theme."""
    return [to_hex(_COLORMAPS[theme](share)) for share in np.linspace(0, 1, count)]
