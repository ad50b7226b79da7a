"""One job of a sweep: opens its run, which is trained alone or with others, and notes how far it is."""

import math
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from omegaconf import DictConfig

from descent.core.config import Objective, TrainConfig
from descent.errors import UserError
from descent.project import project_root
from descent.records.listener import RecordListener
from descent.records.run import RunRecord
from descent.records.sweep import JobState, Stage, SweepRecord
from descent.runs.composition import typed
from descent.runs.identity import RunRequest, RunResult, finished_run
from descent.runs.sweep_identity import SWEEP_ID, SWEPT_NAMES, job_name

if TYPE_CHECKING:
    from descent.runs.tracked_run import TrackedRun


class JobNotes(RecordListener, Protocol):
    """Hears of a job's progress, and of its run's record."""

    def begin(self) -> None:
        """The job begins; KeyboardInterrupt where it is not to."""

    def fail(self, reason: str, is_users: bool) -> None:
        """It failed, for a reason in one line, which a user caused or a fault."""

    def end(self, result: RunResult) -> None:
        """Its run is there."""


class OpenJob:
    """A job of a sweep, as a context: its run is opened on entry, trained inside, and finished on exit.

    A job that fails says why, and does not stop the others.

    Args:
        composed: its configuration.
        request: how its run is requested.
        notes: hear how far it is.

    Attributes:
        run: the run to train; None where it is there already, or the job has failed.
        value: what the job is ranked by, once it is over: infinitely bad where the run diverged, None where it failed.
    """

    def __init__(self, composed: DictConfig, request: RunRequest, notes: JobNotes) -> None:
        self.composed, self.request, self.notes = composed, request, notes
        self.run: TrackedRun | None = None
        self.value: float | None = None
        self.result: RunResult | None = None
        self.until_over = ExitStack()

    def __enter__(self) -> Self:
        self.notes.begin()
        try:
            self.config = typed(TrainConfig, self.composed)
            self.result = finished_run(self.config)
            if self.result is None:
                from descent.core import numerics  # PyTorch takes seconds to import
                from descent.runs.tracked_run import tracked_run

                numerics.configure_torch()
                self.run = self.until_over.enter_context(tracked_run(self.config, self.request, self.notes))
        except Exception as error:
            self._fail(error)
        return self

    def train(self) -> None:
        """Train its run alone."""
        if self.run is not None:
            from descent.runs.tracked_run import train_batch

            train_batch([self.run])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        fault = error
        try:
            self.until_over.__exit__(kind, error, trace)
        except Exception as raised:
            fault = raised
        if isinstance(fault, Exception):
            self._fail(fault)
            return True
        if fault is None:
            self.result = self.run.result if self.run else self.result
            if self.result is not None:
                self.notes.end(self.result)
                self.value = ranked_by(self.config.objective, self.result)
        return False

    def _fail(self, error: Exception) -> None:
        if isinstance(error, UserError):
            self.notes.fail(str(error), is_users=True)
        else:
            reason = " ".join(str(error).split()) or "no reason given"
            self.notes.fail(f"{type(error).__name__}: {reason}", is_users=False)


class SweepNotes:
    """Notes in the sweep's record how far a job is; the sweep brings its run to MLflow from there."""

    def __init__(self, sweep: SweepRecord, overrides: Sequence[str]) -> None:
        self.sweep, self.overrides = sweep, list(overrides)
        self.name = job_name(self.overrides, sweep.swept)
        self.folder: Path | None = None

    def begin(self) -> None:
        """Note that the job runs; KeyboardInterrupt where the sweep was ended before its turn."""
        self._stop_if_killed()
        self._note("running")

    def _stop_if_killed(self) -> None:
        if self.sweep.state().status == "KILLED":
            raise KeyboardInterrupt

    def _note(self, stage: Stage, folder: Path | None = None, reason: str | None = None) -> None:
        root = project_root()
        where = folder.relative_to(root) if folder and folder.is_relative_to(root) else folder
        record = RunRecord(folder).header.id if folder else None
        self.sweep.note(JobState(self.overrides, self.name, stage, str(where) if where else None, record, reason))

    def on_progress(self, folder: Path) -> None:
        """Note where the run's record grows, once; KeyboardInterrupt where the sweep was ended meanwhile."""
        self._stop_if_killed()
        if folder != self.folder:
            self.folder = folder
            self._note("running", folder)

    def on_complete(self, folder: Path) -> None:
        """Remember where the run's record is, now that it is whole or has failed."""
        self.folder = folder

    def fail(self, reason: str, is_users: bool) -> None:
        """Note why; a fault with the record that has its traceback."""
        self._note("failed", None if is_users else self.folder, reason)

    def end(self, result: RunResult) -> None:
        """Note where the run is, and print how it ended."""
        trained: Stage = "resumed" if result.was_begun else "trained"
        self._note("skipped" if result.was_finished else trained, result.folder)
        metrics = "  ".join(f"{name} {value:.4g}" for name, value in result.metrics.items())
        print(f"{self.name}: {result.result}  {metrics}")


def open_job(composed: DictConfig, sweep: SweepRecord, request: RunRequest) -> OpenJob:
    """A job of a sweep whose record is at hand."""
    notes = SweepNotes(sweep, request.overrides)
    return OpenJob(composed, request.named(notes.name, sweep.header.id), notes)


def of_sweep(request: RunRequest) -> RunRequest:
    """The request of a run, as a job of the sweep that its environment names."""
    return request.named(job_name(list(request.overrides), os.environ[SWEPT_NAMES].split()), os.environ[SWEEP_ID])


def ranked_by(objective: Objective, result: RunResult) -> float | None:
    """The metric that the objective names; infinitely bad where the run diverged, None if missing."""
    if result.result == "diverged":
        return -math.inf if objective.direction == "maximize" else math.inf
    return result.metrics.get(objective.metric)
