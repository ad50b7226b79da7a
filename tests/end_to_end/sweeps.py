"""A small sweep, and what MLflow holds of it."""

from pathlib import Path

from tracking.runs import rows

COMMAND = ("descent", "train", "-m", "problem=himmelblau", "problem.start=[0.5,-1]")
JOBS = ("optimizer=sgd,adam", "optimizer.lr=1e-2,10")
"""Four, of which the second diverges."""


def children(project: Path) -> list[tuple[object, ...]]:
    """The names and statuses of the runs that have a parent, by name."""
    return rows(
        f"sqlite:///{project}/mlflow.db",
        "select c.name, c.status from runs c join tags t on t.run_uuid = c.run_uuid and t.key = 'mlflow.parentRunId' "
        "join runs p on p.run_uuid = t.value order by c.name",
    )
