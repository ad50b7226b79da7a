"""Selects the rows of a table that are logged to MLflow: evenly spaced, including the first and the last."""

from descent.errors import UserError


def thinned_rows(planned: int, max_points: int) -> list[int]:
    """At most `max_points` of the `planned` rows of a run that takes all of its steps."""
    if max_points < 2:
        raise UserError(f"tracking.max_points is {max_points}; a metric needs 2 at least, its first and its last")
    if planned <= max_points:
        return list(range(planned))
    return [round(point * (planned - 1) / (max_points - 1)) for point in range(max_points)]


def rows_to_log(length: int, planned: int, max_points: int, ended: bool) -> list[int]:
    """The rows among the first `length` to log, including the last one of a run that ended early."""
    rows = [row for row in thinned_rows(planned, max_points) if row < length]
    if ended and 0 < length < planned and rows[-1] != length - 1:
        rows.append(length - 1)
    return rows
