"""Folders that earlier versions of Descent wrote, committed in `formats/`: each is read, or refused in a line."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from end_to_end.commands import here
from tracking.runs import rows, runs

from descent.core.training.resumption import restore
from descent.records.run import STEPS, RunRecord
from descent.records.sweep import SweepRecord

FORMATS = Path(__file__).with_name("formats")
RUNS = {0.1: Path("runs/parabola_002-46e3ff2a"), 0.2: Path("runs/parabola_002-97963e86")}
KILLED = Path("runs/killed.b3aa62c0.unfinished")
SWEEP = Path("sweeps/lr")


@pytest.fixture
def first(project: Path) -> Path:
    """A project of the first version."""
    return shutil.copytree(FORMATS / "1", project, dirs_exist_ok=True)


@pytest.fixture
def second(project: Path) -> Path:
    """A project of the second version of the record."""
    return shutil.copytree(FORMATS / "2", project, dirs_exist_ok=True)


@pytest.mark.parametrize(
    ("command", "folder"),
    [("draw", "runs/parabola_002"), ("compare", "runs/parabola_002"), ("draw", SWEEP), ("compare", SWEEP)],
)
def test_the_first_version_is_refused_in_a_line(first: Path, command: str, folder: str | Path) -> None:
    refused = here("descent", command, str(folder), cwd=first)
    said = "was written by the first version of Descent; remove it and train again"
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"descent {command}: {folder} {said}\n"


def test_training_into_a_folder_of_the_first_version_is_refused_and_leaves_it_as_it_is(first: Path) -> None:
    before = {path: path.read_bytes() for path in (first / "runs").rglob("*") if path.is_file()}
    words = ("experiment=parabola_002", "run_dir=runs/parabola_002", "tracking=none")
    refused = here("descent", "train", *words, cwd=first)
    (line,) = refused.stderr.splitlines()
    assert (refused.returncode, line.endswith("remove it and train again")) == (1, True)
    assert {path: path.read_bytes() for path in (first / "runs").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("rate", RUNS)
def test_a_run_of_the_second_is_read(second: Path, rate: float) -> None:
    record = RunRecord(second / RUNS[rate])
    closed_form = (1 - 2 * rate) ** np.arange(7.0)  # of the parabola y = x², from x = 1
    np.testing.assert_allclose(record.path()[:, 0], closed_form, rtol=1e-6)
    assert record.metrics()["loss/train"] == pytest.approx(closed_form[-1] ** 2, rel=1e-6)
    drawn = here("descent", "draw", str(RUNS[rate]), cwd=second)
    assert (drawn.returncode, drawn.stderr) == (0, "")
    assert (record.views / "descent.png").exists()


def test_a_sweep_of_the_second_is_compared(second: Path) -> None:
    assert [job.name for job in SweepRecord(second / SWEEP).jobs()] == ["lr=0.1", "lr=0.2"]
    compared = here("descent", "compare", str(SWEEP), cwd=second)
    assert (compared.returncode, compared.stderr) == (0, "")
    assert "lr=0.2" in compared.stdout


def test_all_of_the_second_is_synced(second: Path, empty_store: Path) -> None:
    shutil.copy(empty_store, second)
    synced = here("descent", "sync", "--uri", "sqlite:///mlflow.db", cwd=second)
    assert (synced.returncode, synced.stderr) == (0, "")
    assert synced.stdout.splitlines()[-1] == "records: 4 new, 0 updated, 0 unchanged"
    uri = f"sqlite:///{second}/mlflow.db"
    assert sorted(str(status) for _, status in runs(uri)) == ["FINISHED", "FINISHED", "FINISHED", "KILLED"]
    points = rows(uri, "select count(*) from metrics where key = 'loss/step' group by run_uuid order by count(*)")
    assert points == [(1,), (6,), (6,)]  # of the killed run, every 30th


def test_a_run_of_the_second_that_was_killed_starts_again_and_says_so(
    second: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = RunRecord(second / KILLED)
    assert record.table(STEPS).count() == 20
    assert restore([record]) == [None]
    reason = "checkpoint.ckpt: an earlier version of Descent wrote it"
    assert capsys.readouterr().err == f"{record.folder} is damaged ({reason}); resumed from step 0\n"
    assert record.table(STEPS).count() == 0
