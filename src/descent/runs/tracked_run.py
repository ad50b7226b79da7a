"""One run, from a composed configuration to its record."""

import sys
import traceback
import uuid
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import TypeVar

from descent.core.build import RunComponents, assemble
from descent.core.config import TrainConfig
from descent.core.training.checkpoint import TrainState
from descent.core.training.evaluation import result_of
from descent.core.training.landscape import Trained
from descent.core.training.loop import descend
from descent.core.training.module import Descent
from descent.project import project_root
from descent.records.folder import RECORD, VIEWS, now
from descent.records.lineage import dvc_tags, git_tags, inputs, run_key
from descent.records.listener import NullListener, RecordListener
from descent.records.locks import folder_lock
from descent.records.run import (
    EVALUATIONS,
    HEADER,
    STEPS,
    SWEEP_OF,
    TRAJECTORY,
    Header,
    RunRecord,
)
from descent.runs.identity import RunRequest, RunResult, finished, folder_of, params_of, result_of_record

Value = TypeVar("Value")


@dataclass(frozen=True)
class Run:
    """A run whose steps are to be taken, into its record.

    Args:
        config: the configuration.
        parts: what it describes.
        record: the run's.
        on_progress: told whenever readers can see more of the record.
    """

    config: TrainConfig
    parts: RunComponents
    record: RunRecord
    on_progress: Callable[[], None]


def train(config: TrainConfig, asked: RunRequest | None = None, listener: RecordListener | None = None) -> RunResult:
    """Train what a configuration describes, by itself, as `course` has it."""
    return go_alone(course(config, asked, listener))


def course(
    config: TrainConfig, asked: RunRequest | None = None, listener: RecordListener | None = None
) -> Generator[Run, TrainState, RunResult]:
    """The course of a run, unless it is done, from where it stands if it was interrupted.

    It waits, once, for whoever takes the run's steps, alone or together with others, and is told how it then stands.

    The record grows beside `run_dir`, in a folder that carries the run's key, and moves there when it is whole.

    Another process that trains the same run is waited for.

    Args:
        config: what to train, and how.
        asked: how it was asked for.
        listener: is told while the record grows and when it is whole.

    Raises:
        UserError: for a configuration that can't be trained.
    """
    asked, listener = asked or RunRequest(), listener or NullListener()
    root = project_root()
    parts = assemble(config)
    header = _header(config, parts, asked, root)
    folder = folder_of(config, header.key)
    growing = folder.with_name(f"{folder.name}.{header.key[:8]}.unfinished")
    done = finished(folder, header.key)
    if done is not None:
        with suppress(OSError):  # which is empty where a process was killed between its last two changes
            growing.rmdir()
        return result_of_record(done, was_finished=True)
    waiting = f"another process is training this run in {growing}; waiting for it"
    with folder_lock(growing, waiting, wait=True):
        done = finished(folder, header.key)
        if done is not None:  # by the process that was waited for
            return result_of_record(done, was_finished=True)
        record, was_begun = _open(growing, header, config.to_yaml())
        if record.ending() is None:  # or it was killed on its way to its folder
            try:
                run = Run(config, parts, record, partial(listener.on_progress, growing))
                _end(run, (yield run))
            except (KeyboardInterrupt, SystemExit) as stop:  # which is what Lightning makes of it
                print("the same command goes on from the last checkpoint", file=sys.stderr)
                raise KeyboardInterrupt from stop
            except Exception:
                record.fail(traceback.format_exc())
                listener.on_complete(growing)
                raise
        (growing / RECORD / TRAJECTORY).unlink(missing_ok=True)
        _move(growing, folder)
    listener.on_complete(folder)
    return result_of_record(RunRecord(folder), was_begun=was_begun)


def _header(config: TrainConfig, parts: RunComponents, asked: RunRequest, root: Path) -> Header:
    params = params_of(config, parts.accelerator)
    files = inputs(parts.data.files, root)
    return Header(
        id=uuid.uuid4().hex,
        key=run_key(params, files),
        name=asked.name or config.name,
        problem=config.problem_name,
        created=now(),
        params={**asked.choices, **params},  # a choice is only another name of what it brings along
        tags={
            **git_tags(root),
            **dvc_tags(files),
            "hydra.overrides": " ".join(asked.overrides),
            **({SWEEP_OF: asked.sweep} if asked.sweep else {}),
        },
        inputs=files,
        rows={STEPS: parts.plan.steps, EVALUATIONS: len(parts.plan.evaluations)},
    )


def _move(growing: Path, folder: Path) -> None:
    """Bring a whole record to the run's folder; views that stand there are of a run that was removed."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / VIEWS).exists():
        rmtree(folder / VIEWS)
    (growing / RECORD).replace(folder / RECORD)
    growing.rmdir()


def _open(folder: Path, header: Header, config: str) -> tuple[RunRecord, bool]:
    """The record that an interrupted run left, or a new one, and whether it was there."""
    if (folder / RECORD / HEADER).exists():
        return RunRecord(folder), True
    return RunRecord.create(folder, header, config), False


def go_alone(course: Generator[Run, TrainState, Value]) -> Value:
    """Go through a course with a run that is trained by itself, if it comes to one; what it returns."""
    try:
        run = next(course)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    return go_on(course, partial(take_steps, run))


def go_on(course: Generator[Run, TrainState, Value], take_steps: Callable[[], TrainState]) -> Value:
    """Go through a course that waits for its run's steps; what it returns."""
    try:
        try:
            standing = take_steps()
        except BaseException as error:
            course.throw(error)
        else:
            course.send(standing)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise AssertionError("a course waits once")


def take_steps(run: Run) -> TrainState:
    """Take the steps of a run by itself."""
    parts, trainer = run.parts, run.config.trainer
    module = Descent(
        parts.problem,
        parts.data.train,
        parts.gradient,
        parts.optimizer,
        parts.schedule,
        divergence_threshold=run.config.divergence_threshold,
    )
    descend(
        module,
        parts.data,
        parts.minibatches,
        parts.plan,
        run.record,
        parts.accelerator,
        trainer.chunk_size,
        trainer.checkpoint_seconds,
        run.on_progress,
    )
    return module.standing


def _end(run: Run, standing: TrainState) -> None:
    """Write down the loss around the path, and close the record with the last evaluation."""
    config, parts, record = run.config, run.parts, run.record
    last = record.read(EVALUATIONS)
    row = zip(last.columns[2:], last.rows[-1][2:], strict=True)
    metrics = {name: value for name, value in row if value is not None}
    metrics["seconds_per_step"] = standing.seconds / standing.steps_taken
    metrics["diverged"] = float(standing.diverged)
    result = result_of(parts.problem, parts.data.train, config.tolerance, diverged=standing.diverged)
    trained = Trained(parts.problem, parts.data.train, parts.minibatches, parts.plan, record)
    record.save_landscape(parts.landscape(trained))
    record.finish(result, standing.steps_taken, metrics)
