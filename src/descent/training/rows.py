"""What every step leaves in the run record."""

from collections.abc import Sequence

from descent.problems.problem import COORDINATES
from descent.tracking.record import now

Row = dict[str, float]


def rows_of(
    first: int, losses: Sequence[float], norms: Sequence[float], positions: Sequence[Sequence[float]]
) -> list[Row]:
    """The rows of some steps, the first of which has that number.

    Args:
        first: its number.
        losses: of each step.
        norms: of the gradient that each descends from.
        positions: that each leads to; none for problems too large to be followed.
    """
    timestamp = now()
    rows: list[Row] = [
        {"step": step, "timestamp": timestamp, "loss/step": loss, "grad_norm": norm}
        for step, (loss, norm) in enumerate(zip(losses, norms, strict=True), start=first)
    ]
    for row, position in zip(rows, positions, strict=False):
        row.update(zip(COORDINATES, position, strict=False))
    return rows
