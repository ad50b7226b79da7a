import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tracking.runs import points, runs, start, step, whole

from descent.tracking.follow import follow
from descent.tracking.store import connect


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_record_that_is_named_gets_there_once(uri: str, tmp_path: Path) -> None:
    whole(tmp_path / "a")
    assert follow([f"{tmp_path}/a\n", f"{tmp_path}/a\n"], uri, 10) == []
    assert runs(uri) == [("a", "FINISHED")]


def test_a_record_that_grows_is_followed(uri: str, tmp_path: Path) -> None:
    seen = []

    def lines() -> Iterator[str]:
        with start(tmp_path / "a", 30) as record:
            for first in (0, 10, 20):
                step(record, first, first + 10)
                record.commit(record.position())
                yield f"{tmp_path}/a\n"
                deadline = time.monotonic() + 20
                while len(points(uri)) < first + 10 and time.monotonic() < deadline:
                    time.sleep(0.02)
                seen.append(points(uri))

    assert follow(lines(), uri, 30) == []
    assert seen == [list(range(10)), list(range(20)), list(range(30))]
    assert runs(uri) == [("a", "RUNNING")]


def test_a_record_that_moves_is_followed_to_where_it_goes(uri: str, tmp_path: Path) -> None:
    whole(tmp_path / "there")

    def lines() -> Iterator[str]:
        yield f"{tmp_path}/here\n"
        time.sleep(1)  # long enough to find nothing here
        yield f"{tmp_path}/there\n"

    assert follow(lines(), uri, 10) == []
    assert runs(uri) == [("there", "FINISHED")]


def test_a_broken_record_is_told_of(uri: str, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")
    said = follow([f"{tmp_path}/broken\n"], uri, 10)
    assert len(said) == 1
    assert said[0].startswith(f"{tmp_path}/broken: JSONDecodeError")
    assert runs(uri) == []


def test_a_server_that_comes_back_misses_nothing(empty_store: Path, tmp_path: Path) -> None:
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
    record = whole(tmp_path / "a")
    away = time.monotonic()
    said = follow([f"{tmp_path}/a\n"], uri, 10)
    assert len(said) == 1
    assert "Connection refused" in said[0]
    assert time.monotonic() - away < 20

    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, env=os.environ | quiet, start_new_session=True, cwd=tmp_path
        )

    def lines() -> Iterator[str]:
        yield f"{tmp_path}/a\n"  # nobody is there yet
        deadline = time.monotonic() + 60
        while "startup complete" not in (tmp_path / "log").read_text() and time.monotonic() < deadline:
            time.sleep(0.1)

    try:
        assert follow(lines(), uri, 10) == []
        (run,) = connect(uri).search_runs(["1"])
        assert run.info.status == "FINISHED"
        assert len(connect(uri).get_metric_history(run.info.run_id, "loss/step")) == 10
        local = {path.name for path in record.folder.iterdir()}
        assert {artifact.path for artifact in connect(uri).list_artifacts(run.info.run_id)} == local
    finally:
        server.terminate()
        server.wait(20)
