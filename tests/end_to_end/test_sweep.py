import signal
import time
from pathlib import Path

import pytest
from end_to_end.commands import here, run, started
from tracking.runs import rows
from waiting import eventually

from descent.tracking.record import STEPS, RunRecord
from descent.tracking.sweep_record import SweepRecord

SWEEP = (
    "descent", "train", "-m", "problem=himmelblau", "trainer.max_steps=40", "problem.start=[0.5,-1]",
    "optimizer=sgd,adam", "optimizer.lr=1e-2,10",
)  # fmt: skip
JOBS = 4


def children(store: str) -> list[tuple[object, ...]]:
    """The names and statuses of the runs that have the only parent for theirs, by name."""
    return rows(
        store,
        "select c.name, c.status from runs c join tags t on t.run_uuid = c.run_uuid and t.key = 'mlflow.parentRunId' "
        "join runs p on p.run_uuid = t.value order by c.name",
    )


def test_a_sweep_is_a_parent_with_its_jobs_and_trains_nothing_twice(project: Path) -> None:
    store = f"sqlite:///{project}/mlflow.db"
    first = here(*SWEEP, cwd=project)
    assert first.returncode == 0, first.stderr
    assert "4 jobs: 4 trained, 0 resumed, 0 finished before, 0 failed" in first.stdout
    assert "best: sgd lr=0.01  loss/train " in first.stdout
    again = here(*SWEEP, cwd=project)
    assert again.returncode == 0, again.stderr
    assert "4 jobs: 0 trained, 0 resumed, 4 finished before, 0 failed" in again.stdout

    (folder,) = (project / "sweeps").iterdir()
    assert len((folder / "runs.csv").read_text().splitlines()) == JOBS + 1
    assert len(children(store)) == JOBS
    assert {status for _, status in children(store)} == {"FINISHED"}
    assert ("adam lr=0.01", "FINISHED") in children(store)
    have_parents = "select run_uuid from tags where key = 'mlflow.parentRunId'"
    ((name, status),) = rows(store, f"select name, status from runs where run_uuid not in ({have_parents})")
    assert (name, status) == ("himmelblau: optimizer × lr", "FINISHED")
    counts = rows(store, "select key, value from latest_metrics where key like 'runs/%' order by key")
    assert counts == [("runs/diverged", 1.0), ("runs/failed", 0.0), ("runs/finished", 3.0)]


def test_a_sweep_that_is_killed_and_issued_again_has_every_run_once(project: Path) -> None:
    store = f"sqlite:///{project}/mlflow.db"
    with started(*SWEEP, cwd=project) as sweep:
        assert eventually(lambda: len(list(project.glob("runs/*/result.json"))) >= 2, seconds=120)
        sweep.kill()
    assert 2 <= len(list(project.glob("runs/*/result.json"))) < JOBS
    again = here(*SWEEP, cwd=project)
    assert again.returncode == 0, again.stderr
    assert f"{JOBS} jobs: " in again.stdout
    assert len(set(children(store))) == len(children(store)) == JOBS
    assert {status for _, status in children(store)} == {"FINISHED"}
    assert not list(project.glob("runs/*.unfinished"))


def test_jobs_that_are_trained_together_are_jobs_like_others(project: Path) -> None:
    store = f"sqlite:///{project}/mlflow.db"
    sweep = (*SWEEP[:4], "trainer.max_steps=20000", "trainer.checkpoint_seconds=0", *SWEEP[5:])
    with started(*sweep, "hydra/launcher=fused", cwd=project) as killed:
        assert eventually(lambda: len(list(project.glob("runs/*.unfinished/checkpoint.ckpt"))) >= 2, seconds=120)
        killed.kill()
    done = here(*sweep, "hydra/launcher=fused", cwd=project)
    assert done.returncode == 0, done.stderr
    assert f"{JOBS} jobs: " in done.stdout
    assert " 0 resumed" not in done.stdout
    assert len(set(children(store))) == len(children(store)) == JOBS
    assert {status for _, status in children(store)} == {"FINISHED"}
    # Where they were trained is no part of what they are.
    again = here(*sweep, cwd=project)
    assert f"{JOBS} jobs: 0 trained, 0 resumed, {JOBS} finished before, 0 failed" in again.stdout


def test_a_job_that_fails_stops_no_other_and_is_told_of(project: Path) -> None:
    # The command line has the last word over what a ready sweep sweeps over.
    sweep = ("sweep=learning_rate", "optimizer.lr=0.1,-1")
    done = here("descent", "train", "problem=bowl", "trainer.max_steps=5", "tracking=none", *sweep, cwd=project)
    assert done.returncode == 1
    assert "2 jobs: 1 trained, 0 resumed, 0 finished before, 1 failed" in done.stdout
    assert "failed: lr=-1: optimizer.lr=-1: choose a number from 0, for example optimizer.lr=0.1" in done.stderr
    assert done.stderr.splitlines()[-1] == "descent train: 1 of 2 jobs failed, as said above"
    assert "Traceback" not in done.stderr


def test_a_sweep_that_goes_on_is_refused_again_and_ctrl_c_ends_it_in_seconds_as_killed(project: Path) -> None:
    store = f"sqlite:///{project}/mlflow.db"
    long = ("trainer.max_steps=200000", "optimizer.lr=1e-4,1e-3")
    with started(*SWEEP[:4], *long, cwd=project) as sweep:
        assert eventually(lambda: any(project.glob("runs/*/steps.csv")), seconds=120)
        # The same sweep can't be at its jobs twice at once.
        again = run(*SWEEP[:4], *long, cwd=project)
        assert again.returncode == 1
        (line,) = again.stderr.splitlines()
        assert line.startswith("descent train: another process is at this sweep (")

        before = time.monotonic()
        sweep.send_signal(signal.SIGINT)
        assert sweep.wait(timeout=30) == 130
        assert time.monotonic() - before < 10
    assert "Traceback" not in (project / "said.txt").read_text()
    (folder,) = (project / "sweeps").iterdir()
    assert SweepRecord(folder).state().status == "KILLED"
    synced = here("descent", "sync", cwd=project)
    assert synced.returncode == 0, synced.stderr
    assert rows(store, "select count(*) from runs where status = 'KILLED'") == [(1,)]


@pytest.mark.services
def test_jobs_in_processes_of_their_own_lose_nothing_in_a_new_store(project: Path) -> None:
    store = f"sqlite:///{project}/mlflow.db"
    (project / "mlflow.db").unlink()
    parallel = (
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
        "tracking.patience=300",
        "optimizer=sgd",
        "optimizer.lr=1e-3,1e-2",
        "seed=range(4)",
    )
    done = here(*SWEEP[:5], "problem.start=[0.5,-1]", *parallel, cwd=project)
    assert done.returncode == 0, done.stderr
    assert "8 jobs: 8 trained, 0 resumed, 0 finished before, 0 failed" in done.stdout
    assert [status for _, status in children(store)] == ["FINISHED"] * 8
    for folder in (project / "runs").iterdir():
        record = RunRecord(folder)
        steps = record.read(STEPS)
        column = steps.columns.index("loss/step")
        told = rows(
            store,
            "select m.step, m.value from metrics m join tags t on t.run_uuid = m.run_uuid where m.key = 'loss/step' "
            f"and t.key = 'descent.record' and t.value = '{record.header.id}' order by m.step",
        )
        assert told == [(row[0], row[column]) for row in steps.rows]


def test_two_sweeps_at_once_share_the_job_that_both_have(project: Path) -> None:
    store = f"sqlite:///{project}/mlflow.db"
    common = (*SWEEP[:5], "problem.start=[0.5,-1]", "tracking.patience=300")
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
    assert children(store) == [(f"lr={lr}", "FINISHED") for lr in (0.001, 0.01, 0.1)]
    assert rows(store, "select status from runs where name = 'himmelblau: lr'") == [("FINISHED",), ("FINISHED",)]
