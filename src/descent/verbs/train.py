"""Train an experiment, tracked and pictured."""

import os
from contextlib import ExitStack
from functools import cache, partial
from typing import Protocol

from omegaconf import DictConfig

from descent import composition
from descent.tracking.background import BackgroundSync


class Syncs(Protocol):
    """Gives the background sync with a store, one for all runs that share it."""

    def __call__(self, uri: str, points: int, patience: float) -> BackgroundSync:
        """The one with these settings."""


def main() -> None:
    """Train what the command line composes: one run, or those of a multirun in turn."""
    with ExitStack() as until_synced:

        @cache
        def syncs(uri: str, points: int, patience: float) -> BackgroundSync:
            return until_synced.enter_context(BackgroundSync(uri, points, patience))

        composition.run(partial(_train, syncs), "train")


def _train(syncs: Syncs, config: DictConfig) -> None:
    composition.require_experiment(config)
    tracking = config.tracking
    sync = None if tracking.uri is None else syncs(tracking.uri, tracking.points, tracking.patience)
    if sync:
        sync.start()  # so that it imports MLflow while this process imports Lightning
    # Which takes seconds, and a configuration that doesn't compose shall not wait for it.
    from hydra.core.hydra_config import HydraConfig

    from descent.experiment import train
    from descent.numerics import flush_subnormals

    flush_subnormals()
    outcome = train(config, HydraConfig.get().overrides.task, sync)
    where = os.path.relpath(outcome.folder)
    if outcome.was_finished:
        print(f"{config.name}: {where} holds this run already, {outcome.result}; remove it to train again")
        return
    metrics = "  ".join(f"{name} {value:.4g}" for name, value in outcome.metrics.items())
    print(f"{config.name}: {outcome.result}  {metrics}")
    print(f"record {where}  picture {where}/descent.png  animation {where}/descent.gif")
