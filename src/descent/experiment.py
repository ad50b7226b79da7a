"""One run, from a composed configuration to its record, its picture and its place in MLflow."""

import fcntl
import os
import sys
import traceback
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from descent.assembly import Parts, assemble
from descent.errors import UserError
from descent.pictures import Descended
from descent.project import project_root
from descent.tracking.background import BackgroundSync
from descent.tracking.lineage import flat, git_tags, inputs, run_key
from descent.tracking.record import EVALUATIONS, STEPS, VISITED, Header, Result, RunRecord, now
from descent.training.evaluation import result_of
from descent.training.loop import descend
from descent.training.module import Descent


@dataclass(frozen=True)
class Outcome:
    """What became of a run: its record's folder, its result, its final metrics, and whether it was there already."""

    folder: Path
    result: Result
    metrics: dict[str, float]
    was_finished: bool


def train(config: DictConfig, overrides: Sequence[str] = (), sync: BackgroundSync | None = None) -> Outcome:
    """Train what a configuration describes, unless it is done, and from where it stands if it was interrupted.

    The record grows beside `run_dir`, in a folder that carries the run's key, and moves there when it is whole.

    Args:
        config: composed from conf/train.yaml.
        overrides: the command line's, for the record.
        sync: brings the record to MLflow while it grows and when it is whole; None for the record alone.

    Raises:
        UserError: for a configuration that can't be trained.
    """
    root = project_root()
    parts = assemble(config)
    header = _header(config, parts, overrides, root)
    folder = root / (config.run_dir or f"runs/{config.name}-{header.key[:8]}")
    done = _finished(folder, header.key)
    if done is not None:
        return _outcome(done, was_finished=True)

    growing = folder.with_name(f"{folder.name}.{header.key[:8]}.unfinished")
    with _alone(growing):
        record = _open(growing, header, OmegaConf.to_yaml(config, resolve=True))
        if record.ending() is None:  # or it was killed on its way to its folder
            try:
                notify = partial(sync.notify, growing) if sync else _nobody
                module = descend_as_configured(config, parts, record, notify)
                _end(config, parts, module, record)
            except SystemExit as stop:
                print("the same command goes on from the last checkpoint", file=sys.stderr)
                raise KeyboardInterrupt from stop  # which is what Lightning took it for
            except Exception:
                record.fail(traceback.format_exc())
                if sync:
                    sync.bring(growing)
                raise
        (growing / VISITED).unlink(missing_ok=True)
        growing.replace(folder)
    if sync:
        sync.bring(folder)
    return _outcome(RunRecord(folder), was_finished=False)


def _header(config: DictConfig, parts: Parts, overrides: Sequence[str], root: Path) -> Header:
    container = OmegaConf.to_container(config, resolve=True)
    assert isinstance(container, dict)
    params = flat({str(name): value for name, value in container.items()})
    params["trainer.accelerator"] = parts.accelerator
    files = inputs(parts.data.files, root)
    return Header(
        id=uuid.uuid4().hex,
        key=run_key(params, files),
        name=config.name,
        problem=config.problem_name,
        created=now(),
        params=params,
        tags={
            **git_tags(root),
            **{f"dvc.{source.path}": source.digest for source in files},
            "hydra.overrides": " ".join(overrides),
        },
        inputs=files,
        rows={STEPS: parts.plan.steps, EVALUATIONS: len(parts.plan.evaluations)},
    )


def _finished(folder: Path, key: str) -> RunRecord | None:
    """The record in a folder, if it is of a run with this key; a folder that holds anything else is left alone."""
    if not folder.exists() or not any(folder.iterdir()):
        return None
    if (folder / "result.json").exists():
        record = RunRecord(folder)
        if record.header.key == key:
            return record
        raise UserError(
            f"{folder} holds another run (key {record.header.key[:8]}); remove it or choose another run_dir"
        )
    raise UserError(f"{folder} is there and holds no finished run; remove it or choose another run_dir")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep every other process from training the same run in the same place."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise UserError(f"another process is training this run in {folder}; wait for it") from error
    finally:
        os.close(handle)


def _open(folder: Path, header: Header, config: str) -> RunRecord:
    """The record that an interrupted run left, or a new one."""
    if (folder / "run.json").exists():
        return RunRecord(folder)
    return RunRecord.create(folder, header, config)


def descend_as_configured(config: DictConfig, parts: Parts, record: RunRecord, notify: Callable[[], None]) -> Descent:
    """Train the parts into the record; the module, at its end."""
    module = Descent(
        parts.problem, parts.data.train, parts.gradient, parts.optimizer, parts.schedule, bound=config.bound
    )
    descend(
        module,
        parts.data,
        parts.minibatches,
        parts.plan,
        record,
        parts.accelerator,
        config.trainer.steps_per_call,
        config.trainer.checkpoint_seconds,
        notify,
    )
    return module


def _end(config: DictConfig, parts: Parts, module: Descent, record: RunRecord) -> None:
    """Draw the descent, and close the record with the last evaluation."""
    last = record.read(EVALUATIONS)
    row = zip(last.columns[2:], last.rows[-1][2:], strict=True)
    metrics = {name: value for name, value in row if value is not None}
    metrics["seconds_per_step"] = module.seconds / module.steps_taken
    metrics["diverged"] = float(module.diverged)
    result = result_of(parts.problem, parts.data.train, config.tolerance, diverged=module.diverged)
    parts.draw(
        Descended(
            title=f"{config.name}: {result} after {module.steps_taken:,} steps, lr {config.optimizer.lr:g}",
            problem=parts.problem,
            data=parts.data,
            minibatches=parts.minibatches,
            plan=parts.plan,
            record=record,
            diverged=module.diverged,
        )
    )
    record.finish(result, module.steps_taken, metrics)


def _nobody() -> None:
    """Stands for the background sync where there is no MLflow."""


def _outcome(record: RunRecord, *, was_finished: bool) -> Outcome:
    ending = record.ending()
    assert ending is not None
    return Outcome(record.folder, ending.result, record.metrics(), was_finished)
