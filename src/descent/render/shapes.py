"""SVG path data for lines, rings and arrows: in tenths of a unit, each point relative to the one before."""

from collections.abc import Sequence

import numpy as np

from descent.render.trail import Array

PRECISION = 0.35
"""The largest distance of a simplified line from the original, in units."""
MAX_COORDINATE = 1e5
"""Points farther out are clipped; a page has some hundred units."""


def svg_line(points: Array) -> str:
    """The line through points, (points, 2), interrupted at nan."""
    parts: list[str] = []
    last: tuple[int, int] | None = None
    for x, y in points.clip(-MAX_COORDINATE, MAX_COORDINATE).tolist():
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


def svg_dots(points: Array) -> str:
    """Points, (points, 2), as lines of no length, which round caps make visible; none for nan."""
    finite = points[np.isfinite(points).all(axis=1)].clip(-MAX_COORDINATE, MAX_COORDINATE)
    return "".join(f"M{_pair(round(10 * x), round(10 * y))}h0" for x, y in finite.tolist())


def svg_rings(polygons: Sequence[Array]) -> str:
    """Closed lines, each through points (points, 2) of which the last is the first."""
    return "".join(f"{svg_line(simplify(points))}z" for points in polygons if len(points) > 3)


def svg_arrows(positions: Array, vectors: Array) -> str:
    """Arrows centred at positions, (arrows, 2), along vectors on the page, as lines with a head."""
    normals = np.stack([-vectors[:, 1], vectors[:, 0]], axis=1)
    tails, tips = positions - vectors / 2, positions + vectors / 2
    left, right = (tips - 0.35 * vectors + side * normals for side in (0.2, -0.2))
    strokes = np.stack([tails, tips, left, tips, right], axis=1)
    return "".join(svg_line(stroke) for stroke in strokes)


def _pair(x: int, y: int) -> str:
    first, second = _tenths(x), _tenths(y)
    return f"{first}{second}" if second.startswith("-") else f"{first} {second}"


def _tenths(number: int) -> str:
    text = f"{number / 10:.1f}".removesuffix(".0")
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def simplify(points: Array) -> Array:
    """The points, (points, 2), that keep a line within PRECISION of the original (Douglas and Peucker)."""
    kept = np.zeros(len(points), dtype=bool)
    kept[[0, -1]] = True
    spans = [(0, len(points) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        chord, offsets = points[last] - points[first], points[first + 1 : last] - points[first]
        length = np.hypot(*chord)
        cross = offsets[:, 0] * chord[1] - offsets[:, 1] * chord[0]
        distances = np.abs(cross) / length if length > 0 else np.hypot(*offsets.T)
        farthest = first + 1 + int(distances.argmax())
        if distances[farthest - first - 1] > PRECISION:
            kept[farthest] = True
            spans += [(first, farthest), (farthest, last)]
    return points[kept]
