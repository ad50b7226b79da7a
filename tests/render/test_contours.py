import numpy as np
import pytest
from matplotlib.path import Path
from numpy.typing import NDArray
from render.test_shapes import points_of

from descent.render.axis import Axis
from descent.render.contours import BUDGET, bands

Array = NDArray[np.float64]


def above(area: str, place: Array) -> bool:
    """Whether a place lies in an area: in an odd number of its rings."""
    return sum(Path(ring).contains_point((place[0], place[1])) for ring in points_of(area.replace("z", ""))) % 2 == 1


def test_an_area_is_what_is_above_its_level() -> None:
    side = np.linspace(-4, 4, 81)
    heights = (side[None] ** 2 - 4) ** 2 + side[:, None] ** 2
    x, y = Axis((-4.0, 4.0), (0.0, 300.0)), Axis((-4.0, 4.0), (300.0, 0.0))
    areas, levels = bands(x, y, (side, side), heights)
    assert len(areas) == len(levels) - 1 == 24
    for first, second in np.random.default_rng(0).uniform(-3.9, 3.9, size=(40, 2)):
        height = (first**2 - 4) ** 2 + second**2
        place = np.array([x.at(np.array(first)), y.at(np.array(second))])
        for area, level in zip(areas, levels[:-1], strict=True):
            if abs(height - level) > 3:
                assert above(area, place) == (height > level)


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_where_there_is_no_height_there_is_no_area(hole: float) -> None:
    side = np.linspace(0, 1, 21)
    heights = np.add.outer(side, side)
    heights[8:13, 8:13] = hole
    axis = Axis((0.0, 1.0), (0.0, 100.0))
    areas, levels = bands(axis, axis, (side, side), heights)
    assert np.isfinite(levels).all()
    assert not any(above(area, np.array([50.0, 50.0])) for area in areas)
    assert above(areas[0], np.array([20.0, 20.0]))


def test_over_a_rugged_loss_contours_are_coarser_but_reach_every_side() -> None:
    side = np.linspace(0, 1, 200)
    heights = np.random.default_rng(0).normal(size=(200, 200))
    axis = Axis((0.0, 1.0), (0.0, 340.0))
    areas, levels = bands(axis, axis, (side, side), heights)
    assert sum(map(len, areas)) < BUDGET
    assert len(levels) == len(areas) + 1
    corners = np.concatenate(points_of(areas[0].replace("z", "")))
    assert corners.min() < 5
    assert corners.max() > 335
