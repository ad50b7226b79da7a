"""The style of all pictures: figure size, white background, and colours that the colour-blind can distinguish."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, cycle, repeat
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, GREY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#8a8a8a"
COLOURS = (RED, "#5e3c99", GREEN, "#cc79a7", ORANGE, BLUE)
"""The colours of several lines in one picture, in order; readers can distinguish these six."""
REST = "#b5b5b5"
"""The colour of the lines beyond these."""
DASHES: tuple[str, ...] = ("-", "--", ":", "-.")
"""The line styles of several lines, so that two of one colour differ."""
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


def line_styles() -> Iterator[tuple[str, str]]:
    """Colours and line styles that differ for as many lines as possible; all colours come before the second style."""
    return cycle((colour, dash) for dash in DASHES for colour in COLOURS)


def hues(kinds: Iterable[str]) -> dict[str, str]:
    """A colour for each kind, in their order; grey for those beyond the number of colours."""
    return dict(zip(dict.fromkeys(kinds), chain(COLOURS, repeat(REST)), strict=False))


def shades(hue: str, count: int) -> list[str]:
    """Shades of a colour, from light to dark, the colour itself in the middle."""
    if count == 1:
        return [hue]
    ramp = LinearSegmentedColormap.from_list("shades", [_mixed(hue, "white", 0.55), hue, _mixed(hue, "black", 0.55)])
    return [to_hex(ramp(share)) for share in np.linspace(0, 1, count)]


def _mixed(colour: str, other: str, share: float) -> str:
    red, green, blue = ((1 - share) * np.array(to_rgb(colour)) + share * np.array(to_rgb(other))).tolist()
    return to_hex((red, green, blue))


def band_colours(count: int, theme: str = "light") -> list[str]:
    """A colour for each band of loss, the lowest first, in a light or a dark theme."""
    return [to_hex(_COLORMAPS[theme](share)) for share in np.linspace(0, 1, count)]
