"""Descent's own training loop, measured."""

import shutil
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from descent.assembly import assemble
from descent.experiment import Run, take_steps
from descent.fused import take_steps_together
from descent.project import project_root
from descent.tracking.background import BackgroundSync
from descent.tracking.record import EVALUATIONS, STEPS, Header, RunRecord, now


def composed(*overrides: str) -> DictConfig:
    """What `descent train` would compose."""
    with initialize_config_dir(str(project_root() / "conf"), version_base="1.3"):
        return compose("train", list(overrides))


def seconds_of(config: DictConfig) -> float:
    """Seconds of the whole training loop of a run, evaluations and records and all, brought to MLflow meanwhile."""
    return seconds_together([config])


def seconds_together(configs: Sequence[DictConfig]) -> float:
    """The same of runs that are trained together, if there are several."""
    folder = Path(tempfile.mkdtemp())
    tracking = configs[0].tracking
    sync = BackgroundSync(f"sqlite:///{folder}/mlflow.db", tracking.points, patience=600)
    runs = []
    for number, config in enumerate(configs):
        parts = assemble(config)
        rows = {STEPS: parts.plan.steps, EVALUATIONS: len(parts.plan.evaluations)}
        header = Header(f"benchmark{number}", "", "benchmark", "benchmark", now(), {}, {}, [], rows)
        record = RunRecord.create(folder / str(number), header, "")
        runs.append(Run(config, parts, record, partial(sync.notify, record.folder)))
    started = time.perf_counter()
    if len(runs) == 1:
        take_steps(runs[0])
    else:
        take_steps_together(runs)
    seconds = time.perf_counter() - started
    sync.finish()
    shutil.rmtree(folder)
    return seconds
