import math
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from tracking.runs import evaluate, start

from descent.comparisons.grouping import ended_runs
from descent.comparisons.search_pictures import search_pictures
from descent.records.criterion import Criterion
from descent.records.header import Result
from descent.records.run import RunRecord

TRIALS: list[tuple[float, float, Result]] = [
    (0.1, 5.0, "finished"), (0.001, 7.0, "finished"), (1.0, math.inf, "diverged"), (0.01, 2.0, "finished"),
    (0.02, 3.0, "stopped"), (0.03, 4.0, "finished"),
]  # fmt: skip


def trial(folder: Path, order: int, rate: float, loss: float, result: Result) -> RunRecord:
    params = {"optimizer.lr": str(rate), "seed": "0"}
    with start(folder, 1, created=1_000 + order, params=params) as record:
        evaluate(record, 0)
        record.finish(result, 1, {"loss/train": loss})
    return record


@pytest.fixture
def picture(tmp_path: Path) -> Figure:
    records = [trial(tmp_path / str(order), order, *row) for order, row in enumerate(TRIALS)]
    runs = ended_runs(records[::-1])  # in whatever order
    return search_pictures("a search", runs, Criterion("loss/train", "minimize"))["search"]


def test_trials_are_drawn_over_what_is_searched_by_their_order(picture: Figure) -> None:
    panel = picture.axes[0]
    (dots,) = panel.collections
    assert (panel.get_xlabel(), panel.get_ylabel(), panel.get_xscale()) == (
        "optimizer.lr",
        "loss/train at the end",
        "log",
    )
    np.testing.assert_allclose(np.asarray(dots.get_offsets()), [(0.1, 5), (0.001, 7), (0.01, 2), (0.03, 4)])
    assert np.asarray(dots.get_array()).tolist() == [1, 2, 4, 6]


def test_the_best_so_far_never_gets_worse_and_trials_without_a_value_are_marked(picture: Figure) -> None:
    panel = picture.axes[1]
    lines = {str(line.get_label()): line for line in panel.lines}
    assert np.asarray(lines["the best so far"].get_ydata()).tolist() == [5, 5, 5, 2, 2, 2]
    assert np.asarray(lines["diverged or stopped"].get_xdata()).tolist() == [3, 5]
    assert picture.get_suptitle() == "a search\n6 trials"
