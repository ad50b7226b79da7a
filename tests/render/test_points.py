import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.polynomial import Polynomial
from PIL import Image

from descent.render.points import points_picture

PARABOLA = Polynomial([0.0, 0.0, 1.0])
X = np.linspace(-10, 10, 100)
CONTROL = np.arange(-5.0, 6.0)


@pytest.fixture
def picture() -> Figure:
    return points_picture((X, PARABOLA(X) + 0.5), PARABOLA, (CONTROL, PARABOLA(CONTROL)))


def test_points_curve_and_control_points_are_drawn_where_they_are(picture: Figure) -> None:
    lines = {str(line.get_label()): np.array(line.get_xydata()) for line in picture.axes[0].lines}
    assert sorted(lines) == ["control points", "noisy points", "polynomial"]
    np.testing.assert_array_equal(lines["noisy points"], np.column_stack([X, PARABOLA(X) + 0.5]))
    np.testing.assert_array_equal(lines["control points"], np.column_stack([CONTROL, CONTROL**2]))
    np.testing.assert_array_equal(lines["polynomial"][:, 1], PARABOLA(lines["polynomial"][:, 0]))


def test_it_is_opaque_on_white(picture: Figure) -> None:
    file = io.BytesIO()
    picture.savefig(file)
    with Image.open(file) as image:
        assert image.size == (640, 480)
        pixels = np.asarray(image.convert("RGBA"))
    assert (pixels[..., 3] == 255).all()
    assert (pixels[0, 0] == 255).all()
