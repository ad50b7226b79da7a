from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from descent.core.data.control_points import read_control_points
from descent.errors import UserError


def test_the_eleven_points_of_the_article_are_in_the_repository() -> None:
    x, y = read_control_points(ROOT / "data/source/control_points.csv", degree=6)
    assert x.dtype == y.dtype == np.float64
    assert x.tolist() == list(range(-5, 6))
    assert y.tolist() == [5, 1.5, 2, 1.5, 0, -3, -1, 2, 3, 2.5, 5]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("x,y\n1,2\n2,3\n1.0,4\n", "line 4: x 1 is in line 2 already"),
        ("x,y\n1,2\n2,3\n", "has 2 points, and degree 2 needs 3"),
        ("x,y\n1,2\n2,high\n3,4\n", "line 3: y is 'high'"),
        ("x\n1\n2\n3\n", "no column y"),
        ("x,y\n1,2\n2,inf\n3,4\n", "line 3: y is 'inf'"),
    ],
)
def test_points_that_fix_no_polynomial_are_refused_by_file_and_reason(tmp_path: Path, content: str, fault: str) -> None:
    path = tmp_path / "control_points.csv"
    path.write_text(content)
    with pytest.raises(UserError, match=fault) as caught:
        read_control_points(path, degree=2)
    assert str(path) in str(caught.value)


def test_as_many_points_as_coefficients_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "control_points.csv"
    path.write_text("x,y\n0,1\n1,2\n2,5\n")
    assert len(read_control_points(path, degree=2)[0]) == 3


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no .*control_points\.csv"):
        read_control_points(tmp_path / "control_points.csv", degree=2)
