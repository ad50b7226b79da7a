"""Descent's own training loop, measured."""

import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir

from descent.core.build import assemble
from descent.core.config import TrainConfig
from descent.project import project_root
from descent.records.folder import now
from descent.records.header import Header
from descent.records.run import EVALUATIONS, STEPS, RunRecord
from descent.runs.composition import typed
from descent.runs.tracked_run import TrackedRun
from descent.runs.train import train_runs
from descent.tracking.background import BackgroundSync

PATIENCE = 300
"""Seconds to wait for MLflow's process at most."""


def composed(*overrides: str) -> TrainConfig:
    """What `descent train` would compose."""
    with initialize_config_dir(str(project_root() / "conf"), version_base="1.3"):
        return typed(TrainConfig, compose("train", list(overrides)))


def seconds_of(config: TrainConfig) -> float:
    """Seconds of the whole training loop of a run, with evaluations and records, synced to MLflow meanwhile."""
    return seconds_together([config])


def seconds_together(configs: Sequence[TrainConfig]) -> float:
    """The same of runs that are trained as batches, if there are several."""
    with _runs(configs) as runs:
        started = time.perf_counter()
        _train(runs)
        return time.perf_counter() - started


def seconds_of_steps(configs: Sequence[TrainConfig]) -> float:
    """Seconds of the steps alone of runs, trained as batches."""
    with _runs(configs) as runs:
        _train(runs)
        return sum(run.training.state.seconds for run in runs if run.training is not None)


def _train(runs: Sequence[TrackedRun]) -> None:
    train_runs(runs)
    for run in runs:
        if run.error is not None:
            raise run.error


@contextmanager
def _runs(configs: Sequence[TrainConfig]) -> Iterator[list[TrackedRun]]:
    """The runs, with records of their own, which the sync worker logs to a store of their own meanwhile."""
    with tempfile.TemporaryDirectory() as name:
        folder, tracking = Path(name), configs[0].tracking
        sync = BackgroundSync(f"sqlite:///{folder}/mlflow.db", tracking.max_points, flush_timeout=600)
        _wait_until_it_syncs(sync, folder)
        runs = []
        for number, config in enumerate(configs):
            components = assemble(config)
            rows = {STEPS: components.plan.steps, EVALUATIONS: len(components.plan.evaluations)}
            record = _record(folder / str(number), rows)
            runs.append(TrackedRun(config, record, sync, components))
        yield runs
        sync.finish()


def _wait_until_it_syncs(sync: BackgroundSync, folder: Path) -> None:
    """Wait until MLflow's process has imported MLflow and made the store: a run imports Lightning meanwhile."""
    first = _record(folder / "first", {STEPS: 1, EVALUATIONS: 1})
    first.append(STEPS, [{"step": 1, "timestamp": now(), "loss/step": 1.0, "grad_norm": 1.0}])
    side = np.linspace(-1, 1, 3)
    arrays = {"first": side, "second": side, "heights": np.zeros((3, 3)), "path": np.zeros((2, 2))}
    counts = {"steps": np.array([0, 1]), "explained": np.ones(2), "examples": np.array(1)}
    first.save_landscape({"kind": np.array("plane"), **arrays, **counts})
    first.finish("finished", 1, {})
    sync.on_complete(first.folder)
    deadline = time.monotonic() + PATIENCE
    while not _has_a_finished_run(folder / "mlflow.db"):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the sync worker has logged nothing in {PATIENCE} s")
        time.sleep(0.1)


def _has_a_finished_run(store: Path) -> bool:
    if not store.exists():
        return False
    with closing(sqlite3.connect(store)) as database, suppress(sqlite3.OperationalError):  # tables are still being made
        return bool(database.execute("select 1 from runs where status = 'FINISHED'").fetchone())
    return False


def _record(folder: Path, rows: dict[str, int]) -> RunRecord:
    header = Header(f"benchmark-{folder.name}", "", "benchmark", "benchmark", now(), {}, {}, [], rows)
    return RunRecord.create(folder, header, "")
