import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from threading import Timer
from types import SimpleNamespace

import pytest
from tracking.runs import ended_record, evaluate, new_store, plane, points, runs, start, step
from tracking.test_sqlite_store import ODD
from tracking.test_sweep_sync import sweep_of
from waiting import eventually

from descent.records.locks import file_lock, folder_lock
from descent.records.sweep import SweepState
from descent.render import run_views
from descent.tracking.background import BackgroundSync
from descent.tracking.sqlite_store import sqlite_uri
from descent.tracking.sweep_sync import sync_sweep
from descent.tracking.sync import sync

pytestmark = pytest.mark.services

TRAINER = """
import sys, time
from pathlib import Path
from tracking.runs import start, step
from descent.tracking.background import BackgroundSync

folder, uri = Path(sys.argv[1]), sys.argv[2]
background = BackgroundSync(uri, 100, flush_timeout=60, interval=0)
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
"""Seconds to wait for what takes a few, so that no test fails on a slow machine."""


def has_ended(pid: int) -> bool:
    """Whether a process has ended; it may be a zombie."""
    status = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return status.stdout.strip()[:1] in ("", "Z")


def test_the_record_is_in_mlflow_when_it_finishes(uri: str, tmp_path: Path) -> None:
    background = BackgroundSync(uri, 100, flush_timeout=PATIENCE, interval=0)
    with start(tmp_path / "a", 20) as record:
        evaluate(record, 0)
        step(record, 0, 10)
        record.commit(record.position())
        background.on_progress(tmp_path / "a")
        assert eventually(lambda: points(uri) == list(range(10)), PATIENCE)
        assert os.getpriority(os.PRIO_PROCESS, background.start().pid) == 19  # lower than the priority of the training
        step(record, 10, 20)
        record.save_landscape(plane(20))
        record.finish("finished", 20, {})
    background.on_complete(tmp_path / "a")
    assert background.finish() == []
    assert runs(uri) == [("a", "FINISHED")]
    assert points(uri) == list(range(20))


class Terminal(StringIO):
    """A terminal's stderr."""

    def isatty(self) -> bool:
        return True


def test_a_user_at_a_terminal_is_told_once_what_is_waited_for(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("descent.tracking.background.SILENT", 0.1)
    said = []
    for number, stderr in enumerate((Terminal(), StringIO(), Terminal())):
        monkeypatch.setattr(sys, "stderr", stderr)
        ended_record(tmp_path / str(number))
        with BackgroundSync(None if number == 2 else uri, 100, flush_timeout=PATIENCE) as background:
            background.on_complete(tmp_path / str(number))
        said.append(stderr.getvalue())
    assert said == ["waiting for the pictures and MLflow\n", "", "waiting for the pictures\n"]


def test_one_process_syncs_the_records_of_many_runs(uri: str, tmp_path: Path) -> None:
    background = BackgroundSync(uri, 100, flush_timeout=PATIENCE)
    processes = set()
    for name in "abc":
        ended_record(tmp_path / name)
        background.on_complete(tmp_path / name)
        processes.add(background.start().pid)
    assert background.finish() == []
    assert len(processes) == 1
    assert sorted(runs(uri)) == [("a", "FINISHED"), ("b", "FINISHED"), ("c", "FINISHED")]


def test_each_record_that_was_not_synced_is_reported(
    uri: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "ac":
        (tmp_path / name / "record").mkdir(parents=True)
        (tmp_path / name / "record" / "run.json").write_text("{")
    ended_record(tmp_path / "b")
    with BackgroundSync(uri, 100, flush_timeout=PATIENCE) as background:
        for name in "abc":
            background.on_complete(tmp_path / name)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        f"not in MLflow yet: {folder}/record/run.json is damaged; restore it, or remove {folder} and train again"
        for folder in (tmp_path / "a", tmp_path / "c")
    ]
    assert runs(uri) == [("b", "FINISHED")]


def test_folders_of_any_name_are_synced_in_any_locale(
    empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}.items():
        monkeypatch.setenv(name, value)
    new_store(empty_store, tmp_path / ODD)
    uri = sqlite_uri(tmp_path / ODD / "mlflow.db")
    broken = ended_record(tmp_path / "broken").folder.rename(tmp_path / "latin-1 \udcfc")
    (broken / "record" / "run.json").write_text("{")
    background = BackgroundSync(uri, 100, flush_timeout=PATIENCE)
    background.on_complete(ended_record(tmp_path / ODD / "größe").folder)
    background._send(broken)
    (error,) = background.finish()
    assert error.startswith(rf"{tmp_path}/latin-1 \udcfc/record/run.json is damaged; ")
    assert runs(f"sqlite:///{tmp_path / ODD}/mlflow.db") == [("größe", "FINISHED")]


def test_without_a_run_there_is_no_process(tmp_path: Path) -> None:
    assert BackgroundSync(f"sqlite:///{tmp_path}/no.db", 100, flush_timeout=PATIENCE).finish() == []


def test_a_process_without_records_is_terminated(tmp_path: Path) -> None:
    background = BackgroundSync(f"sqlite:///{tmp_path}/no.db", 100, flush_timeout=PATIENCE)
    process = background.start()
    assert background.finish() == []
    assert process.poll() == -signal.SIGTERM  # it is still importing MLflow
    assert not (tmp_path / "no.db").exists()


def test_the_committed_rows_of_a_killed_trainer_are_synced(uri: str, tmp_path: Path) -> None:
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
    assert eventually(lambda: has_ended(int(pid)), PATIENCE)
    assert points(uri) == list(range(40))
    assert runs(uri) == [("a", "KILLED")]


def test_a_stopped_process_costs_the_trainer_no_more_than_the_timeout(tmp_path: Path) -> None:
    ended_record(tmp_path / "a")
    background = BackgroundSync("http://127.0.0.1:9", 100, flush_timeout=0.1, interval=0)
    process = background.start()
    process.send_signal(signal.SIGSTOP)
    rescue = Timer(60, process.kill)  # in case `finish` waits for the process
    rescue.start()
    for _ in range(10_000):  # more than a pipe holds
        background.on_progress(tmp_path / "a")
    background.on_complete(tmp_path / "a")
    assert background.finish() == ["the sync made no progress for 0.1 s, and continues in the background"]
    assert process.poll() is None
    rescue.cancel()
    process.send_signal(signal.SIGCONT)
    assert process.wait(PATIENCE) == 1  # the store is unreachable


BUSY = "import os; os.sched_setaffinity(0, {core}); os.nice(15)\nwhile True: pass"


def test_a_process_that_gets_little_of_a_core_is_waited_for(uri: str, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, "a", "b")  # whose runs another process draws
    core = min(os.sched_getaffinity(0))
    background = BackgroundSync(uri, 100, flush_timeout=5)
    busy = subprocess.Popen([sys.executable, "-c", BUSY.format(core={core})])
    try:
        os.sched_setaffinity(background.start().pid, {core})
        for folder in (sweep.folder, tmp_path / "a", tmp_path / "b"):
            background.on_complete(folder)
        assert background.finish() == []
    finally:
        busy.kill()
        busy.wait()
    assert runs(uri) == [("a", "FINISHED"), ("a sweep", "FINISHED"), ("b", "FINISHED")]


def test_a_process_that_syncs_one_record_after_the_other_is_waited_for(uri: str, tmp_path: Path) -> None:
    background = BackgroundSync(uri, 100, flush_timeout=6)
    background.on_complete(ended_record(tmp_path / "first").folder)
    assert eventually(lambda: runs(uri) == [("first", "FINISHED")], PATIENCE)
    for number, name in enumerate("abc", 1):
        lock = ExitStack()
        lock.enter_context(file_lock(ended_record(tmp_path / name).files / "run.json"))
        Timer(3 * number, lock.close).start()
        background.on_complete(tmp_path / name)
    start = time.monotonic()
    assert background.finish() == []
    assert time.monotonic() - start > 6
    assert runs(uri) == [*((name, "FINISHED") for name in "abc"), ("first", "FINISHED")]


def test_a_server_that_does_not_answer_costs_no_more_than_the_timeout(tmp_path: Path) -> None:
    for name in "abc":
        ended_record(tmp_path / name)
        run_views.draw(tmp_path / name)
    with socket.create_server(("127.0.0.1", 0)) as server:
        background = BackgroundSync(f"http://127.0.0.1:{server.getsockname()[1]}", 100, flush_timeout=3)
        process = background.start()
        for name in "abc":
            background.on_complete(tmp_path / name)
        server.settimeout(PATIENCE)
        connection, _ = server.accept()
        start = time.monotonic()
        with connection:
            assert background.finish() == ["the sync made no progress for 3 s, and continues in the background"]
            assert 2 < time.monotonic() - start < 8
    process.kill()
    process.wait()


def test_nothing_is_raised_if_the_process_has_died(tmp_path: Path) -> None:
    ended_record(tmp_path / "a")
    background = BackgroundSync("http://127.0.0.1:9", 100, flush_timeout=PATIENCE, interval=0)
    background.start().send_signal(signal.SIGKILL)
    background.start().wait()
    background.on_progress(tmp_path / "a")
    background.on_complete(tmp_path / "a")
    assert background.finish() == ["the background sync died (-9); run `descent sync`"]


def test_growing_records_are_sent_once_an_interval(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 1000.0
    with monkeypatch.context() as patch:
        patch.setattr("descent.tracking.background.time", SimpleNamespace(monotonic=lambda: clock))
        background = BackgroundSync(uri, 100, flush_timeout=PATIENCE, interval=20)
        for seconds in (0, 19.9, 20, 20.1, 39.9, 40, 59.9, 60):
            clock = 1000 + seconds
            background.on_progress(ended_record(tmp_path / f"at {seconds}").folder)
    assert background.finish() == []
    assert runs(uri) == [(f"at {seconds}", "FINISHED") for seconds in (20, 40, 60)]


def test_progress_before_the_first_interval_starts_no_process(tmp_path: Path) -> None:
    background = BackgroundSync(f"sqlite:///{tmp_path}/no.db", 100, flush_timeout=PATIENCE, interval=3600)
    background.on_progress(ended_record(tmp_path / "a").folder)
    assert background.finish() == []
    assert not (tmp_path / "no.db").exists()


def test_what_the_store_has_already_starts_no_process(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        ended_record(tmp_path / name)
    run_views.draw(tmp_path / "a")
    sync(tmp_path / "a", uri)
    background = BackgroundSync(uri, 100, flush_timeout=PATIENCE)
    with monkeypatch.context() as patch:
        patch.delattr(BackgroundSync, "start")
        background.on_complete(tmp_path / "a")
    background.on_complete(tmp_path / "b")
    assert background.finish() == []
    assert runs(uri) == [("a", "FINISHED"), ("b", "FINISHED")]


def test_a_sweep_is_reported_again_although_the_store_has_its_state_again(uri: str, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path)
    sync_sweep(sweep.folder, uri)
    state = sweep.state()
    background = BackgroundSync(uri, 100, flush_timeout=PATIENCE)
    with folder_lock(sweep.folder, "", wait=False):
        sweep.write_state(SweepState("RUNNING"))
        background.on_complete(sweep.folder)
        assert eventually(lambda: runs(uri) == [("a sweep", "RUNNING")], PATIENCE)
        sweep.write_state(state)
    background.on_complete(sweep.folder)
    assert background.finish() == []
    assert runs(uri) == [("a sweep", "FINISHED")]


def test_finish_returns_the_error_of_the_store(tmp_path: Path) -> None:
    ended_record(tmp_path / "a")
    (tmp_path / "no.db").write_text("this text is not a database" * 10)
    background = BackgroundSync(f"sqlite:///{tmp_path}/no.db", 100, flush_timeout=PATIENCE)
    background.on_complete(tmp_path / "a")
    (error,) = background.finish()
    again = "the record is kept, and `descent sync` tries again"
    assert error == f"MLflow store sqlite:///{tmp_path}/no.db: file is not a database; {again}"
