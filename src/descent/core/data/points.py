"""Points of the plane as a CSV file with the columns x and y."""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from descent.core.data.csv_cells import number, read_text
from descent.errors import UserError

Points = tuple[NDArray[np.float64], NDArray[np.float64]]
"""The x and the y of points, (points,) each."""


class Row(NamedTuple):
    """A point, and its line in the file."""

    line: int
    x: float
    y: float


def read_rows(path: Path, remedy: str) -> list[Row]:
    """The points of a CSV file; other columns than x and y are left alone.

    Args:
        path: the file.
        remedy: what to do if it's missing.

    Raises:
        UserError: for a missing file or column, and for what is not a finite number.
    """
    reader = csv.DictReader(read_text(path, remedy).splitlines(), skipinitialspace=True)
    columns = reader.fieldnames or ()
    for name in ("x", "y"):
        if name not in columns:
            raise UserError(f"{path} has no column {name}; its first line must be x,y, not {','.join(columns)!r}")
    rows = []
    for row in reader:
        x, y = (number(row[name], f"{path}, line {reader.line_num}: {name}") for name in ("x", "y"))
        rows.append(Row(reader.line_num, x, y))
    return rows


def columns(rows: list[Row]) -> Points:
    """The x and the y of rows, float64, (rows,) each."""
    return np.array([row.x for row in rows], np.float64), np.array([row.y for row in rows], np.float64)


def write_points(path: Path, points: Points) -> None:
    """Write points so that reading them gives the same floats to the last bit."""
    lines = [f"{x!r},{y!r}" for x, y in zip(*(column.tolist() for column in points), strict=True)]
    path.write_text("\n".join(["x,y", *lines, ""]), encoding="utf-8")
