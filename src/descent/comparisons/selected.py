"""Compares selected runs as a sweep's are, into a record of their comparison."""

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import yaml

from descent.comparisons.comparison import Comparison, compare_sweep
from descent.comparisons.grouping import EndedRun, ended_runs, group_runs
from descent.errors import UserError
from descent.project import project_root
from descent.records.criterion import TRAIN_LOSS
from descent.records.folder import now
from descent.records.run import RunRecord
from descent.records.sweep import SEVERAL, SweepHeader, SweepRecord


def compare_selected(runs: Sequence[RunRecord], target: str | None = None) -> tuple[SweepRecord, Comparison]:
    """Compare runs as a sweep's are, into a record that has no jobs.

    Args:
        runs: their records.
        target: what they are to reach, as METRIC=VALUE.

    Raises:
        UserError: if fewer than two have ended.
    """
    finished = ended_runs(runs)
    if len(finished) < 2:
        raise UserError(f"{len(finished)} of the {len(runs)} runs picked have ended; a comparison takes two")
    identity = [*sorted(run.id for run in finished), *([target] if target else [])]
    key = hashlib.sha256("\0".join(identity).encode()).hexdigest()
    problems = {run.problem for run in finished}
    problem = problems.pop() if len(problems) == 1 else SEVERAL
    differ = " × ".join(name.rpartition(".")[2] for name in group_runs(finished).differing_params)
    header = SweepHeader(key, f"{problem}: comparison over {differ or 'nothing'}", problem, now(), {}, {})
    config = yaml.safe_dump({"objective": _objective(finished), "target": _target(target)})
    record = SweepRecord.create(project_root() / "comparisons" / key[:8], header, config)
    record.write_compared([run.record for run in finished if run.record is not None])
    comparison = compare_sweep(record)
    record.write_state(comparison.state("FINISHED"))
    return record, comparison


def _objective(runs: Sequence[EndedRun]) -> dict[str, str]:
    """The objective of all runs; where they have several, the loss in training."""
    keys = ("metric", "direction")
    objectives = {tuple(run.params.get(f"objective.{key}", "") for key in keys) for run in runs}
    one = objectives.pop() if len(objectives) == 1 else ("", "")
    return dict(zip(keys, one if all(one) else (TRAIN_LOSS, "minimize"), strict=True))


def _target(text: str | None) -> dict[str, Any]:
    """The target that a text names, as a configuration has it.

    Raises:
        UserError: for another text than METRIC=VALUE.
    """
    if text is None:
        return {"metric": None, "value": None}
    metric, _, value = text.rpartition("=")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not metric or not math.isfinite(number):
        raise UserError(f"--target {text}: write METRIC=VALUE, for example --target loss/train=0.01")
    return {"metric": metric, "value": number}
