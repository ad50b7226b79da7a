"""Filled contours in a web page: for each level, the SVG path of the area above it."""

from functools import lru_cache
from typing import cast

import numpy as np
from contourpy import FillType, contour_generator

from descent.render.axis import Axis
from descent.render.field import height_levels
from descent.render.shapes import svg_rings
from descent.render.trail import Array, Indices

MAX_CHARACTERS = 62_000
"""About the most characters of all contours together."""
RESOLUTIONS = ((1, 24), (1, 12), (1, 8), (2, 8), (4, 6), (8, 6))
"""The stride through the grid and the number of bands, from fine to coarse."""


def contour_areas(x: Axis, y: Axis, grid: tuple[Array, Array], heights: Array) -> tuple[list[str], Array]:
    """The area above each level, as SVG paths to be painted one over the other, and the levels.

    If the contours of a rugged loss take too many characters, they are taken from a coarser grid.

    Args:
        x: the horizontal axis.
        y: the vertical axis.
        grid: (first,) and (second,), coordinates at which the heights are known.
        heights: (second, first).

    Returns:
        The areas, the lowest first, and (areas + 1,) levels, which bound the bands between them.
    """
    areas: list[str] = []
    levels = np.empty(0)
    for stride, count in RESOLUTIONS:
        first, second = (_strided(stride, len(side)) for side in grid)
        levels = height_levels(heights, count)
        page_grid = x.to_page(grid[0][first]), y.to_page(grid[1][second])
        areas = _areas(*page_grid, heights[np.ix_(second, first)], levels[:-1])
        if len(areas) == len(levels) - 1:
            break
    return areas, levels[: len(areas) + 1]


def _areas(horizontal: Array, vertical: Array, heights: Array, levels: Array) -> list[str]:
    """The areas above the levels, the lowest first, until they take too many characters."""
    arrays = (horizontal, vertical, heights, levels)
    return list(_cached_areas(heights.shape, *(array.astype(np.float64).tobytes() for array in arrays)))


@lru_cache(maxsize=4)
def _cached_areas(shape: tuple[int, int], *contents: bytes) -> list[str]:
    """The same of the arrays' contents: all runs of a sweep on a surface have one landscape."""
    horizontal, vertical, flat_heights, levels = (np.frombuffer(content) for content in contents)
    heights = np.ma.masked_invalid(flat_heights.reshape(shape))
    generator = contour_generator(horizontal, vertical, heights, fill_type=FillType.OuterOffset)
    areas: list[str] = []
    left = MAX_CHARACTERS
    for level in levels.tolist():
        filled = cast("tuple[list[Array], list[Indices]]", generator.filled(level, np.inf))
        pieces = []
        for points, offsets in zip(*filled, strict=True):
            pieces.append(svg_rings(np.split(points, offsets[1:-1].astype(np.intp))))
            left -= len(pieces[-1])
            if left < 0:
                return areas
        areas.append("".join(pieces))
    return areas


def _strided(stride: int, count: int) -> Indices:
    """About every `stride`-th of `count` indices, evenly spaced, including the first and the last."""
    return np.linspace(0, count - 1, -(-(count - 1) // stride) + 1).round().astype(np.intp)
