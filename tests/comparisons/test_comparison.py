import csv
import itertools
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from comparisons.records import ended_run
from conftest import composed_in, make_project

from descent.comparisons.comparison import compare_runs
from descent.comparisons.grouping import GroupedRuns, ended_runs, group_runs
from descent.comparisons.pictures import comparison_pictures
from descent.records.criterion import Criterion, Direction, Target
from descent.records.header import Result
from descent.records.run import RunRecord
from descent.records.sweep import SweepState
from descent.render import stamp
from descent.runs.identity import RunRequest
from descent.runs.train import train

RATES = (0.01, 0.1, 1.5)  # the last diverges
LOSS = Criterion("loss/train", "minimize")
TARGET = Target(LOSS, 1.0)


@pytest.fixture(scope="module")
def bowls(tmp_path_factory: pytest.TempPathFactory, small_data: Path) -> list[RunRecord]:
    """Descents on x² + y² by two optimizers at three rates."""
    project = make_project(tmp_path_factory.mktemp("bowls"), small_data)
    records = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        for optimizer, rate in itertools.product(("steepest_descent", "momentum"), RATES):
            overrides = ["problem=bowl", f"optimizer={optimizer}", f"optimizer.lr={rate}", "trainer.max_steps=30"]
            request = RunRequest(overrides, {"optimizer": optimizer, "problem": "bowl"}, f"{optimizer} lr={rate}")
            records.append(RunRecord(train(composed_in(project, *overrides), request).folder))
    return records


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_runs_are_compared_in_a_table_and_in_pictures(bowls: list[RunRecord], tmp_path: Path) -> None:
    folder = tmp_path / "comparison"
    folder.mkdir()
    comparison = compare_runs("bowls", ended_runs(bowls), LOSS, folder)
    table = read(folder / "runs.csv")
    assert [(row["optimizer"], float(row["optimizer.lr"])) for row in table] == [
        *itertools.product(("steepest_descent", "momentum"), RATES)
    ]
    assert [row["result"] for row in table].count("diverged") == comparison.results["diverged"] >= 1
    assert [row["record"] for row in table] == [record.header.id for record in bowls]
    # Steepest descent at 0.1 multiplies the position by 0.8 each step; from (-3, 4) the loss starts at 25.
    assert float(table[1]["loss/train"]) == pytest.approx(25 * 0.8**60)
    assert comparison.best == "steepest_descent lr=0.1"
    assert comparison.value == pytest.approx(25 * 0.8**60)
    pictures = sorted(path.name for path in folder.glob("*.png"))
    assert pictures == ["budget.png", "curves_loss_train.png", "ends.png", "paths.png"]


def test_the_picture_of_paths_has_each_runs_path_and_its_losses(bowls: list[RunRecord]) -> None:
    plane, losses, *_ = comparison_pictures("bowls", group_runs(ended_runs(bowls)), LOSS)["paths"].axes
    steepest = bowls[:2]  # the two that stay in view; each step multiplies the position by 1 - 2 lr
    paths = [line for line in plane.lines if str(line.get_label()).startswith("steepest_descent, light to dark: lr ")]
    assert len({line.get_color() for line in paths}) == len(RATES)
    for record, rate, path, curve in zip(steepest, RATES[:2], paths[:2], losses.lines[:2], strict=True):
        expected = np.array([-3.0, 4.0]) * (1 - 2 * rate) ** np.arange(31)[:, None]
        np.testing.assert_allclose(np.array(path.get_xydata()), expected, rtol=1e-9)
        np.testing.assert_allclose(np.array(curve.get_ydata()), (expected**2).sum(axis=1), rtol=1e-9)
        np.testing.assert_array_equal(np.array(path.get_xydata()), record.path())


def test_runs_are_drawn_again_only_where_they_or_the_drawing_changed(
    bowls: list[RunRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def times() -> list[int]:
        return [path.stat().st_mtime_ns for path in sorted(tmp_path.iterdir())]

    first = compare_runs("bowls", ended_runs(bowls[:2]), LOSS, tmp_path)
    drawn = times()
    again = compare_runs("bowls", ended_runs(bowls[:2]), LOSS, tmp_path)
    assert (first.is_new, again) == (True, replace(first, is_new=False))
    assert times() == drawn
    for changed in ("ends.png", "runs.csv", "drawn.txt"):
        (tmp_path / changed).unlink()
        assert compare_runs("bowls", ended_runs(bowls[:2]), LOSS, tmp_path).is_new
        assert (tmp_path / changed).exists()
    assert not set(times()) & set(drawn)
    assert compare_runs("bowls", ended_runs(bowls[:3]), LOSS, tmp_path).is_new
    assert compare_runs("other bowls", ended_runs(bowls[:3]), LOSS, tmp_path).is_new
    assert compare_runs("other bowls", ended_runs(bowls[:3]), Criterion("loss/train", "maximize"), tmp_path).is_new
    for drawing in ("comparisons", "render"):
        monkeypatch.setattr(stamp, "source_hash", lambda package, drawing=drawing: str(package == drawing))
        assert compare_runs("other bowls", ended_runs(bowls[:3]), Criterion("loss/train", "maximize"), tmp_path).is_new


def test_maximizing_picks_the_run_with_the_highest_value(bowls: list[RunRecord], tmp_path: Path) -> None:
    comparison = compare_runs("bowls", ended_runs(bowls[:2]), Criterion("loss/train", "maximize"), tmp_path)
    assert comparison.best == "steepest_descent lr=0.01"


@pytest.mark.parametrize(
    ("metric", "direction", "best"),
    [("loss/train", "minimize", "b"), ("accuracy/test", "maximize", "c"), ("loss/test", "minimize", "a")],
)
def test_the_best_group_has_the_metric_and_did_not_diverge(
    tmp_path: Path, metric: str, direction: Direction, best: str
) -> None:
    runs = [
        ended_run(tmp_path / "a", {"optimizer": "1"}, {"loss/train": 0.9, "accuracy/test": 0.1, "loss/test": 0.9}),
        ended_run(tmp_path / "b", {"optimizer": "2"}, {"loss/train": 0.1, "accuracy/test": 0.2}),
        ended_run(tmp_path / "c", {"optimizer": "3"}, {"loss/train": 0.2, "accuracy/test": 0.3}, "converged"),
        ended_run(tmp_path / "d", {"optimizer": "4"}, {"loss/train": 0.0, "accuracy/test": 0.9}, "diverged"),
    ]
    comparison = compare_runs("runs", ended_runs(runs), Criterion(metric, direction), tmp_path)
    assert (comparison.best, comparison.best_record) == (best, f"id-{best}")
    (value,) = [record.metrics()[metric] for record in runs if record.header.name == best]
    assert comparison.value == value
    assert comparison.conclusions[0].startswith(f"best: {best}  {metric} {value}")
    state = comparison.state("FAILED", failed=2)
    assert state == SweepState(
        "FAILED",
        {"runs/finished": 2, "runs/converged": 1, "runs/diverged": 1, "runs/failed": 2, f"best/{metric}": value},
        best,
        f"id-{best}",
        when=state.when,
        conclusions=[*comparison.conclusions],
    )
    rows = read(tmp_path / "groups.csv")
    assert (rows[0]["group"], float(rows[0][metric]), rows[0]["interval"]) == (best, value, "none")
    assert len(rows) == len([run for run in runs if metric in run.metrics() or run.header.name == "d"])
    assert (rows[-1]["group"], abs(float(rows[-1][metric]))) == ("d", math.inf)


def test_no_run_is_best_if_all_diverged(tmp_path: Path) -> None:
    run = ended_run(tmp_path / "a", {}, {"loss/train": 0.5}, "diverged")
    comparison = compare_runs("runs", ended_runs([run]), LOSS, tmp_path)
    assert (comparison.best, comparison.best_record) == (None, None)
    state = comparison.state("FINISHED")
    assert (state.metrics, state.best) == ({"runs/diverged": 1, "runs/failed": 0}, None)


def test_runs_without_the_objective_are_ranked_by_their_losses_and_a_line_says_so(tmp_path: Path) -> None:
    runs = [
        ended_run(tmp_path / name, {"optimizer": name}, {"loss/train": loss, "accuracy/test": 1 - loss})
        for name, loss in (("a", 0.5), ("b", 0.4))
    ]
    comparison = compare_runs("runs", ended_runs(runs), Criterion("accuracy/validation", "maximize"), tmp_path)
    assert (comparison.best, comparison.metric) == ("b", "loss/train")
    assert comparison.conclusions[-1] == "caution: no run has accuracy/validation, and loss/train ranks them"
    assert (tmp_path / "curves_accuracy_test.png").exists()  # which ranks nothing, and is of interest


def test_tables_pictures_and_lines_say_that_the_test_set_has_selected(tmp_path: Path) -> None:
    runs = ended_runs(
        [
            ended_run(tmp_path / name, {"optimizer": name}, {"accuracy/validation": value, "accuracy/test": 1 - value})
            for name, value in (("a", 0.5), ("b", 0.4))
        ]
    )
    for split, best in (("validation", "a"), ("test", "b")):
        folder = tmp_path / split
        folder.mkdir()
        comparison = compare_runs("runs", runs, Criterion(f"accuracy/{split}", "maximize"), folder)
        assert comparison.best == best
        assert ("selected on the test set" in comparison.conclusions[0]) == (split == "test")
        assert {row["selected on"] for row in read(folder / "groups.csv")} == {split}
    assert compare_runs("runs", runs, Criterion("accuracy/validation", "maximize"), tmp_path).conclusions[0] == (
        "best: a  accuracy/validation 0.5; accuracy/test 0.5"
    )


def test_runs_that_were_stopped_are_in_the_table_and_in_no_group(tmp_path: Path) -> None:
    ends: list[tuple[str, float, Result]] = [("1", 0.1, "stopped"), ("2", 0.3, "finished"), ("3", 0.4, "finished")]
    runs = [ended_run(tmp_path / rate, {"optimizer.lr": rate}, {"loss/train": loss}, end) for rate, loss, end in ends]
    comparison = compare_runs("runs", ended_runs(runs), LOSS, tmp_path)
    assert (comparison.best, comparison.results["stopped"]) == ("2", 1)
    assert [row["result"] for row in read(tmp_path / "runs.csv")] == ["stopped", "finished", "finished"]
    assert [row["optimizer.lr"] for row in read(tmp_path / "groups.csv")] == ["2", "3"]
    # 1 was tried as well: 2 is not the smallest, of which it would be said that the range is too narrow.
    assert not [line for line in comparison.conclusions if line.startswith("caution")]
    stopped = compare_runs("runs", ended_runs(runs[:1]), LOSS, tmp_path)
    assert (stopped.best, stopped.results["stopped"]) == (None, 1)
    assert not (tmp_path / "groups.csv").exists()
    assert not list(tmp_path.glob("*.png"))


def test_runs_are_compared_by_how_soon_they_reach_a_target(bowls: list[RunRecord], tmp_path: Path) -> None:
    comparison = compare_runs("bowls", ended_runs(bowls, TARGET), LOSS, tmp_path, TARGET)
    # Each step at 0.1 multiplies the loss of 25 by 0.64: below 1 after log(1 / 25) / log(0.64) = 7.2 steps.
    (line,) = [line for line in comparison.conclusions if line.startswith("target")]
    steps = {row["run"]: float(row["steps_to_target"]) for row in read(tmp_path / "runs.csv")}
    assert steps["steepest_descent lr=0.1"] == 8
    assert steps["steepest_descent lr=0.01"] == math.inf
    there = sum(map(math.isfinite, steps.values()))
    soonest = min(steps, key=steps.__getitem__)
    said = f"target: loss/train 1 is reached by {there} of 6 runs; the soonest is {soonest}: steps_to_target "
    assert line == f"{said}{steps[soonest]:.4g}"
    assert {"target.png", "reached.png"} <= {path.name for path in tmp_path.iterdir()}


def test_runs_of_several_problems_have_a_table_but_no_pictures_and_no_best(tmp_path: Path) -> None:
    runs = [
        ended_run(tmp_path / "a", {"seed": "1"}, {"loss/train": 0.1}, problem="bowl"),
        ended_run(tmp_path / "b", {"seed": "1", "noise": "9"}, {"loss/train": 0.2, "x": 1.0}, problem="parabola"),
    ]
    assert compare_runs("runs", ended_runs(runs), LOSS, tmp_path).best is None
    assert not list(tmp_path.glob("*.png"))
    first, second = read(tmp_path / "runs.csv")
    assert first == {
        "run": "a", "noise": "", "result": "finished", "steps": "20", "loss/train": "0.1", "x": "", "record": "id-a",
    }  # fmt: skip
    assert second == first | {"run": "b", "noise": "9", "loss/train": "0.2", "x": "1.0", "record": "id-b"}


def test_runs_are_grouped_along_the_learning_rate(bowls: list[RunRecord]) -> None:
    grouped = group_runs(ended_runs(bowls))
    assert grouped.x_param == "optimizer.lr"
    assert [(group.kind, group.x) for group in grouped.groups] == [
        *itertools.product(("steepest_descent", "momentum"), RATES)
    ]


def test_a_comparison_of_no_runs_writes_nothing(tmp_path: Path) -> None:
    assert compare_runs("none", [], LOSS, tmp_path).best is None
    assert not list(tmp_path.iterdir())


def test_paths_of_many_groups_of_one_kind_are_one_entry_of_the_legend(bowls: list[RunRecord]) -> None:
    group = group_runs(ended_runs(bowls)).groups[0]
    many = GroupedRuns("optimizer.lr", ["optimizer.lr"], [replace(group, kind="", x=rate) for rate in range(1, 14)])
    legend = comparison_pictures("bowls", many, LOSS)["paths"].legends[0]
    assert [text.get_text() for text in legend.get_texts()].count("all, light to dark: lr 1 to 13") == 1
