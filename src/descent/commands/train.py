"""Train an experiment, tracked and pictured; or the jobs of a sweep, compared."""

import os
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from descent.records.listener import RecordListener
from descent.runs import composition
from descent.tracking.background import BackgroundSync

if TYPE_CHECKING:
    from collections.abc import Generator

    from omegaconf import DictConfig

    from descent.core.training.checkpoint import TrainState
    from descent.records.sweep import SweepRecord
    from descent.runs.tracked_run import Run, RunRequest, RunResult


def main() -> None:
    """Train what the command line composes: one run, or those of a multirun."""
    with ExitStack() as until_synced:
        common = composition.multirun("train")
        if common is None:
            composition.run(partial(_train, until_synced), "train")
        else:
            _sweep(until_synced, common)


def _train(until_synced: ExitStack, config: "DictConfig") -> None:
    composition.require_experiment(config)
    listener = _listener(until_synced, config)
    # Lightning takes seconds to import, and a configuration that doesn't compose shall not wait for it.
    from descent.core import numerics
    from descent.core.training.progress import tell
    from descent.runs.tracked_run import train

    numerics.configure_torch()
    tell()
    _say(config.name, train(config, _asked(), listener))


def _sweep(until_synced: ExitStack, common: "DictConfig") -> None:
    from descent.runs.sweep import open_sweep, sweep_through
    from descent.runs.sweep_identity import passed_on

    sweep = open_sweep(common)
    listener = _listener(until_synced, common)
    if "basin" in common:
        sweep_through(sweep, partial(_map, common, sweep), listener)
        return
    composition.override(*passed_on(sweep))
    sweep_through(sweep, partial(composition.run, Job(), "train"), listener)


def _map(common: "DictConfig", sweep: "SweepRecord") -> None:
    from descent.core import numerics
    from descent.runs.basin_map import train_map
    from descent.runs.sweep_identity import without_hydra

    composition.require_experiment(common)
    numerics.configure_torch()
    train_map(without_hydra(common), sweep)


class Job:
    """A job of a sweep, which may be in a process or on a machine of its own."""

    def __call__(self, config: "DictConfig") -> float | None:
        """Go through it by itself; what it is ranked by."""
        from descent.runs.tracked_run import go_alone

        return go_alone(self.course(config))

    def course(self, config: "DictConfig") -> "Generator[Run, TrainState, float | None]":
        """Its course, which waits for its run's steps."""
        return _course(config)


def _course(config: "DictConfig") -> "Generator[Run, TrainState, float | None]":
    from hydra.core.hydra_config import HydraConfig

    from descent.core import numerics
    from descent.errors import UserError
    from descent.records.folder import RECORD
    from descent.records.sweep import SWEEP, SweepRecord
    from descent.runs.job import job, of_sweep, ranked_by
    from descent.runs.tracked_run import course

    numerics.configure_torch()
    hydra = HydraConfig.get()
    if Path(hydra.runtime.cwd).is_dir():
        os.chdir(hydra.runtime.cwd)  # the node of a cluster starts a job wherever it was started itself
    folder = Path(hydra.sweep.dir)
    if (folder / RECORD / SWEEP).exists():
        return (yield from job(config, SweepRecord(folder), _asked()))
    # On a machine that does not see the sweep's folder.
    with ExitStack() as until_synced:
        asked = of_sweep(_asked())
        try:
            outcome = yield from course(config, asked, _listener(until_synced, config))
        except UserError as error:
            print(f"failed: {asked.name}: {error}", file=sys.stderr)
            return None
        _say(asked.name or config.name, outcome)
        return ranked_by(config, outcome)


def _listener(until_synced: ExitStack, config: "DictConfig") -> RecordListener:
    """The worker that draws runs and brings them to the store that the configuration names, if it names one."""
    tracking = config.tracking
    sync = until_synced.enter_context(BackgroundSync(tracking.uri, tracking.max_points, tracking.flush_timeout))
    sync.start()  # so that it imports MLflow while this process imports Lightning
    return sync


def _asked() -> "RunRequest":
    """What the command line asked of this run."""
    from hydra.core.hydra_config import HydraConfig

    from descent.runs.tracked_run import RunRequest

    hydra = HydraConfig.get()
    choices = {
        group: choice
        for group, choice in hydra.runtime.choices.items()
        if choice is not None and not group.startswith("hydra/")
    }
    return RunRequest(list(hydra.overrides.task), choices)


def _say(name: str, outcome: "RunResult") -> None:
    where = os.path.relpath(outcome.folder)
    if outcome.was_finished:
        print(f"{name}: {where} holds this run already, {outcome.result}; remove it to train again")
        return
    metrics = "  ".join(f"{name} {value:.4g}" for name, value in outcome.metrics.items())
    print(f"{name}: {outcome.result}  {metrics}")
    print(f"record {where}  picture {where}/views/descent.png  player {where}/views/descent.html")
