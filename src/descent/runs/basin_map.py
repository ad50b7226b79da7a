"""A sweep that is a map: its runs have no records, and the sweep's record has their outcomes."""

import os

import numpy as np

from descent.core.build import assemble, problem_of
from descent.core.config import TrainConfig
from descent.core.own_modules import forget_outdated
from descent.records.code import own_modules
from descent.records.files import write_atomically
from descent.records.run import coordinates
from descent.records.sweep import SweepRecord
from descent.render.basins import PICTURE, draw_basins
from descent.runs.basins import basins

TABLE = "basin.csv"


def train_map(config: TrainConfig, sweep: SweepRecord) -> None:
    """Train the map of a configuration into a sweep's record, unless it is in it already, and draw it.

    Raises:
        UserError: if the configuration can't be trained, or not as a map.
    """
    where = os.path.relpath(sweep.folder)
    if (sweep.files / TABLE).exists():
        draw_basins(sweep)
        print(f"{sweep.header.name}: {where} holds this map already; remove it to train it again")
        return
    config.refuse_early_ends("sweep=basin")
    forget_outdated(own_modules(config.to_dict()))
    result = basins(config)
    position = problem_of(config).position()
    rest = zip(coordinates(len(position))[1:], position[1:], strict=True)
    fixed = ", ".join(f"{name} = {value:g}" for name, value in rest)
    optimizer, steps = config.optimizer.target.rpartition(".")[2], assemble(config).plan.steps
    sweep.save_basins(
        title=np.array(f"{config.name}: {optimizer} from every start at every learning rate, {steps:,} steps"),
        start=np.array(f"x of the start ({fixed})" if fixed else "start"),
        starts=result.starts,
        rates=result.rates,
        outcomes=np.array(result.outcomes),
        counts=result.counts,
        experiment=np.array([position[0], config.optimizer.lr]),
    )
    write_atomically(sweep.files / TABLE, result.table())  # last, since its presence means that the map is complete
    draw_basins(sweep)
    runs = result.counts.sum()
    for ending, count in zip(result.outcomes, result.counts.sum(axis=(1, 2)).tolist(), strict=True):
        print(f"{count / runs:6.1%}  {ending}")
    print(f"{sweep.header.name}: {runs:,} runs  picture {where}/views/{PICTURE}  table {where}/record/{TABLE}")
