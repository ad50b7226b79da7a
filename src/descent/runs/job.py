"""One job of a sweep: trains its run, and notes in the sweep's record how far it is."""

import math
import os
from collections.abc import Generator, Sequence
from pathlib import Path

from omegaconf import DictConfig

from descent.core.config import Objective, TrainConfig
from descent.core.training.checkpoint import TrainState
from descent.errors import UserError
from descent.project import project_root
from descent.records.run import RunRecord
from descent.records.sweep import Job, Stage, SweepRecord
from descent.runs.composition import typed
from descent.runs.identity import RunRequest, RunResult
from descent.runs.sweep_identity import SWEEP_ID, SWEPT_NAMES, job_name
from descent.runs.tracked_run import Run, course


def of_sweep(asked: RunRequest) -> RunRequest:
    """What was asked of a run, as a job of the sweep that its environment tells of."""
    return asked.named(job_name(list(asked.overrides), os.environ[SWEPT_NAMES].split()), os.environ[SWEEP_ID])


class Noting:
    """Notes in the sweep's record where a job's run stands; the sweep brings it to MLflow from there."""

    def __init__(self, sweep: SweepRecord, overrides: Sequence[str]) -> None:
        self.sweep, self.overrides = sweep, list(overrides)
        self.name = job_name(self.overrides, sweep.swept)
        self.folder: Path | None = None

    def note(self, stage: Stage, folder: Path | None = None, reason: str | None = None) -> None:
        """Note how far the job is."""
        root = project_root()
        where = folder.relative_to(root) if folder and folder.is_relative_to(root) else folder
        record = RunRecord(folder).header.id if folder else None
        self.sweep.note(Job(self.overrides, self.name, stage, str(where) if where else None, record, reason))

    def on_progress(self, folder: Path) -> None:
        """Note where the run's record grows, once; KeyboardInterrupt where the sweep was ended meanwhile."""
        if self.sweep.state().status == "KILLED":
            raise KeyboardInterrupt
        if folder != self.folder:
            self.folder = folder
            self.note("running", folder)

    def on_complete(self, folder: Path) -> None:
        """Remember where the run's record is, now that it is whole or has failed."""
        self.folder = folder


def job(composed: DictConfig, sweep: SweepRecord, asked: RunRequest) -> Generator[Run, TrainState, float | None]:
    """The course of a job, its run's; what it is ranked by, infinitely bad where it diverged, or None where it failed.

    A job that fails is noted, with its reason, and does not stop the others. One whose sweep was ended while it waited
    for its turn, or elsewhere, ends as well: KeyboardInterrupt.
    """
    if sweep.state().status == "KILLED":
        raise KeyboardInterrupt
    noting = Noting(sweep, asked.overrides)
    noting.note("running")
    try:
        config = typed(TrainConfig, composed)
        outcome = yield from course(config, asked.named(noting.name, sweep.header.id), noting)
    except UserError as error:
        noting.note("failed", reason=str(error))
    except Exception as error:
        reason = " ".join(str(error).split()) or "no reason given"
        noting.note("failed", noting.folder, f"{type(error).__name__}: {reason}")
    else:
        noting.note(_stage(outcome), outcome.folder)
        metrics = "  ".join(f"{name} {value:.4g}" for name, value in outcome.metrics.items())
        print(f"{noting.name}: {outcome.result}  {metrics}")
        return ranked_by(config.objective, outcome)
    return None


def _stage(outcome: RunResult) -> Stage:
    if outcome.was_finished:
        return "skipped"
    return "resumed" if outcome.was_begun else "trained"


def ranked_by(objective: Objective, outcome: RunResult) -> float | None:
    """The metric that the objective names; infinitely bad where it diverged, None if missing."""
    if outcome.result == "diverged":
        return -math.inf if objective.direction == "maximize" else math.inf
    return outcome.metrics.get(objective.metric)
