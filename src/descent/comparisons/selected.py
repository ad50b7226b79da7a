"""Compares selected runs as a sweep's are, into a record of their comparison."""

import hashlib
from collections.abc import Sequence

import yaml

from descent.comparisons.comparison import Comparison, compare_sweep
from descent.comparisons.grouping import ended_runs, group_runs
from descent.errors import UserError
from descent.project import project_root
from descent.records.folder import now
from descent.records.run import RunRecord
from descent.records.sweep import SEVERAL, SweepHeader, SweepRecord


def compare_selected(runs: Sequence[RunRecord]) -> tuple[SweepRecord, Comparison]:
    """Compare runs as a sweep's are, into a record that has no jobs.

    Raises:
        UserError: if fewer than two have ended.
    """
    finished = ended_runs(runs)
    if len(finished) < 2:
        raise UserError(f"{len(finished)} of the {len(runs)} runs picked have ended; a comparison takes two")
    key = hashlib.sha256("\0".join(sorted(run.record.header.id for run in finished)).encode()).hexdigest()
    problems = {run.record.header.problem for run in finished}
    problem = problems.pop() if len(problems) == 1 else SEVERAL
    differ = " × ".join(name.rpartition(".")[2] for name in group_runs(finished).differing_params)
    header = SweepHeader(key, f"{problem}: comparison over {differ or 'nothing'}", problem, now(), {}, {})
    params = finished[0].params
    metric, direction = params.get("objective.metric", "loss/train"), params.get("objective.direction", "minimize")
    config = yaml.safe_dump({"objective": {"metric": metric, "direction": direction}})
    record = SweepRecord.create(project_root() / "comparisons" / key[:8], header, config)
    record.write_compared([run.record for run in finished])
    comparison = compare_sweep(record)
    record.write_state(comparison.state("FINISHED"))
    return record, comparison
