"""Descent's own training loop, measured."""

import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

from hydra import compose, initialize_config_dir

from descent.core.build import assemble
from descent.core.config import TrainConfig
from descent.core.training.checkpoint import TrainState
from descent.project import project_root
from descent.records.folder import now
from descent.records.run import EVALUATIONS, STEPS, Header, RunRecord
from descent.runs.composition import typed
from descent.runs.fused import groups, take_steps_together
from descent.runs.tracked_run import Run, take_steps
from descent.tracking.background import BackgroundSync

PATIENCE = 300
"""Seconds to wait for MLflow's process at most."""


def composed(*overrides: str) -> TrainConfig:
    """What `descent train` would compose."""
    with initialize_config_dir(str(project_root() / "conf"), version_base="1.3"):
        return typed(TrainConfig, compose("train", list(overrides)))


def seconds_of(config: TrainConfig) -> float:
    """Seconds of the whole training loop of a run, evaluations and records and all, brought to MLflow meanwhile."""
    return seconds_together([config])


def seconds_together(configs: Sequence[TrainConfig]) -> float:
    """The same of runs that are trained together, if there are several."""
    with _runs(configs) as runs:
        started = time.perf_counter()
        _take_steps(runs)
        return time.perf_counter() - started


def seconds_of_steps(configs: Sequence[TrainConfig]) -> float:
    """Seconds of the steps alone of runs, together as far as they are trained together."""
    with _runs(configs) as runs:
        taken = [_take_steps([runs[place] for place in places]) for places in groups(runs)]
        return sum(standing.seconds for standings in taken for standing in standings)


def _take_steps(runs: Sequence[Run]) -> list[TrainState]:
    return [take_steps(runs[0])] if len(runs) == 1 else take_steps_together(runs)


@contextmanager
def _runs(configs: Sequence[TrainConfig]) -> Iterator[list[Run]]:
    """The runs, with records of their own, which MLflow's process brings to a store of their own meanwhile."""
    with tempfile.TemporaryDirectory() as name:
        folder, tracking = Path(name), configs[0].tracking
        sync = BackgroundSync(f"sqlite:///{folder}/mlflow.db", tracking.max_points, flush_timeout=600)
        _wait_until_it_syncs(sync, folder)
        runs = []
        for number, config in enumerate(configs):
            parts = assemble(config)
            rows = {STEPS: parts.plan.steps, EVALUATIONS: len(parts.plan.evaluations)}
            record = _record(folder / str(number), rows)
            runs.append(Run(config, parts, record, partial(sync.on_progress, record.folder)))
        yield runs
        sync.finish()


def _wait_until_it_syncs(sync: BackgroundSync, folder: Path) -> None:
    """Wait until MLflow's process has imported MLflow and made the store: a run imports Lightning meanwhile."""
    first = _record(folder / "first", {STEPS: 1, EVALUATIONS: 1})
    first.finish("finished", 0, {})
    sync.on_complete(first.folder)
    deadline = time.monotonic() + PATIENCE
    while not _has_a_finished_run(folder / "mlflow.db"):
        if time.monotonic() > deadline:
            raise TimeoutError(f"MLflow's process has brought nothing in {PATIENCE} s")
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
