"""Names beside the ends of lines, which a reader finds sooner than in a legend."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from descent.render.style import REST
from descent.render.trail import Array

QUIET = "#7a7a7a"
"""The colour of the number of lines that have no name."""
MAX_NAME = 32
"""The most characters of a name; of a longer one, the rest is left out."""
SPACING = 0.055
"""The least vertical distance of two names, as a share of the height of the axes."""


@dataclass(frozen=True)
class LineName:
    """The name of a line.

    Args:
        text: the name.
        colour: of the line.
        y: where the line ends, in units of the data; infinite for the top of the axes.
    """

    text: str
    colour: str
    y: float


def names_at_ends(lines: Iterable[tuple[str, str, Array]]) -> list[LineName]:
    """The names of lines that have a colour of their own, and how many others there are.

    Args:
        lines: the name, which may be empty, the colour and the values of each; where none is finite, it is named at
            the top.
    """
    named: list[LineName] = []
    others: list[float] = []
    for text, colour, values in lines:
        finite = values[np.isfinite(values)]
        end = float(finite[-1]) if len(finite) else np.inf
        if colour == REST:
            others.append(end)
        elif text:
            named.append(LineName(text if len(text) <= MAX_NAME else f"{text[:MAX_NAME]}…", colour, end))
    return [*named, LineName(f"{len(others)} more", QUIET, float(np.median(others)))] if others else named


def name_lines(axes: Axes, names: Sequence[LineName]) -> None:
    """Write names to the right of axes whose limits are final, each as near to its line's end as others allow."""
    if not names:
        return
    ends = axes.transData.transform([(1.0, name.y) for name in names])
    heights = np.nan_to_num(axes.transAxes.inverted().transform(ends)[:, 1], nan=1.0).clip(0, 1)
    for name, height in zip(names, spread(heights, SPACING).tolist(), strict=True):
        axes.text(1.015, height, name.text, color=name.colour, transform=axes.transAxes, va="center", fontsize=9)


def spread(heights: Array, spacing: float) -> Array:
    """Heights of at least `spacing` between any two, in the order of the given ones, and within 0 to 1 if they fit."""
    order = np.argsort(heights, kind="stable")
    spaced = heights[order].astype(np.float64)
    for place in range(1, len(spaced)):
        spaced[place] = max(spaced[place], spaced[place - 1] + spacing)
    overflow = spaced[-1] - 1
    if overflow > 0:
        spaced[-1] -= overflow
        for place in range(len(spaced) - 2, -1, -1):
            spaced[place] = min(spaced[place], spaced[place + 1] - spacing)
    result = np.empty_like(spaced)
    result[order] = spaced
    return result
