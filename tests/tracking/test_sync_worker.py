import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tracking.runs import ended_record, points, runs, start, step
from waiting import eventually

from descent.records.locks import folder_lock
from descent.tracking.store import connect
from descent.tracking.sync_worker import process_records

PATIENCE = 300.0
"""Seconds to wait for what takes a few."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_record_that_is_received_twice_is_synced_once(uri: str, tmp_path: Path) -> None:
    ended_record(tmp_path / "a")
    assert process_records([f"{tmp_path}/a\n", f"{tmp_path}/a\n"], uri, 10) == []
    assert runs(uri) == [("a", "FINISHED")]


def test_a_growing_record_is_synced_each_time_it_is_received(uri: str, tmp_path: Path) -> None:
    snapshots = []

    def lines() -> Iterator[str]:
        with start(tmp_path / "a", 30) as record, folder_lock(record.folder, "", wait=False):
            for first in (0, 10, 20):
                step(record, first, first + 10)
                record.commit(record.position())
                yield f"{tmp_path}/a\n"
                eventually(partial(is_synced, uri, first + 10), PATIENCE)
                snapshots.append(points(uri))

    assert process_records(lines(), uri, 30) == []
    assert snapshots == [list(range(10)), list(range(20)), list(range(30))]
    assert runs(uri) == [("a", "KILLED")]  # by whoever has closed the pipe before its end


def is_synced(uri: str, steps: int) -> bool:
    return len(points(uri)) >= steps


def after(uri: str, folder: Path, *before: Path) -> Iterator[str]:
    """Lines with folders and a last one; ends when that is in MLflow, so that the others have been tried."""
    for path in (*before, ended_record(folder).folder):
        yield f"{path}\n"
    eventually(lambda: (folder.name, "FINISHED") in runs(uri), PATIENCE)


def test_a_record_that_was_moved_is_synced_from_its_new_folder(uri: str, tmp_path: Path) -> None:
    ended_record(tmp_path / "there")

    def lines() -> Iterator[str]:
        yield from after(uri, tmp_path / "last", tmp_path / "here")
        yield f"{tmp_path}/there\n"

    assert process_records(lines(), uri, 10) == []
    assert runs(uri) == [("last", "FINISHED"), ("there", "FINISHED")]


def test_a_failed_sync_is_repeated_when_the_record_is_received_again_and_at_the_end(uri: str, tmp_path: Path) -> None:
    folders = [ended_record(tmp_path / name).folder for name in ("a", "b")]
    headers = {folder / "record" / "run.json": (folder / "record" / "run.json").read_text() for folder in folders}
    snapshots = []

    def lines() -> Iterator[str]:
        for header in headers:
            header.write_text("{")
        yield from after(uri, tmp_path / "first", *folders)
        snapshots.append(runs(uri))
        for header, text in headers.items():
            header.write_text(text)
        yield from after(uri, tmp_path / "second", folders[0])
        snapshots.append(runs(uri))

    assert process_records(lines(), uri, 10) == []
    finished = [[(name, "FINISHED") for name in names] for names in (["first"], ["a", "first", "second"])]
    assert snapshots == finished
    assert runs(uri) == sorted([*finished[1], ("b", "FINISHED")])


def test_a_broken_record_is_reported(uri: str, tmp_path: Path) -> None:
    (tmp_path / "broken" / "record").mkdir(parents=True)
    (tmp_path / "broken" / "record" / "run.json").write_text("{")
    errors = process_records([f"{tmp_path}/broken\n"], uri, 10)
    assert len(errors) == 1
    assert errors[0].startswith(f"{tmp_path}/broken/record/run.json is damaged; ")
    assert runs(uri) == []


def test_a_server_that_starts_late_gets_everything(empty_store: Path, tmp_path: Path) -> None:
    uri = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "mlflow", "server", "--port", uri.rpartition(":")[2], "--workers", "1"]
    store = tmp_path / "mlflow.db"
    store.write_bytes(empty_store.read_bytes())
    command += [
        "--backend-store-uri",
        f"sqlite:///{store}",
        "--artifacts-destination",
        str(tmp_path / "artifacts"),
    ]
    record = ended_record(tmp_path / "a", 1500)
    (error,) = process_records([f"{tmp_path}/a\n"], uri, 1500)
    assert "Connection refused" in error

    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, env=os.environ | quiet, start_new_session=True, cwd=tmp_path
        )

    def lines() -> Iterator[str]:
        yield f"{tmp_path}/a\n"  # before the server has started
        eventually(lambda: "startup complete" in (tmp_path / "log").read_text(), PATIENCE)

    try:
        assert process_records(lines(), uri, 1500) == []
        (run,) = connect(uri).search_runs(["1"])
        assert run.info.status == "FINISHED"
        assert len(connect(uri).get_metric_history(run.info.run_id, "loss/step")) == 1500
        local = {path.name for path in record.folder.iterdir()}
        assert {artifact.path for artifact in connect(uri).list_artifacts(run.info.run_id)} == {*local, "images"}
    finally:
        server.terminate()
        server.wait(PATIENCE)
