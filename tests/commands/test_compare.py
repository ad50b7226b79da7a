import shutil
from pathlib import Path

import pytest
from conftest import composed_in, make_project
from tracking.runs import rows

from descent.commands.compare import main
from descent.errors import UserError
from descent.records.run import RunRecord
from descent.runs.identity import RunRequest
from descent.runs.train import train
from descent.tracking.sync import sync

RATES = (0.01, 0.1, 0.2)


@pytest.fixture(scope="module")
def bowls(
    tmp_path_factory: pytest.TempPathFactory, small_data: Path, empty_store: Path
) -> tuple[Path, list[RunRecord], list[str]]:
    """A project with descents at three rates, their records, and the ids of their MLflow runs."""
    project = make_project(tmp_path_factory.mktemp("bowls"), small_data)
    shutil.copy(empty_store, project)
    runs, ids = [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        for rate in RATES:
            overrides = ["problem=bowl", f"optimizer.lr={rate}", "trainer.max_steps=20"]
            result = train(composed_in(project, *overrides), RunRequest(overrides, {"problem": "bowl"}, f"lr={rate}"))
            runs.append(RunRecord(result.folder))
            ids.append(sync(result.folder, f"sqlite:///{project}/mlflow.db").run_id)
    return project, runs, ids


@pytest.fixture
def compared(
    bowls: tuple[Path, list[RunRecord], list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> "Compared":
    monkeypatch.chdir(bowls[0])
    return Compared(capsys)


class Compared:
    """The command, and what it says."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *picks: str) -> list[str]:
        main(picks)
        return self.capsys.readouterr().out.splitlines()


def test_runs_are_picked_by_folder_key_id_and_filter(
    bowls: tuple[Path, list[RunRecord], list[str]], compared: Compared
) -> None:
    project, (first, second, _), (_, _, third_id) = bowls
    by_hand = compared(str(first.folder), second.header.key[:12], third_id)
    assert by_hand[0] == "bowl: comparison over lr: 3 runs: 3 finished"
    assert by_hand[1] == f"best: lr=0.2  loss/train {25 * 0.6**40:.4g}"
    assert compared("params.`optimizer.lr` != '5'")[:2] == by_hand[:2]
    assert compared("runs")[:2] == by_hand[:2]
    assert compared("runs", str(first.folder))[:2] == by_hand[:2]  # each once
    (folder,) = (project / "comparisons").iterdir()
    names = {path.name for path in (folder / "views").iterdir()}
    assert {"runs.csv", "ends.png", "curves_loss_train.png", "paths.png"} <= names


def test_a_comparison_is_a_run_of_mlflow_and_takes_no_run_from_its_sweep(
    bowls: tuple[Path, list[RunRecord], list[str]], compared: Compared
) -> None:
    project, _, ids = bowls
    said = compared("runs")
    store = f"sqlite:///{project}/mlflow.db"
    found = rows(store, "select run_uuid, status from runs where name like '%comparison%'")
    assert found == [(said[-1].removeprefix("MLflow run "), "FINISHED")]
    assert rows(store, "select count(*) from tags where key = 'mlflow.parentRunId'") == [(0,)]
    assert said[-1].removeprefix("MLflow run ") not in ids


@pytest.mark.parametrize("pick", ["0123456789abcdef", "params.optimizer = 'nobody'", "f" * 32])
def test_a_selector_that_matches_nothing_is_reported_in_a_line(compared: Compared, pick: str) -> None:
    with pytest.raises(UserError, match="no run matches; name a folder under runs or sweeps") as caught:
        compared(pick)
    assert "\n" not in str(caught.value)


def test_two_runs_are_a_comparison(bowls: tuple[Path, list[RunRecord], list[str]], compared: Compared) -> None:
    first, second, *_ = bowls[1]
    assert compared(str(first.folder), str(second.folder))[0] == "bowl: comparison over lr: 2 runs: 2 finished"


def test_one_run_is_no_comparison(bowls: tuple[Path, list[RunRecord], list[str]], compared: Compared) -> None:
    with pytest.raises(UserError, match=r"^1 of the 1 runs picked have ended; a comparison takes two$"):
        compared(str(bowls[1][0].folder))


def test_it_is_said_which_runs_reach_a_target_and_how_soon(compared: Compared) -> None:
    # Each step multiplies the loss of 25 by (1 - 2 lr)²: to 1 it takes 3.2 steps at 0.2, 7.2 at 0.1, and 79.7 at 0.01.
    lines = compared("runs", "--target", "loss/train=1")
    assert "target: loss/train 1 is reached by 2 of 3 runs; the soonest is lr=0.2: steps_to_target 4" in lines
    without = compared("runs")
    assert not [line for line in without if line.startswith("target")]
    folders = {line.split()[1].partition("/views")[0] for line in (lines[-2], without[-2])}
    assert len(folders) == 2  # the one is not overwritten by the other
    (of_target,) = (folder for folder in folders if (Path(folder) / "views" / "target.png").exists())
    assert (Path(of_target) / "views" / "reached.png").exists()


@pytest.mark.parametrize("target", ["loss/train", "loss/train=low", "=1", "loss/train=inf"])
def test_another_target_is_refused_in_a_line(compared: Compared, target: str) -> None:
    with pytest.raises(UserError, match=r"^--target .*: write METRIC=VALUE, for example --target loss/train=0.01$"):
        compared("runs", "--target", target)
