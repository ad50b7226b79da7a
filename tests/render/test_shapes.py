import re

import numpy as np
from numpy.typing import NDArray

from descent.render.shapes import PRECISION, arrows, line, simplified

Array = NDArray[np.float64]
NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)")


def points_of(path: str) -> list[Array]:
    """The points of each line of an SVG path."""
    lines = []
    for part in re.findall(r"M[^M]*", path):
        numbers = np.array([float(number) for number in NUMBER.findall(part)])
        lines.append(numbers.reshape(-1, 2).cumsum(axis=0))
    return lines


def test_a_line_goes_through_its_points_to_a_tenth_however_long_it_is() -> None:
    points = np.random.default_rng(0).normal(scale=50, size=(2_000, 2))
    (read,) = points_of(line(points))
    np.testing.assert_allclose(read, points, atol=0.0501)


def test_a_line_is_broken_where_a_point_is_nowhere() -> None:
    assert line(np.array([[1, 2], [3.5, -4], [np.nan, 1], [0.25, 0], [0.25, 0.01], [-0.5, 0]])) == (
        "M1 2l2.5-6M.2 0l-.7 0"
    )


def test_what_far_points_say_is_short() -> None:
    assert len(line(np.array([[1e300, -1e300], [0.0, 0.0]]))) < 40


def test_of_a_straight_line_its_ends_remain_and_of_a_curve_what_it_needs() -> None:
    straight = np.linspace([0, 0], [100, 50], 500)
    np.testing.assert_array_equal(simplified(straight), straight[[0, -1]])
    turn = np.linspace(0, 2 * np.pi, 2_000)
    circle = 100 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    kept = simplified(circle)
    assert 20 < len(kept) < 100
    middles = (kept[1:] + kept[:-1]) / 2
    assert np.hypot(*middles.T).min() > 100 - PRECISION


def test_an_arrow_has_its_middle_at_its_position_and_its_head_at_its_tip() -> None:
    (shaft,) = points_of(arrows(np.array([[50.0, 50.0]]), np.array([[20.0, 0.0]])))
    np.testing.assert_allclose(shaft, [[40, 50], [60, 50], [53, 54], [60, 50], [53, 46]])
