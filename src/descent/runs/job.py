"""One job of a sweep: opens its run, which is trained alone or in a batch, and reports its progress."""

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
from descent.runs.ending import ending_line
from descent.runs.identity import RunRequest, RunResult, finished_run
from descent.runs.sweep_identity import SWEEP_ID, SWEPT_NAMES, job_name

if TYPE_CHECKING:
    from descent.runs.tracked_run import TrackedRun


class JobListener(RecordListener, Protocol):
    """Is called with the progress of a job, and when the record of its run changes."""

    def begin(self) -> None:
        """Called when the job starts; raises KeyboardInterrupt if its sweep was interrupted."""

    def fail(self, reason: str, is_users: bool) -> None:
        """Called when the job has failed, with the reason in one line, and whether it is an error of the user's."""

    def end(self, result: RunResult) -> None:
        """Called when the job's run is finished."""


class OpenJob:
    """A job of a sweep, as a context: its run is opened on entry, trained inside, and finished on exit.

    A job that fails reports why, and does not stop the other jobs.

    Args:
        composed: its configuration.
        request: how its run is requested.
        listener: is called with its progress.

    Attributes:
        run: the run to train; None if it is finished already, or the job has failed.
        value: the objective's value once the job has ended: infinitely bad if the run diverged, nan if it was stopped,
            None if it failed.
    """

    def __init__(self, composed: DictConfig, request: RunRequest, listener: JobListener) -> None:
        self.composed, self.request, self.listener = composed, request, listener
        self.run: TrackedRun | None = None
        self.value: float | None = None
        self.result: RunResult | None = None
        self.until_ended = ExitStack()

    def __enter__(self) -> Self:
        self.listener.begin()
        try:
            self.config = typed(TrainConfig, self.composed)
            self.result = finished_run(self.config, self.request.sweep)
            if self.result is None:
                from descent.core import numerics  # PyTorch takes seconds to import
                from descent.runs.tracked_run import tracked_run

                numerics.configure_torch()
                self.run = self.until_ended.enter_context(tracked_run(self.config, self.request, self.listener))
        except Exception as error:
            self._fail(error)
        return self

    def train(self) -> None:
        """Train its run alone."""
        if self.run is not None:
            from descent.runs.train import train_runs

            train_runs([self.run])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        fault = error
        try:
            self.until_ended.__exit__(kind, error, trace)
        except Exception as raised:
            fault = raised
        if isinstance(fault, Exception):
            self._fail(fault)
            return True
        if fault is None:
            self.result = self.run.result if self.run else self.result
            if self.result is not None:
                self.listener.end(self.result)
                self.value = objective_value(self.config.objective, self.result)
        return False

    def _fail(self, error: Exception) -> None:
        if isinstance(error, UserError):
            self.listener.fail(str(error), is_users=True)
        else:
            reason = " ".join(str(error).split()) or "no reason given"
            self.listener.fail(f"{type(error).__name__}: {reason}", is_users=False)


class JobStateWriter:
    """Writes the state of a job into the sweep's record, by which the sweep's process syncs its run to MLflow."""

    def __init__(self, sweep: SweepRecord, overrides: Sequence[str]) -> None:
        self.sweep, self.overrides = sweep, list(overrides)
        self.name = job_name(self.overrides, sweep.swept)
        self.folder: Path | None = None

    def begin(self) -> None:
        """Write that the job is running; raise KeyboardInterrupt if the sweep was interrupted before."""
        self._stop_if_killed()
        self._write("running")

    def _stop_if_killed(self) -> None:
        if self.sweep.state().status == "KILLED":
            raise KeyboardInterrupt

    def _write(self, stage: Stage, folder: Path | None = None, reason: str | None = None) -> None:
        root = project_root()
        where = folder.relative_to(root) if folder and folder.is_relative_to(root) else folder
        record = RunRecord(folder).header.id if folder else None
        self.sweep.write_job(JobState(self.overrides, self.name, stage, str(where) if where else None, record, reason))

    def on_progress(self, folder: Path) -> None:
        """Write the folder of the growing record, once; raise KeyboardInterrupt if the sweep was interrupted."""
        self._stop_if_killed()
        if folder != self.folder:
            self.folder = folder
            self._write("running", folder)

    def on_complete(self, folder: Path) -> None:
        """Keep the folder of the record, which is complete, or whose run has failed."""
        self.folder = folder

    def fail(self, reason: str, is_users: bool) -> None:
        """Write the reason, and unless the user caused it, the record, which has the traceback."""
        self._write("failed", None if is_users else self.folder, reason)

    def end(self, result: RunResult) -> None:
        """Write the folder of the run, and print how it ended."""
        trained: Stage = "resumed" if result.was_begun else "trained"
        self._write("skipped" if result.was_finished else trained, result.folder)
        print(ending_line(self.name, result))


def open_job(composed: DictConfig, sweep: SweepRecord, request: RunRequest) -> OpenJob:
    """A job of a sweep whose record is on this machine."""
    writer = JobStateWriter(sweep, request.overrides)
    return OpenJob(composed, request.named(writer.name, sweep.header.id), writer)


def sweep_job_request(request: RunRequest) -> RunRequest:
    """The request of a job's run, with the name and the sweep that the environment variables give."""
    return request.named(job_name(list(request.overrides), os.environ[SWEPT_NAMES].split()), os.environ[SWEEP_ID])


def objective_value(objective: Objective, result: RunResult) -> float | None:
    """The objective's value: infinitely bad if the run diverged, nan if it was stopped, None if it is missing."""
    if result.result == "stopped":
        return math.nan
    if result.result == "diverged":
        return -math.inf if objective.direction == "maximize" else math.inf
    return result.metrics.get(objective.metric)
