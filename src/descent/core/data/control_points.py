"""The few points, set by hand, that a polynomial is fitted to."""

from pathlib import Path

from descent.core.data.points import Points, columns, read_rows
from descent.errors import UserError


def read_control_points(path: Path, degree: int) -> Points:
    """The x and y of control points, float64, (points,) each.

    Raises:
        UserError: for a file that is missing, holds something else than finite numbers, repeats an x, or has
            too few points for a polynomial of the degree.
    """
    rows = read_rows(path, "`git checkout` restores the published one")
    lines: dict[float, int] = {}
    for row in rows:
        if row.x in lines:
            raise UserError(f"{path}, line {row.line}: x {row.x:g} is in line {lines[row.x]} already; remove one")
        lines[row.x] = row.line
    if len(rows) <= degree:
        raise UserError(
            f"{path} has {len(rows)} points, and degree {degree} needs {degree + 1}; add some or lower degree"
        )
    return columns(rows)
