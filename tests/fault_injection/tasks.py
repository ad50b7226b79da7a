"""What is put under faults: the tasks of a process that has imported everything, each in a project's folder."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from descent import cli
from descent.commands import sync
from descent.core.config import TrainConfig
from descent.errors import UserError
from descent.records.listener import NullListener
from descent.records.run import run_folders
from descent.records.sweep import sweep_folders
from descent.runs.composition import CommandLine
from descent.runs.identity import RunRequest
from descent.runs.sweep import open_sweep, run_sweep
from descent.runs.sweep_identity import identity_overrides
from descent.runs.sweep_task import SweepTask
from descent.runs.train import train
from descent.tracking.sync_worker import process_records

COMMON = ("tracking=none", "trainer.chunk_size=2", "trainer.checkpoint_seconds=0", "evaluation.every=2")
RUN = ("problem=bowl", "trainer.max_steps=6", "run_dir=runs/run", *COMMON)
SWEEP = ("-m", "problem=bowl", "trainer.max_steps=4", "optimizer.lr=0.1,0.2", "hydra/launcher=fused", *COMMON)
STORE = "sqlite:///mlflow.db"


def train_a_run(*overrides: str) -> None:
    """Train a run of one parameter, as `descent train` does."""
    line = CommandLine("train", TrainConfig, (*RUN, *overrides))
    line.run(lambda config: train(config, RunRequest()))


def train_a_sweep(*overrides: str) -> None:
    """Train a sweep of two runs as a batch, as `descent train -m` does."""
    line = CommandLine("train", TrainConfig, (*SWEEP, *overrides))
    common = line.common
    assert common is not None
    sweep = open_sweep(common)
    run_sweep(sweep, partial(line.sweep, SweepTask(), *identity_overrides(sweep)), NullListener())


def sync_all() -> None:
    """Bring all records to the store, as `descent sync` does."""
    sync.main(["--uri", STORE])


def work() -> None:
    """Draw all runs and sync all records, as the background process does."""
    folders = [*run_folders([Path("runs")]), *sweep_folders([Path("sweeps")])]
    errors = process_records([f"{folder.absolute()}\n" for folder in folders], f"sqlite:///{Path.cwd()}/mlflow.db", 100)
    if errors:
        raise UserError("; ".join(errors))


TRAINING = ("run", "sweep")
"""The tasks that train."""
TASKS: dict[str, Callable[[], None]] = {
    "run": train_a_run, "sweep": train_a_sweep, "sync": sync_all, "worker": work,
}  # fmt: skip
OTHER_CHUNKS: dict[str, Callable[[], None]] = {
    "run with larger chunks": partial(train_a_run, "trainer.chunk_size=3"),
    "sweep with larger chunks": partial(train_a_sweep, "trainer.chunk_size=3"),
}
"""Training with a setting that changes no run."""


def exit_code(task: str) -> int | str | None:
    """Do a task; return its exit code as a command's: an error of one line, as the command prints it."""
    return cli.exit_code(task, (TASKS | OTHER_CHUNKS)[task])
