import math
from pathlib import Path

import numpy as np
import pytest
from comparisons.records import ended_run
from conftest import Composed
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from descent.comparisons.grouping import GroupedRuns, SeedGroup, ended_runs, group_runs
from descent.comparisons.pictures import comparison_pictures
from descent.comparisons.statistics import interval
from descent.records.criterion import Criterion
from descent.records.header import Result
from descent.records.run import RunRecord
from descent.runs.train import train

RATES, STEPS = ("0.1", "0.01"), (0, 5, 10)
ACCURACY = Criterion("accuracy/validation", "maximize")
ENDS = {"0.1": [*map(float, range(9)), 100.0], "0.01": [6.0, 5.0, math.inf, 7.0]}
"""The losses of the runs at each learning rate; one diverged before its last evaluation."""


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Figure]:
    """The pictures of the runs, whose losses fall by one a step."""
    records = []
    runs = [(rate, seed, end) for rate in RATES for seed, end in enumerate(ENDS[rate])]
    for rate, seed, end in runs:
        diverged = not math.isfinite(end)
        steps = STEPS[:2] if diverged else STEPS
        evaluations = [{"step": step, "loss/train": 10.0 - step + (8.0 if diverged else end)} for step in steps]
        params = {"optimizer.lr": rate, "seed": str(seed)}
        metrics = {"loss/train": 1.0 if diverged else end}  # those of a diverged run are ignored
        result: Result = "diverged" if diverged else "finished"
        records.append(ended_run(tmp_path_factory.mktemp("run"), params, metrics, result, evaluations))
    return comparison_pictures("a sweep", group_runs(ended_runs(records)), ACCURACY)


def test_runs_without_positions_and_accuracies_have_no_paths_and_no_accuracy_curves(
    figures: dict[str, Figure],
) -> None:
    assert set(figures) == {"ends", "curves_loss_train"}


def test_ends_are_interquartile_means_with_their_intervals_along_the_learning_rate(figures: dict[str, Figure]) -> None:
    (axes,) = figures["ends"].axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("optimizer.lr", "loss/train at the end")
    (bars,) = axes.containers
    line, _, (spans,) = bars
    assert_allclose(line.get_xydata(), [[0.01, 6.5], [0.1, 4.5]])
    small, large = np.array(spans.get_segments(), dtype=np.float64)[:, :, 1].tolist()
    low, _ = interval(ENDS["0.01"])
    assert small == pytest.approx([float(low), 6.5])  # the interval reaches to infinity, and is drawn to the mean
    assert large == pytest.approx([float(edge) for edge in interval(ENDS["0.1"])])
    assert [text.get_text() for text in axes.texts] == ["1 of 4"]


def test_pictures_say_how_many_seeds_they_are_of_and_which_intervals_they_show(
    figures: dict[str, Figure], tmp_path: Path
) -> None:
    said = "4 to 10 seeds; {} are Student's or bootstrap 95% intervals, or the range where some diverged"
    assert figures["ends"].get_suptitle() == f"a sweep\n{said.format('bars')}"
    assert figures["curves_loss_train"].get_suptitle() == f"a sweep\n{said.format('bands')}"
    single = [ended_run(tmp_path / rate, {"optimizer.lr": rate}, {"loss/train": 1.0}) for rate in RATES]
    assert (
        comparison_pictures("a sweep", group_runs(ended_runs(single)), ACCURACY)["ends"]
        .get_suptitle()
        .endswith("one seed each")
    )


def test_curves_are_interquartile_means_at_every_evaluation_of_any_run(figures: dict[str, Figure]) -> None:
    (axes,) = figures["curves_loss_train"].axes
    curves = {str(line.get_label()): np.asarray(line.get_xydata()) for line in axes.lines}
    assert list(curves) == ["lr=0.01", "lr=0.1"]
    assert_allclose(curves["lr=0.1"], [[0, 14.5], [5, 9.5], [10, 4.5]])
    assert_allclose(curves["lr=0.01"], [[0, 16.5], [5, 11.5], [10, 6.5]])
    bands = [band.get_paths()[0].get_extents() for band in axes.collections]
    for band, ends in zip(bands, ([6.0, 5.0, 8.0, 7.0], ENDS["0.1"]), strict=True):
        _, high = interval(ends)
        assert band.y1 == pytest.approx(10 + high)


def test_a_group_without_a_metric_has_no_curve_of_it(tmp_path: Path) -> None:
    records = [
        ended_run(tmp_path / name, {"optimizer.lr": "0.1", "data": name}, {"loss/train": 1.0, **accuracy})
        for name, accuracy in {"points": {}, "images": {"accuracy/test": 0.9}}.items()
    ]
    (axes,) = comparison_pictures("a sweep", group_runs(ended_runs(records)), ACCURACY)["curves_accuracy_test"].axes
    assert (axes.get_title(), len(axes.lines)) == ("images", 1)


@pytest.mark.parametrize(("problem", "panels"), [("himmelblau", 1), ("parabola", 2)])
def test_runs_from_several_starts_are_drawn_by_the_minimum_they_reach_where_a_field_has_any(
    composed: Composed, problem: str, panels: int
) -> None:
    starts = {"himmelblau": ("[2.5,1.5]", "[3,2.5]", "[-3,3]"), "parabola": ("1", "-1", "0.5")}[problem]
    records = [
        RunRecord(train(composed(f"problem={problem}", f"problem.start={start}", "optimizer.lr=0.01",
                                 "trainer.max_steps=200", f"run_dir=runs/{number}")).folder)
        for number, start in enumerate(starts)
    ]  # fmt: skip
    runs = ended_runs(records)
    group = SeedGroup("", None, runs)  # as of random starts, whose seeds alone differ
    picture = comparison_pictures("starts", GroupedRuns(None, [], [group]), Criterion("loss/train", "minimize"))[
        "paths"
    ]
    assert len([axes for axes in picture.axes if axes.get_xlabel() in ("x", "step")]) == panels
    if problem == "himmelblau":
        labels = [text.get_text() for text in picture.legends[0].get_texts()]
        assert labels[:2] == ["at (3, 2): 2 of 3", "at (-2.81, 3.13): 1 of 3"]
