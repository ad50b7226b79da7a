import re
import socket
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from descent.errors import UserError
from descent.tracking.store import DEFAULT_URI, connect, experiment_id, resolve_uri


def test_the_default_store_is_at_the_root_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path / "deep" / "er")
    assert resolve_uri(DEFAULT_URI) == f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert resolve_uri(f"sqlite:///{tmp_path}/a.db") == f"sqlite:///{tmp_path}/a.db"
    assert resolve_uri("http://127.0.0.1:5000") == "http://127.0.0.1:5000"


def test_an_experiment_is_created_once_with_its_artifacts_beside_the_store(uri: str, tmp_path: Path) -> None:
    client = connect(uri)
    created = experiment_id(client, "surface/x squared")
    assert experiment_id(client, "surface/x squared") == created
    location = client.get_experiment(created).artifact_location
    assert location == (tmp_path / "mlartifacts" / "surface-x-squared").as_uri()


@pytest.mark.parametrize("name", [".", "..", "../../away", "...."])
def test_artifacts_are_beside_the_store_whatever_the_name_of_their_experiment(
    uri: str, tmp_path: Path, name: str
) -> None:
    client = connect(uri)
    location = client.get_experiment(experiment_id(client, name)).artifact_location
    assert Path(location.removeprefix("file://")).resolve().parent == tmp_path / "mlartifacts"


def test_a_deleted_experiment_is_an_error(uri: str) -> None:
    client = connect(uri)
    client.delete_experiment(experiment_id(client, "gone"))
    with pytest.raises(UserError, match=r"'gone' was deleted; restore it"):
        experiment_id(client, "gone")


def test_an_experiment_that_another_process_creates_at_the_same_time_is_created_once(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, created = MlflowClient.create_experiment, []

    def beaten(*arguments: Any) -> str:
        created.append(create(*arguments))  # as the other process does between our two calls
        return create(*arguments)

    monkeypatch.setattr(MlflowClient, "create_experiment", beaten)
    assert [experiment_id(connect(uri), "x squared")] == created


def test_an_invalid_experiment_name_is_an_error(uri: str) -> None:
    with pytest.raises(MlflowException, match="Invalid experiment name"):
        experiment_id(connect(uri), "")


def test_a_file_that_is_not_a_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("not a database, and long enough to be taken for one" * 10)
    with pytest.raises(UserError, match=r"a\.db: file is not a database; the record is kept, and `descent sync`"):
        connect(f"sqlite:///{tmp_path}/a.db")


def test_connecting_creates_the_folder_of_the_store(tmp_path: Path) -> None:
    connect(f"sqlite:///{tmp_path}/deep/er/a.db")
    assert (tmp_path / "deep" / "er" / "a.db").exists()


def test_a_server_that_closes_connections_is_asked_twice_and_nothing_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")  # so that retries take no time
    connections: list[object] = []

    def hang_up() -> None:
        with suppress(OSError):  # the test is over
            while True:
                connection, address = server.accept()
                connections.append(address)
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        Thread(target=hang_up, daemon=True).start()
        with pytest.raises(UserError, match="tries again"):
            connect(f"http://127.0.0.1:{server.getsockname()[1]}")
        server.shutdown(socket.SHUT_RDWR)
    assert len(connections) == 2
    assert [record.getMessage() for record in caplog.records] == []


@pytest.mark.parametrize(
    ("address", "again"),
    [
        ("127.0.0.1:9", "descent sync"),
        ("somebody:secret@127.0.0.1:9", "descent sync --uri 'http://somebody:PASSWORD@127.0.0.1:9'"),
    ],
)
def test_an_unreachable_server_is_an_error_without_the_password(address: str, again: str) -> None:
    store = address.replace(":secret", "")
    advice = f"the record is kept, and `{re.escape(again)}` tries again"
    says = rf"^MLflow store http://{re.escape(store)}: .*Connection refused; {advice}$"
    with pytest.raises(UserError, match=says):
        connect(f"http://{address}")


def test_a_store_whose_driver_is_not_installed_is_refused_in_a_line_that_names_it() -> None:
    with pytest.raises(
        UserError, match=r"^MLflow store mssql://here/mlflow: No module named '\w+', the store's driver; install it; "
    ):
        connect("mssql://here/mlflow")
