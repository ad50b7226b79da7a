"""Records of runs to compare, with only parameters and metrics of interest."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tracking.runs import start

from descent.records.header import Result
from descent.records.run import EVALUATIONS, STEPS, RunRecord


def ended_run(
    folder: Path,
    params: Mapping[str, str],
    metrics: Mapping[str, float],
    result: Result = "finished",
    evaluations: Sequence[Mapping[str, float | None]] = (),
    problem: str = "x squared",
    **header: object,
) -> RunRecord:
    """A run that has ended; each evaluation has a `step` and metrics, and by default there is one, at the end."""
    evaluations = evaluations or [{"step": 20, **metrics}]
    rows = {STEPS: 20, EVALUATIONS: len(evaluations)}
    with start(folder, 20, params=dict(params), problem=problem, rows=rows, **header) as record:
        for evaluation in evaluations:
            record.append(EVALUATIONS, [{"step": evaluation["step"], "timestamp": 0, **evaluation}])
        record.finish(result, 20, metrics)
    return record
