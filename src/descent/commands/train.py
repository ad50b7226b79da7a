"""Train an experiment, or the jobs of a sweep; track, draw and compare the runs."""

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from descent.core.config import SweepConfig, Tracking, TrainConfig
from descent.records.folder import VIEWS
from descent.records.listener import NullListener, RecordListener
from descent.runs.composition import CommandLine, typed, without_hydra
from descent.tracking.background import BackgroundSync

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from descent.records.sweep import SweepRecord
    from descent.runs.identity import RunRequest, RunResult
    from descent.runs.job import OpenJob


def main(words: Sequence[str]) -> None:
    """Train the configuration that the command line composes: one run, or the jobs of a multirun."""
    line = CommandLine("train", TrainConfig, words)
    if line.show():
        return
    try:
        with ExitStack() as until_synced:
            if line.common is None:
                line.run(partial(_train, until_synced))
            else:
                _sweep(until_synced, line, line.common)
    except KeyboardInterrupt:
        sys.stdout.flush()  # so that the message comes last if both streams go to one file
        print("the same command resumes from the last checkpoint", file=sys.stderr)
        raise


def _train(until_synced: ExitStack, config: TrainConfig) -> None:
    from descent.runs.identity import finished_run

    result = finished_run(config)
    if result is None:
        result = _trained(until_synced, config)
    elif not (result.folder / VIEWS).exists():
        from descent.render import run_views

        run_views.draw(result.folder)
    _print_result(config.name, result)


def _trained(until_synced: ExitStack, config: TrainConfig) -> "RunResult":
    listener = _listener(until_synced, config.tracking)
    listener.start()  # so that it imports MLflow while this process imports Lightning
    # Lightning takes seconds to import, which a configuration that doesn't compose should not wait for.
    from descent.core import numerics
    from descent.core.training.callbacks import configure_logging
    from descent.runs.train import train

    numerics.configure_torch()
    configure_logging()
    return train(config, _request(), listener)


def _sweep(until_synced: ExitStack, line: CommandLine[TrainConfig], common: "DictConfig") -> None:
    from descent.runs.sweep import open_sweep, run_sweep
    from descent.runs.sweep_identity import identity_overrides

    sweep = open_sweep(common)
    listener = _listener(until_synced, SweepConfig.of(common).tracking)
    if "basin" in common:
        run_sweep(sweep, partial(_map, common, sweep), listener)
    else:
        run_sweep(sweep, partial(line.sweep, SweepTask(), *identity_overrides(sweep)), listener)


def _map(common: "DictConfig", sweep: "SweepRecord") -> None:
    config = typed(TrainConfig, without_hydra(common))
    from descent.core import numerics
    from descent.runs.basin_map import train_map

    numerics.configure_torch()
    train_map(config, sweep)


class SweepTask:
    """The task that Hydra calls for each job of a sweep, in any process and on any machine."""

    def __call__(self, composed: "DictConfig") -> float | None:
        """Train the job's run alone; return the value of the objective."""
        with self.open(composed) as job:
            job.train()
        return job.value

    def open(self, composed: "DictConfig") -> "OpenJob":
        """The job, as a context in which its run is trained."""
        from hydra.core.hydra_config import HydraConfig

        from descent.records.folder import RECORD
        from descent.records.sweep import SWEEP, SweepRecord
        from descent.runs.job import OpenJob, open_job, sweep_job_request

        hydra = HydraConfig.get()
        if Path(hydra.runtime.cwd).is_dir():
            os.chdir(hydra.runtime.cwd)  # the node of a cluster starts jobs in its own working directory
        folder = Path(hydra.sweep.dir)
        if (folder / RECORD / SWEEP).exists():
            return open_job(composed, SweepRecord(folder), _request())
        request = sweep_job_request(_request())
        return OpenJob(composed, request, RemoteJobListener(request.name or "job", SweepConfig.of(composed).tracking))


class RemoteJobListener:
    """Syncs the run of a job on a machine that can't see the sweep's folder, and prints how it ended."""

    def __init__(self, name: str, tracking: Tracking) -> None:
        self.name, self.tracking = name, tracking
        self.until_synced = ExitStack()
        self.listener: RecordListener = NullListener()

    def begin(self) -> None:
        """Start the worker that draws the run and syncs it."""
        self.listener = _listener(self.until_synced, self.tracking)

    def on_progress(self, folder: Path) -> None:
        """Sync new rows."""
        self.listener.on_progress(folder)

    def on_complete(self, folder: Path) -> None:
        """Sync the complete record."""
        self.listener.on_complete(folder)

    def fail(self, reason: str, is_users: bool) -> None:
        """Print the reason, and wait until the record is synced."""
        print(f"failed: {self.name}: {reason}", file=sys.stderr)
        self.until_synced.close()

    def end(self, result: "RunResult") -> None:
        """Wait until the record is synced, and print how the run ended."""
        self.until_synced.close()
        _print_result(self.name, result)


def _listener(until_synced: ExitStack, tracking: Tracking) -> BackgroundSync:
    """The worker that draws runs and syncs them to the configuration's MLflow store, if it names one."""
    return until_synced.enter_context(BackgroundSync(tracking.uri, tracking.max_points, tracking.flush_timeout))


def _request() -> "RunRequest":
    """The request for this run, by Hydra's record of the command line."""
    from hydra.core.hydra_config import HydraConfig

    from descent.runs.identity import RunRequest

    hydra = HydraConfig.get()
    choices = {
        group: choice
        for group, choice in hydra.runtime.choices.items()
        if choice is not None and not group.startswith("hydra/")
    }
    return RunRequest(list(hydra.overrides.task), choices)


def _print_result(name: str, result: "RunResult") -> None:
    where = os.path.relpath(result.folder)
    if result.was_finished:
        print(f"{name}: {where} holds this run already, {result.result}; remove it to train again")
        return
    metrics = "  ".join(f"{name} {value:.4g}" for name, value in result.metrics.items())
    print(f"{name}: {result.result}  {metrics}")
    print(f"record {where}  picture {where}/views/descent.png  player {where}/views/descent.html")
