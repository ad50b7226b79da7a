"""Tracked runs trained together: as batches, and each alone where it can't be in one."""

import sys
from collections.abc import Sequence

from descent.core.build import shared_settings
from descent.core.training.batching import batches
from descent.runs.hydra_errors import one_line
from descent.runs.tracked_run import TrackedRun, train_batch


def train_fused(runs: Sequence[TrackedRun]) -> None:
    """Train runs, as few batches as possible; what goes wrong with one is kept as its `error`.

    What goes wrong with a batch goes wrong with all its runs, and each is then trained alone.
    """
    tracked = {run.training: run for run in runs if run.training is not None}
    for training, run in tracked.items():
        # A shared optimizer rounds as the runs' own would, up to the last bits, which are all that a small problem has.
        if not training.problem.is_small():
            training.settings, training.rate = shared_settings(run.config, training.components)
    for batch in batches(list(tracked), _report):
        _train_batch([tracked[training] for training in batch])


def _report(line: str) -> None:
    print(line, file=sys.stderr)


def _train_batch(runs: Sequence[TrackedRun]) -> None:
    try:
        train_batch(runs)
    except Exception as error:
        if len(runs) == 1:
            runs[0].error = error
            return
        _report(f"{len(runs)} runs are trained alone: as a batch, {type(error).__name__}: {one_line(error)}")
        for run in runs:
            run.restart()
            _train_batch([run])
