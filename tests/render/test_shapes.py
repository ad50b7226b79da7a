import re

import numpy as np
from numpy.typing import NDArray

from descent.render.shapes import PRECISION, simplify, svg_arrows, svg_line

Array = NDArray[np.float64]
NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)")


def points_of(path: str) -> list[Array]:
    """The points of each line of an SVG path."""
    lines = []
    for part in re.findall(r"M[^M]*", path):
        numbers = np.array([float(number) for number in NUMBER.findall(part)])
        lines.append(numbers.reshape(-1, 2).cumsum(axis=0))
    return lines


def test_rounding_does_not_accumulate_along_a_line() -> None:
    points = np.random.default_rng(0).normal(scale=50, size=(2_000, 2))
    (read,) = points_of(svg_line(points))
    np.testing.assert_allclose(read, points, atol=0.0501)


def test_a_line_is_interrupted_at_nan() -> None:
    assert svg_line(np.array([[1, 2], [3.5, -4], [np.nan, 1], [0.25, 0], [0.25, 0.01], [-0.5, 0]])) == (
        "M1 2l2.5-6M.2 0l-.7 0"
    )


def test_far_points_are_clipped() -> None:
    assert len(svg_line(np.array([[1e300, -1e300], [0.0, 0.0]]))) < 40


def test_a_simplified_line_keeps_its_ends_and_a_circle_as_many_points_as_the_precision_needs() -> None:
    straight = np.linspace([0, 0], [100, 50], 500)
    np.testing.assert_array_equal(simplify(straight), straight[[0, -1]])
    turn = np.linspace(0, 2 * np.pi, 2_000)
    circle = 100 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    kept = simplify(circle)
    # A chord over an angle is off by 100 (1 - cos(angle / 2)); halving arcs takes at most twice as many as needed.
    needed = np.pi / np.arccos(1 - PRECISION / 100)
    assert needed <= len(kept) - 1 <= 2 * needed
    middles = (kept[1:] + kept[:-1]) / 2
    assert np.hypot(*middles.T).min() > 100 - PRECISION


def test_an_arrow_is_centred_at_its_position_with_its_head_at_the_tip() -> None:
    (shaft,) = points_of(svg_arrows(np.array([[50.0, 50.0]]), np.array([[20.0, 0.0]])))
    np.testing.assert_allclose(shaft, [[40, 50], [60, 50], [53, 54], [60, 50], [53, 46]])
