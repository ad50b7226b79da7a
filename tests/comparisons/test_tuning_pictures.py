import math
from pathlib import Path

import numpy as np
import pytest
from comparisons.records import ended_run
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from descent.comparisons.budgets import trials_of
from descent.comparisons.grouping import ended_runs, group_runs
from descent.comparisons.ranking import rank_groups
from descent.comparisons.targets import target_conclusions
from descent.comparisons.tuning_pictures import budget_pictures, target_pictures
from descent.records.criterion import Criterion, Target
from descent.records.run import RunRecord

LOSS = Criterion("loss/train", "minimize")
STEPS: dict[tuple[str, str], list[int | None]] = {
    ("adam", "0.1"): [2, 4],
    ("adam", "0.01"): [8, None],
    ("sgd", "0.1"): [6, 6],
    ("sgd", "0.01"): [None, None],
}
"""The steps after which each seed of an optimizer at a rate reaches a loss of 1."""


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[RunRecord]:
    """Runs that are evaluated every other step, whose losses fall from 2 to 0.5."""
    return [
        ended_run(
            tmp_path_factory.mktemp("run"),
            {"optimizer": optimizer, "optimizer.lr": rate, "seed": str(seed)},
            {"loss/train": 2.0 if step is None else 0.5},
            evaluations=[
                {"step": at, "loss/train": 2.0 if step is None or at < step else 0.5} for at in range(0, 21, 2)
            ],
        )
        for (optimizer, rate), steps in STEPS.items()
        for seed, step in enumerate(steps)
    ]


@pytest.fixture(scope="module")
def pictures(records: list[RunRecord]) -> dict[str, Figure]:
    target = Target(LOSS, 1.0)
    return target_pictures("a sweep", group_runs(ended_runs(records, target)), target)


def test_the_steps_to_a_target_are_drawn_along_the_rate_with_misses_at_the_top(pictures: dict[str, Figure]) -> None:
    (axes,) = pictures["target"].axes
    said = "a sweep\nto loss/train 1; 2 seeds each; bars are Student's 95% intervals"
    assert pictures["target"].get_suptitle() == said
    adam, sgd = (np.asarray(bars[0].get_xydata()).tolist() for bars in axes.containers)
    assert adam == [[0.1, 3.0]]  # of 8 and infinity the mean is infinite
    assert sgd == [[0.1, 6.0]]
    assert [text.get_text() for text in axes.texts] == ["1 of 2", "adam", "sgd"]
    assert "missed" in [text.get_text() for text in pictures["target"].legends[0].get_texts()]


def test_the_share_of_runs_at_the_target_grows_by_step(pictures: dict[str, Figure]) -> None:
    (axes,) = pictures["reached"].axes
    lines = {str(line.get_label()): np.asarray(line.get_xydata(), dtype=np.float64) for line in axes.lines}
    assert_allclose(lines["adam lr=0.1"], [[0.0, 0.0], [2.0, 0.5], [4.0, 1.0], [20.0, 1.0]])
    assert_allclose(lines["adam lr=0.01"], [[0.0, 0.0], [8.0, 0.5], [20.0, 0.5]])
    assert_allclose(lines["sgd lr=0.01"], [[0.0, 0.0], [20.0, 0.0]])


def test_the_soonest_group_is_said_with_how_many_runs_are_there(records: list[RunRecord]) -> None:
    target = Target(LOSS, 1.0)
    first, second = target_conclusions(group_runs(ended_runs(records, target)), target)
    assert first.startswith("target: loss/train 1 is reached by 5 of 8 runs; the soonest is adam lr=0.1: steps_to_")
    assert second.startswith("it is not separable from sgd lr=0.1")
    far = Target(LOSS, 0.1)
    assert target_conclusions(group_runs(ended_runs(records, far)), far) == [
        "target: loss/train 0.1 is reached by 0 of 8 runs"
    ]


def test_seconds_to_a_target_are_those_of_runs_trained_alone(tmp_path: Path) -> None:
    evaluations: list[dict[str, float | None]] = [{"step": 10, "loss/train": 1.0}]
    alone = ended_run(tmp_path / "alone", {}, {"seconds_per_step": 0.5}, evaluations=evaluations)
    batched = {"seconds_per_step": 0.1, "runs_in_batch": 4.0}
    together = ended_run(tmp_path / "together", {}, batched, evaluations=evaluations)
    runs = ended_runs([alone, together], Target(LOSS, 1.0))
    assert [run.metrics.get("seconds_to_target") for run in runs] == [5.0, None]
    assert [run.metrics["steps_to_target"] for run in runs] == [10, 10]
    assert math.isinf(ended_runs([alone], Target(LOSS, 0.5))[0].metrics["seconds_to_target"])


def test_the_best_of_a_number_of_settings_is_drawn_where_there_are_three(tmp_path: Path) -> None:
    values = {"adam": [4.0, 2.0, 1.0], "sgd": [3.0, 2.0]}
    records = [
        ended_run(
            tmp_path / f"{optimizer}{rate}", {"optimizer": optimizer, "optimizer.lr": str(rate)}, {"loss/train": value}
        )
        for optimizer, of_optimizer in values.items()
        for rate, value in enumerate(of_optimizer, start=1)
    ]  # fmt: skip
    grouped = group_runs(ended_runs(records))
    trials = trials_of(grouped, rank_groups(grouped, LOSS))
    (axes,) = budget_pictures("a sweep", trials)["budget"].axes
    (line,) = axes.lines
    assert line.get_label() == "adam"
    assert_allclose(np.asarray(line.get_xydata(), dtype=np.float64), [[1.0, 7 / 3], [2.0, 4 / 3], [3.0, 1.0]])
    (band,) = axes.collections
    assert band.get_paths()[0].get_extents().y1 == 4
    assert axes.get_ylabel() == "best loss/train"
    assert budget_pictures("a sweep", trials[1:]) == {}
