"""Which rows of a table become points of an MLflow metric: evenly spaced, first and last included."""

from descent.errors import UserError


def thinned(planned: int, max_points: int) -> list[int]:
    """At most `max_points` of the rows that a run will have if it goes to its end."""
    if max_points < 2:
        raise UserError(f"tracking.max_points is {max_points}; a metric needs 2 at least, its first and its last")
    if planned <= max_points:
        return list(range(planned))
    return [round(point * (planned - 1) / (max_points - 1)) for point in range(max_points)]


def chosen(length: int, planned: int, max_points: int, ended: bool) -> list[int]:
    """Which of the first `length` rows become points; of a run that ended early its last one too."""
    rows = [row for row in thinned(planned, max_points) if row < length]
    if ended and 0 < length < planned and rows[-1] != length - 1:
        rows.append(length - 1)
    return rows
