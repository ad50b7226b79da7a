from pathlib import Path

import pytest
from tracking.runs import CREATED, rows, whole

from descent.tracking.follow import follow
from descent.tracking.sweep_record import RUNS, Job, State, Status, SweepHeader, SweepRecord, sweeps
from descent.tracking.sweep_sync import sync_record, sync_sweep

PARENTS = (
    "select c.name, p.name from runs c join tags t on t.run_uuid = c.run_uuid and t.key = 'mlflow.parentRunId' "
    "join runs p on p.run_uuid = t.value order by 1"
)


def sweep_of(folder: Path, *names: str, status: Status = "FINISHED", identity: str = "sweep") -> SweepRecord:
    """A sweep with a job for each name, its run's record beside the sweep's."""
    header = SweepHeader(identity, f"a {identity}", "x squared", CREATED, {"sweep.seed": "range(2)"}, {})
    sweep = SweepRecord.create(folder / identity, header, "lr: 0.1\n")
    for name in names:
        if not (folder / name).exists():
            whole(folder / name)
        sweep.note(Job([f"seed={name}"], name, "trained", name, f"id-{name}"))
    (sweep.folder / RUNS).write_text("run,seed\n" + "".join(f"{name},{name}\n" for name in names))
    best = names[0] if names else None
    sweep.stand(State(status, {"runs/finished": float(len(names))}, best, best and f"id-{best}", CREATED))
    return sweep


def test_a_sweep_takes_in_the_runs_of_its_jobs(uri: str, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, "a", "b")
    for name in "ab":
        sync_record(tmp_path / name, uri, 10)
    assert sync_record(sweep.folder, uri, 10).what == "new"
    assert rows(uri, PARENTS) == [("a", "a sweep"), ("b", "a sweep")]
    assert rows(uri, "select status from runs where name = 'a sweep'") == [("FINISHED",)]
    assert rows(uri, "select value from tags where key = 'descent.best'") == [("a",)]
    best = "select r.name from tags t join runs r on t.value = r.run_uuid where t.key = 'descent.best_run_id'"
    assert rows(uri, best) == [("a",)]
    assert rows(uri, "select value from latest_metrics where key = 'runs/finished'") == [(2.0,)]
    assert rows(uri, "select value from params where key = 'sweep.seed'") == [("range(2)",)]
    assert sync_sweep(sweep.folder, uri).what == "unchanged"


def test_a_sweep_that_comes_before_its_runs_takes_them_in_when_it_comes_again(uri: str, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, "a", "b")
    sync_sweep(sweep.folder, uri)
    assert rows(uri, PARENTS) == []
    for name in "ab":
        sync_record(tmp_path / name, uri, 10)
    assert sync_sweep(sweep.folder, uri).what == "updated"
    assert rows(uri, PARENTS) == [("a", "a sweep"), ("b", "a sweep")]
    assert sync_sweep(sweep.folder, uri).what == "unchanged"


def test_named_before_and_after_its_runs_it_is_brought_after_them(uri: str, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, "a", "b")
    said = [sweep.folder, tmp_path / "a", tmp_path / "b", sweep.folder]
    assert follow([f"{folder}\n" for folder in said], uri, 10) == []
    assert rows(uri, PARENTS) == [("a", "a sweep"), ("b", "a sweep")]


def test_a_run_stays_under_the_sweep_that_trained_it(uri: str, tmp_path: Path) -> None:
    for name in "ab":
        sync_record(whole(tmp_path / name).folder, uri, 10)
    sync_sweep(sweep_of(tmp_path, "a").folder, uri)
    sync_sweep(sweep_of(tmp_path, "a", "b", identity="wider").folder, uri)
    assert rows(uri, PARENTS) == [("a", "a sweep"), ("b", "a wider")]


def test_a_run_whose_job_did_not_see_the_sweeps_folder_comes_under_it(uri: str, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path)
    sync_sweep(sweep.folder, uri)
    elsewhere = whole(tmp_path / "elsewhere", tags={"descent.sweep": sweep.header.id})
    sync_record(elsewhere.folder, uri, 10)
    assert rows(uri, PARENTS) == [("elsewhere", "a sweep")]


@pytest.mark.parametrize("status", ["FAILED", "KILLED"])
def test_a_sweep_that_did_not_go_well_says_so_until_it_does(uri: str, tmp_path: Path, status: Status) -> None:
    sweep = sweep_of(tmp_path, "a", status=status)
    sync_sweep(sweep.folder, uri)
    assert rows(uri, "select status from runs") == [(status,)]
    better: tuple[Status, ...] = ("RUNNING", "FINISHED")
    for later in better:
        sweep.stand(State(later))
        sync_sweep(sweep.folder, uri)
        assert rows(uri, "select status from runs") == [(later,)]


def test_sweeps_are_found_by_their_records(tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, "a")
    assert sweeps([tmp_path]) == [sweep.folder]
    assert [job.name for job in SweepRecord(sweep.folder).jobs()] == ["a"]
    assert sweep.swept == ["seed"]
