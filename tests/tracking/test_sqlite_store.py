import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tracking.runs import ended_record

from descent.errors import UserError
from descent.tracking.sqlite_store import sqlite_path, sqlite_uri
from descent.tracking.store import connect
from descent.tracking.sync import sync

ODD = "a b#c?d%20${e}'ü\"&;+@[]"
"""A name with characters that mean something in a URI, in SQL, in a shell or in Hydra."""

KILLS = """
import os, signal, sys
from pathlib import Path
from descent.tracking.sqlite_store import sqlite_uri
from descent.tracking.store import client_class, connect

client_class()
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

def reached(folder, size):
    try:
        return any(path.stat().st_size >= size for path in folder.rglob("*.db"))
    except FileNotFoundError:  # the files of the last process are being removed
        return False

def killed(store, size, make, *arguments):
    child = os.fork()
    if not child:
        make(*arguments)
        os._exit(0)
    while not reached(store.parent, size):
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "the store was made before the process was killed"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)

ours, mlflows = Path(sys.argv[1]), Path(sys.argv[2])
for size in (1, 100_000, 300_000, 600_000):
    killed(ours, size, connect, sqlite_uri(ours))
    print(*(path.name for path in sorted(ours.parent.iterdir())))
killed(mlflows, 300_000, SqlAlchemyStore, sqlite_uri(mlflows), "artifacts")
"""


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Refuse to let this process's files grow beyond a size, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.services
def test_a_store_is_made_again_if_processes_were_killed_that_made_it(tmp_path: Path) -> None:
    ours, mlflows = tmp_path / "ours" / "mlflow.db", tmp_path / "mlflow's" / "mlflow.db"
    mlflows.parent.mkdir()
    killed = subprocess.run(
        [sys.executable, "-c", KILLS, ours, mlflows], capture_output=True, text=True, check=False, timeout=300
    )
    assert killed.returncode == 0, killed.stderr
    assert killed.stdout == "mlflow.db.lock mlflow.db.new\n" * 4
    connect(sqlite_uri(ours))
    assert sorted(path.name for path in ours.parent.iterdir()) == ["mlflow.db", "mlflow.db.lock"]
    ended_record(tmp_path / "a")
    assert sync(tmp_path / "a", sqlite_uri(ours)).change == "new"

    reason = f"^MLflow store {mlflows}: it was never completed, and holds no runs; remove it and try again$"
    with pytest.raises(UserError, match=reason):  # as an earlier version left it
        connect(sqlite_uri(mlflows))
    mlflows.unlink()
    connect(sqlite_uri(mlflows))


def test_a_store_is_made_again_after_the_disk_was_full(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    with files_of_at_most(100_000), pytest.raises(UserError, match=rf"^MLflow store {uri}: .*, and `descent sync`"):
        connect(uri)
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db.lock"]
    (tmp_path / "mlflow.db").touch()  # a database without tables
    connect(uri)
    (tmp_path / "mlflow.db.new").mkdir()  # a process was killed after it had moved the store
    connect(uri)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mlflow.db", "mlflow.db.lock"]


def test_a_database_of_another_program_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as database:
        database.execute("create table notes (text)")
    before = (tmp_path / "a.db").read_bytes()
    with pytest.raises(UserError, match=r"a\.db: this is another program's database; name another file$"):
        connect(f"sqlite:///{tmp_path}/a.db")
    assert (tmp_path / "a.db").read_bytes() == before


def test_a_store_may_be_in_a_folder_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / ODD
    uri = sqlite_uri(folder / "mlflow.db")
    assert sqlite_path(uri) == folder / "mlflow.db"
    ended_record(folder / "run")
    result = sync(folder / "run", uri)
    artifacts = [artifact.path for artifact in connect(uri).list_artifacts(result.run_id, "record")]
    assert "record/result.json" in artifacts
    assert sorted(path.name for path in folder.iterdir()) == ["mlartifacts", "mlflow.db", "mlflow.db.lock", "run"]
    assert [path.name for path in tmp_path.iterdir()] == [ODD]


def test_a_uri_is_percent_encoded_and_has_no_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    assert sqlite_path("sqlite:///a%20b.db") == tmp_path / "a b.db"
    assert sqlite_path("sqlite:////somewhere/100%.db") == Path("/somewhere/100%.db")
    assert sqlite_path("postgresql://server/a") is None
    with pytest.raises(UserError, match=r"^MLflow store sqlite:///a\?timeout=1: options after \? are not supported"):
        sqlite_path("sqlite:///a?timeout=1")
    with pytest.raises(UserError, match=r"^MLflow store '/latin/\\udcfc\.db': MLflow needs a path in UTF-8; rename"):
        sqlite_uri(Path("/latin/\udcfc.db"))
