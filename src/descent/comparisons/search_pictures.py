"""The picture of a search by a sweeper such as Optuna's: its trials in their order."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from descent.comparisons.differences import differing_params
from descent.comparisons.grouping import EndedRun
from descent.records.criterion import Criterion
from descent.records.label import SEED, number
from descent.render.search import search_picture

MAX_NUMBERS = 3
"""The most numbers that have a panel each."""


def search_pictures(title: str, runs: Sequence[EndedRun], objective: Criterion) -> dict[str, Figure]:
    """The picture of the trials, in their order, over each number that is searched, and of the best so far."""
    runs = sorted(runs, key=lambda run: run.record.header.created if run.record is not None else 0)
    names = [name for name in differing_params([run.params for run in runs]) if name != SEED]
    columns = {name: [number(run.params.get(name)) for run in runs] for name in names}
    numeric = {name: column for name, column in columns.items() if None not in column}
    numbers = {name: np.array(column, dtype=np.float64) for name, column in numeric.items()}
    values = np.array([np.nan if run.result == "stopped" else run.final(objective) for run in runs])
    shown = dict(list(numbers.items())[:MAX_NUMBERS])
    title = f"{title}\n{len(runs)} trials"
    return {"search": search_picture(title, f"{objective.metric} at the end", values, objective.sign, shown)}
