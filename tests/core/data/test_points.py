import math
from pathlib import Path

import numpy as np
import pytest

from descent.core.data.points import columns, read_rows, write_points
from descent.errors import UserError


def test_floats_come_back_to_the_last_bit(tmp_path: Path) -> None:
    x = np.array([0.1, -math.pi, 1e-300, 5e-324, 1e300])
    write_points(tmp_path / "points.csv", (x, x[::-1]))
    read = columns(read_rows(tmp_path / "points.csv", "make it"))
    assert read[0].tobytes() == x.tobytes()
    assert read[1].tobytes() == x[::-1].tobytes()


def test_other_columns_blank_lines_and_spaces_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("\ufeffname, y, x\na, 1, 2\n\nb, 3, 4\n", encoding="utf-8")
    assert [tuple(row) for row in read_rows(path, "make it")] == [(2, 2.0, 1.0), (4, 4.0, 3.0)]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "no column x"),
        ("x;y\n1;2\n", "no column x"),
        ("x,z\n1,2\n", "no column y"),
        ("x,y\n1,2\n3,four\n", "line 3: y is 'four'"),
        ("x,y\n1,2\n,4\n", "line 3: x is ''"),
        ("x,y\n1\n", "line 2: y is ''"),
        ("x,y\n1,nan\n", "line 2: y is 'nan'; write a finite number"),
        ("x,y\n-inf,1\n", "line 2: x is '-inf'; write a finite number"),
    ],
)
def test_what_is_not_points_is_refused_by_file_and_line(tmp_path: Path, content: str, fault: str) -> None:
    path = tmp_path / "points.csv"
    path.write_text(content)
    with pytest.raises(UserError, match=fault) as caught:
        read_rows(path, "make it")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(UserError, match="is not text"):
        read_rows(tmp_path / "points.csv", "make it")


def test_a_missing_file_is_reported_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no .*points\.csv; make it"):
        read_rows(tmp_path / "points.csv", "make it")
