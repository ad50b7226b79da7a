"""Train an experiment, tracked and pictured; or the jobs of a sweep, compared."""

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from descent.core.config import SweepConfig, Tracking, TrainConfig
from descent.records.folder import VIEWS
from descent.records.listener import RecordListener
from descent.runs.composition import CommandLine, typed, without_hydra
from descent.tracking.background import BackgroundSync

if TYPE_CHECKING:
    from collections.abc import Generator

    from omegaconf import DictConfig

    from descent.core.training.checkpoint import TrainState
    from descent.records.sweep import SweepRecord
    from descent.runs.identity import RunRequest, RunResult
    from descent.runs.tracked_run import Run


def main(words: Sequence[str]) -> None:
    """Train what the command line composes: one run, or those of a multirun."""
    line = CommandLine("train", TrainConfig, words)
    if line.show():
        return
    with ExitStack() as until_synced:
        if line.common is None:
            line.run(partial(_train, until_synced))
        else:
            _sweep(until_synced, line, line.common)


def _train(until_synced: ExitStack, config: TrainConfig) -> None:
    from descent.runs.identity import finished_run

    result = finished_run(config)
    if result is None:
        result = _trained(until_synced, config)
    elif not (result.folder / VIEWS).exists():
        from descent.render import run_views

        run_views.draw(result.folder)
    _say(config.name, result)


def _trained(until_synced: ExitStack, config: TrainConfig) -> "RunResult":
    listener = _listener(until_synced, config.tracking)
    # Lightning takes seconds to import, and a configuration that doesn't compose shall not wait for it.
    from descent.core import numerics
    from descent.core.training.progress import tell
    from descent.runs.tracked_run import train

    numerics.configure_torch()
    tell()
    return train(config, _asked(), listener)


def _sweep(until_synced: ExitStack, line: CommandLine[TrainConfig], common: "DictConfig") -> None:
    from descent.runs.sweep import open_sweep, sweep_through
    from descent.runs.sweep_identity import passed_on

    sweep = open_sweep(common)
    listener = _listener(until_synced, SweepConfig.of(common).tracking)
    if "basin" in common:
        sweep_through(sweep, partial(_map, common, sweep), listener)
    else:
        sweep_through(sweep, partial(line.sweep, Job(), *passed_on(sweep)), listener)


def _map(common: "DictConfig", sweep: "SweepRecord") -> None:
    config = typed(TrainConfig, without_hydra(common))
    from descent.core import numerics
    from descent.runs.basin_map import train_map

    numerics.configure_torch()
    train_map(config, sweep)


class Job:
    """A job of a sweep, which may be in a process or on a machine of its own."""

    def __call__(self, composed: "DictConfig") -> float | None:
        """Go through it by itself; what it is ranked by."""
        from descent.runs.tracked_run import go_alone

        return go_alone(self.course(composed))

    def course(self, composed: "DictConfig") -> "Generator[Run, TrainState, float | None]":
        """Its course, which waits for its run's steps."""
        return _course(composed)


def _course(composed: "DictConfig") -> "Generator[Run, TrainState, float | None]":
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
        return (yield from job(composed, SweepRecord(folder), _asked()))
    # On a machine that does not see the sweep's folder.
    with ExitStack() as until_synced:
        asked = of_sweep(_asked())
        try:
            config = typed(TrainConfig, composed)
            outcome = yield from course(config, asked, _listener(until_synced, config.tracking))
        except UserError as error:
            print(f"failed: {asked.name}: {error}", file=sys.stderr)
            return None
        _say(asked.name or config.name, outcome)
        return ranked_by(config.objective, outcome)


def _listener(until_synced: ExitStack, tracking: Tracking) -> RecordListener:
    """The worker that draws runs and brings them to the store that the configuration names, if it names one."""
    sync = until_synced.enter_context(BackgroundSync(tracking.uri, tracking.max_points, tracking.flush_timeout))
    sync.start()  # so that it imports MLflow while this process imports Lightning
    return sync


def _asked() -> "RunRequest":
    """What the command line asked of this run."""
    from hydra.core.hydra_config import HydraConfig

    from descent.runs.identity import RunRequest

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
