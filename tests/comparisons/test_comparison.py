import csv
import itertools
from pathlib import Path

import pytest
from conftest import composed_in, make_project
from PIL import Image

from descent.comparisons.comparison import compare
from descent.comparisons.runs import arranged, called, ended
from descent.experiment import Asked, train
from descent.tracking.record import RunRecord

RATES = (0.01, 0.1, 1.5)  # the last runs away


@pytest.fixture(scope="module")
def bowls(tmp_path_factory: pytest.TempPathFactory, small_data: Path) -> list[RunRecord]:
    """Descents on x² + y² by two optimizers at three rates."""
    project = make_project(tmp_path_factory.mktemp("bowls"), small_data)
    records = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        for optimizer, rate in itertools.product(("steepest_descent", "momentum"), RATES):
            overrides = ["problem=bowl", f"optimizer={optimizer}", f"optimizer.lr={rate}", "trainer.max_steps=30"]
            asked = Asked(overrides, {"optimizer": optimizer, "problem": "bowl"}, f"{optimizer} lr={rate}")
            records.append(RunRecord(train(composed_in(project, *overrides), asked).folder))
    return records


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_runs_are_compared_in_a_table_and_in_pictures(bowls: list[RunRecord], tmp_path: Path) -> None:
    folder = tmp_path / "comparison"
    folder.mkdir()
    comparison = compare("bowls", bowls, "loss/train", "minimize", folder)
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
    assert pictures == ["curves_loss_train.png", "ends.png", "paths.png"]
    for name in pictures:
        with Image.open(folder / name) as picture:
            assert picture.width >= 500


def test_the_worst_is_best_where_more_is_worse(bowls: list[RunRecord], tmp_path: Path) -> None:
    comparison = compare("bowls", bowls[:2], "loss/train", "maximize", tmp_path)
    assert comparison.best == "steepest_descent lr=0.01"


def test_runs_stand_in_handfuls_along_the_learning_rate(bowls: list[RunRecord]) -> None:
    arrangement = arranged(ended(bowls))
    assert arrangement.number == "optimizer.lr"
    assert [(handful.kind, handful.number) for handful in arrangement.handfuls] == [
        *itertools.product(("steepest_descent", "momentum"), RATES)
    ]


def test_a_run_is_called_by_what_it_chose_and_set() -> None:
    assert called({"optimizer": "adam", "optimizer.lr": "0.01", "seed": "2"}) == "adam lr=0.01 seed=2"


def test_nothing_to_compare_is_nothing(tmp_path: Path) -> None:
    assert compare("none", [], "loss/train", "minimize", tmp_path).best is None
    assert not list(tmp_path.iterdir())
