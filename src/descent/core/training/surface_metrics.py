"""How close a run on a surface came to the surface's lowest points, and how soon."""

import torch

from descent.core.problems.minima import REACH
from descent.core.problems.positions import losses_at
from descent.core.problems.surface import Surface
from descent.records.header import Result
from descent.records.run import STEPS, RunRecord


def surface_metrics(surface: Surface, record: RunRecord, result: Result, tolerance: float) -> dict[str, float]:
    """The metrics that only a run on a surface has.

    Returns:
        `minimum`: the number of the lowest point, counted from 1 in the order of the configuration, that the run has
        come to rest at, 0 for none; `loss_gap`: its last loss less that of the lowest point; both of a surface whose
        lowest points are known. `steps_to_tolerance`, of a run that has converged: after how many steps the norm of
        the gradient was within the tolerance and stayed there.
    """
    metrics: dict[str, float] = {}
    if surface.minima:
        end = torch.tensor(surface.position(), dtype=torch.float64)
        minima = torch.tensor(surface.minima, dtype=torch.float64)
        distances = (minima - end).norm(dim=1)
        is_reached = result == "converged" and distances.min() <= REACH
        metrics["minimum"] = float(distances.argmin() + 1) if is_reached else 0.0
        metrics["loss_gap"] = (losses_at(surface, (), end[None]) - losses_at(surface, (), minima).min()).item()
    if result == "converged":
        above = (record.table(STEPS).values("grad_norm")[:, 0] > tolerance).nonzero()[0]
        metrics["steps_to_tolerance"] = float(above[-1] + 1) if len(above) else 0.0
    return metrics
