import numpy as np
import pytest
from matplotlib.path import Path
from numpy.typing import NDArray
from render.test_shapes import points_of

from descent.render.axis import Axis
from descent.render.contours import MAX_CHARACTERS, contour_areas
from descent.render.shapes import PRECISION

Array = NDArray[np.float64]


def contains(area: str, point: Array) -> bool:
    """Whether a point is in an area: in an odd number of its rings."""
    return sum(Path(ring).contains_point((point[0], point[1])) for ring in points_of(area.replace("z", ""))) % 2 == 1


def test_an_area_contains_the_points_above_its_level() -> None:
    side = np.linspace(-4, 4, 81)
    heights = (side[None] ** 2 - 4) ** 2 + side[:, None] ** 2
    x, y = Axis((-4.0, 4.0), (0.0, 300.0)), Axis((-4.0, 4.0), (300.0, 0.0))
    areas, levels = contour_areas(x, y, (side, side), heights)
    assert len(areas) == len(levels) - 1 == 24
    for first, second in np.random.default_rng(0).uniform(-3.9, 3.9, size=(40, 2)):
        height = (first**2 - 4) ** 2 + second**2
        point = np.array([x.to_page(np.array(first)), y.to_page(np.array(second))])
        for area, level in zip(areas, levels[:-1], strict=True):
            # Simplification moves a contour by PRECISION, and the height changes by at most 189 a unit.
            if abs(height - level) > 189 * PRECISION / (300 / 8) + 1:
                assert contains(area, point) == (height > level)


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_areas_leave_out_heights_that_are_not_finite(hole: float) -> None:
    side = np.linspace(0, 1, 21)
    heights = np.add.outer(side, side)
    heights[8:13, 8:13] = hole
    axis = Axis((0.0, 1.0), (0.0, 100.0))
    areas, levels = contour_areas(axis, axis, (side, side), heights)
    assert np.isfinite(levels).all()
    assert not any(contains(area, np.array([50.0, 50.0])) for area in areas)
    assert contains(areas[0], np.array([20.0, 20.0]))


def test_contours_of_a_rugged_loss_are_coarser_but_reach_every_side() -> None:
    side = np.linspace(0, 1, 200)
    heights = np.random.default_rng(0).normal(size=(200, 200))
    axis = Axis((0.0, 1.0), (0.0, 340.0))
    areas, levels = contour_areas(axis, axis, (side, side), heights)
    assert sum(map(len, areas)) < MAX_CHARACTERS
    assert len(levels) == len(areas) + 1
    corners = np.concatenate(points_of(areas[0].replace("z", "")))
    assert corners.min() == pytest.approx(0, abs=PRECISION)
    assert corners.max() == pytest.approx(340, abs=PRECISION)
