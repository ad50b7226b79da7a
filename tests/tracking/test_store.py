import subprocess
import sys
from pathlib import Path

import pytest

from descent.errors import UserError
from descent.tracking.store import DEFAULT_URI, connect, experiment_id, resolve

CONTACT = """
import sys
from descent.tracking.store import connect, experiment_id
print(experiment_id(connect(sys.argv[1]), "surface/himmelblau"))
"""


def test_four_processes_may_be_the_first_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CONTACT, f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}"]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) for _ in range(4)]
    said = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, said
    assert len(set(said)) == 1
    assert said[0][1] == ""


def test_the_default_store_is_at_the_root_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path / "deep" / "er")
    assert resolve(DEFAULT_URI) == f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert resolve(f"sqlite:///{tmp_path}/a.db") == f"sqlite:///{tmp_path}/a.db"
    assert resolve("http://127.0.0.1:5000") == "http://127.0.0.1:5000"


def test_an_experiment_is_made_once_and_keeps_its_artifacts_beside_the_store(uri: str, tmp_path: Path) -> None:
    client = connect(uri)
    made = experiment_id(client, "surface/x squared")
    assert experiment_id(client, "surface/x squared") == made
    location = client.get_experiment(made).artifact_location
    assert location == (tmp_path / "mlartifacts" / "surface-x-squared").as_uri()


def test_a_deleted_experiment_is_said_to_be_deleted(uri: str) -> None:
    client = connect(uri)
    client.delete_experiment(experiment_id(client, "gone"))
    with pytest.raises(UserError, match=r"'gone' was deleted; restore it"):
        experiment_id(client, "gone")


def test_a_file_that_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("not a database, and long enough to be taken for one" * 10)
    with pytest.raises(UserError, match=r"a\.db: file is not a database; `descent sync`"):
        connect(f"sqlite:///{tmp_path}/a.db")


@pytest.mark.parametrize("address", ["127.0.0.1:9", "somebody:secret@127.0.0.1:9"])
def test_a_server_that_is_away(address: str) -> None:
    says = r"^MLflow store http://127\.0\.0\.1:9: .*Connection refused; `descent sync` tries again$"
    with pytest.raises(UserError, match=says):
        connect(f"http://{address}")
