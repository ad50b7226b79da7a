"""What steps, positions and evaluations leave in the run record."""

from collections.abc import Mapping, Sequence

from torch.nn.utils import parameters_to_vector

from descent.core.problems.problem import Problem
from descent.records.folder import now
from descent.records.run import COORDINATES, EVALUATIONS, TRAJECTORY, RunRecord

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


def visit(problem: Problem, record: RunRecord) -> None:
    """Append where a problem stands that is too large for its position to be in the rows."""
    if not problem.is_small():
        position = parameters_to_vector(problem.parameters()).detach()
        record.append_bytes(TRAJECTORY, position.float().cpu().numpy().tobytes())


def append_evaluation(record: RunRecord, step: int, metrics: Mapping[str, float]) -> None:
    """Append what was measured after a step."""
    record.append(EVALUATIONS, [{"step": step, "timestamp": now(), **metrics}])
