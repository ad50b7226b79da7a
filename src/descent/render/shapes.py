"""Shapes as the text of an SVG path: in tenths of a unit, each point relative to the one before."""

from collections.abc import Sequence

import numpy as np
from contourpy import FillType, contour_generator

from descent.render.axis import Axis
from descent.render.field import height_levels
from descent.render.trail import Array, Indices

PRECISION = 0.2
"""By how many units a contour may be off."""
BUDGET = 60_000
"""About how many characters all contours have."""
FINENESS = ((1, 24), (1, 12), (2, 8), (4, 6), (8, 6))
"""Which points of a grid contours are taken from, each or each second ..., and how many bands of height they bound."""
FAR = 1e5
"""How far out of a page of some hundred units a point may lie."""


def line(points: Array) -> str:
    """The line through points, (points, 2), broken where one is nan."""
    parts: list[str] = []
    last: tuple[int, int] | None = None
    for x, y in points.clip(-FAR, FAR).tolist():
        if np.isnan(x) or np.isnan(y):
            last = None
            continue
        point = round(10 * x), round(10 * y)
        if last is None:
            parts.append(f"M{_pair(*point)}")
        elif point != last:
            parts.append(f"l{_pair(point[0] - last[0], point[1] - last[1])}")
        last = point
    return "".join(parts)


def rings(polygons: Sequence[Array]) -> str:
    """Closed lines, each through points (points, 2) of which the last is the first."""
    return "".join(f"{line(simplified(points))}z" for points in polygons if len(points) > 3)


def arrows(positions: Array, vectors: Array) -> str:
    """Arrows around positions, (arrows, 2), along vectors on the page, as lines with a head."""
    turned = np.stack([-vectors[:, 1], vectors[:, 0]], axis=1)
    tails, tips = positions - vectors / 2, positions + vectors / 2
    left, right = (tips - 0.35 * vectors + side * turned for side in (0.2, -0.2))
    strokes = np.stack([tails, tips, left, tips, right], axis=1)
    return "".join(line(stroke) for stroke in strokes)


def _pair(x: int, y: int) -> str:
    first, second = _tenths(x), _tenths(y)
    return f"{first}{second}" if second.startswith("-") else f"{first} {second}"


def _tenths(number: int) -> str:
    text = f"{number / 10:.1f}".removesuffix(".0")
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def simplified(points: Array) -> Array:
    """Those of the points, (points, 2), that a line needs to be off by PRECISION at most (Douglas and Peucker)."""
    kept = np.zeros(len(points), dtype=bool)
    kept[[0, -1]] = True
    spans = [(0, len(points) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        chord, offsets = points[last] - points[first], points[first + 1 : last] - points[first]
        length = np.hypot(*chord)
        across = offsets[:, 0] * chord[1] - offsets[:, 1] * chord[0]
        distances = np.abs(across) / length if length > 0 else np.hypot(*offsets.T)
        farthest = first + 1 + int(distances.argmax())
        if distances[farthest - first - 1] > PRECISION:
            kept[farthest] = True
            spans += [(first, farthest), (farthest, last)]
    return points[kept]


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
        coarse = np.ma.masked_invalid(heights[np.ix_(second, first)])
        levels = height_levels(heights, count)
        generator = contour_generator(
            x.at(grid[0][first]), y.at(grid[1][second]), coarse, fill_type=FillType.OuterOffset
        )
        areas = []
        for level in levels[:-1].tolist():
            polygons, offsets = generator.filled(level, np.inf)
            areas.append(
                "".join(
                    rings(np.split(points, offset[1:-1].astype(int)))
                    for points, offset in zip(polygons, offsets, strict=True)
                )
            )
        if sum(map(len, areas)) <= BUDGET:
            break
    return areas, levels


def _each(stride: int, count: int) -> Indices:
    return np.linspace(0, count - 1, -(-(count - 1) // stride) + 1).round().astype(np.intp)
