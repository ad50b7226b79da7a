"""Repeat an experiment from many seeds at once, to see how much its result varies."""

import argparse
from collections.abc import Sequence
from functools import partial

from descent.core.config import TrainConfig
from descent.errors import UserError
from descent.runs.composition import CommandLine


def main(words: Sequence[str]) -> None:
    """Repeat what the command line composes, into seeds/NAME."""
    parser = argparse.ArgumentParser("descent seeds", description=__doc__, epilog="the rest is as for descent train")
    parser.add_argument(
        "--count",
        type=int,
        default=100,
        metavar="N",
        help="how many more seeds (default: %(default)s)",
    )
    arguments, others = parser.parse_known_args(words)
    if arguments.count < 2:
        raise UserError(f"--count {arguments.count}: choose 2 or more")
    line = CommandLine("train", TrainConfig, others)
    if not line.show():
        line.run(partial(_repeat, arguments.count))


def _repeat(seeds: int, config: TrainConfig) -> None:
    import os

    from descent.core import numerics
    from descent.runs.seeds import repeat

    numerics.configure_torch()
    folder = repeat(config, range(config.seed + 1, config.seed + 1 + seeds))
    print(f"{config.name} from {seeds:,} more seeds: {os.path.relpath(folder)}/runs.csv")
