import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Timer
from types import SimpleNamespace

import pytest
from tracking.runs import evaluate, plane, points, runs, start, step, whole
from tracking.test_sweep_sync import sweep_of
from waiting import eventually

from descent.records.sweep import State
from descent.render import run_views
from descent.tracking.background import BackgroundSync
from descent.tracking.sweep_sync import sync_sweep
from descent.tracking.sync import sync

TRAINER = """
import sys, time
from pathlib import Path
from tracking.runs import start, step
from descent.tracking.background import BackgroundSync

folder, uri = Path(sys.argv[1]), sys.argv[2]
background = BackgroundSync(uri, 100, flush_timeout=60, every=0)
record = start(folder, 100)
step(record, 0, 40)
record.commit(record.position())
step(record, 40, 60)
record.position()
background.on_progress(folder)
print(background.start().pid, "mlflow" in sys.modules, flush=True)
time.sleep(60)
"""


PATIENCE = 300.0
"""Seconds to wait for what takes a few: nothing fails because a machine is slow."""


def gone(pid: int) -> bool:
    """Whether a process has ended; nobody may have asked yet how."""
    said = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return said.stdout.strip()[:1] in ("", "Z")


def test_the_record_is_in_mlflow_when_it_finishes(uri: str, tmp_path: Path) -> None:
    background = BackgroundSync(uri, 100, flush_timeout=PATIENCE, every=0)
    with start(tmp_path / "a", 20) as record:
        evaluate(record, 0)
        step(record, 0, 10)
        record.commit(record.position())
        background.on_progress(tmp_path / "a")
        assert eventually(lambda: points(uri) == list(range(10)), PATIENCE)
        assert os.getpriority(os.PRIO_PROCESS, background.start().pid) == 19  # behind the training
        step(record, 10, 20)
        record.save_landscape(plane(20))
        record.finish("finished", 20, {})
    background.on_complete(tmp_path / "a")
    assert background.finish() == []
    assert runs(uri) == [("a", "FINISHED")]
    assert points(uri) == list(range(20))


def test_one_process_brings_the_records_of_many_runs(uri: str, tmp_path: Path) -> None:
    background = BackgroundSync(uri, 100, flush_timeout=PATIENCE)
    processes = set()
    for name in "abc":
        whole(tmp_path / name)
        background.on_complete(tmp_path / name)
        processes.add(background.start().pid)
    assert background.finish() == []
    assert len(processes) == 1
    assert sorted(runs(uri)) == [("a", "FINISHED"), ("b", "FINISHED"), ("c", "FINISHED")]


def test_each_record_that_did_not_get_there_is_told_of(
    uri: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "ac":
        (tmp_path / name / "record").mkdir(parents=True)
        (tmp_path / name / "record" / "run.json").write_text("{")
    whole(tmp_path / "b")
    with BackgroundSync(uri, 100, flush_timeout=PATIENCE) as background:
        for name in "abc":
            background.on_complete(tmp_path / name)
    told = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1] for line in told] == [f"{tmp_path}/a", f"{tmp_path}/c"]
    assert runs(uri) == [("b", "FINISHED")]


def test_without_a_run_there_is_no_process_and_nothing_to_tell(tmp_path: Path) -> None:
    assert BackgroundSync(f"sqlite:///{tmp_path}/no.db", 100, flush_timeout=PATIENCE).finish() == []


def test_a_process_that_was_told_of_no_run_is_not_waited_for(tmp_path: Path) -> None:
    background = BackgroundSync(f"sqlite:///{tmp_path}/no.db", 100, flush_timeout=PATIENCE)
    process = background.start()
    assert background.finish() == []
    assert process.poll() == -signal.SIGTERM  # it would have ended by itself, once it had imported MLflow
    assert not (tmp_path / "no.db").exists()


def test_a_trainer_that_is_killed_has_its_committed_rows_brought(uri: str, tmp_path: Path) -> None:
    trainer = subprocess.Popen(
        [sys.executable, "-c", TRAINER, str(tmp_path / "a"), uri],
        env=os.environ | {"PYTHONPATH": f"{Path(__file__).parents[1]}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert trainer.stdout is not None
    pid, knows_mlflow = trainer.stdout.readline().split()
    trainer.kill()
    trainer.communicate()
    assert knows_mlflow == "False"
    assert eventually(lambda: gone(int(pid)), PATIENCE)
    assert points(uri) == list(range(40))
    assert runs(uri) == [("a", "RUNNING")]


def test_a_process_that_hears_nothing_costs_the_trainer_no_more_than_its_patience(tmp_path: Path) -> None:
    whole(tmp_path / "a")
    background = BackgroundSync("http://127.0.0.1:9", 100, flush_timeout=0.1, every=0)
    process = background.start()
    process.send_signal(signal.SIGSTOP)
    rescue = Timer(60, process.kill)  # a trainer that waits for it would wait for ever
    rescue.start()
    for _ in range(10_000):  # more than a pipe holds
        background.on_progress(tmp_path / "a")
    background.on_complete(tmp_path / "a")
    assert background.finish() == ["MLflow has not got it all after 0.1 s; the background sync goes on"]
    assert process.poll() is None
    rescue.cancel()
    process.send_signal(signal.SIGCONT)
    assert process.wait(PATIENCE) == 1  # the store is away


def test_nothing_is_raised_when_the_process_is_gone(tmp_path: Path) -> None:
    whole(tmp_path / "a")
    background = BackgroundSync("http://127.0.0.1:9", 100, flush_timeout=PATIENCE, every=0)
    background.start().send_signal(signal.SIGKILL)
    background.start().wait()
    background.on_progress(tmp_path / "a")
    background.on_complete(tmp_path / "a")
    assert background.finish() == ["the background sync died (-9); run `descent sync`"]


def test_records_that_grow_are_named_no_more_often_than_every_so_many_seconds(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 1000.0
    with monkeypatch.context() as patch:
        patch.setattr("descent.tracking.background.time", SimpleNamespace(monotonic=lambda: clock))
        background = BackgroundSync(uri, 100, flush_timeout=PATIENCE, every=20)
        for seconds in (0, 19.9, 20, 20.1, 39.9, 40, 59.9, 60):
            clock = 1000 + seconds
            background.on_progress(whole(tmp_path / f"at {seconds}").folder)
    assert background.finish() == []
    assert runs(uri) == [(f"at {seconds}", "FINISHED") for seconds in (20, 40, 60)]


def test_a_run_that_ends_before_a_sync_is_due_starts_no_process(tmp_path: Path) -> None:
    background = BackgroundSync(f"sqlite:///{tmp_path}/no.db", 100, flush_timeout=PATIENCE, every=3600)
    background.on_progress(whole(tmp_path / "a").folder)
    assert background.finish() == []
    assert not (tmp_path / "no.db").exists()


def test_what_the_store_has_already_starts_no_process(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        whole(tmp_path / name)
    run_views.draw(tmp_path / "a")
    sync(tmp_path / "a", uri)
    background = BackgroundSync(uri, 100, flush_timeout=PATIENCE)
    with monkeypatch.context() as patch:
        patch.delattr(BackgroundSync, "start")
        background.on_complete(tmp_path / "a")
    background.on_complete(tmp_path / "b")
    assert background.finish() == []
    assert runs(uri) == [("a", "FINISHED"), ("b", "FINISHED")]


def test_a_sweep_is_named_again_although_the_store_has_it_as_it_stands_again(uri: str, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path)
    sync_sweep(sweep.folder, uri)
    state = sweep.state()
    background = BackgroundSync(uri, 100, flush_timeout=PATIENCE)
    sweep.stand(State("RUNNING"))
    background.on_complete(sweep.folder)
    assert eventually(lambda: runs(uri) == [("a sweep", "RUNNING")], PATIENCE)
    sweep.stand(state)
    background.on_complete(sweep.folder)
    assert background.finish() == []
    assert runs(uri) == [("a sweep", "FINISHED")]


def test_the_reason_is_told(tmp_path: Path) -> None:
    whole(tmp_path / "a")
    (tmp_path / "no.db").write_text("this is not a database, whoever asks" * 10)
    background = BackgroundSync(f"sqlite:///{tmp_path}/no.db", 100, flush_timeout=PATIENCE)
    background.on_complete(tmp_path / "a")
    (said,) = background.finish()
    assert said == f"MLflow store sqlite:///{tmp_path}/no.db: file is not a database; `descent sync` tries again"
