"""Contours of a web page: areas of equal height as the text of SVG paths."""

from typing import cast

import numpy as np
from contourpy import FillType, contour_generator

from descent.render.axis import Axis
from descent.render.field import height_levels
from descent.render.shapes import rings
from descent.render.trail import Array, Indices

BUDGET = 62_000
"""About how many characters all contours have at most."""
FINENESS = ((1, 24), (1, 12), (1, 8), (2, 8), (4, 6), (8, 6))
"""Which points of a grid contours are taken from, each or each second ..., and how many bands of height they bound."""


def bands(x: Axis, y: Axis, grid: tuple[Array, Array], heights: Array) -> tuple[list[str], Array]:
    """Areas on the page, each of what is above a level, to be painted one over the other; and the levels.

    Where the contours are too many for the page, as over a rugged loss, they are taken from a coarser grid.

    Args:
        x: the axis across.
        y: the axis upwards.
        grid: (first,) and (second,), coordinates at which the heights are known.
        heights: (second, first).

    Returns:
        The areas, the lowest first, and (areas + 1,) levels: between each two lies a band.
    """
    areas: list[str] = []
    levels = np.empty(0)
    for stride, count in FINENESS:
        first, second = (_each(stride, len(side)) for side in grid)
        levels = height_levels(heights, count)
        places = x.at(grid[0][first]), y.at(grid[1][second])
        areas = _areas(*places, heights[np.ix_(second, first)], levels[:-1])
        if len(areas) == len(levels) - 1:
            break
    return areas, levels[: len(areas) + 1]


def _areas(across: Array, upwards: Array, heights: Array, levels: Array) -> list[str]:
    """What is above each level, as far as the budget goes."""
    generator = contour_generator(across, upwards, np.ma.masked_invalid(heights), fill_type=FillType.OuterOffset)
    areas: list[str] = []
    left = BUDGET
    for level in levels.tolist():
        filled = cast("tuple[list[Array], list[Indices]]", generator.filled(level, np.inf))
        pieces = []
        for points, offsets in zip(*filled, strict=True):
            pieces.append(rings(np.split(points, offsets[1:-1].astype(np.intp))))
            left -= len(pieces[-1])
            if left < 0:
                return areas
        areas.append("".join(pieces))
    return areas


def _each(stride: int, count: int) -> Indices:
    """Every so many of the indices, evenly, the first and the last among them."""
    return np.linspace(0, count - 1, -(-(count - 1) // stride) + 1).round().astype(np.intp)
