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


def _repeat(count: int, config: TrainConfig) -> None:
    import os

    from descent.comparisons.seed_ends import SeedEnds
    from descent.core import numerics
    from descent.records.folder import VIEWS
    from descent.records.seeds import RUNS
    from descent.runs.seeds import repeat

    numerics.configure_torch()
    repeated = repeat(config, range(config.seed + 1, config.seed + 1 + count))
    where = os.path.relpath(repeated.record.folder)
    for line in SeedEnds.of(repeated.record).lines():
        print(line)
    before = count - repeated.trained
    print(f"{config.name} from {count:,} more seeds: {repeated.trained:,} trained, {before:,} finished before")
    print(f"table {where}/{RUNS}  pictures {where}/{VIEWS}/*.png")
