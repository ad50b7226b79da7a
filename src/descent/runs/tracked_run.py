"""One run, from a composed configuration to its record."""

import sys
import traceback
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import Self, TypeVar

from descent.core.build import RunComponents, assemble
from descent.core.config import TrainConfig
from descent.core.training.checkpoint import TrainState
from descent.core.training.evaluation import result_of
from descent.core.training.landscape import Trained
from descent.core.training.loop import descend
from descent.core.training.module import Descent
from descent.errors import UserError
from descent.project import project_root
from descent.records.folder import RECORD, VIEWS, now, refuse_first_version
from descent.records.lineage import ABOUT, dvc_tags, flat, git_tags, inputs, run_key
from descent.records.listener import NullListener, RecordListener
from descent.records.locks import folder_lock
from descent.records.run import (
    EVALUATIONS,
    HEADER,
    RESULT,
    STEPS,
    SWEEP_OF,
    TRAJECTORY,
    Header,
    Result,
    RunRecord,
)

Value = TypeVar("Value")
LEFT_BY_DVC = {VIEWS, ".gitignore"}
"""What is in the folder of a run whose record DVC removed."""


@dataclass(frozen=True)
class RunRequest:
    """How a run was asked for.

    Args:
        overrides: the command line's.
        choices: the choice from each group of the configuration.
        name: what to call the run; None for the experiment's name.
        sweep: the id of the sweep it is a job of, if it is.
    """

    overrides: Sequence[str] = ()
    choices: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    sweep: str | None = None

    def named(self, name: str, sweep: str) -> Self:
        """The same as a job of a sweep."""
        return replace(self, name=name, sweep=sweep)


@dataclass(frozen=True)
class RunResult:
    """What became of a run.

    Args:
        folder: of its record.
        result: how it ended.
        metrics: its final metrics.
        was_finished: whether it was there already.
        was_begun: whether it was taken up from where it had been interrupted.
    """

    folder: Path
    result: Result
    metrics: dict[str, float]
    was_finished: bool = False
    was_begun: bool = False


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
    folder = root / (config.run_dir or f"runs/{config.name}-{header.key[:8]}")
    growing = folder.with_name(f"{folder.name}.{header.key[:8]}.unfinished")
    done = _finished(folder, header.key)
    if done is not None:
        with suppress(OSError):  # which is empty where a process was killed between its last two changes
            growing.rmdir()
        return _outcome(done, was_finished=True)
    waiting = f"another process is training this run in {growing}; waiting for it"
    with folder_lock(growing, waiting, wait=True):
        done = _finished(folder, header.key)
        if done is not None:  # by the process that was waited for
            return _outcome(done, was_finished=True)
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
    return _outcome(RunRecord(folder), was_begun=was_begun)


def _header(config: TrainConfig, parts: RunComponents, asked: RunRequest, root: Path) -> Header:
    # Words about the run stand in its config.yaml; params are what runs are compared by.
    params = {name: value for name, value in flat(config.to_dict()).items() if name not in ABOUT}
    params["trainer.accelerator"] = parts.accelerator
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


def _finished(folder: Path, key: str) -> RunRecord | None:
    """The record in a folder, if it is of a run with this key; a folder that holds anything else is left alone."""
    refuse_first_version(folder, HEADER)
    if not folder.exists() or {path.name for path in folder.iterdir()} <= LEFT_BY_DVC:
        return None
    if (folder / RECORD / RESULT).exists():
        record = RunRecord(folder)
        if record.header.key == key:
            return record
        raise UserError(
            f"{folder} holds another run (key {record.header.key[:8]}); remove it or choose another run_dir"
        )
    raise UserError(f"{folder} is there and holds no finished run; remove it or choose another run_dir")


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


def _outcome(record: RunRecord, *, was_finished: bool = False, was_begun: bool = False) -> RunResult:
    ending = record.ending()
    assert ending is not None
    return RunResult(record.folder, ending.result, record.metrics(), was_finished, was_begun)
