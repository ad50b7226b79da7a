"""A run or a sweep from a configuration to its views: trained, drawn and synced to MLflow in the background."""

from contextlib import ExitStack
from functools import partial

from omegaconf import DictConfig, flag_override

from descent.core.config import SweepConfig, TrainConfig
from descent.records.sweep import SweepRecord
from descent.runs.composition import CommandLine, typed, without_hydra
from descent.runs.identity import RunResult, finished_run
from descent.runs.request import hydra_request
from descent.runs.syncing import background_sync
from descent.runs.validation import with_validation


def run_tracked(config: TrainConfig, until_synced: ExitStack) -> RunResult:
    """Train a run as a job of Hydra's, unless it is finished already; have what lacks drawn and synced in any case.

    Args:
        config: of the run.
        until_synced: waits, when it is closed, until the run is drawn and synced.

    Raises:
        UserError: for a configuration that can't be trained.
    """
    listener = until_synced.enter_context(background_sync(config.tracking))
    result = finished_run(config)
    if result is not None:
        listener.on_complete(result.folder)
        return result
    listener.start()  # so that it imports MLflow while this process imports Lightning
    # Lightning takes seconds to import, which a configuration that doesn't compose should not wait for.
    from descent.core import numerics
    from descent.runs.train import train

    numerics.configure_torch()
    return train(config, hydra_request(), listener)


def sweep_tracked(line: CommandLine[TrainConfig], until_synced: ExitStack) -> SweepRecord:
    """Run the jobs of a sweep, or train its map, and compare the runs.

    Args:
        line: the command line, of a multirun.
        until_synced: waits, when it is closed, until the sweep and its runs are drawn and synced.

    Raises:
        UserError: if the sweep can't be started, or jobs failed; the runs of the others are compared first.
    """
    from descent.runs.sweep import open_sweep, run_sweep
    from descent.runs.sweep_identity import identity_overrides
    from descent.runs.sweep_task import SweepTask

    assert line.common is not None
    if "basin" not in line.common:
        line = with_validation(line)
    common = line.common
    assert common is not None
    with flag_override(common, ["readonly", "struct"], [False, False]):
        common.objective = line.first_job.objective  # which a sweep over problems has in its jobs only
    sweep = open_sweep(common)
    listener = until_synced.enter_context(background_sync(SweepConfig.of(common).tracking))
    if "basin" in common:
        run_sweep(sweep, partial(_map, common, sweep), listener)
    else:
        run_sweep(sweep, partial(line.sweep, SweepTask(), *identity_overrides(sweep)), listener)
    return sweep


def _map(common: DictConfig, sweep: SweepRecord) -> None:
    config = typed(TrainConfig, without_hydra(common))
    from descent.core import numerics
    from descent.runs.basin_map import train_map

    numerics.configure_torch()
    train_map(config, sweep)
