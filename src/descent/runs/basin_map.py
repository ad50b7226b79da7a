"""A sweep that is a map: no run has a record of its own, and the sweep's has the picture of all."""

import os

import numpy as np
from matplotlib.figure import Figure

from descent.core.build import problem_of
from descent.core.config import TrainConfig
from descent.core.problems.problem import COORDINATES
from descent.records.run import write_whole
from descent.records.sweep import SweepRecord
from descent.render.basins import outcomes_picture, shares_picture
from descent.runs.basins import Basins, basins

PICTURE, TABLE = "basin.png", "basin.csv"


def draw_map(config: TrainConfig, sweep: SweepRecord) -> None:
    """Draw the map that a configuration asks for into a sweep's folder, unless it is there.

    Raises:
        UserError: for a configuration that can't be trained, or not as a map.
    """
    where = os.path.relpath(sweep.folder)
    if (sweep.folder / TABLE).exists():
        print(f"{sweep.header.name}: {where} holds this map already; remove it to draw it again")
        return
    found = basins(config)
    _picture(config, found).savefig(sweep.folder / PICTURE)
    write_whole(sweep.folder / TABLE, found.table())  # last, since it tells that the map is whole
    of = found.counts.sum()
    for outcome, count in zip(found.outcomes, found.counts.sum(axis=(1, 2)).tolist(), strict=True):
        print(f"{count / of:6.1%}  {outcome}")
    print(f"{sweep.header.name}: {of:,} runs  picture {where}/{PICTURE}  table {where}/{TABLE}")


def _picture(config: TrainConfig, found: Basins) -> Figure:
    position = problem_of(config).position()
    fixed = ", ".join(f"{name} = {value:g}" for name, value in zip(COORDINATES[1:], position[1:], strict=False))
    start = f"x of the start ({fixed})" if fixed else "start"
    here = (position[0], config.optimizer.lr)
    title = f"{config.name}: what becomes of every start at every learning rate"
    if found.runs == 1:
        which = found.counts.argmax(axis=0)
        return outcomes_picture(title, start, found.starts, found.rates, found.outcomes, which, here)
    shares = dict(zip(found.outcomes, found.counts / found.runs, strict=True))
    seen = {outcome: share for outcome, share in shares.items() if np.any(share)}
    return shares_picture(f"{title}, {found.runs} runs each", start, found.starts, found.rates, seen, here)
