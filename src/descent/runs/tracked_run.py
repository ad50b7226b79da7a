"""One run, from a typed configuration to its record."""

import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from threading import get_ident

from descent.core.build import assemble
from descent.core.config import TrainConfig
from descent.core.own_modules import forget_outdated
from descent.core.problems.surface import Surface
from descent.core.training.evaluation import result_of
from descent.core.training.landscape import TrainedRun
from descent.core.training.surface_metrics import surface_metrics
from descent.core.training.training_run import RunComponents, TrainingRun
from descent.errors import UserError
from descent.project import project_root
from descent.records.code import code_of, own_modules
from descent.records.criterion import STEPS_TO_TARGET, TRAIN_LOSS, Criterion
from descent.records.files import flush, make_folder
from descent.records.folder import RECORD, VIEWS, now
from descent.records.header import Header, Result
from descent.records.lineage import dvc_tags, git_tags, hashed_examples, hashed_inputs, run_key, source_tags
from descent.records.listener import NullListener, RecordListener
from descent.records.locks import folder_lock
from descent.records.run import BEST, EVALUATIONS, HEADER, OVERRIDES, STEPS, SWEEP_OF, RunRecord
from descent.records.tables import Table
from descent.runs.dry_run import dry_run
from descent.runs.identity import (
    RunRequest,
    RunResult,
    finished,
    folder_of,
    params_of,
    remove_unfinished,
    result_of_record,
    unfinished_folder,
)


@dataclass(eq=False)
class TrackedRun:
    """A run with a record, between its opening and its end.

    Args:
        config: the configuration.
        record: the run's.
        listener: is notified of changes of the record.
        components: what the run is made of; None where no step is left to take.
        training: the run in training; None until it begins.
        result: what became of the run; None until it is known.
        error: what went wrong with its training, which then counts as raised.
    """

    config: TrainConfig
    record: RunRecord
    listener: RecordListener
    components: RunComponents | None = None
    training: TrainingRun | None = None
    result: RunResult | None = None
    error: Exception | None = None


@contextmanager
def tracked_run(
    config: TrainConfig, request: RunRequest | None = None, listener: RecordListener | None = None
) -> Iterator[TrackedRun]:
    """Open the record of a run, new or interrupted, for its training, and finish it.

    The record grows beside `run_dir`, in a folder that carries the run's key, and moves there when it is whole.
    Another process that trains the same run is waited for.

    Args:
        config: what to train, and how.
        request: how the run is requested.
        listener: is notified when the record has grown and when it is complete.

    Raises:
        UserError: for a configuration that can't be trained.
    """
    request, listener = request or RunRequest(), listener or NullListener()
    forget_outdated(own_modules(config.to_dict()))
    components = assemble(config)
    header = _header(config, components, request)
    folder = folder_of(config, header.key)
    unfinished = unfinished_folder(folder, header.key)
    record = finished(folder, header.key, replace=config.replace)
    if record is not None:
        remove_unfinished(folder, header.key)
        yield TrackedRun(config, record, listener, result=result_of_record(record, was_finished=True))
        return
    thread_and_folder = get_ident(), unfinished
    if thread_and_folder in _open:
        yield from _same_run(TrackedRun(config, RunRecord(unfinished), listener), folder)
        return
    message = f"another process is training this run in {unfinished}; waiting for it"
    with folder_lock(unfinished, message, wait=True):
        record = finished(folder, header.key, replace=config.replace)
        if record is not None:  # by the process that was waited for
            yield TrackedRun(config, record, listener, result=result_of_record(record, was_finished=True))
            return
        was_begun = (unfinished / RECORD / HEADER).exists()
        if not was_begun:
            dry_run(config, components)
        record = RunRecord(unfinished) if was_begun else RunRecord.create(unfinished, header, config.to_yaml())
        _open.add(thread_and_folder)
        run = TrackedRun(config, record, listener)
        if record.ending() is None:  # else the process was killed before it moved the record to its folder
            run.components = components
        try:
            yield run
            if run.error is not None:
                raise run.error
            if run.components is not None:
                assert run.training is not None  # else nobody has trained it
                _finish(run.training, config, record)
        except Exception:
            record.fail(traceback.format_exc())
            listener.on_complete(unfinished)
            raise
        finally:
            _open.discard(thread_and_folder)
        _move(record, folder, replace=config.replace)
    listener.on_complete(folder)
    run.result = result_of_record(RunRecord(folder), was_begun=was_begun)


_open: set[tuple[int, Path]] = set()
"""The runs that are open, by thread and folder: which of them a thread must not wait for."""


def _same_run(run: TrackedRun, folder: Path) -> Iterator[TrackedRun]:
    """Yield a run that another context of this thread trains, and look for it in its folder after that has closed."""
    yield run
    record = finished(folder, run.record.header.key)
    if record is None:
        raise UserError(f"{folder}: another job of this sweep trains this run, and has failed")
    run.result = result_of_record(record, was_finished=True)


def _header(config: TrainConfig, components: RunComponents, request: RunRequest) -> Header:
    root = project_root()
    params = params_of(config, components.accelerator, request.sweep)
    files, code = hashed_inputs(components.data.files, root), code_of(config.to_dict())
    inputs = [*files, *hashed_examples(components.data.digest)]
    return Header(
        id=uuid.uuid4().hex,
        key=run_key(params, inputs, code),
        name=request.name or config.name,
        problem=config.problem_name,
        created=now(),
        params={**request.choices, **params},  # a choice is only another name of what it sets
        tags={
            **git_tags(root),
            **source_tags(request.overrides),
            **dvc_tags(files),
            OVERRIDES: " ".join(request.overrides),
            **({SWEEP_OF: request.sweep} if request.sweep else {}),
        },
        inputs=inputs,
        rows={STEPS: components.plan.steps, EVALUATIONS: len(components.plan.evaluations)},
        code=code,
    )


def _move(record: RunRecord, folder: Path, *, replace: bool) -> None:
    """Move a whole record to the run's folder; views that are there are of a run that was removed, or is replaced."""
    record.remove_temporary()  # which a process that was killed may have left
    make_folder(folder)
    for outdated in (VIEWS, RECORD) if replace else (VIEWS,):
        if (folder / outdated).exists():
            rmtree(folder / outdated)
    record.files.replace(folder / RECORD)
    record.folder.rmdir()
    for changed in (folder, folder.parent):
        flush(changed)


def _finish(training: TrainingRun, config: TrainConfig, record: RunRecord) -> None:
    """Write down the loss around the path, and close the record with the last evaluation."""
    components, state = training.components, training.state
    result: Result = "stopped"
    if not state.stopped:
        result = result_of(components.problem, components.data.train, config.tolerance, diverged=state.diverged)
    last = record.read(EVALUATIONS)
    row = zip(last.columns[2:], last.rows[-1][2:], strict=True)
    metrics = {name: value for name, value in row if value is not None}
    if isinstance(components.problem, Surface):
        metrics |= surface_metrics(components.problem, record, result, config.tolerance)
    metrics["seconds_per_step"] = state.seconds / state.steps_taken
    metrics["diverged"] = float(state.diverged)
    if state.gradient_evaluations != state.steps_taken:
        metrics["gradient_evaluations"] = float(state.gradient_evaluations)
    metrics |= _best(config.objective.criterion, last)
    if config.reached is not None:
        metrics[STEPS_TO_TARGET] = config.reached.steps(record)
    if state.runs_in_batch > 1:
        metrics["runs_in_batch"] = float(state.runs_in_batch)
    trained = TrainedRun(components.problem, components.data.train, components.sampler, components.plan, record)
    record.save_landscape(components.landscape(trained))
    record.finish(result, state.steps_taken, metrics)


def _best(objective: Criterion, evaluations: Table) -> dict[str, float]:
    """The best value of the objective at an evaluation, and after how many steps; of a run that lacks it, of its loss.

    The test examples have no part in it, unless they are the objective's.
    """
    for criterion in (objective, Criterion(TRAIN_LOSS, "minimize")):
        best = criterion.best(evaluations)
        if best is not None:
            return {f"{BEST}{criterion.metric}": best[0], f"{BEST}step": best[1]}
    return {}
