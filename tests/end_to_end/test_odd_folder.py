"""A project in a folder whose name has characters that mean something in a URI, in SQL, in a shell or in Hydra."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from conftest import make_project
from end_to_end.commands import run, started
from tracking.runs import rows
from tracking.test_sqlite_store import ODD
from tracking.test_sync_worker import free_port
from waiting import eventually

from descent.comparisons.selection import select_runs
from descent.tracking.lookup import mlflow_run_ids
from descent.tracking.presence import is_settled
from descent.tracking.store import DEFAULT_URI

TRAIN = ("descent", "train", "experiment=parabola_002", "trainer.max_steps=5", "tracking.flush_timeout=300")
SEARCH = b'{"experiment_ids": ["1"]}'


@pytest.mark.services
def test_a_run_is_trained_synced_selected_and_shown(
    tmp_path: Path, small_data: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ODD).mkdir()
    project = make_project(tmp_path / ODD, small_data)
    shutil.copy(empty_store, project)
    trained = run(*TRAIN, cwd=project)
    assert (trained.returncode, trained.stderr) == (0, "")
    store = f"sqlite:///{project}/mlflow.db"
    ((run_id, status),) = rows(store, "select run_uuid, status from runs")
    assert status == "FINISHED"

    synced = run("descent", "sync", cwd=project)
    assert synced.stdout.splitlines()[-1] == "records: 0 new, 0 updated, 1 unchanged", synced.stderr
    monkeypatch.chdir(project)
    (record,) = select_runs([str(run_id)], DEFAULT_URI)
    assert mlflow_run_ids(DEFAULT_URI, [record.header.id]) == {record.header.id: run_id}
    (picture,) = (project / "runs").glob("*/views/descent.png")
    assert is_settled(picture.parents[1], DEFAULT_URI)

    port = free_port()
    with started("descent", "ui", "--port", str(port), cwd=project):

        def answer(path: str, data: bytes | None = None) -> bytes:
            request = Request(f"http://127.0.0.1:{port}/{path}", data, {"Content-Type": "application/json"})
            with urlopen(request, timeout=30) as response:
                return bytes(response.read())

        assert eventually(lambda: is_up(answer), seconds=120), (project / "said.txt").read_text()
        (shown,) = json.loads(answer("api/2.0/mlflow/runs/search", SEARCH))["runs"]
        assert shown["info"]["run_id"] == run_id
        assert answer(f"get-artifact?run_uuid={run_id}&path=views/descent.png") == picture.read_bytes()
        assert b"<html" in answer("")
    assert [path.name for path in tmp_path.iterdir()] == [ODD]


def is_up(answer: Callable[[str], bytes]) -> bool:
    try:
        return answer("health") == b"OK"
    except URLError:
        return False
