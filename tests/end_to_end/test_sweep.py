import json
import subprocess
import time
from pathlib import Path

import pytest
from end_to_end.commands import BIN, ENVIRONMENT, run
from tracking.runs import rows

SWEEP = (
    "descent", "train", "-m", "problem=himmelblau", "problem.start=[0.5,-1]", "trainer.max_steps=40",
    "optimizer=sgd,adam", "optimizer.lr=1e-3,1e-2,10", "seed=0,1",
)  # fmt: skip
JOBS = 12


def children(store: str) -> list[tuple[object, ...]]:
    """The names and statuses of the runs that have the only parent for theirs, by name."""
    return rows(
        store,
        "select c.name, c.status from runs c join tags t on t.run_uuid = c.run_uuid and t.key = 'mlflow.parentRunId' "
        "join runs p on p.run_uuid = t.value order by c.name",
    )


def started(command: tuple[str, ...], project: Path) -> subprocess.Popen[bytes]:
    """A command that runs on, what it says in a file."""
    with (project / "said.txt").open("wb") as said:
        return subprocess.Popen(
            command, cwd=project, env=ENVIRONMENT, stdout=said, stderr=said, executable=BIN / command[0]
        )


def test_a_sweep_is_a_parent_with_its_jobs_and_trains_nothing_twice(project: Path) -> None:
    store = f"sqlite:///{project}/mlflow.db"
    first = run(*SWEEP, cwd=project)
    assert first.returncode == 0, first.stderr
    assert "12 jobs: 12 trained, 0 resumed, 0 finished before, 0 failed" in first.stdout
    assert "best: adam lr=" in first.stdout or "best: sgd lr=" in first.stdout
    again = run(*SWEEP, cwd=project)
    assert again.returncode == 0, again.stderr
    assert "12 jobs: 0 trained, 0 resumed, 12 finished before, 0 failed" in again.stdout

    (folder,) = (project / "sweeps").iterdir()
    assert len((folder / "runs.csv").read_text().splitlines()) == JOBS + 1
    assert len(children(store)) == JOBS
    assert {status for _, status in children(store)} == {"FINISHED"}
    assert ("adam lr=0.01 seed=1", "FINISHED") in children(store)
    have_parents = "select run_uuid from tags where key = 'mlflow.parentRunId'"
    ((name, status),) = rows(store, f"select name, status from runs where run_uuid not in ({have_parents})")
    assert (name, status) == ("himmelblau: optimizer × lr × seed", "FINISHED")
    counts = rows(store, "select key, value from latest_metrics where key like 'runs/%' order by key")
    assert counts == [("runs/converged", 8.0), ("runs/diverged", 2.0), ("runs/failed", 0.0), ("runs/finished", 2.0)]


@pytest.mark.parametrize("after", [4])
def test_a_sweep_that_is_killed_and_issued_again_has_every_run_once(project: Path, after: int) -> None:
    store = f"sqlite:///{project}/mlflow.db"
    sweep = started(SWEEP, project)
    deadline = time.monotonic() + 120
    while len(list(project.glob("runs/*/result.json"))) < after and time.monotonic() < deadline:
        time.sleep(0.02)
    sweep.kill()
    sweep.wait()
    assert after <= len(list(project.glob("runs/*/result.json"))) < JOBS
    again = run(*SWEEP, cwd=project)
    assert again.returncode == 0, again.stderr
    assert f"{JOBS} jobs: " in again.stdout
    assert len(set(children(store))) == len(children(store)) == JOBS
    assert {status for _, status in children(store)} == {"FINISHED"}
    assert not list(project.glob("runs/*.unfinished"))


def test_a_job_that_fails_stops_no_other_and_is_told_of(project: Path) -> None:
    sweep = ("descent", "train", "-m", "problem=bowl", "trainer.max_steps=5", "optimizer.lr=0.1,-1", "tracking=none")
    done = run(*sweep, cwd=project)
    assert done.returncode == 1
    assert "2 jobs: 1 trained, 0 resumed, 0 finished before, 1 failed" in done.stdout
    assert "failed: lr=-1: optimizer.lr=-1: choose a number from 0, for example optimizer.lr=0.1" in done.stderr
    assert done.stderr.splitlines()[-1] == "descent train: 1 of 2 jobs failed, as said above"
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_a_sweep_in_seconds_and_its_parent_is_killed(project: Path) -> None:
    store = f"sqlite:///{project}/mlflow.db"
    sweep = started((*SWEEP[:5], "trainer.max_steps=200000", "optimizer.lr=1e-4,1e-3"), project)
    deadline = time.monotonic() + 60
    while not list(project.glob("runs/*/steps.csv")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    sweep.send_signal(2)
    before = time.monotonic()
    sweep.wait(timeout=30)
    assert time.monotonic() - before < 10
    assert sweep.returncode == 130
    assert "Traceback" not in (project / "said.txt").read_text()
    (state,) = project.glob("sweeps/*/state.json")
    assert json.loads(state.read_text())["status"] == "KILLED"
    deadline = time.monotonic() + 60
    killed = "select count(*) from runs where status = 'KILLED'"
    while rows(store, killed) != [(1,)] and time.monotonic() < deadline:
        time.sleep(0.5)
    assert rows(store, killed) == [(1,)]
