"""Train an experiment, or the jobs of a sweep; track, draw and compare the runs."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from descent.core.config import TrainConfig
from descent.core.training.progress import configure_logging
from descent.runs.composition import CommandLine
from descent.runs.ending import print_ending
from descent.runs.lifecycle import run_tracked, sweep_tracked


def main(words: Sequence[str]) -> None:
    """Train the configuration that the command line composes: one run, or the jobs of a multirun."""
    line = CommandLine("train", TrainConfig, words)
    if line.show():
        return
    try:
        with ExitStack() as until_synced:
            if line.common is None:
                configure_logging()
                line.run(partial(_train, until_synced))
            else:
                sweep_tracked(line, until_synced)
    except KeyboardInterrupt:
        sys.stdout.flush()  # so that the message comes last if both streams go to one file
        print("the same command resumes from the last checkpoint", file=sys.stderr)
        raise


def _train(until_synced: ExitStack, config: TrainConfig) -> None:
    print_ending(config.name, run_tracked(config, until_synced))
