import shutil
import sys
from pathlib import Path

import pytest
from conftest import make_project
from end_to_end.commands import here, run, started
from end_to_end.sweeps import COMMAND, JOBS, children
from tracking.runs import everything, rows

from descent.records.run import STEPS, RunRecord

pytestmark = pytest.mark.services

SHORT = (*COMMAND, "trainer.max_steps=40")
SWEEP = (*SHORT, "tracking.flush_timeout=300", *JOBS)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, small_data: Path, empty_store: Path) -> Path:
    """A project in which the sweep is finished, and in its store."""
    project = make_project(tmp_path_factory.mktemp("project"), small_data)
    shutil.copy(empty_store, project)
    first = here(*SWEEP, cwd=project)
    assert first.returncode == 0, first.stderr
    assert "4 jobs: 4 trained, 0 resumed, 0 finished before, 0 failed" in first.stdout
    assert "best: sgd lr=0.01  loss/train " in first.stdout
    return project


def test_a_sweep_is_a_parent_with_its_jobs(swept: Path) -> None:
    store = f"sqlite:///{swept}/mlflow.db"
    (folder,) = (swept / "sweeps").iterdir()
    assert len((folder / "views" / "runs.csv").read_text().splitlines()) == 4 + 1
    assert len(children(swept)) == 4
    assert {status for _, status in children(swept)} == {"FINISHED"}
    assert ("adam lr=0.01", "FINISHED") in children(swept)
    have_parents = "select run_uuid from tags where key = 'mlflow.parentRunId'"
    ((name, status),) = rows(store, f"select name, status from runs where run_uuid not in ({have_parents})")
    assert (name, status) == ("himmelblau: optimizer × lr", "FINISHED")
    counts = rows(store, "select key, value from latest_metrics where key like 'runs/%' order by key")
    assert counts == [("runs/diverged", 1.0), ("runs/failed", 0.0), ("runs/finished", 3.0)]


def test_a_sweep_that_is_there_trains_nothing_twice_imports_nothing_heavy_and_changes_nothing(swept: Path) -> None:
    store = f"sqlite:///{swept}/mlflow.db"
    (state,) = swept.glob("sweeps/*/record/state.json")
    files = [state, *swept.glob("sweeps/*/views/*"), *swept.glob("runs/*/views/*")]
    before = everything(store), [(path.read_bytes(), path.stat().st_ino) for path in files[1:]], state.read_bytes()
    code = "import sys; from descent.cli import main; main(); print({'torch', 'mlflow', 'matplotlib'} & {*sys.modules})"
    again = run(sys.executable, "-c", code, *SWEEP[1:], cwd=swept)
    assert again.returncode == 0, again.stderr
    assert "4 jobs: 0 trained, 0 resumed, 4 finished before, 0 failed" in again.stdout
    assert again.stdout.splitlines()[-1] == "set()"
    after = everything(store), [(path.read_bytes(), path.stat().st_ino) for path in files[1:]], state.read_bytes()
    assert after == before


def test_a_finished_sweep_is_synced_whole_to_a_new_store(swept: Path) -> None:
    before = children(swept)
    (swept / "mlflow.db").unlink()
    assert here(*SWEEP, cwd=swept).returncode == 0
    assert children(swept) == before
    assert len(before) == 4


def test_a_job_that_fails_stops_no_other_and_is_reported(project: Path) -> None:
    # The command line has the last word over what a ready sweep sweeps over.
    sweep = ("sweep=learning_rate", "optimizer.lr=0.1,-1")
    done = here("descent", "train", "problem=bowl", "trainer.max_steps=5", "tracking=none", *sweep, cwd=project)
    assert done.returncode == 1
    assert "2 jobs: 1 trained, 0 resumed, 0 finished before, 1 failed" in done.stdout
    assert "failed: lr=-1: optimizer.lr=-1: choose a number from 0, for example optimizer.lr=0.1" in done.stderr
    assert done.stderr.splitlines()[-1] == "descent train: 1 of 2 jobs failed; the reasons are above"
    assert "Traceback" not in done.stderr


def test_jobs_in_processes_of_their_own_lose_nothing_in_a_new_store(project: Path) -> None:
    store = f"sqlite:///{project}/mlflow.db"
    (project / "mlflow.db").unlink()
    parallel = (
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
        "tracking.flush_timeout=300",
        "optimizer=sgd",
        "optimizer.lr=1e-3,1e-2",
        "seed=range(4)",
    )
    done = here(*SHORT, *parallel, cwd=project)
    assert done.returncode == 0, done.stderr
    assert "8 jobs: 8 trained, 0 resumed, 0 finished before, 0 failed" in done.stdout
    assert [status for _, status in children(project)] == ["FINISHED"] * 8
    for folder in (project / "runs").iterdir():
        record = RunRecord(folder)
        steps = record.read(STEPS)
        column = steps.columns.index("loss/step")
        logged = rows(
            store,
            "select m.step, m.value from metrics m join tags t on t.run_uuid = m.run_uuid where m.key = 'loss/step' "
            f"and t.key = 'descent.record' and t.value = '{record.header.id}' order by m.step",
        )
        assert logged == [(row[0], row[column]) for row in steps.rows]


def test_two_sweeps_at_once_share_the_job_that_both_have(project: Path) -> None:
    store = f"sqlite:///{project}/mlflow.db"
    common = (*SHORT, "tracking.flush_timeout=300")
    here, there = project / "here", project / "there"
    here.mkdir()
    there.mkdir()
    with (
        started(*common, "optimizer.lr=1e-3,1e-2", cwd=here) as one,
        started(*common, "optimizer.lr=1e-2,1e-1", cwd=there) as other,
    ):
        assert (one.wait(timeout=300), other.wait(timeout=300)) == (0, 0)
    said = [(folder / "said.txt").read_text() for folder in (here, there)]
    assert [" 2 jobs: " in text and " 0 failed" in text for text in said] == [True, True]
    assert sum(" 2 trained" in text for text in said) == 1
    assert children(project) == [(f"steepest_descent lr={lr}", "FINISHED") for lr in (0.001, 0.01, 0.1)]
    assert rows(store, "select status from runs where name = 'himmelblau: lr'") == [("FINISHED",), ("FINISHED",)]
