"""Repeat an experiment from many seeds at once, for what chance does to it."""

import argparse
import sys
from functools import partial
from typing import TYPE_CHECKING

from descent.errors import UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main() -> None:
    """Repeat what the command line composes, into seeds/NAME."""
    from descent.runs import composition

    parser = argparse.ArgumentParser("descent seeds", description=__doc__, epilog="the rest is as for descent train")
    parser.add_argument(
        "--count", type=int, default=100, metavar="N", help="those after its own (default: %(default)s)"
    )
    arguments, sys.argv[1:] = parser.parse_known_args()
    if arguments.count < 2:
        raise UserError(f"--count {arguments.count}: choose 2 or more")
    composition.run(partial(_repeat, arguments.count), "train")


def _repeat(seeds: int, config: "DictConfig") -> None:
    import os

    from descent.runs.composition import require_experiment

    require_experiment(config)
    from descent.core import numerics
    from descent.runs.seeds import repeat

    numerics.configure_torch()
    folder = repeat(config, range(config.seed + 1, config.seed + 1 + seeds))
    print(f"{config.name} from {seeds:,} more seeds: {os.path.relpath(folder)}/runs.csv")
